"""The contract of ports.Channels: the fake and DynamoDB."""

import pytest

from darkroom.adapters.clients import dynamodb_client
from darkroom.adapters.live import DynamoChannels
from darkroom.ports import Channels, Ticket
from tests.aws import make_table
from tests.fakes import FakeChannels

JOB, OTHER = "a" * 32, "b" * 32


@pytest.fixture(params=["fake", "dynamodb"])
def channels(request: pytest.FixtureRequest) -> Channels:
    if request.param == "fake":
        return FakeChannels()
    request.getfixturevalue("aws")
    client = dynamodb_client()
    make_table(client, "Channels", "channels")
    return DynamoChannels("channels", client)


def test_a_ticket_is_redeemed_once(channels: Channels) -> None:
    channels.issue("code", Ticket(JOB, 1_000))
    channels.issue("another", Ticket(OTHER, 2_000))

    assert channels.redeem("code") == Ticket(JOB, 1_000)
    assert channels.redeem("code") is None
    assert channels.redeem("unknown") is None
    assert channels.redeem("another") == Ticket(OTHER, 2_000)


def test_followers_are_the_connections_that_joined_the_job(channels: Channels) -> None:
    channels.join(JOB, "one", 1_000)
    channels.join(JOB, "two", 1_000)
    channels.join(OTHER, "three", 1_000)
    channels.join(JOB, "one", 1_000)

    assert sorted(channels.followers(JOB)) == ["one", "two"]
    assert channels.followers("c" * 32) == []


def test_a_connection_leaves_one_job(channels: Channels) -> None:
    channels.join(JOB, "one", 1_000)
    channels.join(OTHER, "one", 1_000)

    channels.leave(JOB, "one")
    channels.leave(JOB, "one")

    assert channels.followers(JOB) == []
    assert channels.followers(OTHER) == ["one"]


def test_a_connection_leaves_every_job(channels: Channels) -> None:
    channels.join(JOB, "one", 1_000)
    channels.join(OTHER, "one", 1_000)
    channels.join(OTHER, "two", 1_000)

    channels.leave_all("one")
    channels.leave_all("nobody")

    assert channels.followers(JOB) == []
    assert channels.followers(OTHER) == ["two"]


def test_every_item_of_channels_expires(aws: None) -> None:
    client = dynamodb_client()
    make_table(client, "Channels", "channels")
    channels = DynamoChannels("channels", client)

    channels.issue("code", Ticket(JOB, 1_000))
    channels.join(JOB, "one", 2_000)

    items = client.scan(TableName="channels")["Items"]
    assert sorted(item["expires"]["N"] for item in items) == ["1000", "2000", "2000"]


def test_leaving_deletes_every_item_of_a_connection(aws: None) -> None:
    client = dynamodb_client()
    make_table(client, "Channels", "channels")
    channels = DynamoChannels("channels", client)
    channels.join(JOB, "one", 1_000)
    channels.join(OTHER, "one", 1_000)

    channels.leave(JOB, "one")
    channels.leave_all("one")

    assert client.scan(TableName="channels")["Count"] == 0
