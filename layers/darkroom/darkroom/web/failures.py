"""The routes of failed uploads: list, retry and skip."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from darkroom.domain.entries import Entry
from darkroom.domain.errors import BadRequest
from darkroom.domain.serialization import serialize_failure
from darkroom.ports import Views
from darkroom.services.parking import Failures
from darkroom.web import problems
from darkroom.web.http import Request, Responder, Response
from darkroom.web.negotiation import Wanted
from darkroom.web.pages import views as pages

_ACTION_SECONDS = 20  # below the 30 s timeout of an HTTP API


@dataclass(frozen=True, slots=True)
class FailureRoutes:
    """The routes under `/failures`.

    `report` is called with each action on an upload; `clock` returns monotonic seconds.
    """

    views: Views
    failures: Failures
    responder: Responder
    report: Callable[[str, Entry], None]
    clock: Callable[[], float] = time.monotonic

    def listing(self, request: Request) -> Response:
        """`GET /failures`: lists failed uploads with their reasons."""
        try:
            entries, cursor = self.views.failed(request.query.get("cursor", ""))
        except BadRequest as fault:
            return self.responder.problem(request, problems.BAD_CURSOR, str(fault))
        failures = [
            serialize_failure(entry) | {"page": f"{request.root}pictures/{entry.picture_id}"}
            for entry in entries
        ]
        if request.wants is Wanted.JSON:
            return self.responder.json(200, {"failures": failures, "cursor": cursor})
        later = bool(request.query.get("cursor"))
        page = pages.failures(request, failures, cursor, later=later)
        return self.responder.page(200, page)

    def retry_one(self, request: Request, failure_id: str) -> Response:
        """`POST /failures/{id}/retry`: enqueues one failed upload again."""
        return self._one(request, failure_id, "retry")

    def skip_one(self, request: Request, failure_id: str) -> Response:
        """`POST /failures/{id}/skip`: marks one failed upload as skipped."""
        return self._one(request, failure_id, "skip")

    def retry_all(self, request: Request) -> Response:
        """`POST /failures/retry`: enqueues failed uploads again, until all are done or 20 s have passed."""
        return self._act(request, self.failures.list_all(), "retry")

    def skip_all(self, request: Request) -> Response:
        """`POST /failures/skip`: marks failed uploads as skipped, until all are done or 20 s have passed."""
        return self._act(request, self.failures.list_all(), "skip")

    def _one(self, request: Request, failure_id: str, action: str) -> Response:
        entry = self.failures.find(failure_id)
        if entry is None:
            return self.responder.problem(request, problems.NO_FAILURE)
        return self._act(request, [entry], action)

    def _act(self, request: Request, entries: Iterable[Entry], action: str) -> Response:
        actions = {"retry": (self.failures.retry, "retried"), "skip": (self.failures.skip, "skipped")}
        act, reported = actions[action]
        deadline, changed = self.clock() + _ACTION_SECONDS, 0
        for entry in entries:
            if self.clock() >= deadline:
                break
            if act(entry):
                self.report(reported, entry)
                changed += 1
        if request.wants is Wanted.PAGE:
            return self.responder.redirect(303, f"{request.root}failures")
        return self.responder.json(202, {"action": action, "uploads": changed})
