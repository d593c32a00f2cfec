"""Jobs over HTTP: announced, read page by page, and taken along."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import wraps
from hashlib import sha256
from itertools import batched

from darkroom.domain.entries import Entry
from darkroom.domain.errors import BadRequest, IdempotencyKeyReused, InvalidJobRequest
from darkroom.domain.limits import FORM_SECONDS, PAGE_SIZE
from darkroom.domain.renditions import Rendition
from darkroom.domain.rows import JobView
from darkroom.domain.serialization import JsonObject, serialize_job, serialize_row
from darkroom.ports import Originals, Renditions, Reports, Views
from darkroom.services.jobs import Jobs, Member, pages_of, read_announcements
from darkroom.services.live import Tickets
from darkroom.web import pages, problems
from darkroom.web.http import Request, Responder, Response
from darkroom.web.negotiation import Wanted
from darkroom.web.reports import receipts_of, script_of, table_of

_CURSOR = re.compile(r"[1-9][0-9]{0,3}")
# A Lambda answer ends at 6 MB.
_ANSWER_LIMIT_BYTES = 4_000_000
_NO_STORE = {"Cache-Control": "no-store"}

type _Route = Callable[[JobRoutes, Request, str], Response]


def _of_job(route: "Callable[[JobRoutes, Request, JobView], Response]") -> "_Route":
    """A route of a job that there is, made from one that takes any id."""

    @wraps(route)
    def answered(site: "JobRoutes", request: Request, job_id: str) -> Response:
        view = site.jobs.find(job_id)
        if not view:
            return site.responder.problem(request, problems.NO_JOB, "There is no job with this id.")
        return route(site, request, view)

    return answered


def _of_page(route: "Callable[[JobRoutes, Request, JobView, int], Response]") -> "_Route":
    """A route of a page of a job's members, made from one that takes any id and cursor."""

    @wraps(route)
    def answered(site: "JobRoutes", request: Request, job: JobView) -> Response:
        try:
            number = _page(request, job)
        except BadRequest as fault:
            return site.responder.problem(request, problems.BAD_CURSOR, str(fault))
        return route(site, request, job, number)

    return _of_job(answered)


