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
class Api:
    """The routes of failures on fakes."""

    ledger: FakeLedger = field(default_factory=FakeLedger)
    views: FakeViews = field(default_factory=FakeViews)
    queue: FakeQueue = field(default_factory=FakeQueue)
    reported: list[tuple[str, str]] = field(default_factory=list)

    @property
    def routes(self) -> FailureRoutes:
        failures = Failures(self.ledger, self.views, self.queue)
        return FailureRoutes(
            self.views,
            failures,
            Responder(),
            lambda action, entry: self.reported.append((action, entry.upload.key)),
        )

    def add(self, entry: Entry) -> None:
        self.views.apply(entry)


@pytest.fixture
def api() -> Api:
    return Api()


def a_failed_entry(key: str = "beach.png") -> Entry:
    attempt = an_attempt(Outcome.EXCEPTION, "OSError: the <disk> is gone")
    return an_entry(key, State.FAILED, revision=1, attempts=(attempt,), message="{}")


def test_failures_are_listed_with_their_reasons(api: Api) -> None:
    api.add(a_failed_entry())

    page = api.routes.listing(Request("/failures"))
    document = json.loads(api.routes.listing(Request("/failures", accept="application/json")).text)

    assert page.status == 200
    assert "beach.png" in page.text
    assert "OSError: the &lt;disk&gt; is gone" in page.text
    [failure] = document["failures"]
    assert (failure["id"], failure["reason"]) == (a_failed_entry().id, "exception")


def test_an_empty_list_of_failures_has_a_message(api: Api) -> None:
    assert "No failures" in api.routes.listing(Request("/failures")).text


def act(api: Api, request: Request, action: str, failure_id: str | None) -> Response:
    if failure_id is None:
        return {"retry": api.routes.retry_all, "skip": api.routes.skip_all}[action](request)
    return {"retry": api.routes.retry_one, "skip": api.routes.skip_one}[action](request, failure_id)


@pytest.mark.parametrize("failure_id", [a_failed_entry().id, None])
def test_failures_are_retried_one_or_all(api: Api, failure_id: str | None) -> None:
    api.add(a_failed_entry())
    api.ledger.advance(a_failed_entry())

    response = act(api, Request("/failures/retry", accept="application/json"), "retry", failure_id)

    assert (response.status, json.loads(response.text)) == (202, {"action": "retry", "uploads": 1})
    assert api.queue.sent == [("{}", 1)]
    assert api.reported == [("retried", "beach.png")]


@pytest.mark.parametrize("failure_id", [a_failed_entry().id, None])
def test_failures_are_skipped_one_or_all(api: Api, failure_id: str | None) -> None:
    api.add(a_failed_entry())
    api.ledger.advance(a_failed_entry())

    response = act(api, Request("/failures/x/skip", accept="text/html"), "skip", failure_id)

    assert (response.status, response.headers["Location"]) == (303, "../../failures")
    [entry] = api.ledger.entries.values()
    assert entry.state is State.SKIPPED
    assert api.reported == [("skipped", "beach.png")]


@pytest.mark.parametrize("action", ["retry", "skip"])
def test_an_unknown_failure_is_404(api: Api, action: str) -> None:
    api.ledger.advance(a_failed_entry())

    assert act(api, Request("/failures/x/y"), action, "nonsense").status == 404
