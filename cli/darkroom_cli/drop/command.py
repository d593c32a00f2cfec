"""`darkroom drop`: files and folders as one job, sent straight to S3, and what became of each."""

import asyncio
import json
import mimetypes
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePath

from aiohttp import ClientSession, ClientTimeout, TCPConnector
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from darkroom.adapters.clients import s3_client
from darkroom.adapters.s3 import S3Originals
from darkroom.domain.entries import State
from darkroom.domain.errors import InvalidJobRequest
from darkroom.domain.limits import MAX_JOB_UPLOADS
from darkroom.services.jobs import read_announcements
from darkroom_cli.client import JsonObject, NoAnswer, NotThere, Web, authority
from darkroom_cli.drop.follow import follow
from darkroom_cli.drop.progress import DropProgress, showing
from darkroom_cli.drop.resume import Begun, Picture, ResumeFile, digest_of
from darkroom_cli.drop.summary import MOST_LISTED, Outcome, report
from darkroom_cli.drop.upload import AT_ONCE, Forms, Sending
from darkroom_cli.stack import Fault, LocalStack, Status, asking_aws, status_of

_TICK_SECONDS = 0.2
# A job of 10,000 takes longer to make than one answer may; asking again goes on with it.
_ASKED_AT_MOST = 8
_ANSWER = ClientTimeout(total=60)
INTERRUPTED = 130


def drop_pictures(
    site: LocalStack,
    paths: list[Path],
    stack: str | None,
    region: str | None,
    timeout_seconds: float,
    *,
    new: bool,
) -> bool:
    """`darkroom drop`; whether every picture came out. Raises Fault."""
    files = names_for(paths)
    if not files:
        raise Fault("No pictures were found there.", 2)
    # Where it is not read by eye, a line is as long as it needs to be.
    console = Console(width=None if sys.stdout.isatty() else 250, highlight=False)
    with asking_aws():
        status = status_of(site, stack, region)
        memory = ResumeFile.of(site, status, paths, os.environ)
        if new:
            memory.forget()
        outcomes, job = drop(files, status, timeout_seconds, console, memory)
    return report(outcomes, job, console)


def names_for(paths: Iterable[Path]) -> dict[str, Path]:
    """Which file is told under which name; hidden files in folders stay behind.

    A file is told under its name, a folder's files under its name and their path in it. Where two meet in
    one name, the later gets a number before it. Raises Fault for a path that leads nowhere.
    """
    files: dict[str, Path] = {}
    for path in dict.fromkeys(paths):
        if not path.exists():
            raise Fault(f"{path} does not exist.", 2)
        for name, file in _named(path):
            files[_free(name, files)] = file
    return files


def _named(path: Path) -> list[tuple[str, Path]]:
    if path.is_file():
        return [(_text(path.name), path)]
    root = path.resolve()
    inside = ((file.relative_to(root), file) for file in sorted(root.rglob("*")) if file.is_file())
    return [
        (_text(f"{root.name}/{name.as_posix()}".lstrip("/")), file)
        for name, file in inside
        if not any(part.startswith(".") for part in name.parts)
    ]


