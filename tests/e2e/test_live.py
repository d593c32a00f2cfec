"""A job's live channel through the front door: real sockets, real pictures, on the local stack."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from darkroom.adapters.live import DynamoChannels, address_signer
from darkroom.ports import Ticket
from darkroom.services.retries import Backoff
from darkroom_cli.drop.follow import Timing, follow
from tests.e2e.conftest import Stack, send, wait_for
from tests.pictures import a_small_png

SECONDS = 180


def output(stack: Stack, name: str) -> str:
    [found] = stack.client("cloudformation").describe_stacks(StackName=stack.status["stack"])["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}
    return str(outputs[name])


@pytest.fixture
def channels(stack: Stack) -> DynamoChannels:
    return DynamoChannels(output(stack, "ChannelsTable"), stack.client("dynamodb"))


def pictures(*names: str) -> dict[str, bytes]:
    return {name: a_small_png(seed) for seed, name in enumerate(names, 40)}


async def send_each(rows: Iterable[Any], files: Mapping[str, bytes]) -> None:
    for row in rows:
        sent = await asyncio.to_thread(send, row["post"], files[row["name"]])
        assert sent.status < 300, sent.text


async def hello(client: ClientSession, url: str, job_id: str, ticket: str) -> ClientWebSocketResponse:
    socket = await client.ws_connect(url)
    await socket.send_json({"action": "hello", "job": job_id, "ticket": ticket})
    return socket


async def hear(socket: ClientWebSocketResponse) -> Any:
    return json.loads(await socket.receive_str(timeout=SECONDS))


def test_a_job_is_told_live_until_it_is_complete(stack: Stack) -> None:
    files = pictures("a.png", "b.png", "c.png")

    async def tour() -> None:
        async with ClientSession() as client:
            job = stack.announce(files)
            assert job["live"]["url"].startswith(("ws://", "wss://"))
            socket = await hello(client, job["live"]["url"], job["id"], job["live"]["ticket"])
            heard = [await hear(socket)]
            await send_each(job["rows"], files)
            while heard[-1]["type"] != "job.completed":
                heard.append(await hear(socket))
            await socket.close()
            now = await stack.web(client).get(f"jobs/{job['id']}")

        # A change that falls together with the hello may come before the state.
        assert [message["type"] for message in heard].count("state") == 1
        told = [row for message in heard for row in message.get("uploads", ())]
        newest = {row["name"]: row["state"] for row in sorted(told, key=itemgetter("revision"))}
        assert newest == dict.fromkeys(files, "rendered")
        assert {row["type"] for row in told if row["state"] == "rendered"} == {"upload.rendered"}
        last = heard[-1]["job"]
        assert last["state"] == "complete"
        assert last["counts"] == now["counts"]
        assert last["counts"]["rendered"] == 3
        assert last["revision"] == now["revision"]

    asyncio.run(tour())


def test_whoever_has_no_good_ticket_is_refused_alike(stack: Stack, channels: DynamoChannels) -> None:
    expired, unknown = "e" * 32, "f" * 32

    async def tour() -> None:
        async with ClientSession() as client:
            mine, theirs = [stack.announce(pictures("x.png")) for _ in range(2)]
            channels.issue(expired, Ticket(mine["id"], int(time.time()) - 1))
            for ticket in (unknown, expired, theirs["live"]["ticket"]):
                socket = await hello(client, mine["live"]["url"], mine["id"], ticket)
                assert await hear(socket) == {"type": "refused"}
                ended = await socket.receive(timeout=SECONDS)
                assert ended.type in (WSMsgType.CLOSE, WSMsgType.CLOSED)
            assert channels.followers(mine["id"]) == []

    asyncio.run(tour())


@pytest.mark.local("it ends connections through the local gateway")
def test_a_killed_connection_is_replaced_and_nothing_is_lost(stack: Stack, channels: DynamoChannels) -> None:
    files = pictures("one.png", "two.png", "three.png")
    endpoint = f"{stack.status['aws_endpoint']}/_aws/execute-api/{output(stack, 'LiveApiId')}/live"
    gateway = stack.client("apigatewaymanagementapi", endpoint)
    rows: dict[str, str] = {}
    jobs: list[dict[str, Any]] = []

    def kill(job_id: str) -> None:
        [connection] = wait_for(lambda: channels.followers(job_id), "a connection")
        gateway.delete_connection(ConnectionId=connection)
        wait_for(lambda: connection not in channels.followers(job_id), "the end of the connection")

    async def listen(client: ClientSession, job_id: str) -> None:
        timing = Timing(poll=Backoff(0.2, 5), silence_seconds=600)  # over the socket alone
        async for change in follow(client, stack.web(client).get, job_id, timing):
            rows.update((row["name"], row["state"]) for row in change.rows)
            jobs.append(change.job)

    async def tour() -> None:
        async with ClientSession() as client:
            job = stack.announce(files)
            listening = asyncio.create_task(listen(client, job["id"]))
            for row in job["rows"]:
                await asyncio.to_thread(kill, job["id"])
                await send_each([row], files)
            await asyncio.wait_for(listening, SECONDS)

    asyncio.run(tour())

    assert rows == dict.fromkeys(files, "rendered")
    assert jobs[-1]["state"] == "complete"
    assert [job["revision"] for job in jobs] == sorted(job["revision"] for job in jobs)


@pytest.mark.local("only the local gateway takes an id that it never gave for one that is gone")
def test_a_connection_that_is_gone_is_removed_by_the_next_push(
    stack: Stack, channels: DynamoChannels
) -> None:
    files = pictures("ghost.png")

    job = stack.announce(files)
    channels.join(job["id"], "ghost", int(time.time()) + 600)

    asyncio.run(send_each(job["rows"], files))

    wait_for(lambda: channels.followers(job["id"]) == [], "the ghost is gone")


@pytest.mark.local("it makes a user and an API of its own")
def test_a_signed_address_is_taken_where_connecting_asks_for_it(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the cloud, where web signs by its role; here by a user with that role's statement alone."""
    apis, users, name = stack.client("apigatewayv2"), stack.client("iam"), f"reader-{uuid.uuid4().hex}"
    api = apis.create_api(Name=name, ProtocolType="WEBSOCKET")["ApiId"]
    target = apis.create_integration(ApiId=api, IntegrationType="MOCK")["IntegrationId"]
    apis.create_route(
        ApiId=api, RouteKey="$connect", AuthorizationType="AWS_IAM", Target=f"integrations/{target}"
    )
    apis.create_stage(ApiId=api, StageName="live")
    region = stack.status["region"]
    resource = f"arn:aws:execute-api:{region}:000000000000:{api}/live/$connect"
    statement = {"Effect": "Allow", "Action": ["execute-api:Invoke"], "Resource": resource}
    users.create_user(UserName=name)
    users.put_user_policy(
        UserName=name,
        PolicyName=name,
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    key = users.create_access_key(UserName=name)["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    url = f"{stack.status['aws_endpoint'].replace('http', 'ws')}/_aws/execute-api/{api}/live"

    async def tour() -> None:
        async with ClientSession() as client:
            async with client.ws_connect(address_signer()(url)):
                pass
            with pytest.raises(WSServerHandshakeError, match="403"):
                await client.ws_connect(url)

    asyncio.run(tour())
