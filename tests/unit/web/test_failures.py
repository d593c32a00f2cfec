import json
from dataclasses import dataclass, field

import pytest

from darkroom.domain.entries import Entry, Outcome, State
from darkroom.services.parking import Failures
from darkroom.web.failures import FailureRoutes
from darkroom.web.http import Request, Responder, Response
from tests.builders import an_attempt, an_entry
from tests.fakes import FakeLedger, FakeQueue, FakeViews


@dataclass
class House:
    """The failures' routes on fakes."""

    ledger: FakeLedger = field(default_factory=FakeLedger)
    views: FakeViews = field(default_factory=FakeViews)
    queue: FakeQueue = field(default_factory=FakeQueue)
    reported: list[tuple[str, str]] = field(default_factory=list)

    @property
    def site(self) -> FailureRoutes:
        failures = Failures(self.ledger, self.views, self.queue)
        return FailureRoutes(
            self.views,
            failures,
            Responder(),
            lambda what, entry: self.reported.append((what, entry.upload.key)),
        )

    def holds(self, entry: Entry) -> None:
        self.views.apply(entry)


@pytest.fixture
def house() -> House:
    return House()


def a_failed(key: str = "beach.png") -> Entry:
    attempt = an_attempt(Outcome.EXCEPTION, "OSError: the <disk> is gone")
    return an_entry(key, State.FAILED, revision=1, attempts=(attempt,), message="{}")


def test_what_was_given_up_is_listed_with_its_reason(house: House) -> None:
    house.holds(a_failed())

    page = house.site.listing(Request("/failures"))
    document = json.loads(house.site.listing(Request("/failures", accept="application/json")).text)

    assert page.status == 200
    assert "beach.png" in page.text
    assert "OSError: the &lt;disk&gt; is gone" in page.text
    [failure] = document["failures"]
    assert (failure["id"], failure["reason"]) == (a_failed().id, "exception")


def test_when_nothing_was_given_up_the_page_says_so(house: House) -> None:
    assert "No failures" in house.site.listing(Request("/failures")).text


def act(house: House, request: Request, action: str, failure: str | None) -> Response:
    if failure is None:
        return house.site.act_on_all(request, action)
    return house.site.act_on_one(request, failure, action)


@pytest.mark.parametrize("failure", [a_failed().id, None])
def test_failures_are_retried_one_or_all(house: House, failure: str | None) -> None:
    house.holds(a_failed())
    house.ledger.advance(a_failed())

    answer = act(house, Request("/failures/retry", accept="application/json"), "retry", failure)

    assert (answer.status, json.loads(answer.text)) == (202, {"action": "retry", "uploads": 1})
    assert house.queue.sent == [("{}", 1)]
    assert house.reported == [("retried", "beach.png")]


@pytest.mark.parametrize("failure", [a_failed().id, None])
def test_failures_are_skipped_one_or_all(house: House, failure: str | None) -> None:
    house.holds(a_failed())
    house.ledger.advance(a_failed())

    answer = act(house, Request("/failures/x/skip", accept="text/html"), "skip", failure)

    assert (answer.status, answer.headers["Location"]) == (303, "../../failures")
    [entry] = house.ledger.entries.values()
    assert entry.state is State.SKIPPED
    assert house.reported == [("skipped", "beach.png")]


@pytest.mark.parametrize(("action", "failure"), [("retry", "nonsense"), ("explode", a_failed().id)])
def test_what_is_no_failure_or_no_action_is_404(house: House, action: str, failure: str) -> None:
    house.ledger.advance(a_failed())

    assert act(house, Request("/failures/x/y"), action, failure).status == 404
