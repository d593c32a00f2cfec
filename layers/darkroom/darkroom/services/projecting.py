"""The ledger's stream -> views, and word of it to whoever listens.

The stream tells everything at least once, each item's changes in their order and those of two items in any
order; batches are repeated and run beside one another. So nothing is counted by what a record says: what a
member adds to its job's totals is told by its row, and a row is written only over the one that was read.
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
from darkroom.ports import TRANSACTION_ITEMS, Channel, Commit, Event, EventBus, Replaced, Views
from darkroom.services.retries import Backoff

# Records per batch of the stream, as in template.yaml. Each may write a view and a row, and one transaction
# must also hold a job's record, its totals and the totals of all time: 48.
BATCH = (TRANSACTION_ITEMS - 3) // 2
_VIEWS_AND_ROWS = 2 * BATCH
# Each time somebody else was faster, so that all together get on.
_ATTEMPTS = 8
_CONFLICTS = Backoff(first_seconds=0.05, longest_seconds=6.4)
# A batch that tells of a job takes so long at least: what changes faster than that is told together.
_LEAST_SECONDS = 0.1

# Read together, so that more of one job's are written together.
_REBUILT_AT_ONCE = 2000

type Change = Entry | Job
type Key = tuple[str, str]


def _key(change: Change) -> Key:
    return (change.picture_id, change.upload.version) if isinstance(change, Entry) else ("job", change.id)


def _job_of(change: Change) -> str:
    return change.job_id if isinstance(change, Entry) else change.id


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the stream, by its id in the batch: what it changes in the views, if it can be read."""

    id: str
    change: Change | None = None
    fault: Exception | None = None

    @property
    def summary(self) -> Mapping[str, str | int | float]:
        """One log line's worth."""
        upload = self.change.summary if isinstance(self.change, Entry) else {}
        return {**upload, "record": self.id}


@dataclass(frozen=True, slots=True)
class Chunk:
    """Changes that are written together: of one job, or of none."""

    job_id: str
    entries: tuple[Entry, ...]
    record: Job | None = None

    def apart(self) -> Iterator["Chunk"]:
        """Each change by itself."""
        if self.record:
            yield Chunk(self.job_id, (), self.record)
        for entry in self.entries:
            yield Chunk(self.job_id, (entry,))

    @property
    def changes(self) -> tuple[Change, ...]:
        return (*self.entries, *([self.record] if self.record else []))


def chunks(changes: Iterable[Change]) -> Iterator[Chunk]:
    """Changes by their jobs, the newest of each item alone, as many together as one transaction takes."""
    newest: dict[Key, Change] = {}
    for change in changes:
        key = _key(change)
        if key not in newest or newest[key].revision < change.revision:
            newest[key] = change
    for job, some in groupby(sorted(newest.values(), key=_order), key=_job_of):
        together: list[Entry] = []
        record: Job | None = None
        room = _VIEWS_AND_ROWS
        for change in some:
            if isinstance(change, Job):
                record = change
                continue
            new_row = bool(job) and (not together or together[-1].picture_id != change.picture_id)
            if room < 1 + new_row:
                yield Chunk(job, tuple(together), record)
                together, record, room = [], None, _VIEWS_AND_ROWS
                new_row = bool(job)
            together.append(change)
            room -= 1 + new_row
        yield Chunk(job, tuple(together), record)


def _order(change: Change) -> tuple[str, str, str]:
    """By job, and there its record first, then picture by picture."""
    return (_job_of(change), *(("", "") if isinstance(change, Job) else _key(change)))


@dataclass(frozen=True, slots=True)
class ViewState:
    """What the views say of a chunk: `views` by picture and version, of a job's members all there are."""

    views: Mapping[Key, Entry]
    rows: Mapping[str, Row] = field(default_factory=dict)
    job: JobView | None = None


