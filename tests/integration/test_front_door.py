"""The front door over loopback: forwarded unchanged, or refused as by AWS."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import BytesIO

import pytest
from aiohttp import ClientSession, WSCloseCode, WSMsgType, WSServerHandshakeError, web
from yarl import URL

from darkroom_cli.local.front_door import FrontDoor, bind
from tests.aws import free_port


async def echo(request: web.Request) -> web.Response:
    """Returns the request as JSON; for a path with a number, that many bytes."""
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
def test_every_escape_passes_as_it_is(path: str) -> None:
    async def exchange() -> None:
        async with front_door() as (client, door), client.get(URL(door + path, encoded=True)) as response:
            assert (await response.json())["path"] == "/_aws/execute-api/api/$default" + path

    asyncio.run(exchange())


def test_bodies_and_headers_pass_but_for_those_of_one_hop() -> None:
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


@pytest.mark.parametrize(
    ("size", "status"),
    [(4_600_000, 200), (4_800_000, 413), (11_000_000, 413)],  # 6 MB of payload, as base64; 10 MB of request
)
def test_with_limits_a_request_is_refused_where_aws_refuses_it(size: int, status: int) -> None:
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
def test_with_limits_an_answer_is_refused_where_aws_refuses_it(size: int, status: int) -> None:
    async def exchange() -> None:
        async with front_door() as (client, door), client.get(f"{door}/{size}") as response:
            assert response.status == status

    asyncio.run(exchange())


def test_without_limits_a_large_body_passes() -> None:
    async def exchange() -> None:
        async with (
            front_door(limits=False) as (client, door),
            client.post(door, data=BytesIO(bytes(11_000_000))) as response,
        ):
            assert (await response.json())["bytes"] == 11_000_000

    asyncio.run(exchange())


@pytest.mark.parametrize("host", ["evil.test", "127.0.0.1.evil.test", "localhost.evil.test:8000"])
def test_a_page_that_made_its_name_resolve_to_loopback_is_refused(host: str) -> None:
    async def exchange() -> None:
        async with front_door() as (client, door), client.get(door, headers={"Host": host}) as response:
            assert response.status == 421
            assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert response.headers["X-Content-Type-Options"] == "nosniff"

    asyncio.run(exchange())


def test_an_emulator_that_is_gone_is_one_sentence() -> None:
    async def exchange() -> None:
        async with front_door(upstream_is_up=False) as (client, door), client.get(door) as response:
            assert response.status == 502
            assert "does not respond" in json.loads(await response.text())["message"]

    asyncio.run(exchange())


def test_a_socket_passes_messages_both_ways_until_the_api_ends_it() -> None:
    async def exchange() -> None:
        async with front_door() as (client, door), client.ws_connect(door + "/live") as socket:
            await socket.send_str("ü")
            assert await socket.receive_str() == "ü"
            await socket.send_str("bye")
            assert (await socket.receive()).type is WSMsgType.CLOSE

    asyncio.run(exchange())


def test_a_client_that_leaves_ends_the_connection_behind_the_door() -> None:
    async def exchange() -> None:
        ended = asyncio.Event()
        async with front_door(ended=ended) as (client, door):
            async with client.ws_connect(door + "/live", origin="http://localhost:1"):
                pass
            await asyncio.wait_for(ended.wait(), 180)

    asyncio.run(exchange())


def test_a_stack_that_stops_ends_its_sockets() -> None:
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
def test_a_socket_of_a_strangers_page_is_refused(headers: dict[str, str], status: int) -> None:
    async def exchange() -> None:
        async with front_door() as (client, door):
            with pytest.raises(WSServerHandshakeError) as rejection:
                await client.ws_connect(door + "/live", headers=headers)
            assert rejection.value.status == status

    asyncio.run(exchange())


@pytest.mark.parametrize(("upstream_is_up", "status"), [(True, 403), (False, 502)])
def test_a_socket_that_the_api_does_not_take_is_refused(upstream_is_up: bool, status: int) -> None:
    async def exchange() -> None:
        async with front_door(upstream_is_up=upstream_is_up, live=refuse) as (client, door):
            with pytest.raises(WSServerHandshakeError) as rejection:
                await client.ws_connect(door + "/live")
            assert rejection.value.status == status

    asyncio.run(exchange())


def test_the_path_of_the_socket_is_an_ordinary_one_for_everything_else() -> None:
    async def exchange() -> None:
        async with front_door() as (client, door), client.get(door + "/live") as response:
            assert (await response.json())["path"] == "/_aws/execute-api/api/$default/live"

    asyncio.run(exchange())
