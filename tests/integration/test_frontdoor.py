"""The front door over loopback: what it passes untouched, and what it refuses as AWS would."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO

import pytest
from aiohttp import ClientSession, web
from yarl import URL

from tests.aws import free_port
from tools.frontdoor import FrontDoor, bind


async def echo(request: web.Request) -> web.Response:
    """Says what arrived; paths with a number in them answer with as many bytes."""
    size = request.path.rsplit("/", 1)[-1]
    if size.isdigit():
        return web.Response(body=bytes(int(size)), content_type="image/png")
    told = {"path": request.raw_path, "headers": dict(request.headers), "bytes": len(await request.read())}
    answer = web.json_response(told)
    answer.headers.add("Set-Cookie", "a=1")
    answer.headers.add("Set-Cookie", "b=2")
    return answer


@asynccontextmanager
async def a_door(
    *, limits: bool = True, upstream_is_up: bool = True
) -> AsyncIterator[tuple[ClientSession, str]]:
    upstream_port, port = free_port(), free_port()
    app = web.Application(client_max_size=0)
    app.router.add_route("*", "/{path:.*}", echo)
    upstream = web.AppRunner(app, auto_decompress=False)
    await upstream.setup()
    if upstream_is_up:
        await web.TCPSite(upstream, "127.0.0.1", upstream_port).start()
    door = await FrontDoor(f"http://127.0.0.1:{upstream_port}", "api", limits=limits).serve(bind(port))
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
    async def tour() -> None:
        async with a_door() as (client, door), client.get(URL(door + path, encoded=True)) as answer:
            assert (await answer.json())["path"] == "/_aws/execute-api/api/$default" + path

    asyncio.run(tour())


def test_bodies_and_headers_pass_but_for_those_of_one_hop() -> None:
    async def tour() -> None:
        headers = {"Connection": "close, X-Drop", "X-Drop": "1", "X-Keep": "2", "Content-Encoding": "gzip"}
        async with a_door() as (client, door), client.post(door, data=b"\xff\x00", headers=headers) as answer:
            told = await answer.json()
            assert told["bytes"] == 2
            assert "X-Drop" not in told["headers"]
            assert told["headers"]["X-Keep"] == "2"
            assert told["headers"]["Host"] == door.removeprefix("http://")
            assert answer.headers.getall("Set-Cookie") == ["a=1", "b=2"]

    asyncio.run(tour())


@pytest.mark.parametrize(
    ("size", "status"),
    [(4_600_000, 200), (4_800_000, 413), (11_000_000, 413)],  # 6 MB of payload, as base64; 10 MB of request
)
def test_with_limits_a_request_is_refused_where_aws_refuses_it(size: int, status: int) -> None:
    async def tour() -> None:
        async with a_door() as (client, door), client.post(door + "/x", data=BytesIO(bytes(size))) as answer:
            assert answer.status == status
            if status == 413:
                assert await answer.json() == {"message": "Request Entity Too Large"}

    asyncio.run(tour())


@pytest.mark.parametrize(("size", "status"), [(4_600_000, 200), (4_800_000, 500)])
def test_with_limits_an_answer_is_refused_where_aws_refuses_it(size: int, status: int) -> None:
    async def tour() -> None:
        async with a_door() as (client, door), client.get(f"{door}/{size}") as answer:
            assert answer.status == status

    asyncio.run(tour())


def test_without_limits_a_large_body_passes() -> None:
    async def tour() -> None:
        async with (
            a_door(limits=False) as (client, door),
            client.post(door, data=BytesIO(bytes(11_000_000))) as answer,
        ):
            assert (await answer.json())["bytes"] == 11_000_000

    asyncio.run(tour())


@pytest.mark.parametrize("host", ["evil.test", "127.0.0.1.evil.test", "localhost.evil.test:8000"])
def test_a_page_that_made_its_name_resolve_to_loopback_is_refused(host: str) -> None:
    async def tour() -> None:
        async with a_door() as (client, door), client.get(door, headers={"Host": host}) as answer:
            assert answer.status == 421

    asyncio.run(tour())


def test_an_emulator_that_is_gone_is_one_sentence() -> None:
    async def tour() -> None:
        async with a_door(upstream_is_up=False) as (client, door), client.get(door) as answer:
            assert answer.status == 502
            assert "does not answer" in json.loads(await answer.text())["message"]

    asyncio.run(tour())