def decide(chunk: Chunk, state: ViewState) -> Commit:
    """What to write so that the views say what the chunk does, where that is newer."""
    newer = {
        _key(entry): entry
        for entry in chunk.entries
        if entry.revision > _revision(state.views.get(_key(entry)))
    }
    rows = []
    job_delta = Tally()
    for picture_id in dict.fromkeys(picture_id for picture_id, _ in newer) if chunk.job_id else ():
        before = state.rows.get(picture_id)
        views = {key: view for key, view in state.views.items() if key[0] == picture_id}
        row = row_of(list((views | {key: newer[key] for key in newer if key[0] == picture_id}).values()))
        rows.append(Replaced(row, _revision(before)))
        job_delta += row.tally - (before.tally if before else Tally())
    known = state.job.record if state.job else 0
    fresh = chunk.record is not None and chunk.record.revision > known
    return Commit(
        entries=tuple(Replaced(entry, _revision(state.views.get(key))) for key, entry in newer.items()),
        rows=tuple(rows),
        job_id=chunk.job_id,
        record=Replaced(chunk.record, known) if chunk.record and fresh else None,
        job_delta=job_delta,
        delta=sum(
            (contribution(entry) - contribution(state.views.get(key)) for key, entry in newer.items()),
            Tally(),
        ),
    )


def _revision(stored: Entry | Row | None) -> int:
    return stored.revision if stored else 0


@dataclass(frozen=True, slots=True)
class Applied:
    """What has become of changes: those that were news, the rows that this made, and what went wrong."""

    entries: tuple[Entry, ...] = ()
    rows: tuple[Row, ...] = ()
    faults: Mapping[Key, Exception] = field(default_factory=dict)

    def __add__(self, other: "Applied") -> "Applied":
        return Applied(
            self.entries + other.entries,
            self.rows + other.rows,
            {**self.faults, **other.faults},
        )


@dataclass(frozen=True, slots=True)
class Projection:
    """Builds the views, in whatever order and however often it is told. `pause` waits for some seconds."""

    views: Views
    pause: Callable[[float], None] = time.sleep

    def apply(self, changes: Iterable[Change]) -> Applied:
        """Has the views say what is newer than what they say; what fails is told, and stops nothing else."""
        return sum(map(self._apply, chunks(changes)), Applied())

    def _apply(self, chunk: Chunk) -> Applied:
        try:
            return self._written(chunk)
        except Exception as fault:  # noqa: BLE001 - none is kept: each is told with its change
            if len(chunk.changes) == 1:
                return Applied(faults={_key(chunk.changes[0]): fault})
        # One that can't be written shall not take its neighbours down with it.
        return sum(map(self._apply, chunk.apart()), Applied())

    def _written(self, chunk: Chunk) -> Applied:
        for seconds in (*_CONFLICTS.delays(_ATTEMPTS), 0.0):
            commit = decide(chunk, self._view_state(chunk))
            if not commit.entries and not commit.record:
                return Applied()
            if self.views.commit(commit):
                return Applied(
                    tuple(each.new for each in commit.entries), tuple(each.new for each in commit.rows)
                )
            self.pause(seconds)
        raise RevisionConflict(f"{_ATTEMPTS} times others have changed the views of {_key(chunk.changes[0])}")

    def _view_state(self, chunk: Chunk) -> ViewState:
        keys = [_key(entry) for entry in chunk.entries]
        if not chunk.job_id:
            return ViewState(self._views(keys))
        pictures = list(dict.fromkeys(entry.picture_id for entry in chunk.entries))
        views = self._views([*keys, *((picture_id, EXPECTED_VERSION) for picture_id in pictures)])
        job = self.views.job(chunk.job_id) if chunk.record else None
        if all(entry.revision <= _revision(views.get(_key(entry))) for entry in chunk.entries):
            return ViewState(views, job=job)  # no news: no row will be written
        rows = {row.picture_id: row for row in self.views.rows(pictures) if row}
        for picture_id in pictures:
            known = [view.revision for key, view in views.items() if key[0] == picture_id]
            # A row's revision is the sum of those that it was made of: else there are more of them.
            if sum(known) != _revision(rows.get(picture_id)):
                others = self.views.of_picture(picture_id)
                views |= {_key(view): view for view in others if view.job_id == chunk.job_id}
        return ViewState(views, rows, job)

    def _views(self, keys: Sequence[Key]) -> dict[Key, Entry]:
        return {_key(view): view for view in self.views.find_each(keys) if view}


