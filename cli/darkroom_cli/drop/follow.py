"""Follows a job: live over its socket where there is one, by asking where not. See docs/live.md."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientWebSocketResponse, WSMsgType

from darkroom.domain.entries import State
from darkroom_cli.client import Ask, JsonObject, NoAnswer


@dataclass(frozen=True, slots=True)
class Change:
    """A job as it is now, and those of its rows that are new or have changed."""

    job: JsonObject
    rows: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Pauses:
    """In seconds. Between two times of asking: at `least`, and at `most` after a while.

    How long a socket may say nothing, at `hello` and later; and how long none is tried after one that was no
    use.
    """

    least: float = 1
    most: float = 5
    hello: float = 5
    silence: float = 15
    no_socket: float = 30


async def follow(
    client: ClientSession, ask: Ask, job_id: str, pauses: Pauses = Pauses()
) -> AsyncIterator[Change]:
    """Every change of a job from how it stands now, until it is complete and every row of it is told."""
    known, pause, sockets_from = _Known(job_id, ask), pauses.least, 0.0
    while True:
        try:
            found = await ask(f"jobs/{job_id}")
            changed = known.take_job(found)
            if found.get("live") and not known.complete and time.monotonic() >= sockets_from:
                heard = False
                async for change in _listen(client, found["live"], known, pauses):
                    heard = True
                    yield change
                if heard:
                    pause = pauses.least
                else:
                    sockets_from = time.monotonic() + pauses.no_socket
            rows = await known.ask_rows()
            if changed or rows:
                yield Change(known.job, rows)
            if known.complete:
                return
        except NoAnswer:
            pass  # the next time there may be one
        await asyncio.sleep(pause)
        pause = min(2 * pause, pauses.most)


async def _listen(
    client: ClientSession, live: JsonObject, known: "_Known", pauses: Pauses
) -> AsyncIterator[Change]:
    """What a socket says, until it ends or has fallen behind. Nothing at all if there is none to be had."""
    try:
        async with asyncio.timeout(pauses.hello):
            socket = await client.ws_connect(live["url"])
    except (ClientError, TimeoutError):
        return
    try:
        await socket.send_json({"action": "hello", "job": known.id, "ticket": live["ticket"]})
        patience = pauses.hello
        while True:
            try:
                message = await _message(socket, patience)
            except TimeoutError:
                if patience == pauses.hello or await known.ask_job() or known.complete:
                    return
                continue  # nothing was said because nothing has happened
            kind = message.get("type")
            if kind == "state":
                patience = pauses.silence
                known.take_job(message["job"])
                yield Change(known.job, await known.ask_rows())
            elif kind in ("job.progress", "job.completed"):
                known.take_job(message["job"])
                yield Change(known.job, known.take_rows(message["uploads"]))
            if kind == "job.completed" or (kind == "state" and known.complete):
                return
    except (ClientError, ConnectionError, NoAnswer):
        return
    finally:
        await socket.close()


async def _message(socket: ClientWebSocketResponse, patience: float) -> JsonObject:
    """The next message that is a JSON object. Raises TimeoutError, and ConnectionError at the end."""
    while True:
        message = await socket.receive(patience)
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
            raise ConnectionAbortedError
        if message.type is WSMsgType.TEXT:
            with suppress(ValueError):
                said = json.loads(message.data)
                if isinstance(said, dict):
                    return said


TERMINAL = frozenset(state.value for state in State if state.terminal)


@dataclass(slots=True)
class _Known:
    """What was told of a job so far. Whatever is older is passed over."""

    id: str
    ask: Ask
    job: JsonObject = field(default_factory=dict)
    rows: dict[int, JsonObject] = field(default_factory=dict)
    # By cursor: the rows that stand there, and the cursor to the next.
    pages: dict[str, tuple[list[int], str]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return self.job.get("state") == "complete"

    def take_job(self, told: JsonObject | None) -> bool:
        """Whether it is news."""
        if told is None or (self.job and told["revision"] <= self.job["revision"]):
            return False
        self.job = {name: value for name, value in told.items() if name != "live"}
        return True

    async def ask_job(self) -> bool:
        return self.take_job(await self.ask(f"jobs/{self.id}"))

    def take_rows(self, told: Iterable[JsonObject]) -> tuple[JsonObject, ...]:
        """Those that are news."""
        news = tuple(
            row
            for row in told
            if row["number"] not in self.rows or row["revision"] > self.rows[row["number"]]["revision"]
        )
        self.rows.update((row["number"], row) for row in news)
        return news

    async def ask_rows(self) -> tuple[JsonObject, ...]:
        """Those that are news, of each page that was never asked for or has rows that still wait."""
        news: tuple[JsonObject, ...] = ()
        cursor = ""
        while True:
            numbers, after = self.pages.get(cursor, ([], ""))
            if not numbers or any(self.rows[number]["state"] not in TERMINAL for number in numbers):
                found = await self.ask(f"jobs/{self.id}/uploads?cursor={quote(cursor, safe='')}")
                news += self.take_rows(found["uploads"])
                after = found["cursor"]
                self.pages[cursor] = [row["number"] for row in found["uploads"]], after
            if not after:
                return news
            cursor = after
