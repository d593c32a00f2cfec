"""`darkroom ls`, `get`, `rm` and `open`: a stack's pictures and jobs, through its HTTP API."""

import asyncio
import json
import os
import re
import sys
import webbrowser
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from urllib.parse import quote, unquote, urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout
from rich.text import Text

from darkroom.domain.entries import State
from darkroom.domain.keys import alias_of, is_id
from darkroom.domain.renditions import MAIN
from darkroom.web.pages.formatting import counted, printable
from darkroom_cli.client import ApiClient, Gone, JsonObject, NotFound, ServiceUnavailable, authentication
from darkroom_cli.faults import Fault
from darkroom_cli.results import ResultRow, output_console, results_table, sizes_at_full_width, totals
from darkroom_cli.stack import Status

_TIMEOUT = ClientTimeout(total=120)
_ADDRESS = re.compile(r"/(pictures|jobs)/([0-9a-f]{32})/?")


@dataclass(frozen=True, slots=True)
class Selection:
    """The pictures that one argument names: one picture, or those of a job. `url` is its page."""

    url: str
    pictures: tuple[JsonObject, ...]


class Stack:
    """A stack's pictures and jobs. Methods raise ServiceUnavailable and Fault."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def newest(self, count: int) -> list[JsonObject]:
        """Returns the newest pictures that are not deleted, the newest first."""
        pictures: list[JsonObject] = []
        cursor = ""
        while len(pictures) < count:
            page = await self._client.get(f"?cursor={quote(cursor, safe='')}" if cursor else "")
            pictures += [picture for picture in page["recent"] if picture["status"] != State.DELETED]
            cursor = page["cursor"]
            if not cursor:
                break
        return pictures[:count]

    async def select(self, name: str) -> Selection:
        """Finds a picture by name, id or address, or the pictures of a job by id or address."""
        path = urlsplit(name).path if name.startswith(f"{self._client.root}/") else ""
        kind, found_id = match.groups() if (match := _ADDRESS.fullmatch(path)) else ("", "")
        if kind == "jobs":
            return await self._job(found_id)
        try:
            if found_id or is_id(name):
                return await self._picture(f"pictures/{found_id or name}")
            return await self._picture(_alias_path(unquote(path) if path else name))
        except Gone:
            raise Fault(f"{name} was deleted; list the other pictures with `darkroom ls`.") from None
        except NotFound:
            if is_id(name):
                return await self._job(name)
            raise Fault(f"There is no picture {name}; list them with `darkroom ls`.") from None

    async def _picture(self, path: str) -> Selection:
        document = await self._client.get(path)
        return Selection(f"{self._client.root}/pictures/{document['id']}", (document,))

    async def _job(self, job_id: str) -> Selection:
        try:
            await self._client.get(f"jobs/{job_id}")
        except NotFound:
            raise Fault(f"There is no picture and no job {job_id}.") from None
        rows: list[JsonObject] = []
        cursor = ""
        while True:
            page = await self._client.get(f"jobs/{job_id}/uploads?cursor={quote(cursor, safe='')}")
            rows += page["uploads"]
            cursor = page["cursor"]
            if not cursor:
                break
        pictures = [
            {**row, "id": row["picture"], "status": row["state"], "size_bytes": row["bytes_before"]}
            for row in rows
        ]
        return Selection(f"{self._client.root}/jobs/{job_id}", tuple(pictures))

    async def receipt(self, picture: JsonObject) -> JsonObject:
        """Returns a picture's document with the URLs of its renditions."""
        return await self._client.get(f"pictures/{picture['id']}")

    async def delete(self, picture: JsonObject) -> None:
        """Deletes a picture: its original gets a delete marker."""
        await self._client.delete(f"pictures/{picture['id']}")


def _alias_path(name: str) -> str:
    folder = name.strip("/").rpartition("/")[0]
    return quote(f"{folder}/{alias_of(name)}".lstrip("/"))


def using[Result](status: Status, work: Callable[[Stack, ClientSession], Awaitable[Result]]) -> Result:
    """Runs work with a stack's client. Raises Fault."""

    async def run() -> Result:
        remote = status.aws_endpoint is None  # a proxy is for remote stacks only
        async with ClientSession(timeout=_TIMEOUT, trust_env=remote) as session:
            client = ApiClient(session, status.web, authentication(status, os.environ))
            return await work(Stack(client), session)

    try:
        return asyncio.run(run())
    except ServiceUnavailable:
        raise Fault(f"{status.web} does not respond; try again later.") from None


def list_pictures(status: Status, names: Sequence[str], count: int, *, as_json: bool) -> None:
    """Prints the newest pictures, or those with these names. Raises Fault."""

    async def find(stack: Stack, _session: ClientSession) -> list[JsonObject]:
        if not names:
            return await stack.newest(count)
        return [picture for name in names for picture in (await stack.select(name)).pictures]

    pictures = using(status, find)
    if as_json:
        for picture in pictures:
            sys.stdout.write(json.dumps(picture) + "\n")
        return
    console = output_console()
    if not pictures:
        console.print("There are no pictures.")
        return
    rows = [_row(picture, status.web) for picture in pictures]
    console.print(results_table(rows, console.width))
    console.print(Text(totals(rows)), style="bold", soft_wrap=True)


