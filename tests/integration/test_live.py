"""The live channel's functions as Lambda would load them, with a gateway beside an in-process account."""

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
        placed = {"POWERTOOLS_SERVICE_NAME": request.node.name, "LIVE_ENDPOINT": gateway.address}
        for name, value in (ENVIRONMENT | placed).items():
            monkeypatch.setenv(name, value)
        gateway.sent[CONNECTION] = []
        yield gateway


@pytest.fixture
def channels(dynamodb: DynamoDBClient) -> DynamoChannels:
    return DynamoChannels("channels", dynamodb)


def test_a_connection_is_made_and_nothing_is_said_on_it_yet(gateway: Gateway) -> None:
    assert call_handler("live", an_event("live-connect")) == {"statusCode": 200}

    assert gateway.sent == {CONNECTION: []}


def test_hello_is_answered_by_the_state_and_the_client_follows_the_job(
    gateway: Gateway, channels: DynamoChannels
) -> None:
    channels.issue(CODE, Ticket(JOB, int(time.time()) + 60))

    assert call_handler("live", an_event("live-hello")) == {"statusCode": 200}

    [text] = gateway.sent[CONNECTION]
    assert json.loads(text)["type"] == "state"
    assert channels.followers(JOB) == [CONNECTION]


@pytest.mark.parametrize("ticket", [None, Ticket("a" * 32, 1 << 40), Ticket(JOB, 1)])
def test_without_a_good_ticket_the_connection_is_refused_and_ended(
    gateway: Gateway,
    channels: DynamoChannels,
    ticket: Ticket | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = gateway.sent[CONNECTION]
    if ticket:
        channels.issue(CODE, ticket)

    assert call_handler("live", an_event("live-hello")) == {"statusCode": 200}

    assert said == ['{"type":"refused"}']
    assert gateway.sent == {}
    assert channels.followers(JOB) == []
    assert json.loads(capsys.readouterr().out)["message"] == "refused"


def test_a_connection_that_has_ended_is_forgotten(gateway: Gateway, channels: DynamoChannels) -> None:
    channels.join(JOB, CONNECTION, 1 << 40)

    assert call_handler("live", an_event("live-disconnect")) == {"statusCode": 200}

    assert channels.followers(JOB) == []


# project


def test_a_batch_is_one_word_to_whoever_follows_its_job_and_the_state_agrees(
    gateway: Gateway, channels: DynamoChannels
) -> None:
    channels.join(JOB, CONNECTION, 1 << 40)
    channels.issue(CODE, Ticket(JOB, int(time.time()) + 60))
    ends = a_member(0, State.RENDERED, JOB), a_member(1, State.REJECTED, JOB)

    answer = call_handler("project", a_batch(a_job(JOB, 2, revision=2), *ends))

    assert answer == {"batchItemFailures": []}
    [told] = [json.loads(text) for text in gateway.sent[CONNECTION]]
    assert told["type"] == "job.completed"
    assert [row["type"] for row in told["uploads"]] == ["upload.rendered", "upload.rejected"]
    call_handler("live", an_event("live-hello"))
    assert json.loads(gateway.sent[CONNECTION][-1]) == {"type": "state", "job": told["job"]}


def test_one_who_is_gone_is_told_no_more(gateway: Gateway, channels: DynamoChannels) -> None:
    channels.join(JOB, "gone", 1 << 40)

    call_handler("project", a_batch(a_member(0, State.RENDERED, JOB)))

    assert channels.followers(JOB) == []


def test_a_push_that_fails_is_logged_and_fails_no_record(
    gateway: Gateway, channels: DynamoChannels, capsys: pytest.CaptureFixture[str]
) -> None:
    channels.join(JOB, "broken", 1 << 40)
    gateway.broken.add("broken")

    answer = call_handler("project", a_batch(a_member(0, State.RENDERED, JOB)))

    assert answer == {"batchItemFailures": []}
    assert '"message":"not pushed"' in capsys.readouterr().out
    assert channels.followers(JOB) == ["broken"]
