"""The front door: a proxy at http://localhost:8000. With it, the emulator's APIs behave like API Gateway."""

import asyncio
import errno
import json
import logging
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
    TCPConnector,
    WSCloseCode,
    WSMsgType,
    WSServerHandshakeError,
    web,
)
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from darkroom.web.http import SECURITY_HEADERS
from darkroom_cli.faults import Fault
from darkroom_cli.local.loopback import is_local_origin, is_loopback

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
REQUEST_LIMIT_BYTES = 10_000_000
# Request or response of a synchronous invocation:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024
LIVE_PATH = "/live"
# One WebSocket message:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
MESSAGE_LIMIT_BYTES = 128 * 1024
# Estimated size of an event (payload format 2.0), or of a function's response, without headers and body.
ENVELOPE_BYTES = 1024
# Each WebSocket needs two file descriptors here and one in the emulator; a process may often open 1,024.
MAX_SOCKETS = 200

# RFC 9110, section 7.6.1, and headers that each connection sets for itself.
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
# aiohttp logs a malformed header with its value, which may be a cookie. Its sender gets a 400.
_LOGGER = logging.getLogger("darkroom.front_door")
_LOGGER.addFilter(
    lambda record: not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
)
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


def bind(port: int) -> list[socket.socket]:
    """Binds the port on every loopback address, without listening. Raises Fault.

    Browsers try ::1 first for `localhost`, where another process could listen.
    """
    sockets = [bound(socket.AF_INET, "127.0.0.1", port, "DARKROOM_PORT")]
    if socket.has_ipv6:
        with suppress(OSError):
            sockets.append(bound(socket.AF_INET6, "::1", port, "DARKROOM_PORT"))
    return sockets


def bound(family: socket.AddressFamily, address: str, port: int, variable: str) -> socket.socket:
    """Returns a bound socket.

    Raises Fault with the name of the port's `variable` if the port is in use, and OSError if the address does
    not exist.
    """
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
    except OSError as fault:
        listener.close()
        if fault.errno in (errno.EADDRINUSE, errno.EACCES):
            raise port_taken(port, variable, fault.errno) from fault
        raise
    return listener


def port_taken(port: int, variable: str, code: int = errno.EADDRINUSE) -> Fault:
    reason = "is in use" if code == errno.EADDRINUSE else "needs root privileges"
    other = port % 50_000 + 10_000  # never below 1024, never above 65535
    return Fault(f"Port {port} {reason}; set another one, for example {variable}={other}.")