def _row(picture: JsonObject, web: str) -> ResultRow:
    rendered = picture["status"] == State.RENDERED
    before = int(picture.get("size_bytes") or 0) if rendered else 0
    after = picture.get("bytes_after")
    if after is None:
        after = before - int(picture.get("saved_bytes", 0))
    problem = picture["status"] in (State.REJECTED, State.FAILED)
    page = f"{web}/pictures/{picture['id']}"
    sizes = sizes_at_full_width(picture) if rendered else {}
    return ResultRow(picture["name"], picture["status"], before, after, sizes, page, is_problem=problem)


def delete_pictures(status: Status, names: Sequence[str], confirm: Callable[[str], bool]) -> int:
    """Deletes pictures after confirmation, and returns their number. Raises Fault."""

    async def find(stack: Stack, _session: ClientSession) -> list[JsonObject]:
        return [picture for name in names for picture in (await stack.select(name)).pictures]

    pictures = {picture["id"]: picture for picture in using(status, find)}
    deleted = [picture for picture in pictures.values() if picture["status"] != State.DELETED]
    for picture in deleted:
        sys.stderr.write(printable(f"{picture['name']}  {status.web}/pictures/{picture['id']}") + "\n")
    if not deleted or not confirm(f"Delete {counted(len(deleted), 'picture')}?"):
        return 0

    async def delete(stack: Stack, _session: ClientSession) -> None:
        for picture in deleted:
            await stack.delete(picture)

    using(status, delete)
    return len(deleted)


def address_of(status: Status, name: str) -> str:
    """Returns the page of a picture or job; of the stack for an empty name. Raises Fault."""
    if not name:
        return f"{status.web}/"

    async def find(stack: Stack, _session: ClientSession) -> str:
        return (await stack.select(name)).url

    return using(status, find)


def open_page(url: str) -> None:
    """Opens a page in the browser, if there is one, and prints its address."""
    sys.stdout.write(url + "\n")
    webbrowser.open(url)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The renditions to download: by default the smallest file at full width.

    `width` is the narrowest width that is enough, and `every` stands for all renditions.
    """

    format: str = ""
    width: int = 0
    every: bool = False

    def of(self, picture: JsonObject) -> list[JsonObject]:
        """Returns the chosen renditions of a picture, narrowest first; none without such a rendition.

        All renditions include those of other ladders, after those of the main one.
        """
        usable = [file for file in self._files(picture) if not self.format or file["format"] == self.format]
        usable.sort(
            key=lambda file: (file["ladder"] != MAIN, file["ladder"], file["width"], file["size_bytes"])
        )
        if self.every or not usable:
            return usable
        enough = [file["width"] for file in usable if self.width and file["width"] >= self.width]
        width = min(enough, default=usable[-1]["width"])
        chosen = [file for file in usable if file["width"] == width]
        # As on the pages: an animation stays one, and a transparent picture stays transparent.
        return [min(chosen, key=lambda file: (file["frames"] == 1, not file["alpha"], file["size_bytes"]))]

    def why_none_of(self, picture: JsonObject) -> str:
        """Returns the reason why no rendition of a picture was chosen, in a sentence."""
        made = sorted({file["format"] for file in self._files(picture)})
        if not made:
            return f"{picture['name']} has no renditions: it is {picture['status']}."
        return f"{picture['name']} has no {self.format}; it has {', '.join(made)}."

    def _files(self, picture: JsonObject) -> list[JsonObject]:
        return [file for file in picture.get("renditions", []) if self.every or file["ladder"] == MAIN]


def download(
    status: Status, names: Sequence[str], folder: Path, wanted: Wanted
) -> tuple[list[Path], list[str]]:
    """Downloads renditions; returns the files, and a sentence for each picture without such a rendition.

    An existing file is never overwritten: the new one gets a number. Raises Fault.
    """
    lacking: list[str] = []

    async def fetch(stack: Stack, session: ClientSession) -> list[Path]:
        files = []
        for name in names:
            for picture in (await stack.select(name)).pictures:
                # A deleted picture has no document.
                document = picture if picture["status"] == State.DELETED else await stack.receipt(picture)
                renditions = wanted.of(document)
                if not renditions:
                    lacking.append(wanted.why_none_of(document))
                for rendition in renditions:
                    content = await _content(session, rendition["url"])
                    files.append(_saved(folder, alias_of(picture["name"]), rendition, content))
        return files

    return using(status, fetch), lacking


async def _content(session: ClientSession, url: str) -> bytes:
    try:
        async with session.get(url) as response:
            if response.status != 200:
                raise Fault(f"A rendition could not be downloaded: status {response.status}.")
            return await response.read()
    except (ClientError, TimeoutError) as fault:
        raise ServiceUnavailable from fault


def _saved(folder: Path, alias: str, rendition: JsonObject, content: bytes) -> Path:
    """Writes a file like `beach-640.webp` or `beach-card-300.webp`, with a number if there is one already.

    Raises Fault.
    """
    extension = "jpg" if rendition["format"] == "jpeg" else rendition["format"]
    ladder = "" if rendition["ladder"] == MAIN else f"{rendition['ladder']}-"
    stem, number = f"{PurePath(alias).stem}-{ladder}{rendition['width']}", 1
    path = folder / f"{stem}.{extension}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                with path.open("xb") as file:
                    file.write(content)
                return path
            except FileExistsError:
                number += 1
                path = folder / f"{stem}-{number}.{extension}"
    except OSError as fault:
        raise Fault(f"Cannot write {path}: {fault.strerror}.") from fault
