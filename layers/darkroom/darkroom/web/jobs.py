"""The routes of jobs: create, read and download."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import wraps
from hashlib import sha256
from itertools import batched

from darkroom.domain.entries import Entry
from darkroom.domain.errors import IdempotencyKeyReused, InvalidJobRequest
from darkroom.domain.keys import split_key
from darkroom.domain.limits import FORM_SECONDS, MAX_IDEMPOTENCY_KEY, PAGE_SIZE
from darkroom.domain.renditions import Rendition
from darkroom.domain.rows import JobView
from darkroom.domain.serialization import JsonObject, serialize_job
from darkroom.ports import Originals, Renditions, Reports, Views
from darkroom.services.jobs import Jobs, Member, pages_of, read_announcements
from darkroom.services.live import Tickets
from darkroom.web import problems
from darkroom.web.http import Request, Responder, Response
from darkroom.web.negotiation import Wanted
from darkroom.web.pages import views as pages
from darkroom.web.reports import csv_report, fetch_script, job_files, json_report

_CURSOR = re.compile(r"[1-9][0-9]{0,3}")
# Below the 6 MB that Lambda allows for a response.
_RESPONSE_LIMIT_BYTES = 4_000_000
_NO_STORE = {"Cache-Control": "no-store"}

type _Route = Callable[[JobRoutes, Request, str], Response]


def _with_job(route: "Callable[[JobRoutes, Request, JobView], Response]") -> "_Route":
    """Replaces a route's job id with the job; returns 404 if there is none."""

    @wraps(route)
    def wrapped(routes: "JobRoutes", request: Request, job_id: str) -> Response:
        view = routes.jobs.find(job_id)
        if not view:
            return routes.responder.problem(request, problems.NO_JOB)
        return route(routes, request, view)

    return wrapped


def _with_page_number(route: "Callable[[JobRoutes, Request, JobView, int], Response]") -> "_Route":
    """Adds the page number from `?cursor=`; returns 400 for an invalid cursor."""

    @wraps(route)
    def wrapped(routes: "JobRoutes", request: Request, job: JobView) -> Response:
        cursor = request.query.get("cursor", "")
        if cursor and (not _CURSOR.fullmatch(cursor) or int(cursor) >= pages_of(job)):
            return routes.responder.problem(request, problems.BAD_CURSOR, "Invalid cursor.")
        return route(routes, request, job, int(cursor or 0))

    return _with_job(wrapped)


