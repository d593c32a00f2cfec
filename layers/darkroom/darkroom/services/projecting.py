"""Projects the ledger's stream into the views, and sends events and pushes.

The stream delivers every change at least once: changes of one item in order, changes of different items in
any order. Batches are repeated and run in parallel, so totals can't be computed by counting records. Instead,
the totals of a job change by the difference between a member's new row and its old one. A row replaces only
the revision that was read.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched, groupby

from darkroom.domain.entries import Entry
from darkroom.domain.errors import EventNotAccepted, RevisionConflict
from darkroom.domain.jobs import Job
from darkroom.domain.rows import JobView, Row, Tally, contribution, row_of
from darkroom.domain.serialization import (
    JOB_ROOT,
    serialize_completion,
    serialize_job,
    serialize_row,
    serialize_upload,
)
from darkroom.domain.uploads import EXPECTED_VERSION
from darkroom.ports import TRANSACTION_ITEMS, Commit, Event, EventBus, JobPush, Replacement, Views
from darkroom.services.retries import Backoff

# Records per batch of the stream: 48, as in template.yaml. Each may write a view and a row, and one
# transaction must also hold a job, its totals and the totals of all time.
BATCH = (TRANSACTION_ITEMS - 3) // 2
_VIEWS_AND_ROWS = 2 * BATCH
# Each conflict means that another batch made progress.
_ATTEMPTS = 8
_CONFLICT_BACKOFF = Backoff(first_seconds=0.05, longest_seconds=6.4)
# A batch with changes of a job takes at least this long. Changes that arrive meanwhile share the next push.
_MIN_SECONDS = 0.25

# Changes read together in a rebuild: many, so that more changes of one job share a transaction.
_MAX_REBUILD_BATCH = 2000

type Change = Entry | Job
type Key = tuple[str, str]


def _key(change: Change) -> Key:
    return (change.picture_id, change.upload.version) if isinstance(change, Entry) else ("job", change.id)


def _job_of(change: Change) -> str:
    return change.job_id if isinstance(change, Entry) else change.id


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the stream: its id in the batch, and its change or the fault of parsing it."""

    id: str
    change: Change | None = None
    fault: Exception | None = None

    @property
    def summary(self) -> Mapping[str, str | int | float]:
        """The fields of a log line."""
        upload = self.change.summary if isinstance(self.change, Entry) else {}
        return {**upload, "record": self.id}


@dataclass(frozen=True, slots=True)
class Chunk:
    """Changes for one transaction: those of one job, or of uploads without a job."""

    job_id: str
    entries: tuple[Entry, ...]
    job: Job | None = None

    def split(self) -> Iterator["Chunk"]:
        """Returns a chunk for each change."""
        if self.job:
            yield Chunk(self.job_id, (), self.job)
        for entry in self.entries:
            yield Chunk(self.job_id, (entry,))

    @property
    def changes(self) -> tuple[Change, ...]:
        return (*self.entries, *([self.job] if self.job else []))


def chunks(changes: Iterable[Change]) -> Iterator[Chunk]:
    """Groups changes by job into transactions, with only the newest change of each item."""
    newest: dict[Key, Change] = {}
    for change in changes:
        key = _key(change)
        if key not in newest or newest[key].revision < change.revision:
            newest[key] = change
    for job_id, job_changes in groupby(sorted(newest.values(), key=_order), key=_job_of):
        together: list[Entry] = []
        job: Job | None = None
        room = _VIEWS_AND_ROWS
        for change in job_changes:
            if isinstance(change, Job):
                job = change
                continue
            new_row = bool(job_id) and (not together or together[-1].picture_id != change.picture_id)
            if room < 1 + new_row:
                yield Chunk(job_id, tuple(together), job)
                together, job, room = [], None, _VIEWS_AND_ROWS
                new_row = bool(job_id)
            together.append(change)
            room -= 1 + new_row
        yield Chunk(job_id, tuple(together), job)


def _order(change: Change) -> tuple[str, str, str]:
    """Sort key: by job, the job itself first, then by picture."""
    return (_job_of(change), *(("", "") if isinstance(change, Job) else _key(change)))


