"""Follows a job over its WebSocket, or by polling if there is none. See docs/live.md."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientWebSocketResponse, WSMsgType

from darkroom.domain.entries import State
from darkroom.services.retries import Backoff
from darkroom_cli.client import Get, JsonObject, ServiceUnavailable


@dataclass(frozen=True, slots=True)
class Change:
    """A job's current document, and its new or changed rows."""

    job: JsonObject
    rows: tuple[JsonObject, ...] = ()


_POLL = Backoff(first_seconds=1, longest_seconds=5)


@dataclass(frozen=True, slots=True)
class Timing:
    """Waits and timeouts of a follower.

    `poll` is the wait between polls. A socket is closed if the first state does not arrive within
    `hello_seconds`. After `silence_seconds` without a message the job is polled, to detect a dead socket.
    If a socket delivered nothing, the next one is opened `socket_retry_seconds` later.
    """

    poll: Backoff = _POLL
    hello_seconds: float = 5
    silence_seconds: float = 15
    socket_retry_seconds: float = 30


async def follow(
    session: ClientSession, get: Get, job_id: str, timing: Timing = Timing()
) -> AsyncIterator[Change]:
    """Yields the job's current state and every change, until it is complete and all rows are final."""
    known, attempt, next_socket_at = _KnownJob(job_id, get), 1, 0.0
    while True:
        try:
            job = await get(f"jobs/{job_id}")
            changed = known.update_job(job)
            if job.get("live") and not known.complete and time.monotonic() >= next_socket_at:
                received = False
                async for change in _listen(session, job["live"], known, timing):
                    received = True
                    yield change
                if received:
                    attempt = 1
                else:
                    next_socket_at = time.monotonic() + timing.socket_retry_seconds
            rows = await known.fetch_rows()
            if changed or rows:
                yield Change(known.job, rows)
            if known.complete:
                return
        except ServiceUnavailable:
            pass  # polled again
        await asyncio.sleep(timing.poll.seconds(attempt, jitter=1))
        attempt += 1


async def _listen(
    session: ClientSession, live: JsonObject, known: "_KnownJob", timing: Timing
) -> AsyncIterator[Change]:
    """Yields changes from a WebSocket until it closes, has missed a change, or the job is complete.

    Yields nothing if the WebSocket cannot be opened.
    """
    try:
        async with asyncio.timeout(timing.hello_seconds):
            socket = await session.ws_connect(live["url"])
    except (ClientError, TimeoutError):
        return
    try:
        await socket.send_json({"action": "hello", "job": known.id, "ticket": live["ticket"]})
        greeted = False
        while True:
            try:
                message = await _receive(socket, timing.silence_seconds if greeted else timing.hello_seconds)
            except TimeoutError:
                # A changed job without a message means that the socket is dead.
                if not greeted or known.update_job(await known.get(f"jobs/{known.id}")) or known.complete:
                    return
                continue
            kind = message.get("type")
            if kind == "state":
                greeted = True
                known.update_job(message["job"])
                yield Change(known.job, await known.fetch_rows())
            elif kind in ("job.progress", "job.completed"):
                known.update_job(message["job"])
                yield Change(known.job, known.update_rows(message["uploads"]))
            if kind == "job.completed" or (kind == "state" and known.complete):
                return
    except (ClientError, ConnectionError, ServiceUnavailable):
        return
    finally:
        await socket.close()


async def _receive(socket: ClientWebSocketResponse, timeout_seconds: float) -> JsonObject:
    """Returns the next JSON object. Raises TimeoutError, and ConnectionError if the socket is closed."""
    while True:
        message = await socket.receive(timeout_seconds)
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
            raise ConnectionAbortedError
        if message.type is WSMsgType.TEXT:
            with suppress(ValueError):
                content = json.loads(message.data)
                if isinstance(content, dict):
                    return content


TERMINAL = frozenset(state.value for state in State if state.terminal)


@dataclass(slots=True)
class _KnownJob:
    """The newest known revisions of a job and its rows; older revisions are ignored."""

    id: str
    get: Get
    job: JsonObject = field(default_factory=dict)
    rows: dict[int, JsonObject] = field(default_factory=dict)
    # By cursor: the numbers of the page's rows, and the cursor of the next page.
    pages: dict[str, tuple[list[int], str]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return self.job.get("state") == "complete"

    def update_job(self, job: JsonObject | None) -> bool:
        """Stores a job's document; False if it is not newer."""
        if job is None or (self.job and job["revision"] <= self.job["revision"]):
            return False
        self.job = {name: value for name, value in job.items() if name != "live"}
        return True

    def update_rows(self, rows: Iterable[JsonObject]) -> tuple[JsonObject, ...]:
        """Stores rows and returns the newer ones."""
        newer = tuple(
            row
            for row in rows
            if row["number"] not in self.rows or row["revision"] > self.rows[row["number"]]["revision"]
        )
        self.rows.update((row["number"], row) for row in newer)
        return newer

    async def fetch_rows(self) -> tuple[JsonObject, ...]:
        """Fetches unknown pages and pages with unfinished rows, and returns the newer rows."""
        newer: tuple[JsonObject, ...] = ()
        cursor = ""
        while True:
            numbers, next_cursor = self.pages.get(cursor, ([], ""))
            if not numbers or any(self.rows[number]["state"] not in TERMINAL for number in numbers):
                page = await self.get(f"jobs/{self.id}/uploads?cursor={quote(cursor, safe='')}")
                newer += self.update_rows(page["uploads"])
                next_cursor = page["cursor"]
                self.pages[cursor] = [row["number"] for row in page["uploads"]], next_cursor
            if not next_cursor:
                return newer
            cursor = next_cursor
