"""Uploads a job's pictures directly to S3 with presigned POST forms."""

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePath

from aiohttp import ClientError, ClientSession, ClientTimeout
from yarl import URL

from darkroom.domain.limits import PAGE_SIZE
from darkroom.services.retries import Backoff
from darkroom_cli.client import Get, JsonObject, ServiceUnavailable
from darkroom_cli.drop.files import Picture
from darkroom_cli.drop.progress import DropProgress

CONCURRENT_UPLOADS = 8
ATTEMPTS = 6
_BACKOFF = Backoff(first_seconds=1, longest_seconds=16)
_CHUNK_BYTES = 128 * 1024
_TIMEOUT = ClientTimeout(total=None, sock_connect=15, sock_read=120)
# A form is valid for 5 minutes after it was signed.
_FORM_SECONDS = 240


class _RetryableError(Exception):
    """An upload failed; another attempt may succeed."""


class _PermanentError(Exception):
    """An upload failed, and another attempt would fail as well."""


@dataclass(slots=True)
class Forms:
    """The rows of a job with their presigned forms, fetched by page and again before they expire."""

    get: Get
    job_id: str
    pages: dict[int, tuple[float, list[JsonObject]]] = field(default_factory=dict)
    locks: dict[int, asyncio.Lock] = field(default_factory=dict)

    def add_first_page(self, rows: list[JsonObject]) -> None:
        """Stores the first page from the response to `POST /jobs`."""
        self.pages[0] = time.monotonic(), rows

    async def row(self, number: int, signed_after: float) -> JsonObject:
        """Returns a row with a valid form, signed after this monotonic time. Raises ServiceUnavailable."""
        page, index = divmod(number, PAGE_SIZE)
        async with self.locks.setdefault(page, asyncio.Lock()):
            signed, rows = self.pages.get(page, (0.0, []))
            now = time.monotonic()
            if not rows or signed < max(signed_after, now - _FORM_SECONDS):
                response = await self.get(f"jobs/{self.job_id}/uploads?cursor={page or ''}")
                rows = response["uploads"]
                self.pages[page] = now, rows
        return rows[index]


@dataclass(frozen=True, slots=True)
class Uploader:
    """Uploads pictures with retries, and records their progress. `is_stored` looks up a key in the bucket."""

    session: ClientSession
    forms: Forms
    is_stored: Callable[[str], Awaitable[bool]]
    progress: DropProgress
    backoff: Backoff = _BACKOFF

    async def upload(self, pictures: Iterable[tuple[int, Picture]], *, resumed: bool) -> None:
        """Uploads several pictures at a time; a resumed job skips those already in the bucket."""
        queue = iter(pictures)

        async def work() -> None:
            for number, picture in queue:
                await self._upload(number, picture, resumed)

        async with asyncio.TaskGroup() as group:
            for _ in range(CONCURRENT_UPLOADS):
                group.create_task(work())

    async def _upload(self, number: int, picture: Picture, resumed: bool) -> None:
        attempted_at, reason = 0.0, ""
        for attempt, seconds in enumerate((0.0, *self.backoff.delays(ATTEMPTS)), 1):
            await asyncio.sleep(seconds)
            try:
                row = await self.forms.row(number, attempted_at)
                attempted_at = time.monotonic()
                form = row.get("post")
                # The bucket may also have an upload that the row does not show yet, or whose response was
                # lost.
                if form is None or ((resumed or attempt > 1) and await self.is_stored(row["key"])):
                    self.progress.add_sent(picture.size_bytes)
                else:
                    await self._post(form, picture)
            except _PermanentError as fault:
                return self.progress.add_fault(number, str(fault))
            except ServiceUnavailable:
                reason = "the server does not respond"
            except _RetryableError as fault:
                reason = str(fault)
            else:
                return self.progress.arrived.add(number)
        return self.progress.add_fault(number, f"{reason} ({ATTEMPTS} attempts)")

    async def _post(self, form: JsonObject, picture: Picture) -> None:
        _check_unchanged(picture)
        boundary, sent = secrets.token_hex(16), 0
        head, tail = _multipart(form["fields"], PurePath(picture.name).name, boundary)

        async def body() -> AsyncIterator[bytes]:
            nonlocal sent
            yield head
            with picture.path.open("rb") as file:
                # No more than Content-Length, even if the file grows.
                while chunk := file.read(min(_CHUNK_BYTES, picture.size_bytes - sent)):
                    yield chunk
                    sent += len(chunk)
                    self.progress.add_sent(len(chunk))
            yield tail

        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + picture.size_bytes + len(tail)),
        }
        try:
            async with self.session.post(
                URL(form["url"], encoded=True),
                data=body(), headers=headers, timeout=_TIMEOUT, allow_redirects=False,
            ) as response:  # fmt: skip
                text = await response.text(errors="replace")
                status = response.status
        except (ClientError, TimeoutError, OSError) as fault:
            self.progress.add_sent(-sent)
            _check_unchanged(picture)
            raise _RetryableError(f"{type(fault).__name__}: {fault}") from fault
        if status >= 300:
            self.progress.add_sent(-sent)
            # 403: the form has expired, or this machine's clock was wrong.
            retryable = status in (403, 408, 429) or status >= 500
            raise (_RetryableError if retryable else _PermanentError)(_s3_error(status, text))
        _check_unchanged(picture)


def _check_unchanged(picture: Picture) -> None:
    try:
        if picture.unchanged:
            return
    except OSError as fault:
        raise _PermanentError(str(fault.strerror)) from fault
    raise _PermanentError("the file changed during the upload")


def _multipart(fields: JsonObject, name: str, boundary: str) -> tuple[bytes, bytes]:
    """Returns the multipart body before and after the file's bytes."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in fields.items()
    ]
    escaped = name.replace("\\", "_").replace('"', "%22")
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{escaped}"\r\n\r\n'
    return ("".join(parts) + file).encode(), f"\r\n--{boundary}--\r\n".encode()


def _s3_error(status: int, body: str) -> str:
    """Returns S3's error code and message in a sentence."""
    details = [
        match[1] for name in ("Code", "Message") if (match := re.search(f"<{name}>(.*?)</{name}>", body))
    ]
    return f"S3 answered {status}" + (f" ({': '.join(details)})" if details else "")