def decide(
    chunk: Chunk, views: Mapping[Key, Entry], rows: Mapping[str, Row], job_view: JobView | None
) -> Commit:
    """Returns the transaction for the changes in a chunk that are newer than the stored state.

    `views`, `rows` and `job_view` are the stored state. If a row is to be written, `views` holds all views of
    its picture.
    """
    newer = {
        _key(entry): entry for entry in chunk.entries if entry.revision > _revision(views.get(_key(entry)))
    }
    new_rows = []
    job_delta = Tally()
    for picture_id in dict.fromkeys(picture_id for picture_id, _ in newer) if chunk.job_id else ():
        before = rows.get(picture_id)
        row = row_of([view for key, view in {**views, **newer}.items() if key[0] == picture_id])
        new_rows.append(Replacement(row, _revision(before)))
        job_delta += row.tally - (before.tally if before else Tally())
    job_revision = job_view.job_revision if job_view else 0
    return Commit(
        entries=tuple(Replacement(entry, _revision(views.get(key))) for key, entry in newer.items()),
        rows=tuple(new_rows),
        job_id=chunk.job_id,
        job=Replacement(chunk.job, job_revision) if chunk.job and chunk.job.revision > job_revision else None,
        job_delta=job_delta,
        delta=sum(
            (contribution(entry) - contribution(views.get(key)) for key, entry in newer.items()), Tally()
        ),
    )


def _revision(stored: Entry | Row | None) -> int:
    return stored.revision if stored else 0


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """The outcome of changes: the newer entries, their rows, and the faults."""

    entries: tuple[Entry, ...] = ()
    rows: tuple[Row, ...] = ()
    faults: Mapping[Key, Exception] = field(default_factory=dict)

    def __add__(self, other: "ApplyResult") -> "ApplyResult":
        return ApplyResult(
            self.entries + other.entries,
            self.rows + other.rows,
            {**self.faults, **other.faults},
        )


@dataclass(frozen=True, slots=True)
class Projection:
    """Builds the views from changes, which may be repeated and in any order.

    `sleep` takes the number of seconds to wait.
    """

    views: Views
    sleep: Callable[[float], None] = time.sleep

    def apply(self, changes: Iterable[Change]) -> ApplyResult:
        """Writes newer changes into the views; a fault is returned and does not stop other changes."""
        return sum(map(self._apply, chunks(changes)), ApplyResult())

    def _apply(self, chunk: Chunk) -> ApplyResult:
        try:
            return self._write(chunk)
        except Exception as fault:  # noqa: BLE001 - returned with its change
            if len(chunk.changes) == 1:
                return ApplyResult(faults={_key(chunk.changes[0]): fault})
        # Separately, so that one faulty change does not block the others.
        return sum(map(self._apply, chunk.split()), ApplyResult())

    def _write(self, chunk: Chunk) -> ApplyResult:
        for seconds in (*_CONFLICT_BACKOFF.delays(_ATTEMPTS), 0.0):
            commit = decide(chunk, *self._stored(chunk))
            if not commit.entries and not commit.job:
                return ApplyResult()
            if self.views.commit(commit):
                return ApplyResult(
                    tuple(replacement.new for replacement in commit.entries),
                    tuple(replacement.new for replacement in commit.rows),
                )
            self.sleep(seconds)
        raise RevisionConflict(f"{_ATTEMPTS} conflicts on the views of {_key(chunk.changes[0])}")

    def _stored(self, chunk: Chunk) -> tuple[dict[Key, Entry], dict[str, Row], JobView | None]:
        """Reads the views, rows and job view that a chunk changes."""
        keys = [_key(entry) for entry in chunk.entries]
        if not chunk.job_id:
            return self._views(keys), {}, None
        pictures = list(dict.fromkeys(entry.picture_id for entry in chunk.entries))
        views = self._views([*keys, *((picture_id, EXPECTED_VERSION) for picture_id in pictures)])
        job_view = self.views.job(chunk.job_id) if chunk.job else None
        if all(entry.revision <= _revision(views.get(_key(entry))) for entry in chunk.entries):
            return views, {}, job_view  # nothing newer: no row will be written
        rows = {row.picture_id: row for row in self.views.rows(pictures) if row}
        for picture_id in pictures:
            revisions = [view.revision for key, view in views.items() if key[0] == picture_id]
            # A row's revision is the sum of the revisions of all its views. If the views read so far have
            # another sum, some are missing, and all are read.
            if sum(revisions) != _revision(rows.get(picture_id)):
                others = self.views.of_picture(picture_id)
                views |= {_key(view): view for view in others if view.job_id == chunk.job_id}
        return views, rows, job_view

    def _views(self, keys: Sequence[Key]) -> dict[Key, Entry]:
        return {_key(view): view for view in self.views.find_each(keys) if view}


