"""The connections of the WebSocket API: what the fake promises, the adapter keeps.

The other side is tests/gateway.py: moto knows no connection that is gone.
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
class Both:
    """The port, and the connections that are really there."""

    sockets: Sockets
    gateway: Gateway | FakeSockets


@pytest.fixture
def gateway(aws: None) -> Iterator[Gateway]:
    with a_gateway() as gateway:
        yield gateway


@pytest.fixture(params=["fake", "api gateway"])
def both(request: pytest.FixtureRequest) -> Both:
    if request.param == "fake":
        fake = FakeSockets()
        return Both(fake, fake)
    gateway = request.getfixturevalue("gateway")
    return Both(ApiGatewaySockets(connections_client(gateway.address), seconds=20), gateway)


def test_a_message_arrives_word_for_word(both: Both) -> None:
    both.gateway.sent["L0SM9c/OFvHcCIhw="] = []

    assert both.sockets.send("L0SM9c/OFvHcCIhw=", '{"name": "ü"}')

    assert both.gateway.sent == {"L0SM9c/OFvHcCIhw=": ['{"name": "ü"}']}


def test_a_connection_that_is_gone_is_found_out(both: Both) -> None:
    assert not both.sockets.send("gone", "a")


def test_messages_reach_each_connection_in_their_order(both: Both) -> None:
    both.gateway.sent.update({str(number): [] for number in range(25)})

    told = both.sockets.send_each([str(number) for number in range(25)], ["a", "b", "c"])

    assert (told.gone, told.faults) == (frozenset(), ())
    assert list(both.gateway.sent.values()) == [["a", "b", "c"]] * 25


def test_those_that_are_gone_or_broken_hinder_nobody(both: Both) -> None:
    both.gateway.sent["one"] = []
    both.gateway.broken.add("broken")

    told = both.sockets.send_each(["gone", "broken", "one"], ["a"])

    assert told.gone == {"gone"}
    assert len(told.faults) == 1
    assert both.gateway.sent["one"] == ["a"]


def test_a_connection_is_ended_once(both: Both) -> None:
    both.gateway.sent["one"] = []

    both.sockets.close("one")
    both.sockets.close("one")

    assert not both.sockets.send("one", "a")


def test_one_that_hangs_is_not_waited_for(gateway: Gateway) -> None:
    gateway.sent.update({"one": [], "hung": []})
    gateway.hung.add("hung")
    sockets = ApiGatewaySockets(connections_client(gateway.address), seconds=0.5)

    told = sockets.send_each(["hung", "one"], ["a"])

    assert not gateway.let_go.is_set()
    assert [type(fault) for fault in told.faults] == [TimeoutError]
    assert told.gone == frozenset()
    assert gateway.sent["one"] == ["a"]


def test_an_address_is_signed_for_the_api_and_a_short_time(aws: None) -> None:
    address = urlsplit(address_signer()("wss://abc.execute-api.eu-central-1.amazonaws.com/live"))

    query = parse_qs(address.query)
    assert (address.scheme, address.path) == ("wss", "/live")
    assert query["X-Amz-Credential"][0].endswith("/eu-central-1/execute-api/aws4_request")
    assert query["X-Amz-Expires"] == ["300"]
    assert query["X-Amz-SignedHeaders"] == ["host"]
    assert len(query["X-Amz-Signature"][0]) == 64
