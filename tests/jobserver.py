"""A server with one job under the control of a test, for the clients of the live channel."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSCloseCode, web

from darkroom.domain.entries import State
from darkroom.services.live import messages

JOB = "1c9a7a3e0d5b4f6a8e2d1c9b7a5f3e1d"
ROWS_AT_ONCE = 2


@dataclass
class JobServer:
    """One job: HTTP returns `revision` and `rows`, `advance` changes them and pushes the change to sockets.

    Without `sockets` no ticket is issued; without `welcome` every socket is refused. If `mute`, nothing is
    pushed and sockets stay open.
    """

    size: int
    sockets: bool = True
    welcome: bool = True
    mute: bool = False
    broken: bool = False
    revision: int = 1
    tickets: list[str] = field(default_factory=list)
    greeted: int = 0
    asked: int = 0
    open: set[web.WebSocketResponse] = field(default_factory=set)
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    url: str = ""

    def __post_init__(self) -> None:
        for number in range(self.size):
            self.rows[number] = {
                "number": number,
                "name": f"{number}.png",
                "state": "expected",
                "revision": 1,
            }

    @property
    def document(self) -> dict[str, Any]:
        ended = sum(State(row["state"]).terminal for row in self.rows.values())
        state = "complete" if ended == self.size else "running"
        return {
            "id": JOB,
            "state": state,
            "revision": self.revision,
            "size": self.size,
            "waiting": self.size - ended,
        }

    async def advance(self, *numbers: int, state: str = "rendered", lost: bool = False) -> None:
        """Advances rows and pushes them to the sockets, unless the push is lost."""
        for number in numbers:
            row = self.rows[number]
            self.rows[number] = row | {"state": state, "revision": row["revision"] + 1}
        self.revision += 1
        if not lost and not self.mute:
            for text in messages(self.document, [self.rows[number] for number in numbers], limit_bytes=400):
                await self.say(text)

    async def say(self, text: str) -> None:
        for socket in set(self.open):
            await socket.send_str(text)

    async def kill(self) -> None:
        for socket in set(self.open):
            await socket.close(code=WSCloseCode.GOING_AWAY)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"/jobs/{JOB}", self._job),
            web.get(f"/jobs/{JOB}/uploads", self._uploads),
            web.get("/live", self._live),
        ]

    async def _job(self, _request: web.Request) -> web.Response:
        self.asked += 1
        if self.broken:
            return web.Response(status=503)
        document = self.document
        if self.sockets:
            ticket = f"{len(self.tickets):032x}"
            self.tickets.append(ticket)
            document |= {"live": {"url": self.url.replace("http", "ws") + "/live", "ticket": ticket}}
        return web.json_response(document)

    async def _uploads(self, request: web.Request) -> web.Response:
        begin = int(request.query["cursor"] or 0)
        end = begin + ROWS_AT_ONCE
        rows = [self.rows[number] for number in range(begin, min(end, self.size))]
        page = [row | {"thumbnail": "/t" if row["state"] == "rendered" else None} for row in rows]
        return web.json_response({"uploads": page, "cursor": str(end) if end < self.size else ""})

    async def _live(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        hello = json.loads(await socket.receive_str())
        ticket = self.tickets.pop() if self.tickets else ""
        if not self.welcome or hello != {"action": "hello", "job": JOB, "ticket": ticket}:
            await socket.send_str('{"type":"refused"}')
            await socket.close()
            return socket
        self.open.add(socket)
        await socket.send_str(json.dumps({"type": "state", "job": self.document}))
        self.greeted += 1
        async for _ in socket:
            pass
        self.open.remove(socket)
        return socket


@asynccontextmanager
async def listening(*routes: web.RouteDef) -> AsyncIterator[str]:
    """Serves routes on a free port of loopback; yields the origin."""
    app = web.Application()
    app.router.add_routes(routes)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving(server: JobServer, *more: web.RouteDef) -> AsyncIterator[None]:
    async with listening(*server.routes(), *more) as server.url:
        try:
            yield
        finally:
            await server.kill()


async def until(condition: Any, seconds: float = 180) -> None:
    """Waits until the condition is true."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
