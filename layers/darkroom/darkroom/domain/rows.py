"""What the views say of jobs: a row for each member, and tallies that are added up.

A row is made of all views of its picture and of nothing else, so that it is the same in whatever order and
batches they came.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields

from darkroom.domain.entries import Entry, State, shown
from darkroom.domain.jobs import Job
from darkroom.domain.keys import digest
from darkroom.domain.receipts import Receipt


@dataclass(frozen=True, slots=True)
class Tally:
    """How many uploads have come to which end, and the bytes of the rendered ones before and after."""

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
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def counts(self) -> dict[str, int]:
        """By terminal state."""
        return {state.value: getattr(self, state.value) for state in State if state.terminal}

    @property
    def ended(self) -> int:
        return sum(self.counts.values())

    @property
    def saved_bytes(self) -> int:
        return self.bytes_before - self.bytes_after

    @property
    def saved_percent(self) -> float:
        """In percent of the originals' bytes, one decimal; 0 when there are none."""
        return round(100 * self.saved_bytes / self.bytes_before, 1) if self.bytes_before else 0.0


def contribution(entry: Entry | None) -> Tally:
    """What an upload adds to the totals of all time: what was rendered once stays counted."""
    receipt = entry.receipt if entry else None
    return _of_receipt(receipt) if receipt and receipt.renditions else Tally()


def _of_receipt(receipt: Receipt) -> Tally:
    before = receipt.size_bytes
    return Tally(rendered=1, bytes_before=before, bytes_after=before - receipt.saved_bytes)


@dataclass(frozen=True, slots=True)
class Row:
    """One member of a job, as it stands now.

    `revision` is the sum of those of all its uploads. `version` is empty until it has arrived; `thumbnail` is
    a rendition's key, or empty.
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
        """What the member adds to its job's totals: nothing before it has come to an end."""
        if not self.state.terminal:
            return Tally()
        return Tally(
            **{self.state.value: 1, "bytes_before": self.bytes_before, "bytes_after": self.bytes_after}
        )

    @property
    def saved_percent(self) -> float:
        return self.tally.saved_percent


def row_of(entries: Sequence[Entry]) -> Row:
    """The row of a member, made of all its uploads that are known; there must be one.

    Of a superseded upload alone nobody knows yet what took its place: it is still waited for.
    """
    first = entries[0]
    row = Row(
        picture_id=first.picture_id,
        job_id=first.job_id,
        number=first.number,
        key=first.upload.key,
        state=State.EXPECTED,
        revision=sum(entry.revision for entry in entries),
        announced_bytes=sum(max(0, each.upload.size_bytes) for each in entries if each.is_announcement),
    )
    entry = shown(entries)
    return _filled(row, entry) if entry else row


def _filled(row: Row, entry: Entry) -> Row:
    told = asdict(row) | {
        "state": entry.state,
        "version": "" if entry.is_announcement else entry.upload.version,
    }
    if why := entry.rejection or entry.failure:
        told |= {"reason": why.reason, "sentence": why.sentence}
    if entry.receipt and entry.state is State.RENDERED:
        counted, thumbnail = _of_receipt(entry.receipt), entry.receipt.thumbnail
        told |= {
            "bytes_before": counted.bytes_before,
            "bytes_after": counted.bytes_after,
            "thumbnail": thumbnail.key if thumbnail else "",
        }
    return Row(**told)


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as the views know it. `record` is the revision of its record that they have seen; 0: none yet.

    Every change makes `revision` one higher.
    """

    id: str
    size: int = 0
    created: str = ""
    record: int = 0
    tally: Tally = field(default_factory=Tally)
    revision: int = 0

    def with_record(self, job: Job) -> "JobView":
        """As it would be once the views have seen that record."""
        return JobView(self.id, job.size, job.created, job.revision, self.tally, self.revision)

    @property
    def sealed(self) -> bool:
        return self.record > 1

    @property
    def waiting(self) -> int:
        """How many members have not come to an end, as far as its size is known."""
        return max(0, self.size - self.tally.ended)

    @property
    def complete(self) -> bool:
        return self.sealed and self.waiting == 0

    @property
    def completion(self) -> str:
        """The id of its completion: the same whenever it is told, another when the totals were corrected."""
        return digest(self.id, *map(str, self.tally.amounts.values()))
