"""A job is announced, joined by what arrives, and read: the use cases around its ledger and its rows."""

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from darkroom.domain.errors import IdempotencyKeyReused, InvalidJobRequest
from darkroom.domain.jobs import Announced, IdempotentRequest, Job
from darkroom.domain.keys import CONTROL_CHARACTERS, MEDIA_TYPE, is_id, split_key, without_form_variables
from darkroom.domain.limits import MAX_JOB_UPLOADS, MAX_NAME_BYTES, MAX_UPLOAD_BYTES, PAGE_SIZE
from darkroom.domain.rows import JobView, Row, row_of
from darkroom.domain.timestamps import now
from darkroom.ports import JobLedger, Views
from darkroom.services.members import member_entries

_MOST_CHARACTERS = 255
_REQUEST_SECONDS = 24 * 3600


def read_announcements(body: bytes) -> list[Announced]:
    """What the body of a `POST /jobs` announces. Raises InvalidJobRequest."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as fault:  # the latter: thousands of brackets
        raise InvalidJobRequest("The body is no JSON.") from fault
    uploads = document.get("uploads") if isinstance(document, dict) else None
    if not isinstance(uploads, list):
        raise InvalidJobRequest('The body must be an object with a list, "uploads".')
    if not 1 <= len(uploads) <= MAX_JOB_UPLOADS:
        raise InvalidJobRequest(f"A job has 1 to {MAX_JOB_UPLOADS} uploads, and this {len(uploads)}.")
    return [_announced(number, each) for number, each in enumerate(uploads)]


def _announced(number: int, each: Any) -> Announced:
    if not isinstance(each, dict):
        raise InvalidJobRequest("It is no object.", number)
    name, size = each.get("name"), each.get("size")
    media_type = each.get("type") or "application/octet-stream"  # a browser does not know every one
    if not isinstance(name, str) or not name:
        raise InvalidJobRequest("Its name must be a text that is not empty.", number)
    name = split_key(name)[1]
    if CONTROL_CHARACTERS.search(name) or len(name) > _MOST_CHARACTERS or len(name.encode()) > MAX_NAME_BYTES:
        raise InvalidJobRequest(
            f"Its name has control characters, or more than {_MOST_CHARACTERS} characters.", number
        )
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= MAX_UPLOAD_BYTES:
        raise InvalidJobRequest(
            f"Its size must be a whole number of bytes from 1 to {MAX_UPLOAD_BYTES}.", number
        )
    if not isinstance(media_type, str) or not MEDIA_TYPE.fullmatch(media_type):
        raise InvalidJobRequest('Its type must be a media type, like "image/png".', number)
    return Announced(without_form_variables(name), size, media_type)


@dataclass(frozen=True, slots=True)
class Member:
    """One place of a job: what was announced for it, and how it stands."""

    announced: Announced
    row: Row

    @property
    def arrived(self) -> bool:
        return bool(self.row.version)


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs whose uploads go into one bucket."""

    bucket: str
    ledger: JobLedger
    views: Views

    def create(self, announced: Sequence[Announced], request: str = "") -> JobView:
        """A job of these uploads, which can be sent from then on.

        With a `request` key the same call gives the same job for 24 hours, and takes up what a crash has left
        undone. Raises IdempotencyKeyReused where that key has announced something else.
        """
        digest = _digest(announced)
        job = Job(secrets.token_hex(16), len(announced), now())
        if request:
            # The time stands in the id, so that whoever takes it up writes the same again.
            idempotent_request = IdempotentRequest(
                sha256(request.encode()).hexdigest(),
                digest,
                f"{job.id}.{job.created}",
                int(time.time()) + _REQUEST_SECONDS,
            )
            stands = self.ledger.remember_request(idempotent_request)
            if stands.digest != digest:
                raise IdempotencyKeyReused
            name, _, created = stands.job_id.partition(".")
            job = Job(name, len(announced), created)
        known = self.ledger.find_job(job.id) if request else None
        if known is None:
            self.ledger.open(job, announced)
        if known is None or not known.sealed:
            for page in range(0, len(announced), _EXPECTED_AT_ONCE):
                some = announced[page : page + _EXPECTED_AT_ONCE]
                self.ledger.expect(list(member_entries(self.bucket, job, page // PAGE_SIZE, some)))
            known = self.ledger.seal(job)
        return _beside(self.views.job(known.id), known)

    def find(self, job_id: str) -> JobView | None:
        """How a job stands; None if there is none of that id."""
        if not is_id(job_id):
            return None
        view = self.views.job(job_id)
        if view and view.sealed:
            return view
        # Just made, and its stream not read yet.
        known = self.ledger.find_job(job_id)
        return _beside(view, known) if known else None

    def page(self, job: JobView, number: int) -> list[Member]:
        """Some members of a job, by their numbers; none past the last page."""
        manifest = self.ledger.manifest(job.id, number)
        record = Job(job.id, job.size, job.created)
        expected = list(member_entries(self.bucket, record, number, manifest))
        rows = self.views.rows([entry.picture_id for entry in expected])
        return [
            # What the stream has not told yet is expected still.
            Member(announced, row or row_of([entry]))
            for announced, entry, row in zip(manifest, expected, rows, strict=True)
        ]

    def every(self, job: JobView) -> Iterator[Member]:
        """All members, page by page."""
        for number in range(pages_of(job)):
            yield from self.page(job, number)


def _beside(view: JobView | None, job: Job) -> JobView:
    """What the views say of a job, with its record where they have not seen that yet."""
    view = view or JobView(job.id)
    return view if view.record >= job.revision else view.with_record(job)


# As many as are kept in memory at once, in whole pages.
_EXPECTED_AT_ONCE = 10 * PAGE_SIZE


def pages_of(job: JobView) -> int:
    return -(-job.size // PAGE_SIZE)


def _digest(announced: Sequence[Announced]) -> str:
    told = [[each.name, each.size_bytes, each.media_type] for each in announced]
    return sha256(json.dumps(told).encode()).hexdigest()
