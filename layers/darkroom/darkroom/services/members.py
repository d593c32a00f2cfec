"""The members of a job: their keys, and the link from an arriving upload to its job."""

from collections.abc import Iterator, Sequence

from darkroom.domain.entries import Entry, State
from darkroom.domain.jobs import AnnouncedUpload, Job
from darkroom.domain.keys import digest, is_assigned_key
from darkroom.domain.limits import PAGE_SIZE
from darkroom.domain.uploads import EXPECTED_VERSION, Upload
from darkroom.ports import Ledger


def member_key(job_id: str, number: int, name: str) -> str:
    """Returns the key of a member. The key cannot be derived without the job id."""
    return f"{digest(job_id, str(number))}/{name}"


def member_entries(bucket: str, job: Job, page: int, announced: Sequence[AnnouncedUpload]) -> Iterator[Entry]:
    """Returns the announced entries of one manifest page. Repeated calls return equal entries."""
    for number, announcement in enumerate(announced, page * PAGE_SIZE):
        key, size_bytes = member_key(job.id, number, announcement.name), announcement.size_bytes
        upload = Upload(bucket, key, EXPECTED_VERSION, size_bytes=size_bytes, arrived=job.created)
        yield Entry(upload, State.EXPECTED, revision=1, since=job.created, job_id=job.id, number=number)


def new_entry(upload: Upload, state: State, ledger: Ledger) -> Entry:
    """Returns an entry at revision 0 for an upload not yet in the ledger.

    If a job announced its key, the entry belongs to that job.
    """
    announced = ledger.find(upload.picture_id, EXPECTED_VERSION) if is_assigned_key(upload.key) else None
    job_id, number = (announced.job_id, announced.number) if announced else ("", 0)
    return Entry(upload, state, revision=0, job_id=job_id, number=number)
