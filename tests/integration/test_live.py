"""The functions live and project with a local WebSocket gateway, on moto."""

import json
import time
from collections.abc import Iterator

import pytest
from types_boto3_dynamodb import DynamoDBClient

from darkroom.adapters.live import DynamoChannels
from darkroom.domain.entries import State
from darkroom.ports import Ticket
from tests.builders import a_batch, a_job, a_member, an_event
from tests.gateway import Gateway, a_gateway
from tests.integration.conftest import CONNECTION, ENVIRONMENT, call_handler

JOB, CODE = "1c9a7a3e0d5b4f6a8e2d1c9b7a5f3e1d", "5f0c2b1a9d8e7f6c5b4a39281706f5e4"


@pytest.fixture
def gateway(
    dynamodb: DynamoDBClient, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Gateway]:
    with a_gateway() as gateway:
        environment = {"POWERTOOLS_SERVICE_NAME": request.node.name, "LIVE_ENDPOINT": gateway.address}
        for name, value in (ENVIRONMENT | environment).items():
            monkeypatch.setenv(name, value)
        gateway.sent[CONNECTION] = []
        yield gateway


@pytest.fixture
def channels(dynamodb: DynamoDBClient) -> DynamoChannels:
    return DynamoChannels("channels", dynamodb)


def test_connecting_sends_no_message(gateway: Gateway) -> None:
    assert call_handler("live", an_event("live-connect")) == {"statusCode": 200}

    assert gateway.sent == {CONNECTION: []}


def test_hello_receives_the_state_and_follows_the_job(gateway: Gateway, channels: DynamoChannels) -> None:
    channels.issue(CODE, Ticket(JOB, int(time.time()) + 60))

    assert call_handler("live", an_event("live-hello")) == {"statusCode": 200}

    [text] = gateway.sent[CONNECTION]
    assert json.loads(text)["type"] == "state"
    assert channels.followers(JOB) == [CONNECTION]


@pytest.mark.parametrize("ticket", [None, Ticket("a" * 32, 1 << 40), Ticket(JOB, 1)])
def test_without_a_valid_ticket_the_connection_is_refused_and_closed(
    gateway: Gateway,
    channels: DynamoChannels,
    ticket: Ticket | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    messages = gateway.sent[CONNECTION]
    if ticket:
        channels.issue(CODE, ticket)

    assert call_handler("live", an_event("live-hello")) == {"statusCode": 200}

    assert messages == ['{"type":"refused"}']
    assert gateway.sent == {}
    assert channels.followers(JOB) == []
    assert json.loads(capsys.readouterr().out)["message"] == "refused"


def test_disconnecting_deletes_the_follower(gateway: Gateway, channels: DynamoChannels) -> None:
    channels.join(JOB, CONNECTION, 1 << 40)

    assert call_handler("live", an_event("live-disconnect")) == {"statusCode": 200}

    assert channels.followers(JOB) == []


def test_a_batch_is_pushed_as_one_message_and_matches_the_state(
    gateway: Gateway, channels: DynamoChannels
) -> None:
    channels.join(JOB, CONNECTION, 1 << 40)
    channels.issue(CODE, Ticket(JOB, int(time.time()) + 60))
    members = a_member(0, State.RENDERED, JOB), a_member(1, State.REJECTED, JOB)

    response = call_handler("project", a_batch(a_job(JOB, 2, revision=2), *members))

    assert response == {"batchItemFailures": []}
    [message] = [json.loads(text) for text in gateway.sent[CONNECTION]]
    assert message["type"] == "job.completed"
    assert [row["type"] for row in message["uploads"]] == ["upload.rendered", "upload.rejected"]
    call_handler("live", an_event("live-hello"))
    assert json.loads(gateway.sent[CONNECTION][-1]) == {"type": "state", "job": message["job"]}


def test_a_gone_follower_is_removed(gateway: Gateway, channels: DynamoChannels) -> None:
    channels.join(JOB, "gone", 1 << 40)

    call_handler("project", a_batch(a_member(0, State.RENDERED, JOB)))

    assert channels.followers(JOB) == []


def test_a_failed_push_is_logged_and_fails_no_record(
    gateway: Gateway, channels: DynamoChannels, capsys: pytest.CaptureFixture[str]
) -> None:
    channels.join(JOB, "broken", 1 << 40)
    gateway.broken.add("broken")

    response = call_handler("project", a_batch(a_member(0, State.RENDERED, JOB)))

    assert response == {"batchItemFailures": []}
    assert '"message":"not pushed"' in capsys.readouterr().out
    assert channels.followers(JOB) == ["broken"]
