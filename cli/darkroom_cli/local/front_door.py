"""The front door: http://localhost:8000 before the emulator's two APIs, as API Gateway would stand there."""

import asyncio
import errno
import json
import socket
from contextlib import suppress
from io import BytesIO
from urllib.parse import quote

from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    DummyCookieJar,
    WSCloseCode,
    WSMsgType,
    WSServerHandshakeError,
    web,
)
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from darkroom.web.http import SECURITY_HEADERS
from darkroom_cli.local.loopback import is_loopback, is_of_this_machine
from darkroom_cli.stack import Fault

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
REQUEST_LIMIT_BYTES = 10_000_000
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: of a synchronous call, each way
PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024
# Where the WebSocket API is, and how much one message may hold:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
LIVE_PATH = "/live"
MESSAGE_LIMIT_BYTES = 128 * 1024
# What surrounds body and headers in an event of payload format 2.0, or in an answer.
ENVELOPE_BYTES = 1024

# RFC 9110, section 7.6.1, and what each side states anew.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


def bind(port: int) -> list[socket.socket]:
    """Sockets that hold the port on every loopback address there is; they do not listen yet. Raises Fault.

    Browsers try ::1 first for `localhost`: a stranger there would answer in our place.
    """
    sockets = [_bound(socket.AF_INET, "127.0.0.1", port)]
    if socket.has_ipv6:
        with suppress(OSError):
            sockets.append(_bound(socket.AF_INET6, "::1", port))
    return sockets


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    """Raises Fault when the port is in use, OSError when there is no such address."""
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
    except OSError as fault:
        listener.close()
        if fault.errno in (errno.EADDRINUSE, errno.EACCES):
            raise port_taken(port, "DARKROOM_PORT", fault.errno) from fault
        raise
    return listener


def port_taken(port: int, variable: str, code: int = errno.EADDRINUSE) -> Fault:
    why = "is in use" if code == errno.EADDRINUSE else "may only be opened by root"
    other = port % 50_000 + 10_000  # never below 1024, never above 65535
    return Fault(f"Port {port} {why}; set {variable} to another one, for example {variable}={other}.")


def payload_bytes(body: bytes, content_type: str, headers: CIMultiDictProxy[str]) -> int:
    """Bytes of the JSON that a function is called with, or answers with; other than text as base64."""
    around = ENVELOPE_BYTES + sum(len(name) + len(value) + 6 for name, value in headers.items())
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("text/") or kind in ("application/json", "application/xml", "application/javascript"):
        return around + len(json.dumps(body.decode(errors="replace"), ensure_ascii=False).encode())
    return around + 4 * ((len(body) + 2) // 3)


class FrontDoor:
    """A reverse proxy to one HTTP API of the emulator, and to a WebSocket API whose stage is `live`.

    `limits` keeps AWS's payload limits.
    """

    def __init__(self, upstream: str, api_id: str, live_api_id: str, *, limits: bool) -> None:
        self._base = f"{upstream}/_aws/execute-api/{api_id}/$default"
        self._live = f"{upstream}/_aws/execute-api/{live_api_id}/live"
        self._upstream = upstream
        self._limits = limits
        self._open: set[web.WebSocketResponse] = set()

    async def serve(self, sockets: list[socket.socket]) -> web.AppRunner:
        """Listens on the sockets until the runner's cleanup. Raises OSError."""
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", self._answer)
        app.cleanup_ctx.append(self._session)
        app.on_shutdown.append(self._hang_up)
        runner = web.AppRunner(app, auto_decompress=False, access_log=None, shutdown_timeout=1)
        await runner.setup()
        for listener in sockets:
            await web.SockSite(runner, listener).start()
        return runner

    async def _session(self, _app: web.Application):  # type: ignore[no-untyped-def]
        # A function has 30 s; the emulator answers for it when they are over.
        async with ClientSession(
            auto_decompress=False,
            cookie_jar=DummyCookieJar(),
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            timeout=ClientTimeout(total=60),
        ) as self._client:
            yield

    async def _hang_up(self, _app: web.Application) -> None:
        for client in set(self._open):
            await client.close(code=WSCloseCode.GOING_AWAY)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if not is_loopback(request.headers.get("Host", "")):
            return _message(421, "This address answers to localhost only.")
        if request.path == LIVE_PATH and request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._connect(request)
        if not request.raw_path.startswith("/"):
            return _message(400, "Bad Request")
        body = await _read(request, REQUEST_LIMIT_BYTES if self._limits else None)
        if body is None or (self._limits and self._too_large(body, request.headers)):
            return _message(413, "Request Entity Too Large")
        # Only bytes that no address may hold are escaped; every escape of the sender's passes as it is.
        path = quote(request.raw_path, safe=_PRINTABLE, errors="surrogateescape")
        try:
            async with self._client.request(
                request.method,
                URL(self._base + path, encoded=True),
                headers=_end_to_end(request.headers),
                data=BytesIO(body) if body else None,
                allow_redirects=False,
            ) as answer:
                content = await answer.read()
                headers = _end_to_end(answer.headers)
        except (ClientError, TimeoutError):
            return self._no_answer()
        if self._limits and self._too_large(content, answer.headers):
            return _message(500, "Internal Server Error")
        if request.method != "HEAD":  # its Content-Length is that of the body it does not have
            headers.popall("Content-Length", None)
        return web.Response(status=answer.status, reason=answer.reason, headers=headers, body=content)

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        """One WebSocket, until either side ends it."""
        if not is_of_this_machine(request.headers.get("Origin")):
            return _message(403, "Forbidden")
        try:
            async with self._client.ws_connect(self._live, max_msg_size=MESSAGE_LIMIT_BYTES) as gateway:
                client = web.WebSocketResponse(max_msg_size=MESSAGE_LIMIT_BYTES)
                await client.prepare(request)
                self._open.add(client)
                try:
                    await _converse(client, gateway)
                finally:
                    self._open.remove(client)
                return client
        except WSServerHandshakeError as refused:
            return _message(refused.status, "Forbidden")
        except (ClientError, TimeoutError):
            return self._no_answer()

    def _no_answer(self) -> web.Response:
        return _message(502, f"The local AWS at {self._upstream} does not answer; `darkroom up` starts it.")

    @staticmethod
    def _too_large(body: bytes, headers: CIMultiDictProxy[str]) -> bool:
        return payload_bytes(body, headers.get("Content-Type", ""), headers) > PAYLOAD_LIMIT_BYTES


async def _converse(client: web.WebSocketResponse, gateway: ClientWebSocketResponse) -> None:
    """Passes messages both ways until one side is closed, and closes the other."""
    ways = [asyncio.create_task(_pass_on(*ends)) for ends in ((client, gateway), (gateway, client))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        await gateway.close()
        await client.close()


type _Socket = web.WebSocketResponse | ClientWebSocketResponse


async def _pass_on(source: _Socket, sink: _Socket) -> None:
    async for message in source:
        if message.type is WSMsgType.TEXT:
            await sink.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await sink.send_bytes(message.data)


async def _read(request: web.Request, limit: int | None) -> bytes | None:
    """The body; None when it is over the limit, which a stated length shows before it is read."""
    if limit is not None and (request.content_length or 0) > limit:
        return None
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if limit is not None and len(body) > limit:
            return None
    return bytes(body)


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    listed = {name.strip().lower() for value in headers.getall("Connection", []) for name in value.split(",")}
    dropped = _HOP_BY_HOP | listed
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)


def _message(status: int, sentence: str) -> web.Response:
    return web.json_response({"message": sentence}, status=status, headers=SECURITY_HEADERS)
