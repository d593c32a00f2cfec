"""Events for whoever listens: what the fake promises, EventBridge keeps."""

import json
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from darkroom.adapters.clients import events_client
from darkroom.adapters.events import EventBridgeAnnouncements
from darkroom.ports import Event, EventBus
from tests.fakes import FakeEventBus

type Heard = Callable[[], list[tuple[str, Any]]]


@pytest.fixture(params=["fake", "eventbridge"])
def listened(request: pytest.FixtureRequest) -> tuple[EventBus, Heard]:
    """Somewhere to announce, and what somebody hears who listens to it."""
    if request.param == "fake":
        fake = FakeEventBus()
        return fake, lambda: [(event.type, event.detail) for event in fake.sent]
    # moto brings nothing from a bus to a queue without a package of its own.
    local_aws = request.getfixturevalue("local_aws")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        request.getfixturevalue("monkeypatch").setenv(name, "test")
    client = events_client("us-east-1", local_aws)
    sqs = boto3.client("sqs", region_name="us-east-1", endpoint_url=local_aws)
    bus = f"darkroom-{time.time_ns()}"  # on an emulator that outlives tests
    client.create_event_bus(Name=bus)
    url = sqs.create_queue(QueueName=bus)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client.put_rule(Name="all", EventBusName=bus, EventPattern='{"source": ["darkroom"]}')
    client.put_targets(Rule="all", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])

    def heard() -> list[tuple[str, Any]]:
        told = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            told += [json.loads(message["Body"]) for message in messages]
        return [(each["detail-type"], each["detail"]) for each in told]

    return EventBridgeAnnouncements(bus, client), heard


def some(count: int) -> list[Event]:
    return [Event("upload.rendered", {"id": str(number), "key": "ü.png"}) for number in range(count)]


def test_all_that_is_announced_is_heard(listened: tuple[EventBus, Heard]) -> None:
    announcements, heard = listened

    assert announcements.send(some(23)) == []

    assert sorted(heard(), key=lambda each: int(each[1]["id"])) == [
        (each.type, each.detail) for each in some(23)
    ]


def test_nothing_to_announce_is_no_fault(listened: tuple[EventBus, Heard]) -> None:
    announcements, heard = listened

    assert announcements.send([]) == []

    assert heard() == []


@pytest.mark.usefixtures("aws")
def test_what_eventbridge_does_not_take_is_told_though_the_call_went_well() -> None:
    client = events_client()
    first, second, third = some(3)
    with Stubber(client) as stub:
        refused = {"ErrorCode": "ThrottlingException", "ErrorMessage": "later"}
        stub.add_response(
            "put_events",
            {"FailedEntryCount": 1, "Entries": [{"EventId": "1"}, refused, {"EventId": "3"}]},
        )

        assert EventBridgeAnnouncements("darkroom", client).send([first, second, third]) == [second]
