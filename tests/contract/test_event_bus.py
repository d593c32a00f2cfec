"""The contract of ports.EventBus: the fake and EventBridge."""

import json
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from darkroom.adapters.clients import events_client
from darkroom.adapters.events import EventBridgeBus
from darkroom.ports import Event, EventBus
from tests.fakes import FakeEventBus

type Receive = Callable[[], list[tuple[str, Any]]]


@pytest.fixture(params=["fake", "eventbridge"])
def bus_and_receive(request: pytest.FixtureRequest) -> tuple[EventBus, Receive]:
    """An event bus, and a function that receives its events."""
    if request.param == "fake":
        fake = FakeEventBus()
        return fake, lambda: [(event.type, event.detail) for event in fake.sent]
    # moto delivers from a bus to a queue only with another package.
    local_aws = request.getfixturevalue("local_aws")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        request.getfixturevalue("monkeypatch").setenv(name, "test")
    client = events_client("us-east-1", local_aws)
    sqs = boto3.client("sqs", region_name="us-east-1", endpoint_url=local_aws)
    bus = f"darkroom-{time.time_ns()}"  # unique: the emulator outlives the test
    client.create_event_bus(Name=bus)
    url = sqs.create_queue(QueueName=bus)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client.put_rule(Name="all", EventBusName=bus, EventPattern='{"source": ["darkroom"]}')
    client.put_targets(Rule="all", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])

    def receive() -> list[tuple[str, Any]]:
        events = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            events += [json.loads(message["Body"]) for message in messages]
        return [(event["detail-type"], event["detail"]) for event in events]

    return EventBridgeBus(bus, client), receive


def events(count: int) -> list[Event]:
    return [Event("upload.rendered", {"id": str(number), "key": "ü.png"}) for number in range(count)]


def test_all_events_arrive_on_the_bus(bus_and_receive: tuple[EventBus, Receive]) -> None:
    bus, receive = bus_and_receive

    assert bus.send(events(23)) == []

    assert sorted(receive(), key=lambda event: int(event[1]["id"])) == [
        (event.type, event.detail) for event in events(23)
    ]


def test_sending_no_events_is_no_error(bus_and_receive: tuple[EventBus, Receive]) -> None:
    bus, receive = bus_and_receive

    assert bus.send([]) == []

    assert receive() == []


@pytest.mark.usefixtures("aws")
def test_entries_refused_in_a_successful_call_are_returned() -> None:
    client = events_client()
    first, second, third = events(3)
    with Stubber(client) as stub:
        refused = {"ErrorCode": "ThrottlingException", "ErrorMessage": "later"}
        stub.add_response(
            "put_events",
            {"FailedEntryCount": 1, "Entries": [{"EventId": "1"}, refused, {"EventId": "3"}]},
        )

        assert EventBridgeBus("darkroom", client).send([first, second, third]) == [second]
