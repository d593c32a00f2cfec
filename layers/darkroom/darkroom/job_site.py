"""Jobs over HTTP: announced, read page by page, and taken along."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import batched

from darkroom import pages, problems
from darkroom.answers import Answer, Answers, Request
from darkroom.documents import Document, job_document, row_document
from darkroom.errors import AskedOtherwise, BadAnnouncement, BadRequest
from darkroom.jobs import Jobs, Member, pages_of, read_announcements
from darkroom.live import Tickets
from darkroom.members import PAGE
from darkroom.model import Entry, Rendition
from darkroom.negotiation import Wanted
from darkroom.ports import Originals, Renditions, Views
from darkroom.reports import receipts_of, script_of, table_of
from darkroom.rows import JobView

_FORM_SECONDS = 300
_CURSOR = re.compile(r"[1-9][0-9]{0,3}")
# A Lambda answer ends at 6 MB.
_ANSWER_LIMIT_BYTES = 4_000_000
_NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class JobSite:
    """The routes under `/jobs`. `url_seconds` is how long presigned addresses live."""

    jobs: Jobs
    views: Views
    originals: Originals
    renditions: Renditions
    tickets: Tickets
    answers: Answers
    url_seconds: int
    answer_limit_bytes: int = _ANSWER_LIMIT_BYTES

    # ------------------------------------------------------------------ routes

    def create(self, request: Request) -> Answer:
        """`POST /jobs`: announces uploads; answers with the job and forms for its first ones."""
        try:
            announced = read_announcements(request.body)
            job = self.jobs.create(announced, request.headers.get("idempotency-key", ""))
        except BadAnnouncement as fault:
            upload = {} if fault.number is None else {"upload": fault.number}
            return self.answers.problem(request, problems.BAD_JOB, str(fault), upload)
        except AskedOtherwise:
            return self.answers.problem(
                request, problems.KEY_REUSED, "That Idempotency-Key has announced other uploads."
            )
        document = self._document(request, job) | {
            "rows": self._rows(request, self.jobs.page(job, 0)),
            "cursor": _after(job, 0),
        }
        return self.answers.json(201, document, {"Location": f"{request.root}jobs/{job.id}"})

    def job(self, request: Request, job: str) -> Answer:
        """`GET /jobs/{id}`: its page, from a cursor on; or how it stands, and a ticket to follow it."""
        view = self.jobs.find(job)
        if not view:
            return self._no_job(request)
        try:
            number = _page(request, view)
        except BadRequest as fault:
            return self.answers.problem(request, problems.BAD_CURSOR, str(fault))
        if request.wants is not Wanted.PAGE:
            return self.answers.json(200, self._document(request, view))
        rows = [self._shown(request, member) for member in self.jobs.page(view, number)]
        document = job_document(view, request.root)
        page = pages.job(request.root, document, rows, _after(view, number), request.origin)
        return self.answers.page(200, page)

    def uploads(self, request: Request, job: str) -> Answer:
        """`GET /jobs/{id}/uploads`: a page of its members; those that have not arrived with a form."""
        view = self.jobs.find(job)
        if not view:
            return self._no_job(request)
        try:
            number = _page(request, view)
        except BadRequest as fault:
            return self.answers.problem(request, problems.BAD_CURSOR, str(fault))
        members = self.jobs.page(view, number)
        return self.answers.json(
            200, {"uploads": self._rows(request, members), "cursor": _after(view, number)}
        )

    def table(self, request: Request, job: str) -> Answer:
        """`GET /jobs/{id}/receipts.csv`: a line for each member."""
        view = self.jobs.find(job)
        if not view:
            return self._no_job(request)
        return self._report(view, table_of(self.jobs.every(view)), "csv", "text/csv; charset=utf-8")

    def receipts(self, request: Request, job: str) -> Answer:
        """`GET /jobs/{id}/receipts.json`: a document for each member, with its whole receipt."""
        view = self.jobs.find(job)
        if not view:
            return self._no_job(request)
        members = self._with_entries(self.jobs.every(view))
        return self._report(view, receipts_of(members), "json", "application/json")

    def script(self, request: Request, job: str) -> Answer:
        """`GET /jobs/{id}/fetch.sh`: fetches a page of members, then runs the next page's."""
        view = self.jobs.find(job)
        if not view:
            return self._no_job(request)
        try:
            number = _page(request, view)
        except BadRequest as fault:
            return self.answers.problem(request, problems.BAD_CURSOR, str(fault))
        after = _after(view, number)
        text = script_of(
            view.id,
            self._with_entries(self.jobs.page(view, number)),
            self._url,
            f"{request.origin}{request.path}?cursor={after}" if after else "",
        )
        return self.answers.text(200, text, "text/x-shellscript; charset=utf-8", _NO_STORE)

    # ------------------------------------------------------------------ parts of an answer

    def _document(self, request: Request, job: JobView) -> Document:
        live = self.tickets.issue(job.id, request.origin)
        return job_document(job, request.root) | ({"live": live} if live else {})

    def _rows(self, request: Request, members: Iterable[Member]) -> list[Document]:
        return [self._row(request, member) for member in members]

    def _shown(self, request: Request, member: Member) -> Document:
        row = member.row
        thumbnail = self.renditions.url(row.thumbnail, self.url_seconds) if row.thumbnail else None
        return row_document(row, request.root) | {"thumbnail": thumbnail}

    def _row(self, request: Request, member: Member) -> Document:
        document = self._shown(request, member)
        if member.arrived:
            return document
        row, announced = member.row, member.announced
        form = self.originals.post_form(row.key, announced.media_type, announced.size_bytes, _FORM_SECONDS)
        return document | {"post": {"url": form.url, "fields": form.fields}}

    def _with_entries(self, members: Iterable[Member]) -> Iterator[tuple[Member, Entry | None]]:
        for some in batched(members, PAGE, strict=False):
            keys = [(member.row.picture, member.row.version) for member in some if member.arrived]
            entries = dict(zip(keys, self.views.find_each(keys), strict=True))
            for member in some:
                yield member, entries.get((member.row.picture, member.row.version))

    def _url(self, rendition: Rendition) -> str:
        return self.renditions.url(rendition.key, self.url_seconds)

    def _report(self, job: JobView, text: str, extension: str, media_type: str) -> Answer:
        """The report itself, or the way to it: an answer carries only so much."""
        content = text.encode()
        if len(content) <= self.answer_limit_bytes:
            named = f'attachment; filename="job-{job.id[:8]}.{extension}"'
            return self.answers.text(200, text, media_type, {"Content-Disposition": named, **_NO_STORE})
        # No receipt names it, so the sweep takes it away again.
        key = f"reports/{job.id}/{sha256(content).hexdigest()[:32]}.{extension}"
        self.renditions.store(key, content, media_type)
        return self.answers.redirect(303, self.renditions.signed_url(key, self.url_seconds), _NO_STORE)

    def _no_job(self, request: Request) -> Answer:
        return self.answers.problem(request, problems.NO_JOB, "There is no job of that id.")


def _page(request: Request, job: JobView) -> int:
    """The page that a request asks for. Raises BadRequest for a cursor of which there is none."""
    cursor = request.query.get("cursor", "")
    if not cursor:
        return 0
    if not _CURSOR.fullmatch(cursor) or int(cursor) >= pages_of(job):
        raise BadRequest("The cursor is none that this list has given.")
    return int(cursor)


def _after(job: JobView, page: int) -> str:
    return str(page + 1) if page + 1 < pages_of(job) else ""
