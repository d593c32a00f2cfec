"""Sends a job's pictures straight to S3, by the presigned forms of its pages."""

import asyncio
import random
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePath

from aiohttp import ClientError, ClientSession, ClientTimeout
from yarl import URL

from darkroom.domain.limits import PAGE_SIZE
from darkroom_cli.client import Ask, JsonObject, NoAnswer
from darkroom_cli.drop.resume import Picture

AT_ONCE = 8
TRIES = 6
_CHUNK_BYTES = 128 * 1024
_SILENCE = ClientTimeout(total=None, sock_connect=15, sock_read=120)
# A form is good for 5 minutes from when it was signed.
_FORM_SECONDS = 240


class _NotSent(Exception):
    """Not this time."""


class _NeverSent(Exception):
    """And another try would not help."""


@dataclass(slots=True)
class Forms:
    """The members of a job with their forms, fetched page by page, and anew when they are old."""

    ask: Ask
    job_id: str
    pages: dict[int, tuple[float, list[JsonObject]]] = field(default_factory=dict)
    locks: dict[int, asyncio.Lock] = field(default_factory=dict)

    def know(self, rows: list[JsonObject]) -> None:
        """The first page, as the answer to `POST /jobs` brings it."""
        self.pages[0] = time.monotonic(), rows

    async def of(self, number: int, newer_than: float) -> JsonObject:
        """A member, signed later than that by the monotonic clock, and good for a while. Raises NoAnswer."""
        page, place = divmod(number, PAGE_SIZE)
        async with self.locks.setdefault(page, asyncio.Lock()):
            signed, rows = self.pages.get(page, (0.0, []))
            now = time.monotonic()
            if not rows or signed < max(newer_than, now - _FORM_SECONDS):
                found = await self.ask(f"jobs/{self.job_id}/uploads?cursor={page or ''}")
                rows = found["uploads"]
                self.pages[page] = now, rows
        return rows[place]


@dataclass(frozen=True, slots=True)
class Sending:
    """How pictures are sent. `stored` asks the bucket itself whether it has a key.

    `told` is called with each number of bytes more (or less, when a try has failed), `done` with each
    picture that is in the bucket, `gave_up` with the others and why.
    """

    client: ClientSession
    forms: Forms
    stored: Callable[[str], Awaitable[bool]]
    told: Callable[[int], None]
    done: Callable[[int], None]
    gave_up: Callable[[int, str], None]
    pause_seconds: float = 0.5

    async def send(self, pictures: Iterable[tuple[int, Picture]], *, resumed: bool) -> None:
        """Sends them, some at once. What a job that is resumed has in the bucket is not sent again."""
        waiting = iter(pictures)

        async def work() -> None:
            for number, picture in waiting:
                await self._send(number, picture, resumed)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())

    async def _send(self, number: int, picture: Picture, resumed: bool) -> None:
        begun, why = 0.0, ""
        for tried in range(TRIES):
            if tried:
                await asyncio.sleep(self.pause_seconds * 2**tried * random.uniform(0.5, 1))  # noqa: S311
            try:
                row = await self.forms.of(number, begun)
                begun = time.monotonic()
                form = row.get("post")
                # The rows know of it late; the bucket at once, also where an answer was lost.
                if form is None or ((resumed or tried) and await self.stored(row["key"])):
                    self.told(picture.size_bytes)
                else:
                    await self._post(form, picture)
            except _NeverSent as fault:
                return self.gave_up(number, str(fault))
            except NoAnswer:
                why = "the site does not answer"
            except _NotSent as fault:
                why = str(fault)
            else:
                return self.done(number)
        return self.gave_up(number, f"{why} ({TRIES} tries)")

    async def _post(self, form: JsonObject, picture: Picture) -> None:
        _same(picture)
        boundary, sent = secrets.token_hex(16), 0
        head, tail = _around(form["fields"], PurePath(picture.name).name, boundary)

        async def body() -> AsyncIterator[bytes]:
            nonlocal sent
            yield head
            with picture.path.open("rb") as file:
                # Never more than was announced: it may have grown meanwhile.
                while chunk := file.read(min(_CHUNK_BYTES, picture.size_bytes - sent)):
                    yield chunk
                    sent += len(chunk)
                    self.told(len(chunk))
            yield tail

        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + picture.size_bytes + len(tail)),
        }
        try:
            async with self.client.post(
                URL(form["url"], encoded=True),
                data=body(), headers=headers, timeout=_SILENCE, allow_redirects=False,
            ) as answer:  # fmt: skip
                said = await answer.text(errors="replace")
                status = answer.status
        except (ClientError, TimeoutError, OSError) as fault:
            self.told(-sent)
            _same(picture)
            raise _NotSent(f"{type(fault).__name__}: {fault}") from fault
        if status >= 300:
            self.told(-sent)
            told = _told(status, said)
            # 403: the form is too old, also where this machine's clock was wrong.
            raise (_NotSent if status in (403, 408, 429) or status >= 500 else _NeverSent)(told)
        _same(picture)


def _same(picture: Picture) -> None:
    try:
        if picture.unchanged:
            return
    except OSError as fault:
        raise _NeverSent(str(fault)) from fault
    raise _NeverSent("it has changed since it was announced")


def _around(fields: JsonObject, name: str, boundary: str) -> tuple[bytes, bytes]:
    """What stands in the form before the file's bytes, and after."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in fields.items()
    ]
    escaped = name.replace("\\", "_").replace('"', "%22")
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{escaped}"\r\n\r\n'
    return ("".join(parts) + file).encode(), f"\r\n--{boundary}--\r\n".encode()


def _told(status: int, said: str) -> str:
    """What S3 says of a form that it does not take."""
    words = [
        found[1] for name in ("Code", "Message") if (found := re.search(f"<{name}>(.*?)</{name}>", said))
    ]
    return f"S3 answered {status}" + (f" ({': '.join(words)})" if words else "")
