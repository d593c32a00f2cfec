"""The connections of the WebSocket API: what the fake promises, the adapter keeps.

The other side is a server that answers as API Gateway does: moto knows no connection that is gone.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from darkroom.adapters.clients import connections_client
from darkroom.adapters.live import ApiGatewaySockets, address_signer
from darkroom.ports import Sockets
from tests.fakes import FakeSockets


@dataclass
class Gateway:
    """Open connections, what they were sent, and what ails some of them."""

    told: dict[str, list[str]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    hung: set[str] = field(default_factory=set)
    let_go: threading.Event = field(default_factory=threading.Event)


class _Connections(BaseHTTPRequestHandler):
    gateway: Gateway
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        connection = self._connection()
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if connection in self.gateway.hung:
            self.gateway.let_go.wait(30)
        if connection in self.gateway.broken:
            self._answer(500)
        elif connection in self.gateway.told:
            self.gateway.told[connection].append(text)
            self._answer(200)
        else:
            self._answer(410, "GoneException")

    def do_DELETE(self) -> None:
        found = self.gateway.told.pop(self._connection(), None)
        self._answer(410, "GoneException") if found is None else self._answer(204)

    def _connection(self) -> str:
        stage, _, connection = unquote(self.path).partition("/@connections/")
        assert stage == "/live"
        return connection

    def _answer(self, status: int, error: str = "") -> None:
        self.send_response(status)
        if error:
            self.send_header("x-amzn-ErrorType", error)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@dataclass
class Both:
    """The port, and the connections that are really there."""

    sockets: Sockets
    gateway: Gateway | FakeSockets


@pytest.fixture
def gateway(aws: None) -> Iterator[tuple[Gateway, str]]:
    gateway = Gateway()
    handler = type("Handler", (_Connections,), {"gateway": gateway})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/live"
        yield gateway, address
        gateway.let_go.set()
        server.shutdown()


@pytest.fixture(params=["fake", "api gateway"])
def both(request: pytest.FixtureRequest) -> Both:
    if request.param == "fake":
        fake = FakeSockets()
        return Both(fake, fake)
    gateway, address = request.getfixturevalue("gateway")
    return Both(ApiGatewaySockets(connections_client(address), seconds=20), gateway)


def test_a_message_arrives_word_for_word(both: Both) -> None:
    both.gateway.told["L0SM9c/OFvHcCIhw="] = []

    assert both.sockets.send("L0SM9c/OFvHcCIhw=", '{"name": "ü"}')

    assert both.gateway.told == {"L0SM9c/OFvHcCIhw=": ['{"name": "ü"}']}


def test_a_connection_that_is_gone_is_found_out(both: Both) -> None:
    assert not both.sockets.send("gone", "a")


def test_messages_reach_each_connection_in_their_order(both: Both) -> None:
    both.gateway.told.update({str(number): [] for number in range(25)})

    told = both.sockets.send_each([str(number) for number in range(25)], ["a", "b", "c"])

    assert (told.gone, told.faults) == (frozenset(), ())
    assert list(both.gateway.told.values()) == [["a", "b", "c"]] * 25


def test_those_that_are_gone_or_broken_hinder_nobody(both: Both) -> None:
    both.gateway.told["one"] = []
    both.gateway.broken.add("broken")

    told = both.sockets.send_each(["gone", "broken", "one"], ["a"])

    assert told.gone == {"gone"}
    assert len(told.faults) == 1
    assert both.gateway.told["one"] == ["a"]


def test_a_connection_is_ended_once(both: Both) -> None:
    both.gateway.told["one"] = []

    both.sockets.close("one")
    both.sockets.close("one")

    assert not both.sockets.send("one", "a")


def test_one_that_hangs_is_not_waited_for(gateway: tuple[Gateway, str]) -> None:
    server, address = gateway
    server.told.update({"one": [], "hung": []})
    server.hung.add("hung")
    sockets = ApiGatewaySockets(connections_client(address), seconds=0.5)

    told = sockets.send_each(["hung", "one"], ["a"])

    assert not server.let_go.is_set()
    assert [type(fault) for fault in told.faults] == [TimeoutError]
    assert told.gone == frozenset()
    assert server.told["one"] == ["a"]


def test_an_address_is_signed_for_the_api_and_a_short_time(aws: None) -> None:
    address = urlsplit(address_signer()("wss://abc.execute-api.eu-central-1.amazonaws.com/live"))

    query = parse_qs(address.query)
    assert (address.scheme, address.path) == ("wss", "/live")
    assert query["X-Amz-Credential"][0].endswith("/eu-central-1/execute-api/aws4_request")
    assert query["X-Amz-Expires"] == ["300"]
    assert query["X-Amz-SignedHeaders"] == ["host"]
    assert len(query["X-Amz-Signature"][0]) == 64
