"""What was given up, for whoever looks after it: the list, and what can be done."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from darkroom.domain.entries import Entry
from darkroom.domain.errors import BadRequest
from darkroom.domain.serialization import serialize_failure
from darkroom.ports import Views
from darkroom.services.parking import Failures
from darkroom.web import pages, problems
from darkroom.web.http import Request, Responder, Response
from darkroom.web.negotiation import Wanted

_ACTIONS = {"retry": "retried", "skip": "skipped"}
_ACTION_SECONDS = 20  # of the 30 that an HTTP API waits


@dataclass(frozen=True, slots=True)
class FailureRoutes:
    """The routes under `/failures`.

    `report` is told what was done about an upload, `clock` tells monotonic seconds.
    """

    views: Views
    failures: Failures
    responder: Responder
    report: Callable[[str, Entry], None]
    clock: Callable[[], float] = time.monotonic

    def listing(self, request: Request) -> Response:
        """`GET /failures`: the uploads that were given up, with their reasons."""
        try:
            entries, cursor = self.views.failed(request.query.get("cursor", ""))
        except BadRequest as fault:
            return self.responder.problem(request, problems.BAD_CURSOR, str(fault))
        failures = [
            serialize_failure(entry) | {"page": f"{request.root}pictures/{entry.picture_id}"}
            for entry in entries
        ]
        if request.wants is Wanted.RECEIPT:
            return self.responder.json(200, {"failures": failures, "cursor": cursor})
        later = bool(request.query.get("cursor"))
        return self.responder.page(200, pages.failures(request.root, failures, cursor, later=later))

    def act_on_one(self, request: Request, failure: str, action: str) -> Response:
        """`POST /failures/{id}/retry` or `/skip`."""
        entry = self.failures.find(failure)
        if entry is None:
            return self.responder.problem(
                request, problems.NO_FAILURE, "No upload of that id is given up any more."
            )
        return self._act(request, iter([entry]), action)

    def act_on_all(self, request: Request, action: str) -> Response:
        """`POST /failures/retry` or `/skip`: all of them, or as many as there is time for."""
        return self._act(request, self.failures.list_all(), action)

    def _act(self, request: Request, chosen: Iterator[Entry], action: str) -> Response:
        if action not in _ACTIONS:
            return self.responder.unknown(request)
        until, done = self.clock() + _ACTION_SECONDS, 0
        for entry in chosen:
            if self.clock() >= until:
                break
            acted = self.failures.retry(entry) if action == "retry" else self.failures.skip(entry)
            if acted:
                self.report(_ACTIONS[action], entry)
            done += acted
        if request.wants is Wanted.PAGE:
            return self.responder.redirect(303, f"{request.root}failures")
        return self.responder.json(202, {"action": action, "uploads": done})
