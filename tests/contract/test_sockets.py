"""The contract of ports.Sockets: the fake and API Gateway.

API Gateway is tests/gateway.py: moto does not report connections that are gone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pytest

from darkroom.adapters.clients import connections_client
from darkroom.adapters.live import ApiGatewaySockets, address_signer
from darkroom.ports import Sockets
from tests.fakes import FakeSockets
from tests.gateway import Gateway, a_gateway


@dataclass
class Connections:
    """The port, and the messages that each open connection has sent."""

    sockets: Sockets
    sent: dict[str, list[str]]
    broken: set[str]


@pytest.fixture
def gateway(aws: None) -> Iterator[Gateway]:
    with a_gateway() as gateway:
        yield gateway


@pytest.fixture(params=["fake", "api gateway"])
def connections(request: pytest.FixtureRequest) -> Connections:
    if request.param == "fake":
        fake = FakeSockets()
        return Connections(fake, fake.sent, fake.broken)
    gateway = request.getfixturevalue("gateway")
    sockets = ApiGatewaySockets(connections_client(gateway.address), seconds=20)
    return Connections(sockets, gateway.sent, gateway.broken)


def test_a_message_arrives_unchanged(connections: Connections) -> None:
    connections.sent["L0SM9c/OFvHcCIhw="] = []

    assert connections.sockets.send("L0SM9c/OFvHcCIhw=", '{"name": "ü"}')

    assert connections.sent == {"L0SM9c/OFvHcCIhw=": ['{"name": "ü"}']}


def test_sending_to_a_gone_connection_returns_false(connections: Connections) -> None:
    assert not connections.sockets.send("gone", "a")


def test_messages_reach_each_connection_in_order(connections: Connections) -> None:
    connections.sent.update({str(number): [] for number in range(25)})

    result = connections.sockets.send_each([str(number) for number in range(25)], ["a", "b", "c"])

    assert (result.gone, result.faults) == (frozenset(), ())
    assert list(connections.sent.values()) == [["a", "b", "c"]] * 25


def test_gone_and_failing_connections_do_not_affect_others(connections: Connections) -> None:
    connections.sent["one"] = []
    connections.broken.add("broken")

    result = connections.sockets.send_each(["gone", "broken", "one"], ["a"])

    assert result.gone == {"gone"}
    assert len(result.faults) == 1
    assert connections.sent["one"] == ["a"]


def test_closing_a_connection_is_idempotent(connections: Connections) -> None:
    connections.sent["one"] = []

    connections.sockets.close("one")
    connections.sockets.close("one")

    assert not connections.sockets.send("one", "a")


def test_a_hanging_connection_does_not_delay_the_others(gateway: Gateway) -> None:
    gateway.sent.update({"one": [], "hung": []})
    gateway.hung.add("hung")
    sockets = ApiGatewaySockets(connections_client(gateway.address), seconds=0.5)

    result = sockets.send_each(["hung", "one"], ["a"])

    assert not gateway.released.is_set()
    assert [type(fault) for fault in result.faults] == [TimeoutError]
    assert result.gone == frozenset()
    assert gateway.sent["one"] == ["a"]


def test_a_websocket_url_is_signed_for_5_minutes(aws: None) -> None:
    address = urlsplit(address_signer()("wss://abc.execute-api.eu-central-1.amazonaws.com/live"))

    query = parse_qs(address.query)
    assert (address.scheme, address.path) == ("wss", "/live")
    assert query["X-Amz-Credential"][0].endswith("/eu-central-1/execute-api/aws4_request")
    assert query["X-Amz-Expires"] == ["300"]
    assert query["X-Amz-SignedHeaders"] == ["host"]
    assert len(query["X-Amz-Signature"][0]) == 64
