"""The front door over loopback: forwarded unchanged, or refused as by AWS."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import BytesIO

import pytest
from aiohttp import ClientSession, TCPConnector, WSCloseCode, WSMsgType, WSServerHandshakeError, web
from yarl import URL

from darkroom_cli.local.front_door import MAX_SOCKETS, FrontDoor, bind
from tests.aws import free_port


async def echo(request: web.Request) -> web.Response:
    """Returns the request as JSON; for a path with a number, that many bytes."""
    if request.method == "HEAD":
        return web.Response(headers={"Content-Length": "0"})  # as the emulator for a function without a body
    size = request.path.rsplit("/", 1)[-1]
    if size.isdigit():
        return web.Response(body=bytes(int(size)), content_type="image/png")
    content = {"path": request.raw_path, "headers": dict(request.headers), "bytes": len(await request.read())}
    response = web.json_response(content)
    response.headers.add("Set-Cookie", "a=1")
    response.headers.add("Set-Cookie", "b=2")
    return response


async def echo_messages(request: web.Request) -> web.WebSocketResponse:
    """Echoes every message; "bye" closes the connection."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.data == "bye":
            await socket.close()
        else:
            await socket.send_str(message.data)
    request.app[ENDED].set()
    return socket


async def refuse(_request: web.Request) -> web.Response:
    return web.Response(status=403)


ENDED = web.AppKey("ended", asyncio.Event)


@asynccontextmanager
async def front_door(
    *,
    limits: bool = True,
    upstream_is_up: bool = True,
    live: Callable[[web.Request], Awaitable[web.StreamResponse]] = echo_messages,
    ended: asyncio.Event | None = None,
) -> AsyncIterator[tuple[ClientSession, str]]:
    upstream_port, port = free_port(), free_port()
    app = web.Application(client_max_size=0)
    app[ENDED] = ended or asyncio.Event()
    app.router.add_get("/_aws/execute-api/live-api/live", live)
    app.router.add_route("*", "/{path:.*}", echo)
    upstream = web.AppRunner(app, auto_decompress=False)
    await upstream.setup()
    if upstream_is_up:
        await web.TCPSite(upstream, "127.0.0.1", upstream_port).start()
    front = FrontDoor(f"http://127.0.0.1:{upstream_port}", "api", "live-api", limits=limits)
    door = await front.serve(bind(port))
    try:
        async with ClientSession(auto_decompress=False) as client:
            yield client, f"http://localhost:{port}"
    finally:
        await door.cleanup()
        await upstream.cleanup()


@pytest.mark.parametrize(
    "path", ["/a%2Fb%20c.jpg?x=%20+&y", "/100%25.jpg", "/what%3F.jpg", "/%C3%BC%2e%2e//c"]
)
def test_escapes_in_paths_are_forwarded_unchanged(path: str) -> None:
    async def exchange() -> None:
        async with front_door() as (client, door), client.get(URL(door + path, encoded=True)) as response:
            assert (await response.json())["path"] == "/_aws/execute-api/api/$default" + path

    asyncio.run(exchange())


def test_bodies_and_end_to_end_headers_are_forwarded() -> None:
    async def exchange() -> None:
        headers = {"Connection": "close, X-Drop", "X-Drop": "1", "X-Keep": "2", "Content-Encoding": "gzip"}
        async with (
            front_door() as (client, door),
            client.post(door, data=b"\xff\x00", headers=headers) as response,
        ):
            content = await response.json()
            assert content["bytes"] == 2
            assert "X-Drop" not in content["headers"]
            assert content["headers"]["X-Keep"] == "2"
            assert content["headers"]["Host"] == door.removeprefix("http://")
            assert response.headers.getall("Set-Cookie") == ["a=1", "b=2"]

    asyncio.run(exchange())


def test_head_does_not_have_the_length_of_its_absent_body() -> None:
    async def exchange() -> None:
        async with front_door() as (client, door), client.head(door + "/3") as response:
            assert "Content-Length" not in response.headers

    asyncio.run(exchange())


@pytest.mark.parametrize(
    ("size", "status"),
    [(4_600_000, 200), (4_800_000, 413), (11_000_000, 413)],  # 6 MB of payload, as base64; 10 MB of request
)
def test_with_limits_large_requests_are_refused(size: int, status: int) -> None:
    async def exchange() -> None:
        async with (
            front_door() as (client, door),
            client.post(door + "/x", data=BytesIO(bytes(size))) as response,
        ):
            assert response.status == status
            if status == 413:
                assert await response.json() == {"message": "Request Entity Too Large"}

    asyncio.run(exchange())


@pytest.mark.parametrize(("size", "status"), [(4_600_000, 200), (4_800_000, 500)])
def test_with_limits_large_responses_are_refused(size: int, status: int) -> None:
    async def exchange() -> None:
        async with front_door() as (client, door), client.get(f"{door}/{size}") as response:
            assert response.status == status

    asyncio.run(exchange())


def test_without_limits_large_bodies_are_forwarded() -> None:
    async def exchange() -> None:
        async with (
            front_door(limits=False) as (client, door),
            client.post(door, data=BytesIO(bytes(11_000_000))) as response,
        ):
            assert (await response.json())["bytes"] == 11_000_000

    asyncio.run(exchange())


