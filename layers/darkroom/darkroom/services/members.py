"""The members of a job: their keys, and how what arrives finds the job that announced it."""

from collections.abc import Iterator, Sequence

from darkroom.domain.entries import Entry, State
from darkroom.domain.jobs import Announced, Job
from darkroom.domain.keys import digest, is_announced
from darkroom.domain.limits import PAGE_SIZE
from darkroom.domain.uploads import EXPECTED_VERSION, Upload
from darkroom.ports import Ledger


def member_key(job_id: str, number: int, name: str) -> str:
    """The key of one place of a job: whoever knows the job can tell it, and nobody else."""
    return f"{digest(job_id, str(number))}/{name}"


def member_entries(bucket: str, job: Job, page: int, announced: Sequence[Announced]) -> Iterator[Entry]:
    """What one page of a job's manifest has the ledger expect; the same however often it is asked."""
    for number, each in enumerate(announced, page * PAGE_SIZE):
        upload = Upload(
            bucket,
            member_key(job.id, number, each.name),
            EXPECTED_VERSION,
            size_bytes=each.size_bytes,
            arrived=job.created,
        )
        yield Entry(upload, State.EXPECTED, revision=1, since=job.created, job_id=job.id, number=number)


def unbegun(upload: Upload, state: State, ledger: Ledger) -> Entry:
    """The entry of an upload that the ledger has never heard of, in the job that announced its key."""
    announced = ledger.find(upload.picture_id, EXPECTED_VERSION) if is_announced(upload.key) else None
    entry = Entry(upload, state, revision=0)
    return entry if announced is None else entry.of_job(announced.job_id, announced.number)
