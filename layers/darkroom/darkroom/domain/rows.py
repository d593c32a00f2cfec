"""Jobs in the views: a row for each member, and totals.

A row is always computed anew from all entries that its picture has in the views, and from nothing else. So
the order and the batches of the stream do not matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from darkroom.domain.entries import Entry, Outcome, State, shown
from darkroom.domain.jobs import Job
from darkroom.domain.keys import digest
from darkroom.domain.receipts import Receipt


@dataclass(frozen=True, slots=True)
class Tally:
    """The number of uploads in each terminal state, and the bytes of rendered ones before and after."""

    rendered: int = 0
    rejected: int = 0
    failed: int = 0
    skipped: int = 0
    superseded: int = 0
    deleted: int = 0
    bytes_before: int = 0
    bytes_after: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        mine, others = self.amounts, other.amounts
        return Tally(**{name: mine[name] + others[name] for name in mine})

    def __sub__(self, other: "Tally") -> "Tally":
        mine, others = self.amounts, other.amounts
        return Tally(**{name: mine[name] - others[name] for name in mine})

    @property
    def amounts(self) -> dict[str, int]:
        return {column.name: getattr(self, column.name) for column in fields(self)}

    @property
    def counts(self) -> dict[str, int]:
        return {state.value: getattr(self, state.value) for state in State if state.terminal}

    @property
    def ended(self) -> int:
        return sum(self.counts.values())

    @property
    def saved_bytes(self) -> int:
        return self.bytes_before - self.bytes_after

    @property
    def saved_percent(self) -> float:
        """`saved_bytes` in percent of the originals, one decimal; 0 if there are none."""
        return round(100 * self.saved_bytes / self.bytes_before, 1) if self.bytes_before else 0.0


def contribution(entry: Entry | None) -> Tally:
    """Returns an upload's contribution to the totals of all time. Deleted uploads stay counted."""
    receipt = entry.receipt if entry else None
    return _of_receipt(receipt) if receipt and receipt.renditions else Tally()


def _of_receipt(receipt: Receipt) -> Tally:
    before = receipt.size_bytes
    return Tally(rendered=1, bytes_before=before, bytes_after=before - receipt.saved_bytes)


@dataclass(frozen=True, slots=True)
class Row:
    """One member of a job.

    `sentence` says why it was rejected or failed, or that it is being retried. `revision` is the sum of the
    revisions of its uploads. `version` is empty until the member has arrived. `thumbnail` is the key of a
    rendition, or empty.
    """

    picture_id: str
    job_id: str
    number: int
    key: str
    state: State
    revision: int
    version: str = ""
    announced_bytes: int = 0
    reason: str = ""
    sentence: str = ""
    bytes_before: int = 0
    bytes_after: int = 0
    thumbnail: str = ""

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def tally(self) -> Tally:
        """The member's share in the totals of its job, empty until it is terminal."""
        if not self.state.terminal:
            return Tally()
        return Tally(
            **{self.state.value: 1, "bytes_before": self.bytes_before, "bytes_after": self.bytes_after}
        )

    @property
    def saved_percent(self) -> float:
        return self.tally.saved_percent


def row_of(entries: Sequence[Entry]) -> Row:
    """Returns the row of a member from all of its known uploads; there is at least one.

    If only a superseded upload is known, the member is still expected.
    """
    first = entries[0]
    row = Row(
        picture_id=first.picture_id,
        job_id=first.job_id,
        number=first.number,
        key=first.upload.key,
        state=State.EXPECTED,
        revision=sum(entry.revision for entry in entries),
        announced_bytes=sum(max(0, entry.upload.size_bytes) for entry in entries if entry.is_announcement),
    )
    entry = shown(entries)
    if entry is None:
        return row
    values: dict[str, Any] = {
        "state": entry.state,
        "version": "" if entry.is_announcement else entry.upload.version,
    }
    if cause := entry.rejection or entry.failure:
        values |= {"reason": cause.reason, "sentence": cause.sentence}
    elif _is_retried(entry):
        values["sentence"] = "The last attempt failed. It is being retried."
    if entry.receipt and entry.state is State.RENDERED:
        counted, thumbnail = _of_receipt(entry.receipt), entry.receipt.thumbnail
        values |= {
            "bytes_before": counted.bytes_before,
            "bytes_after": counted.bytes_after,
            "thumbnail": thumbnail.key if thumbnail else "",
        }
    return replace(row, **values)


def _is_retried(entry: Entry) -> bool:
    """True for an unfinished upload if its last attempt failed, or the attempt before the running one."""
    attempts = entry.attempts
    last_ended = attempts[-1:] if attempts and attempts[-1].outcome else attempts[-2:-1]
    failed = any(attempt.outcome is not Outcome.CONCLUDED for attempt in last_ended)
    return entry.state is State.RENDERING and failed


@dataclass(frozen=True, slots=True)
class JobView:
    """A job in the views. `job_revision` is the projected revision of the job, 0 if it is not projected.

    Every change increments `revision`.
    """

    id: str
    size: int = 0
    created: str = ""
    job_revision: int = 0
    tally: Tally = field(default_factory=Tally)
    revision: int = 0

    def with_job(self, job: Job) -> "JobView":
        """Returns the view with this job projected; unchanged if it already was."""
        if self.job_revision >= job.revision:
            return self
        return JobView(self.id, job.size, job.created, job.revision, self.tally, self.revision)

    @property
    def sealed(self) -> bool:
        return self.job_revision > 1

    @property
    def waiting(self) -> int:
        """The number of members not in a terminal state; 0 before the size is known."""
        return max(0, self.size - self.tally.ended)

    @property
    def complete(self) -> bool:
        return self.sealed and self.waiting == 0

    @property
    def completion(self) -> str:
        """The id of the completion event: the same for a repeated event, a new one for new totals."""
        return digest(self.id, *map(str, self.tally.amounts.values()))
