"""One run of `darkroom drop`: creates or resumes a job, uploads its pictures and follows it."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from aiohttp import ClientSession, ClientTimeout, TCPConnector
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from darkroom.adapters.clients import s3_client
from darkroom.adapters.s3 import S3Originals
from darkroom.domain.entries import State
from darkroom.services.retries import Backoff
from darkroom_cli.client import ApiClient, JsonObject, NotFound, ServiceUnavailable, authentication
from darkroom_cli.drop.files import Picture, announcements_of
from darkroom_cli.drop.follow import follow
from darkroom_cli.drop.progress import DropProgress, display, is_retried
from darkroom_cli.drop.resume import ResumeFile, StartedJob, digest_of
from darkroom_cli.drop.summary import Outcome
from darkroom_cli.drop.upload import CONCURRENT_UPLOADS, Forms, Uploader
from darkroom_cli.faults import Fault
from darkroom_cli.results import MOST_LISTED
from darkroom_cli.stack import Status

_REFRESH_SECONDS = 0.2
_REQUEST_TIMEOUT = ClientTimeout(total=60)
# Creating a job of 10,000 uploads takes longer than one request may last; a retry continues the creation.
_REQUESTS = Backoff(first_seconds=0.5, longest_seconds=10)
_REQUEST_ATTEMPTS = 8
# Each request at the same time can start an instance of the function, which takes longer than many receipts.
_CONCURRENT_RECEIPTS = 2


class DropRun:
    """One run over one job; `page` and `outcomes` are its result."""

    def __init__(
        self,
        pictures: Sequence[Picture],
        status: Status,
        timeout_seconds: float,
        console: Console,
        resume_file: ResumeFile | None,
    ) -> None:
        self._progress = DropProgress(pictures)
        self._status = status
        self._timeout_seconds = timeout_seconds
        self._console = console
        self._resume_file = resume_file
        self._originals = S3Originals(status.uploads_bucket, s3_client(status.region, status.aws_endpoint))
        self._authenticate = authentication(status, os.environ)
        self.page = ""
        self.outcomes: dict[str, Outcome] = {}

    @property
    def interrupted_message(self) -> str:
        """The message after Ctrl-C."""
        arrived, size = len(self._progress.arrived), len(self._progress.pictures)
        if not self._resume_file or not self._resume_file.read():
            return "Interrupted; nothing was uploaded."
        if arrived == size:
            return "Interrupted; all pictures are uploaded. Run the same command again to see the results."
        return (
            f"Interrupted; {arrived} of {size} pictures are uploaded."
            " Run the same command again to upload the rest."
        )

    async def run(self) -> None:
        """Uploads and follows until all pictures are done, or the timeout passes. Raises Fault."""
        # A proxy is for remote stacks only.
        remote = self._status.aws_endpoint is None
        connector = TCPConnector(limit=2 * CONCURRENT_UPLOADS + 4)
        async with ClientSession(connector=connector, timeout=_REQUEST_TIMEOUT, trust_env=remote) as session:
            client = ApiClient(session, self._status.web, self._authenticate)
            job, resumed = await self._start(client)
            self.page = f"{self._status.web}/jobs/{job['id']}"
            self._console.print(f"{'Resuming job' if resumed else 'Job'} {self.page}", soft_wrap=True)
            forms = Forms(client.get, job["id"])
            if "rows" in job:
                forms.add_first_page(job["rows"])
            progress = self._progress
            uploader = Uploader(session, forms, self._is_stored, progress)
            tasks = [
                asyncio.create_task(uploader.upload(enumerate(progress.pictures), resumed=resumed)),
                asyncio.create_task(self._follow(session, client, job["id"])),
            ]
            try:
                await self._wait(tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            await self._collect_outcomes(client)
            if self._resume_file and len(progress.ended) == len(progress.pictures):
                self._resume_file.delete()

    async def _start(self, client: ApiClient) -> tuple[JsonObject, bool]:
        """Returns the job, and true if an earlier run started it."""
        started = self._resume_file.read() if self._resume_file else None
        if started and started.files != digest_of(self._progress.pictures):
            self._console.print(
                "The files or the focus have changed since the interrupted job: starting a new one."
            )
            started = None
        if started and started.job_id:
            with suppress(NotFound):
                path = f"jobs/{started.job_id}"
                return await self._with_retries(lambda: client.get(path)), True
            started = None
        resumed = started is not None
        started = started or StartedJob.of(self._progress.pictures)
        if self._resume_file:
            self._resume_file.write(started)  # before the request: a repeated one gets the same job
        uploads, key = announcements_of(self._progress.pictures), started.key
        job = await self._with_retries(lambda: client.create_job(uploads, key))
        if self._resume_file:
            self._resume_file.write(replace(started, job_id=job["id"]))
        return job, resumed

    async def _with_retries(self, request: Callable[[], Awaitable[JsonObject]]) -> JsonObject:
        for seconds in (*_REQUESTS.delays(_REQUEST_ATTEMPTS), 0):
            with suppress(ServiceUnavailable):
                return await request()
            await asyncio.sleep(seconds)
        raise Fault(f"{self._status.web} does not respond; try again later.")

    async def _is_stored(self, key: str) -> bool:
        """Looks up a key in the bucket; False on an error, because a second upload does no harm."""
        try:
            return await asyncio.to_thread(self._originals.current, key) is not None
        except (BotoCoreError, ClientError):
            return False

    async def _follow(self, session: ClientSession, client: ApiClient, job_id: str) -> None:
        while True:
            async for change in follow(session, client.get, job_id):
                self._progress.update(change)
            # The job timed out before some pictures arrived. They are still being sent.
            await asyncio.sleep(2)

    async def _wait(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        progress = self._progress
        with display(self._console) as show:
            while not progress.complete and time.monotonic() < progress.changed_at + self._timeout_seconds:
                await asyncio.wait([task for task in tasks if not task.done()], timeout=_REFRESH_SECONDS)
                for task in tasks:
                    if task.done():
                        task.result()
                show(progress)

    async def _collect_outcomes(self, client: ApiClient) -> None:
        progress, web = self._progress, self._status.web
        receipts = await self._receipts(client)
        for number, picture in enumerate(progress.pictures):
            row = progress.rows.get(number)
            self.outcomes[picture.name] = Outcome(
                picture.name,
                f"{web}/pictures/{row['picture']}" if row else "",
                row,
                receipts.get(number),
                progress.faults.get(number) or ("" if number in progress.ended else self._late(row)),
            )

    def _late(self, row: JsonObject | None) -> str:
        """Returns the problem of a picture without a result."""
        retried = " It is being retried: see the job's page." if row and is_retried(row) else ""
        return f"not ready: no progress for {self._timeout_seconds:g} s.{retried}"

    async def _receipts(self, client: ApiClient) -> dict[int, JsonObject]:
        """Fetches the receipts of the listed pictures; leaves out those with an error."""
        numbers = range(min(MOST_LISTED, len(self._progress.pictures)))
        rows = [row for number in numbers if (row := self._progress.rows.get(number))]
        limit, receipts = asyncio.Semaphore(_CONCURRENT_RECEIPTS), {}

        async def fetch(row: JsonObject) -> None:
            async with limit:
                with suppress(ServiceUnavailable, Fault):
                    receipts[int(row["number"])] = await client.get(f"pictures/{row['picture']}")

        await asyncio.gather(*(fetch(row) for row in rows if row["state"] == State.RENDERED.value))
        return receipts