def _text(name: str) -> str:
    """A file name as a key may spell it: bytes that are no UTF-8 become question marks."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def _free(name: str, taken: Mapping[str, Path]) -> str:
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{number}/{name}"
    return free


def drop(
    files: Mapping[str, Path],
    status: Status,
    timeout_seconds: float,
    console: Console,
    memory: ResumeFile | None = None,
) -> tuple[list[Outcome], str]:
    """Sends the files as a job and waits until each has come to an end, in vain after as long without news.

    What became of each, and the job's address; that is empty where nothing could be sent. With a memory the
    job is gone on with that it has. Raises Fault, also when it is interrupted.
    """
    outcomes, pictures = _looked_at(files)
    if len(pictures) > MAX_JOB_UPLOADS:
        raise Fault(f"A job has at most {MAX_JOB_UPLOADS} pictures, and there are {len(pictures)}.", 2)
    job = ""
    if pictures:
        run = _Drop(pictures, status, timeout_seconds, console, memory)
        try:
            asyncio.run(run.run())
        except KeyboardInterrupt:
            raise Fault(run.farewell, INTERRUPTED) from None
        job = run.page
        outcomes |= run.outcomes
    return [outcomes[name] for name in files], job


def _looked_at(files: Mapping[str, Path]) -> tuple[dict[str, Outcome], list[Picture]]:
    """Those that no job takes, with the reason, and the others."""
    refused, pictures = {}, []
    for name, path in files.items():
        try:
            picture = Picture.of(name, path)
            if picture.size_bytes == 0:
                raise InvalidJobRequest("The file is empty.")
            read_announcements(json.dumps({"uploads": [_announcement(picture)]}).encode())
        except (OSError, InvalidJobRequest) as fault:
            refused[name] = Outcome(name, fault=f"not sent: {fault}")
        else:
            pictures.append(picture)
    return refused, pictures


def _announcement(picture: Picture) -> JsonObject:
    media_type = mimetypes.guess_type(picture.name)[0] or "application/octet-stream"
    return {"name": PurePath(picture.name).name, "size": picture.size_bytes, "type": media_type}


class _Drop:
    """One run of the command, over one job."""

    def __init__(
        self,
        pictures: Sequence[Picture],
        status: Status,
        timeout_seconds: float,
        console: Console,
        memory: ResumeFile | None,
    ) -> None:
        self._course = DropProgress(pictures)
        self._status = status
        self._timeout_seconds = timeout_seconds
        self._console = console
        self._memory = memory
        self._originals = S3Originals(status.uploads_bucket, s3_client(status.region, status.aws_endpoint))
        self._sign = authority(status, os.environ)
        self.page = ""
        self.outcomes: dict[str, Outcome] = {}

    @property
    def farewell(self) -> str:
        """What to say to somebody who has interrupted it."""
        arrived, size = len(self._course.arrived), len(self._course.pictures)
        if not self._memory or not self._memory.recall():
            return "Interrupted; nothing was sent."
        if arrived == size:
            return (
                "Interrupted. All have arrived and are rendered; run the same command again to see the end."
            )
        return (
            f"Interrupted; {arrived} of {size} have arrived. "
            "Run the same command again to go on: these are not sent again."
        )

    async def run(self) -> None:
        """Sends and follows. Raises Fault."""
        # What a proxy is for lies beyond this machine.
        cloud = self._status.aws_endpoint is None
        connector = TCPConnector(limit=2 * AT_ONCE + 4)
        async with ClientSession(connector=connector, timeout=_ANSWER, trust_env=cloud) as client:
            web = Web(client, self._status.web, self._sign)
            job, resumed = await self._begin(web)
            self.page = f"{self._status.web}/jobs/{job['id']}"
            self._console.print(f"{'Going on with' if resumed else 'Job'} {self.page}", soft_wrap=True)
            forms = Forms(web.ask, job["id"])
            if "rows" in job:
                forms.know(job["rows"])
            course = self._course
            sending = Sending(client, forms, self._stored, course.told, course.done, course.gave_up)
            work = [
                asyncio.create_task(sending.send(enumerate(course.pictures), resumed=resumed)),
                asyncio.create_task(self._follow(client, web, job["id"])),
            ]
            try:
                await self._until_over(work)
            finally:
                for task in work:
                    task.cancel()
                await asyncio.gather(*work, return_exceptions=True)
            if self._memory and len(course.ended) == len(course.pictures):
                self._memory.forget()
            await self._conclude(web)

    async def _begin(self, web: Web) -> tuple[JsonObject, bool]:
        """The job, and whether it was begun before."""
        begun = self._memory.recall() if self._memory else None
        if begun and begun.files != digest_of(self._course.pictures):
            self._console.print("The files have changed since a job of them was begun: this is a new one.")
            begun = None
        if begun and begun.job_id:
            with suppress(NotThere):
                known = begun.job_id
                return await self._patiently(lambda: web.ask(f"jobs/{known}")), True
            begun = None
        resumed = begun is not None
        if begun is None:
            begun = (
                self._memory.begin(self._course.pictures) if self._memory else Begun("", os.urandom(16).hex())
            )
        uploads, key = [_announcement(picture) for picture in self._course.pictures], begun.key
        job = await self._patiently(lambda: web.announce(uploads, key))
        if self._memory:
            self._memory.made(begun, job["id"])
        return job, resumed

    async def _patiently(self, asking: Callable[[], Awaitable[JsonObject]]) -> JsonObject:
        for tried in range(_ASKED_AT_MOST):
            with suppress(NoAnswer):
                return await asking()
            await asyncio.sleep(min(10, 0.5 * 2**tried) * random.uniform(0.5, 1))  # noqa: S311
        raise Fault(f"{self._status.web} does not answer.")

    async def _stored(self, key: str) -> bool:
        """Whether the bucket has it. Where it may not be asked, it is sent: the newest version counts."""
        try:
            return await asyncio.to_thread(self._originals.latest, key) is not None
        except (BotoCoreError, ClientError):
            return False

    async def _follow(self, client: ClientSession, web: Web, job_id: str) -> None:
        while True:
            async for change in follow(client, web.ask, job_id):
                self._course.take(change)
            # It was complete without those that came too late and are sent now.
            await asyncio.sleep(2)

    async def _until_over(self, work: Sequence[asyncio.Task[None]]) -> None:
        course = self._course
        with showing(self._console) as show:
            while not course.over and time.monotonic() < course.news_at + self._timeout_seconds:
                await asyncio.wait([each for each in work if not each.done()], timeout=_TICK_SECONDS)
                for each in work:
                    if each.done():
                        each.result()
                show(course)

    async def _conclude(self, web: Web) -> None:
        course, site = self._course, self._status.web
        receipts = await self._receipts(web)
        late = f"not ready; there was no news for {self._timeout_seconds:g} s"
        for number, picture in enumerate(course.pictures):
            row = course.rows.get(number)
            self.outcomes[picture.name] = Outcome(
                picture.name,
                f"{site}/pictures/{row['picture']}" if row else "",
                row,
                receipts.get(number),
                course.faults.get(number) or ("" if number in course.ended else late),
            )

    async def _receipts(self, web: Web) -> dict[int, JsonObject]:
        """Of those that the table lists, as far as they can be had."""
        rows = [
            self._course.rows.get(number) for number in range(min(MOST_LISTED, len(self._course.pictures)))
        ]
        gate, found = asyncio.Semaphore(AT_ONCE), {}

        async def fetch(row: JsonObject) -> None:
            async with gate:
                with suppress(NoAnswer, Fault):
                    found[int(row["number"])] = await web.ask(f"pictures/{row['picture']}")

        wanted = [row for row in rows if row and row["state"] == State.RENDERED.value]
        await asyncio.gather(*(fetch(row) for row in wanted))
        return found