@dataclass(frozen=True, slots=True)
class JobRoutes:
    """The routes under `/jobs`. `url_seconds` is how long presigned addresses live."""

    jobs: Jobs
    views: Views
    originals: Originals
    renditions: Renditions
    reports: Reports
    tickets: Tickets
    responder: Responder
    url_seconds: int
    answer_limit_bytes: int = _ANSWER_LIMIT_BYTES

    # ------------------------------------------------------------------ routes

    def create(self, request: Request) -> Response:
        """`POST /jobs`: announces uploads; answers with the job and forms for its first ones."""
        try:
            announced = read_announcements(request.body)
            job = self.jobs.create(announced, request.headers.get("idempotency-key", ""))
        except InvalidJobRequest as fault:
            upload = {} if fault.number is None else {"upload": fault.number}
            return self.responder.problem(request, problems.BAD_JOB, str(fault), upload)
        except IdempotencyKeyReused:
            return self.responder.problem(
                request, problems.KEY_REUSED, "This Idempotency-Key was sent with other uploads."
            )
        document = self._document(request, job) | {
            "rows": self._rows(request, self.jobs.page(job, 0)),
            "cursor": _after(job, 0),
        }
        return self.responder.json(201, document, {"Location": f"{request.root}jobs/{job.id}"})

    @_of_page
    def job(self, request: Request, job: JobView, number: int) -> Response:
        """`GET /jobs/{id}`: its page, from a cursor on; or how it stands, and a ticket to follow it."""
        if request.wants is not Wanted.PAGE:
            return self.responder.json(200, self._document(request, job))
        rows = [self._shown(request, member) for member in self.jobs.page(job, number)]
        document = serialize_job(job, request.root)
        page = pages.job(
            request.root, document, rows, _after(job, number), request.origin, signed_in=request.signed_in
        )
        return self.responder.page(200, page)

    @_of_page
    def uploads(self, request: Request, job: JobView, number: int) -> Response:
        """`GET /jobs/{id}/uploads`: a page of its members; those that have not arrived with a form."""
        members = self.jobs.page(job, number)
        return self.responder.json(
            200, {"uploads": self._rows(request, members), "cursor": _after(job, number)}
        )

    @_of_job
    def table(self, _request: Request, job: JobView) -> Response:
        """`GET /jobs/{id}/receipts.csv`: a line for each member."""
        return self._report(job, table_of(self.jobs.every(job)), "csv", "text/csv; charset=utf-8")

    @_of_job
    def receipts(self, _request: Request, job: JobView) -> Response:
        """`GET /jobs/{id}/receipts.json`: a document for each member, with its whole receipt."""
        members = self._with_entries(self.jobs.every(job))
        return self._report(job, receipts_of(members), "json", "application/json")

    @_of_page
    def script(self, request: Request, job: JobView, number: int) -> Response:
        """`GET /jobs/{id}/fetch.sh`: fetches a page of members, then runs the next page's."""
        after = _after(job, number)
        text = script_of(
            job.id,
            self._with_entries(self.jobs.page(job, number)),
            self._url,
            f"{request.origin}{request.path}?cursor={after}" if after else "",
        )
        return self._report(job, text, "sh", "text/x-shellscript; charset=utf-8")

    # ------------------------------------------------------------------ parts of an answer

    def _document(self, request: Request, job: JobView) -> JsonObject:
        # Of a complete job there is nothing more to hear.
        live = None if job.complete else self.tickets.issue(job.id, request.origin)
        return serialize_job(job, request.root) | ({"live": live} if live else {})

    def _rows(self, request: Request, members: Iterable[Member]) -> list[JsonObject]:
        return [self._row(request, member) for member in members]

    def _shown(self, request: Request, member: Member) -> JsonObject:
        row = member.row
        thumbnail = self.renditions.url(row.thumbnail, self.url_seconds) if row.thumbnail else None
        return serialize_row(row, request.root) | {"thumbnail": thumbnail}

    def _row(self, request: Request, member: Member) -> JsonObject:
        document = self._shown(request, member)
        if member.arrived:
            return document
        row, announced = member.row, member.announced
        form = self.originals.post_form(row.key, announced.media_type, announced.size_bytes, FORM_SECONDS)
        return document | {"post": {"url": form.url, "fields": form.fields}}

    def _with_entries(self, members: Iterable[Member]) -> Iterator[tuple[Member, Entry | None]]:
        for some in batched(members, PAGE_SIZE, strict=False):
            keys = [(member.row.picture_id, member.row.version) for member in some if member.arrived]
            entries = dict(zip(keys, self.views.find_each(keys), strict=True))
            for member in some:
                yield member, entries.get((member.row.picture_id, member.row.version))

    def _url(self, rendition: Rendition) -> str:
        return self.renditions.url(rendition.key, self.url_seconds)

    def _report(self, job: JobView, text: str, extension: str, media_type: str) -> Response:
        """The report itself, or the way to it: an answer carries only so much."""
        content = text.encode()
        if len(content) <= self.answer_limit_bytes:
            named = f'attachment; filename="job-{job.id[:8]}.{extension}"'
            return self.responder.text(200, text, media_type, {"Content-Disposition": named, **_NO_STORE})
        key = f"{job.id}/{sha256(content).hexdigest()[:32]}.{extension}"
        self.reports.store(key, content, media_type)
        return self.responder.redirect(303, self.reports.url(key, self.url_seconds), _NO_STORE)


def _page(request: Request, job: JobView) -> int:
    """The page that a request asks for. Raises BadRequest for a cursor of which there is none."""
    cursor = request.query.get("cursor", "")
    if not cursor:
        return 0
    if not _CURSOR.fullmatch(cursor) or int(cursor) >= pages_of(job):
        raise BadRequest("Invalid cursor.")
    return int(cursor)


def _after(job: JobView, page: int) -> str:
    return str(page + 1) if page + 1 < pages_of(job) else ""