@pytest.mark.parametrize("host", ["evil.test", "127.0.0.1.evil.test", "localhost.evil.test:8000"])
def test_other_host_names_are_refused(host: str) -> None:
    async def exchange() -> None:
        async with front_door() as (client, door), client.get(door, headers={"Host": host}) as response:
            assert response.status == 421
            assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert response.headers["X-Content-Type-Options"] == "nosniff"

    asyncio.run(exchange())


def test_an_unreachable_emulator_is_a_502_with_the_remedy() -> None:
    async def exchange() -> None:
        async with front_door(upstream_is_up=False) as (client, door), client.get(door) as response:
            assert response.status == 502
            assert "does not respond" in json.loads(await response.text())["message"]

    asyncio.run(exchange())


def test_socket_messages_are_forwarded_until_the_api_closes() -> None:
    async def exchange() -> None:
        async with front_door() as (client, door), client.ws_connect(door + "/live") as socket:
            await socket.send_str("ü")
            assert await socket.receive_str() == "ü"
            await socket.send_str("bye")
            assert (await socket.receive()).type is WSMsgType.CLOSE

    asyncio.run(exchange())


def test_a_closed_client_closes_the_upstream_socket() -> None:
    async def exchange() -> None:
        ended = asyncio.Event()
        async with front_door(ended=ended) as (client, door):
            async with client.ws_connect(door + "/live", origin="http://localhost:1"):
                pass
            await asyncio.wait_for(ended.wait(), 180)

    asyncio.run(exchange())


def test_stopping_the_front_door_closes_its_sockets() -> None:
    async def exchange() -> None:
        async with ClientSession() as client:
            async with front_door() as (_, door):
                socket = await client.ws_connect(door + "/live")
            message = await socket.receive()
            assert (message.type, message.data) == (WSMsgType.CLOSE, WSCloseCode.GOING_AWAY)

    asyncio.run(exchange())


@pytest.mark.parametrize(
    ("headers", "status"), [({"Origin": "https://evil.test"}, 403), ({"Host": "evil.test"}, 421)]
)
def test_sockets_from_other_sites_are_refused(headers: dict[str, str], status: int) -> None:
    async def exchange() -> None:
        async with front_door() as (client, door):
            with pytest.raises(WSServerHandshakeError) as rejection:
                await client.ws_connect(door + "/live", headers=headers)
            assert rejection.value.status == status

    asyncio.run(exchange())


@pytest.mark.parametrize(("upstream_is_up", "status"), [(True, 403), (False, 502)])
def test_sockets_refused_by_the_api_are_refused(upstream_is_up: bool, status: int) -> None:
    async def exchange() -> None:
        async with front_door(upstream_is_up=upstream_is_up, live=refuse) as (client, door):
            with pytest.raises(WSServerHandshakeError) as rejection:
                await client.ws_connect(door + "/live")
            assert rejection.value.status == status

    asyncio.run(exchange())


@pytest.mark.parametrize(
    "header",
    [
        b"Cookie: __Host-darkroom=planted\x00",
        b"Cook\x00ie: __Host-darkroom=planted",
        b"__Host-darkroom=planted",
        b"Content-Length: __Host-darkroom=planted",
        b"Cookie: __Host-darkroom=planted" + b"x" * 9000,
    ],
    ids=["value", "name", "no-colon", "length", "long"],
)
def test_malformed_headers_are_refused_and_not_logged(
    header: bytes, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def exchange() -> bytes:
        async with front_door() as (_, door):
            reader, writer = await asyncio.open_connection("127.0.0.1", URL(door).port)
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n\r\n")
            response = await reader.read()
            writer.close()
            return response

    assert b" 400 " in asyncio.run(exchange())
    assert "planted" not in caplog.text + "".join(capfd.readouterr())


def test_open_sockets_do_not_keep_pages_waiting() -> None:
    async def exchange() -> None:
        async with front_door() as (_, door), ClientSession(connector=TCPConnector(limit=0)) as client:
            sockets = [await client.ws_connect(door + "/live") for _ in range(MAX_SOCKETS)]
            with pytest.raises(WSServerHandshakeError) as rejection:
                await client.ws_connect(door + "/live")
            assert rejection.value.status == 429
            async with client.get(door) as response:
                assert response.status == 200
            await asyncio.gather(*(socket.close() for socket in sockets))

    asyncio.run(exchange())


def test_plain_requests_to_the_socket_path_are_forwarded() -> None:
    async def exchange() -> None:
        async with front_door() as (client, door), client.get(door + "/live") as response:
            assert (await response.json())["path"] == "/_aws/execute-api/api/$default/live"

    asyncio.run(exchange())


HANGING_UP = {
    "in the body": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\nsome",
    "in a chunk": b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "before the response": b"GET /4000000 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "before a WebSocket opens": (
        b"GET /live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ),
}


@pytest.mark.parametrize("abruptly", [True, False])
@pytest.mark.parametrize("request_bytes", HANGING_UP.values(), ids=HANGING_UP)
def test_nothing_is_logged_when_a_client_hangs_up(
    caplog: pytest.LogCaptureFixture, request_bytes: bytes, abruptly: bool
) -> None:
    async def exchange() -> None:
        async with front_door() as (client, door):
            _, writer = await asyncio.open_connection("localhost", URL(door).port)
            writer.write(request_bytes)
            await writer.drain()
            if abruptly:
                writer.transport.abort()
            else:
                writer.close()
            # Served after the front door has noticed it.
            for _ in range(20):
                async with client.get(door) as response:
                    assert response.status == 200

    asyncio.run(exchange())
    assert [record.getMessage() for record in caplog.records] == []