def rebuild(views: Views, records: Iterable[Change]) -> Iterator[tuple[int, int]]:
    """Projects records as the stream does, but sends no events.

    Yields the number of records read and of views written, batch by batch. Raises the faults of a batch.
    """
    for batch in batched(records, _MAX_REBUILD_BATCH, strict=False):
        result = Projection(views).apply(batch)
        if result.faults:
            raise ExceptionGroup("some views could not be written", list(result.faults.values()))
        yield len(batch), len(result.entries)


@dataclass(frozen=True, slots=True)
class Progress:
    """The changes of one job in a batch: its current view, and the changed rows."""

    job: JobView
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The outcome of a batch: the newer uploads, the jobs, and the faults by record id."""

    entries: tuple[Entry, ...]
    progress: tuple[Progress, ...]
    faults: Mapping[str, Exception]


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Projects batches of the stream, then sends events and pushes. `clock` returns monotonic seconds."""

    projection: Projection
    event_bus: EventBus
    job_push: JobPush
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def process(self, records: Sequence[Record]) -> BatchResult:
        """Projects a batch, then sends its events and pushes. A repeated batch sends its events again."""
        began = self.clock()
        result = self.projection.apply(record.change for record in records if record.change)
        faults = {record.id: record.fault for record in records if record.fault}
        for record in records:
            if record.change and (fault := result.faults.get(_key(record.change))):
                faults[record.id] = fault
        projected_records = [record for record in records if record.change and record.id not in faults]
        progress = tuple(self._progress(projected_records, result))
        faults |= self._send_events(projected_records, progress)
        for job_progress in progress:
            rows = [serialize_row(row, JOB_ROOT) for row in job_progress.rows]
            self.job_push.push(serialize_job(job_progress.job, JOB_ROOT), rows)
        if progress:
            self.sleep(max(0.0, began + _MIN_SECONDS - self.clock()))
        return BatchResult(result.entries, progress, faults)

    def _progress(self, records: Sequence[Record], result: ApplyResult) -> Iterator[Progress]:
        for job_id in dict.fromkeys(_job_of(record.change) for record in records if record.change):
            view = self.projection.views.job(job_id) if job_id else None
            if view:
                yield Progress(view, tuple(row for row in result.rows if row.job_id == job_id))

    def _send_events(self, records: Sequence[Record], progress: Iterable[Progress]) -> dict[str, Exception]:
        """Sends an event for every terminal upload and every complete job; returns faults by record id."""
        events: list[tuple[Event, list[str]]] = []  # each with the ids of its records
        for record in records:
            entry = record.change
            if isinstance(entry, Entry) and entry.state.terminal and not entry.is_removal:
                event = Event(f"upload.{entry.state.value}", serialize_upload(entry))
                events.append((event, [record.id]))
        for job_progress in progress:
            job = job_progress.job
            if job.complete:
                record_ids = [
                    record.id for record in records if record.change and _job_of(record.change) == job.id
                ]
                events.append((Event("job.completed", serialize_completion(job)), record_ids))
        try:
            refused = self.event_bus.send([event for event, _ in events])
        except Exception as fault:  # noqa: BLE001 - returned with each record, which is then retried
            return dict.fromkeys((record_id for _, record_ids in events for record_id in record_ids), fault)
        return {
            record_id: EventNotAccepted(event.type, event.detail["id"])
            for event, record_ids in events
            if event in refused
            for record_id in record_ids
        }
