"""Creates jobs from announced uploads, and reads them with their members."""

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from darkroom.domain.errors import IdempotencyKeyReused, InvalidJobRequest
from darkroom.domain.focus import AUTO, focus_text
from darkroom.domain.jobs import AnnouncedUpload, IdempotentRequest, Job
from darkroom.domain.keys import CONTROL_CHARACTERS, MEDIA_TYPE, is_id, split_key, without_form_variables
from darkroom.domain.limits import MAX_JOB_UPLOADS, MAX_NAME_BYTES, MAX_UPLOAD_BYTES, PAGE_SIZE
from darkroom.domain.rows import JobView, Row, row_of
from darkroom.domain.serialization import JsonObject, serialize_row
from darkroom.domain.timestamps import now
from darkroom.ports import JobLedger, Views
from darkroom.services.members import member_entries

_MAX_NAME_CHARACTERS = 255
_MAX_FOLDER_CHARACTERS = 255
_REQUEST_SECONDS = 24 * 3600


def read_announcements(body: bytes) -> list[AnnouncedUpload]:
    """Parses the body of a `POST /jobs`. Raises InvalidJobRequest."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as fault:  # RecursionError: thousands of nested brackets
        raise InvalidJobRequest("The body is not valid JSON.") from fault
    uploads = document.get("uploads") if isinstance(document, dict) else None
    if not isinstance(uploads, list):
        raise InvalidJobRequest('The body must be an object with a list named "uploads".')
    if not 1 <= len(uploads) <= MAX_JOB_UPLOADS:
        raise InvalidJobRequest(f"A job takes 1 to {MAX_JOB_UPLOADS} uploads; this one has {len(uploads)}.")
    return [_parse_upload(number, upload) for number, upload in enumerate(uploads)]


def _parse_upload(number: int, upload: Any) -> AnnouncedUpload:
    if not isinstance(upload, dict):
        raise InvalidJobRequest("It must be an object.", number)
    name, size = upload.get("name"), upload.get("size")
    media_type = upload.get("type") or "application/octet-stream"  # browsers do not know every type
    if not isinstance(name, str) or not name:
        raise InvalidJobRequest("Its name must not be empty.", number)
    name = split_key(name)[1]
    if (
        CONTROL_CHARACTERS.search(name)
        or len(name) > _MAX_NAME_CHARACTERS
        or len(name.encode()) > MAX_NAME_BYTES
    ):
        raise InvalidJobRequest(
            f"Its name has control characters, or more than {_MAX_NAME_CHARACTERS} characters"
            f" or {MAX_NAME_BYTES} bytes.",
            number,
        )
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= MAX_UPLOAD_BYTES:
        raise InvalidJobRequest(
            f"Its size must be a whole number of bytes from 1 to {MAX_UPLOAD_BYTES}.", number
        )
    if not isinstance(media_type, str) or not MEDIA_TYPE.fullmatch(media_type):
        raise InvalidJobRequest('Its type must be a media type, like "image/png".', number)
    focus = _focus_of(upload.get("focus"))
    if focus is None:
        raise InvalidJobRequest(
            'Its focus must be two numbers from 0 to 1, like [0.31, 0.4], or "auto".', number
        )
    folder = upload.get("folder") or ""
    if not isinstance(folder, str):
        raise InvalidJobRequest("Its folder must be a text.", number)
    folder = CONTROL_CHARACTERS.sub("_", folder).strip("/")[-_MAX_FOLDER_CHARACTERS:]
    return AnnouncedUpload(without_form_variables(name), size, media_type, focus, folder)


def _focus_of(focus: Any) -> str | None:
    """Returns the text of a focus, empty if there is none; None if it is invalid."""
    if focus is None:
        return ""
    if isinstance(focus, list):
        shares = [share for share in focus if isinstance(share, int | float) and not isinstance(share, bool)]
        valid = len(shares) == len(focus) == 2 and all(0 <= share <= 1 for share in shares)
        return focus_text((shares[0], shares[1])) if valid else None
    return AUTO if focus == AUTO else None


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a job: its announcement and its row."""

    announced: AnnouncedUpload
    row: Row

    @property
    def arrived(self) -> bool:
        return bool(self.row.version)

    def serialize(self, root: str = "") -> JsonObject:
        """Returns the row as JSON values, with the folder to show before its name if there is one."""
        folder = self.announced.folder
        return serialize_row(self.row, root) | ({"folder": folder} if folder else {})


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs of one uploads bucket."""

    bucket: str
    ledger: JobLedger
    views: Views

    def create(self, announced: Sequence[AnnouncedUpload], idempotency_key: str = "") -> JobView:
        """Creates a job, ready for its uploads.

        With an `idempotency_key`, a repeated call returns the same job for 24 hours, and completes it if a
        crash interrupted its creation. Raises IdempotencyKeyReused if the key was used with other uploads.
        """
        job = Job(secrets.token_hex(16), len(announced), now())
        stored_job = None
        if idempotency_key:
            job = self._job_of_key(idempotency_key, announced, job)
            stored_job = self.ledger.find_job(job.id)
        if stored_job is None:
            self.ledger.open(job, announced)
        if stored_job is None or not stored_job.sealed:
            for start in range(0, len(announced), _MAX_ENTRIES):
                members = announced[start : start + _MAX_ENTRIES]
                self.ledger.expect(list(member_entries(self.bucket, job, start // PAGE_SIZE, members)))
            stored_job = self.ledger.seal(job)
        view = self.views.job(stored_job.id) or JobView(stored_job.id)
        return view.with_job(stored_job)

    def _job_of_key(self, idempotency_key: str, announced: Sequence[AnnouncedUpload], job: Job) -> Job:
        """Returns the job of an earlier call with this key.

        If there was no such call, stores the key with `job`, and returns that job.
        """
        digest = _digest(announced)
        stored = self.ledger.remember_request(
            IdempotentRequest(
                sha256(idempotency_key.encode()).hexdigest(),
                digest,
                job.id,
                job.created,
                int(time.time()) + _REQUEST_SECONDS,
            )
        )
        if stored.digest != digest:
            raise IdempotencyKeyReused
        # With the same id and time, a repeated call writes the same items.
        return Job(stored.job_id, len(announced), stored.created)

    def find(self, job_id: str) -> JobView | None:
        """Returns the view of a job; None if there is no such job."""
        if not is_id(job_id):
            return None
        view = self.views.job(job_id)
        if view and view.sealed:
            return view
        # A new job is not projected yet.
        job = self.ledger.find_job(job_id)
        return (view or JobView(job.id)).with_job(job) if job else None

    def page(self, job: JobView, number: int) -> list[Member]:
        """Returns one page of members by number; an empty list after the last page."""
        manifest = self.ledger.manifest(job.id, number)
        expected = list(member_entries(self.bucket, Job(job.id, job.size, job.created), number, manifest))
        rows = self.views.rows([entry.picture_id for entry in expected])
        return [
            # Members that are not projected yet are in the state `expected`.
            Member(announced, row or row_of([entry]))
            for announced, entry, row in zip(manifest, expected, rows, strict=True)
        ]

    def members(self, job: JobView) -> Iterator[Member]:
        """Reads all members, page by page."""
        for number in range(pages_of(job)):
            yield from self.page(job, number)


# Maximum number of announced entries in memory at once: a number of whole pages.
_MAX_ENTRIES = 10 * PAGE_SIZE


def pages_of(job: JobView) -> int:
    return -(-job.size // PAGE_SIZE)


def _digest(announced: Sequence[AnnouncedUpload]) -> str:
    # A slash ends a folder, so that none is equal to a focus.
    uploads = [
        [
            *(upload.name, upload.size_bytes, upload.media_type),
            *filter(None, [upload.focus, upload.folder and f"{upload.folder}/"]),
        ]
        for upload in announced
    ]
    return sha256(json.dumps(uploads).encode()).hexdigest()