def payload_bytes(body: bytes, content_type: str, headers: CIMultiDictProxy[str]) -> int:
    """Returns the size of a body in a function's JSON event or response; binary bodies are base64."""
    rest = ENVELOPE_BYTES + sum(len(name) + len(value) + 6 for name, value in headers.items())
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("text/") or kind in ("application/json", "application/xml", "application/javascript"):
        return rest + len(json.dumps(body.decode(errors="replace"), ensure_ascii=False).encode())
    return rest + 4 * ((len(body) + 2) // 3)


class FrontDoor:
    """A reverse proxy to an HTTP API and a WebSocket API (stage `live`) of the emulator.

    `limits` enforces AWS's payload limits.
    """

    def __init__(self, upstream: str, api_id: str, live_api_id: str, *, limits: bool) -> None:
        self._base = f"{upstream}/_aws/execute-api/{api_id}/$default"
        self._live = f"{upstream}/_aws/execute-api/{live_api_id}/live"
        self._upstream = upstream
        self._limits = limits
        self._open: set[web.WebSocketResponse] = set()
        self._sockets = 0  # including those being opened

    async def serve(self, sockets: list[socket.socket]) -> web.AppRunner:
        """Serves on the sockets until the runner is cleaned up. Raises OSError."""
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", self._handle)
        app.cleanup_ctx.append(self._session)
        app.on_shutdown.append(self._close_sockets)
        runner = web.AppRunner(
            app, auto_decompress=False, access_log=None, shutdown_timeout=1, logger=_LOGGER
        )
        await runner.setup()
        for listener in sockets:
            await web.SockSite(runner, listener).start()
        return runner

    async def _session(self, _app: web.Application):  # type: ignore[no-untyped-def]
        # The emulator responds itself once a function exceeds its 30 s.
        async with ClientSession(
            connector=TCPConnector(limit=0),  # 100 open WebSockets must not keep pages waiting
            auto_decompress=False,
            cookie_jar=DummyCookieJar(),
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            timeout=ClientTimeout(total=60),
        ) as self._client:
            yield

    async def _close_sockets(self, _app: web.Application) -> None:
        for client in set(self._open):
            await client.close(code=WSCloseCode.GOING_AWAY)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if not is_loopback(request.headers.get("Host", "")):
            return _message(421, "This server is available on localhost only.")
        if request.path == LIVE_PATH and request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._connect(request)
        if not request.raw_path.startswith("/"):
            return _message(400, "Bad Request")
        try:
            body = await _read(request, REQUEST_LIMIT_BYTES if self._limits else None)
        except (ConnectionError, web.RequestPayloadError):
            return _hung_up()
        if body is None or (self._limits and self._too_large(body, request.headers)):
            return _message(413, "Request Entity Too Large")
        # Escapes only bytes not allowed in a URL; existing escapes stay as they are.
        path = quote(request.raw_path, safe=_PRINTABLE, errors="surrogateescape")
        try:
            async with self._client.request(
                request.method,
                URL(self._base + path, encoded=True),
                headers=_end_to_end(request.headers),
                data=BytesIO(body) if body else None,
                allow_redirects=False,
            ) as response:
                content = await response.read()
                headers = _end_to_end(response.headers)
        except (ClientError, TimeoutError):
            return self._unreachable()
        if self._limits and self._too_large(content, response.headers):
            return _message(500, "Internal Server Error")
        headers.popall("Content-Length", None)  # that of HEAD is 0, since functions return it without a body
        return web.Response(status=response.status, reason=response.reason, headers=headers, body=content)

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        """Proxies one WebSocket until either side closes it."""
        if not is_local_origin(request.headers.get("Origin")):
            return _message(403, "Forbidden")
        if self._sockets >= MAX_SOCKETS:
            return _message(429, "Too Many Requests")
        self._sockets += 1
        try:
            async with self._client.ws_connect(self._live, max_msg_size=MESSAGE_LIMIT_BYTES) as gateway:
                client = web.WebSocketResponse(max_msg_size=MESSAGE_LIMIT_BYTES)
                try:
                    await client.prepare(request)
                except ConnectionError:
                    return _hung_up()
                self._open.add(client)
                try:
                    await _relay(client, gateway)
                finally:
                    self._open.remove(client)
                return client
        except WSServerHandshakeError as rejection:
            return _message(rejection.status, "Forbidden")
        except (ClientError, TimeoutError):
            return self._unreachable()
        finally:
            self._sockets -= 1

    def _unreachable(self) -> web.Response:
        return _message(
            502, f"The local AWS at {self._upstream} does not respond; start it with `darkroom up`."
        )

    @staticmethod
    def _too_large(body: bytes, headers: CIMultiDictProxy[str]) -> bool:
        return payload_bytes(body, headers.get("Content-Type", ""), headers) > PAYLOAD_LIMIT_BYTES


def _hung_up() -> web.Response:
    """Returns a response for a client that has closed its connection: nobody receives it."""
    return _message(400, "Bad Request")


async def _relay(client: web.WebSocketResponse, gateway: ClientWebSocketResponse) -> None:
    """Forwards messages in both directions until one side closes, then closes the other."""
    tasks = [asyncio.create_task(_forward(*ends)) for ends in ((client, gateway), (gateway, client))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await gateway.close()
        await client.close()


type _Socket = web.WebSocketResponse | ClientWebSocketResponse


async def _forward(source: _Socket, sink: _Socket) -> None:
    async for message in source:
        if message.type is WSMsgType.TEXT:
            await sink.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await sink.send_bytes(message.data)


async def _read(request: web.Request, limit: int | None) -> bytes | None:
    """Returns the body, or None if it exceeds the limit; checks Content-Length before reading."""
    if limit is not None and (request.content_length or 0) > limit:
        return None
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if limit is not None and len(body) > limit:
            return None
    return bytes(body)


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    per_connection = {
        name.strip().lower() for value in headers.getall("Connection", []) for name in value.split(",")
    }
    dropped = _HOP_BY_HOP | per_connection
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)


def _message(status: int, sentence: str) -> web.Response:
    return web.json_response({"message": sentence}, status=status, headers=SECURITY_HEADERS)