def rebuild(views: Views, records: Iterable[Change]) -> Iterator[tuple[int, int]]:
    """Has the views say all that these records do, by the same way as the stream; announces nothing.

    Tells now and then how many more it has read, and how many views it wrote. Raises what can't be written.
    """
    for some in batched(records, _REBUILT_AT_ONCE, strict=False):
        done = Projection(views).apply(some)
        if done.faults:
            raise ExceptionGroup("not every view could be written", list(done.faults.values()))
        yield len(some), len(done.entries)


@dataclass(frozen=True, slots=True)
class Progress:
    """What a batch has told of one job: how it stands now, and the rows that have changed."""

    job: JobView
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Projected:
    """What has become of a batch: the uploads that were news, its jobs, and the records that failed."""

    applied: tuple[Entry, ...]
    progress: tuple[Progress, ...]
    faults: Mapping[str, Exception]


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Takes batches of the stream: into the views first, then to whoever listens. `clock` tells seconds."""

    projection: Projection
    announcements: EventBus
    channel: Channel
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def take(self, records: Sequence[Record]) -> Projected:
        """Projects a batch and announces it, whether it was news or not: a crash may have come between."""
        began = self.clock()
        applied = self.projection.apply(record.change for record in records if record.change)
        faults = {record.id: record.fault for record in records if record.fault}
        for record in records:
            if record.change and (fault := applied.faults.get(_key(record.change))):
                faults[record.id] = fault
        sound = [record for record in records if record.change and record.id not in faults]
        progress = tuple(self._progress(sound, applied))
        faults |= self._announce(sound, progress)
        for each in progress:
            rows = [serialize_row(row, JOB_ROOT) for row in each.rows]
            self.channel.push(serialize_job(each.job, JOB_ROOT), rows)
        if progress:
            self.pause(max(0.0, began + _LEAST_SECONDS - self.clock()))
        return Projected(applied.entries, progress, faults)

    def _progress(self, records: Sequence[Record], applied: Applied) -> Iterator[Progress]:
        for job in dict.fromkeys(_job_of(record.change) for record in records if record.change):
            view = self.projection.views.job(job) if job else None
            if view:
                yield Progress(view, tuple(row for row in applied.rows if row.job_id == job))

    def _announce(self, records: Sequence[Record], progress: Iterable[Progress]) -> dict[str, Exception]:
        """Tells of every end, and of every job that is complete; the records whose word was not taken."""
        told: list[tuple[Event, list[str]]] = []
        for record in records:
            entry = record.change
            if isinstance(entry, Entry) and entry.state.terminal and not entry.is_removal:
                announcement = Event(f"upload.{entry.state.value}", serialize_upload(entry))
                told.append((announcement, [record.id]))
        for each in progress:
            if each.job.complete:
                of_job = [
                    record.id for record in records if record.change and _job_of(record.change) == each.job.id
                ]
                told.append((Event("job.completed", serialize_completion(each.job)), of_job))
        try:
            refused = self.announcements.send([announcement for announcement, _ in told])
        except Exception as fault:  # noqa: BLE001 - told with each record, so that it comes again
            return dict.fromkeys((name for _, names in told for name in names), fault)
        return {
            name: EventNotAccepted(announcement.type, announcement.detail["id"])
            for announcement, names in told
            if announcement in refused
            for name in names
        }