@dataclass(frozen=True, slots=True)
class JobRoutes:
    """The routes under `/jobs`. Presigned URLs are valid for `url_seconds`."""

    jobs: Jobs
    views: Views
    originals: Originals
    renditions: Renditions
    reports: Reports
    tickets: Tickets
    responder: Responder
    url_seconds: int
    response_limit_bytes: int = _RESPONSE_LIMIT_BYTES

    def create(self, request: Request) -> Response:
        """`POST /jobs`: creates a job; returns it with forms for the first page of uploads."""
        key = request.headers.get("idempotency-key")
        if key is not None and not 1 <= len(key) <= MAX_IDEMPOTENCY_KEY:
            return self.responder.problem(request, problems.BAD_KEY)
        try:
            announced = read_announcements(request.body)
            job = self.jobs.create(announced, key or "")
        except InvalidJobRequest as fault:
            upload = {} if fault.number is None else {"upload": fault.number}
            return self.responder.problem(request, problems.BAD_JOB, str(fault), upload)
        except IdempotencyKeyReused:
            return self.responder.problem(
                request, problems.KEY_REUSED, "This Idempotency-Key was sent with other uploads."
            )
        document = self._serialize(request, job) | {
            "rows": self._serialize_rows(request, self.jobs.page(job, 0)),
            "cursor": _next_cursor(job, 0),
        }
        return self.responder.json(201, document, {"Location": f"{request.root}jobs/{job.id}"})

    @_with_page_number
    def job(self, request: Request, job: JobView, number: int) -> Response:
        """`GET /jobs/{id}`: returns the HTML page, or JSON with a ticket for the live channel."""
        if request.wants is not Wanted.PAGE:
            return self.responder.json(200, self._serialize(request, job))
        rows = [self._serialize_row(request, member) for member in self.jobs.page(job, number)]
        document = serialize_job(job, request.root)
        page = pages.job(request, document, rows, _next_cursor(job, number))
        return self.responder.page(200, page)

    @_with_page_number
    def uploads(self, request: Request, job: JobView, number: int) -> Response:
        """`GET /jobs/{id}/uploads`: lists 100 members, with forms for those that have not arrived."""
        rows = self._serialize_rows(request, self.jobs.page(job, number))
        return self.responder.json(200, {"uploads": rows, "cursor": _next_cursor(job, number)})

    @_with_job
    def table(self, _request: Request, job: JobView) -> Response:
        """`GET /jobs/{id}/receipts.csv`: returns one line per member."""
        return self._report(job, csv_report(self.jobs.members(job)), "csv", "text/csv; charset=utf-8")

    @_with_job
    def receipts(self, _request: Request, job: JobView) -> Response:
        """`GET /jobs/{id}/receipts.json`: returns one object per member, with its receipt."""
        members = self._with_entries(self.jobs.members(job))
        return self._report(job, json_report(members), "json", "application/json")

    @_with_page_number
    def script(self, request: Request, job: JobView, number: int) -> Response:
        """`GET /jobs/{id}/fetch.sh`: returns a script to fetch the renditions of 100 members."""
        cursor = _next_cursor(job, number)
        next_url = f"{request.origin}{request.path}?cursor={cursor}" if cursor else ""
        members = self._with_entries(self.jobs.page(job, number))
        text = fetch_script(job.id, members, self._url, next_url)
        return self._report(job, text, "sh", "text/x-shellscript; charset=utf-8")

    @_with_page_number
    def files(self, _request: Request, job: JobView, number: int) -> Response:
        """`GET /jobs/{id}/files`: lists the renditions of 100 members, to download them."""
        members = self._with_entries(self.jobs.page(job, number))
        files = list(job_files(members, self._download_url))
        document = {"files": files, "cursor": _next_cursor(job, number)}
        return self._report(job, json.dumps(document), "json", "application/json")

    def _serialize(self, request: Request, job: JobView) -> JsonObject:
        # A complete job has no more updates.
        live = None if job.complete else self.tickets.issue(job.id, request.origin)
        return serialize_job(job, request.root) | ({"live": live} if live else {})

    def _serialize_rows(self, request: Request, members: Iterable[Member]) -> list[JsonObject]:
        return [self._serialize_row(request, member) | self._serialize_form(member) for member in members]

    def _serialize_row(self, request: Request, member: Member) -> JsonObject:
        row = member.row
        thumbnail = self.renditions.url(row.thumbnail, self.url_seconds) if row.thumbnail else None
        return member.serialize(request.root) | {"thumbnail": thumbnail}

    def _serialize_form(self, member: Member) -> JsonObject:
        if member.arrived:
            return {}
        row, announced = member.row, member.announced
        form = self.originals.post_form(
            row.key, announced.media_type, announced.size_bytes, FORM_SECONDS, announced.focus
        )
        return {"post": {"url": form.url, "fields": form.fields}}

    def _with_entries(self, members: Iterable[Member]) -> Iterator[tuple[Member, Entry | None]]:
        for batch in batched(members, PAGE_SIZE, strict=False):
            keys = [(member.row.picture_id, member.row.version) for member in batch if member.arrived]
            entries = dict(zip(keys, self.views.find_each(keys), strict=True))
            for member in batch:
                yield member, entries.get((member.row.picture_id, member.row.version))

    def _url(self, rendition: Rendition) -> str:
        return self.renditions.url(rendition.key, self.url_seconds)

    def _download_url(self, rendition: Rendition) -> str:
        # Presigned even if renditions are public: the bucket allows this site's scripts to read it.
        return self.renditions.url(rendition.key, self.url_seconds, split_key(rendition.key)[1])

    def _report(self, job: JobView, text: str, extension: str, media_type: str) -> Response:
        """Returns a report, or redirects to it in S3 if it is too large for a response."""
        content = text.encode()
        if len(content) <= self.response_limit_bytes:
            disposition = f'attachment; filename="job-{job.id[:8]}.{extension}"'
            headers = {"Content-Disposition": disposition, **_NO_STORE}
            return self.responder.text(200, text, media_type, headers)
        key = f"jobs/{job.id}/{sha256(content).hexdigest()[:32]}.{extension}"
        self.reports.store(key, content, media_type)
        return self.responder.redirect(303, self.reports.url(key, self.url_seconds), _NO_STORE)


def _next_cursor(job: JobView, page: int) -> str:
    return str(page + 1) if page + 1 < pages_of(job) else ""
