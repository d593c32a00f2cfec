"""The live channel of a job: tickets, the initial state, and pushes."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from darkroom.domain.entries import State
from darkroom.domain.rows import Row
from darkroom.domain.serialization import serialize_row
from darkroom.ports import SendResult, Ticket
from darkroom.services.live import CONNECTION_SECONDS, MESSAGE_LIMIT_BYTES, Live, Pusher, Tickets, messages
from tests.fakes import FakeChannels, FakeSockets

JOB, OTHER = "a" * 32, "b" * 32
CODE = "c" * 32
NOW = 1_000_000
STATE = {"id": JOB, "state": "running", "revision": 7}


@dataclass
class Setup:
    """The channel of one job, with one open connection, `me`."""

    channels: FakeChannels = field(default_factory=FakeChannels)
    sockets: FakeSockets = field(default_factory=lambda: FakeSockets({"me": []}))
    faults: list[Exception] = field(default_factory=list)
    job: Mapping[str, Any] | None = field(default_factory=lambda: STATE)

    def live(self) -> Live:
        return Live(self.channels, self.sockets, lambda _: self.job, clock=lambda: NOW)

    def pusher(self) -> Pusher:
        return Pusher(self.channels, self.sockets, self.faults.append)

    def tickets(self, url: str) -> Tickets:
        return Tickets(self.channels, url, 60, sign=lambda url: f"{url}?signed", clock=lambda: NOW)

    def received(self, connection: str = "me") -> list[Any]:
        return [json.loads(text) for text in self.sockets.sent[connection]]


def hello(job_id: str = JOB, ticket: str = CODE) -> str:
    return json.dumps({"action": "hello", "job": job_id, "ticket": ticket})


def a_row(number: int, **changes: Any) -> dict[str, Any]:
    return {"number": number, "state": "rendered", "revision": 2, "name": f"{number}.png"} | changes


def test_a_ticket_is_random_and_valid_for_one_job_and_one_minute() -> None:
    setup = Setup()

    first, second = (setup.tickets("/live").issue(JOB, "http://localhost:8000") for _ in range(2))

    assert first
    assert second
    assert first["ticket"] != second["ticket"]
    assert len(bytes.fromhex(first["ticket"])) == 16
    assert setup.channels.tickets[first["ticket"]] == Ticket(JOB, NOW + 60)
    assert first["expires"] == "1970-01-12T13:47:40.000Z"


def test_a_websocket_path_is_resolved_against_the_request_origin() -> None:
    live = Setup().tickets("/live").issue(JOB, "https://darkroom.test:8443")

    assert live
    assert live["url"] == "wss://darkroom.test:8443/live"


def test_an_absolute_websocket_url_is_signed() -> None:
    live = Setup().tickets("wss://api.test/live").issue(JOB, "https://darkroom.test")

    assert live
    assert live["url"] == "wss://api.test/live?signed"


@pytest.mark.parametrize(("url", "origin"), [("", "http://localhost:8000"), ("/live", "")])
def test_without_a_websocket_api_no_ticket_is_issued(url: str, origin: str) -> None:
    setup = Setup()

    assert setup.tickets(url).issue(JOB, origin) is None
    assert setup.channels.tickets == {}


def test_a_client_with_a_ticket_receives_the_state_and_follows_the_job() -> None:
    setup = Setup()
    setup.channels.issue(CODE, Ticket(JOB, NOW + 1))

    assert setup.live().receive("me", hello()) == JOB

    assert setup.received() == [{"type": "state", "job": STATE}]
    assert setup.channels.joined == {(JOB, "me"): NOW + CONNECTION_SECONDS}


def test_a_client_joins_before_the_state_is_read() -> None:
    setup = Setup()
    setup.channels.issue(CODE, Ticket(JOB, NOW + 1))
    seen = []

    def find_job(job_id: str) -> Mapping[str, Any]:
        seen.append(setup.channels.followers(job_id))
        return STATE

    Live(setup.channels, setup.sockets, find_job, clock=lambda: NOW).receive("me", hello())

    assert seen == [["me"]]


def test_a_job_without_a_view_can_be_followed() -> None:
    setup = Setup(job=None)
    setup.channels.issue(CODE, Ticket(JOB, NOW + 1))

    setup.live().receive("me", hello())

    assert setup.received() == [{"type": "state", "job": None}]
    assert setup.channels.followers(JOB) == ["me"]


@pytest.mark.parametrize(
    ("ticket", "body"),
    [
        (None, hello()),
        (Ticket(OTHER, NOW + 60), hello()),
        (Ticket(JOB, NOW), hello()),
        (Ticket(JOB, NOW + 60), hello(ticket="d" * 32)),
        (Ticket(JOB, NOW + 60), "not JSON"),
        (Ticket(JOB, NOW + 60), "[" * 100_000),
        (Ticket(JOB, NOW + 60), "[]"),
        (Ticket(JOB, NOW + 60), json.dumps({"action": "bye", "job": JOB, "ticket": CODE})),
        (Ticket(JOB, NOW + 60), json.dumps({"action": "hello", "job": JOB, "ticket": [CODE]})),
        (Ticket("", NOW + 60), hello(job_id="")),
    ],
    ids=[
        "unknown",
        "foreign",
        "expired",
        "another",
        "no JSON",
        "deep",
        "no object",
        "no hello",
        "odd",
        "empty",
    ],
)
def test_every_invalid_hello_gets_the_same_refusal_and_is_disconnected(
    ticket: Ticket | None, body: str
) -> None:
    setup, texts = Setup(), list[str]()
    setup.sockets.sent["me"] = texts
    if ticket:
        setup.channels.issue(CODE, ticket)

    assert setup.live().receive("me", body) is None

    assert texts == ['{"type":"refused"}']
    assert "me" not in setup.sockets.sent
    assert setup.channels.joined == {}


def test_a_ticket_admits_one_connection() -> None:
    setup = Setup(sockets=FakeSockets({"me": [], "thief": []}))
    setup.channels.issue(CODE, Ticket(JOB, NOW + 60))

    assert setup.live().receive("me", hello()) == JOB
    assert setup.live().receive("thief", hello()) is None

    assert setup.channels.followers(JOB) == ["me"]


def test_a_ticket_used_for_another_job_is_invalid_afterwards() -> None:
    setup = Setup()
    setup.channels.issue(CODE, Ticket(OTHER, NOW + 60))

    setup.live().receive("me", hello(job_id=JOB))

    assert setup.channels.tickets == {}


def test_a_client_that_disconnects_before_the_state_follows_no_job() -> None:
    setup = Setup(sockets=FakeSockets())
    setup.channels.issue(CODE, Ticket(JOB, NOW + 1))

    setup.live().receive("me", hello())

    assert setup.channels.joined == {}


def test_a_disconnected_client_follows_no_job() -> None:
    setup = Setup()
    setup.channels.join(JOB, "me", NOW)
    setup.channels.join(OTHER, "me", NOW)
    setup.channels.join(JOB, "you", NOW)

    setup.live().disconnect("me")

    assert setup.channels.joined == {(JOB, "you"): NOW}


def test_every_follower_of_the_job_receives_a_push_and_no_one_else() -> None:
    setup = Setup(sockets=FakeSockets({"me": [], "you": [], "stranger": []}))
    for job, connection in ((JOB, "me"), (JOB, "you"), (OTHER, "stranger")):
        setup.channels.join(job, connection, NOW)

    setup.pusher().push(STATE, [a_row(3)])

    message = {"type": "job.progress", "job": STATE, "uploads": [{"type": "upload.rendered"} | a_row(3)]}
    assert setup.received("me") == setup.received("you") == [message]
    assert setup.received("stranger") == []


def test_presigned_urls_are_not_pushed() -> None:
    setup = Setup()
    setup.channels.join(JOB, "me", NOW)

    row = Row(JOB, JOB, 3, "id/beach.png", State.RENDERED, revision=1, thumbnail="rendition.jpg")
    setup.pusher().push(STATE, [serialize_row(row)])

    [pushed] = setup.received("me")[0]["uploads"]
    assert not {"thumbnail", "post"} & pushed.keys()


def test_only_the_last_message_reports_completion() -> None:
    complete = STATE | {"state": "complete"}

    kinds = [
        json.loads(text)["type"] for text in messages(complete, [a_row(n) for n in range(9)], limit_bytes=300)
    ]

    assert len(kinds) > 2
    assert kinds == ["job.progress"] * (len(kinds) - 1) + ["job.completed"]


def test_messages_fit_one_frame_and_contain_every_row() -> None:
    rows = [a_row(number, name="ü" * (number % 170), key="x" * (number % 1000)) for number in range(1000)]

    texts = messages(STATE, rows)

    assert max(len(text.encode()) for text in texts) <= MESSAGE_LIMIT_BYTES
    numbers = [row["number"] for text in texts for row in json.loads(text)["uploads"]]
    assert numbers == list(range(1000))
    assert len(texts) < 50


def test_a_change_without_rows_is_sent_as_one_message() -> None:
    [text] = messages(STATE, [])

    assert json.loads(text) == {"type": "job.progress", "job": STATE, "uploads": []}


def test_gone_connections_are_removed_and_broken_ones_do_not_block_others() -> None:
    setup = Setup(sockets=FakeSockets({"me": []}, broken={"broken"}))
    for connection in ("broken", "gone", "me"):
        setup.channels.join(JOB, connection, NOW)

    setup.pusher().push(STATE, [a_row(3)])

    assert len(setup.received("me")) == 1
    assert setup.channels.followers(JOB) == ["broken", "me"]
    assert [str(fault) for fault in setup.faults] == ["broken"]


def test_every_follower_is_reached_eventually_if_time_allows_one_per_push() -> None:
    class Hurried(FakeSockets):
        def send_each(self, connections: Collection[str], texts: Sequence[str]) -> SendResult:
            return super().send_each([*connections][:1], texts)

    setup = Setup(sockets=Hurried({name: [] for name in "abc"}))
    for connection in "abc":
        setup.channels.join(JOB, connection, NOW)

    for _ in range(100):
        setup.pusher().push(STATE, [])

    assert all(setup.received(connection) for connection in "abc")


def test_a_failed_push_is_reported_and_does_not_raise() -> None:
    setup = Setup()

    class Unreachable(FakeChannels):
        def followers(self, job_id: str) -> list[str]:
            raise ConnectionError("no table")

    setup.channels = Unreachable()
    setup.pusher().push(STATE, [a_row(3)])

    assert [str(fault) for fault in setup.faults] == ["no table"]
