"""S3, SQS and a DynamoDB stream as Darkroom sees them: the fakes of the ports, on one virtual clock."""

import random
import secrets
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Any

from darkroom.domain.entries import Entry, Latest, SupersededRenditions
from darkroom.domain.jobs import AnnouncedUpload, Job
from darkroom.domain.rows import JobView
from darkroom.domain.timestamps import timestamp
from darkroom.domain.uploads import Removal, S3Change, Upload
from darkroom.ports import Commit, StoredObject
from darkroom.services.notifications import notification_of
from tests.chaos.log import EntryStep, Item, S3Step
from tests.chaos.plan import History
from tests.fakes import FakeLedger, FakeOriginals, FakeRenditions, FakeViews

MAX_RECEIVES = 5  # as in template.yaml
VISIBILITY_SECONDS, DEAD_LETTER_VISIBILITY_SECONDS = 60, 180  # as in template.yaml
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_CREATED, _HIDDEN, _REMOVED = "ObjectCreated:Put", "ObjectRemoved:DeleteMarkerCreated", "ObjectRemoved:Delete"
_PATCHED = ("darkroom.domain.", "darkroom.services.", "tests.fakes")


@dataclass
class Clock:
    """The only clock of a simulation."""

    seconds: float = 0

    @property
    def moment(self) -> datetime:
        return _BEGIN + timedelta(seconds=self.seconds)

    @property
    def now(self) -> str:
        return timestamp(self.moment)


class _InOneThread:
    """Replaces ThreadPoolExecutor: runs each task at once, and raises its fault when its result is read."""

    def __init__(self, _workers: int) -> None: ...

    def __enter__(self) -> "_InOneThread":
        return self

    def __exit__(self, *_fault: object) -> None: ...

    def map[T, R](self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
        results: list[R] = []
        faults: list[Exception] = []
        for task in tasks:
            try:
                results.append(function(task))
            except Exception as fault:  # noqa: BLE001 - raised below
                faults.append(fault)
        if faults:
            raise faults[0]
        return iter(results)


@contextmanager
def deterministic(clock: Clock, seed: int) -> Iterator[None]:
    """Replaces time, randomness and threads in the domain and the services."""

    class VirtualDatetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return clock.moment

    dice = random.Random(seed)
    replacements: dict[int, Any] = {
        id(datetime): VirtualDatetime,
        id(time): SimpleNamespace(time=lambda: clock.moment.timestamp()),
        id(secrets): SimpleNamespace(token_hex=lambda size: dice.randbytes(size).hex()),
        id(random): dice,
        id(ThreadPoolExecutor): _InOneThread,
    }
    patched = [
        (module, name, value)
        for module_name, module in list(sys.modules.items())
        if module_name.startswith(_PATCHED)
        for name, value in vars(module).items()
        if id(value) in replacements
    ]
    for module, name, value in patched:
        setattr(module, name, replacements[id(value)])
    try:
        yield
    finally:
        for module, name, value in patched:
            setattr(module, name, value)


@dataclass
class Notification:
    """An event of S3 before it is in the queue."""

    key: str
    version: str
    event: str
    body: str

    @property
    def text(self) -> str:
        return f"{self.event.partition(':')[2]} {self.key} {self.version}"

    @property
    def is_put(self) -> bool:
        return self.event == _CREATED


type Log = list[S3Step | tuple[Item, ...]]  # changes in S3, and transactions of the ledger


@dataclass
class Bucket(FakeOriginals):
    """A versioned bucket, which logs its changes. `contents` and `histories` are of every version ever put.

    `without_event` has the versions whose event was lost, `with_removals` the keys of deletions.
    """

    clock: Clock = field(default_factory=Clock)
    stacks: dict[str, list[Upload | str]] = field(default_factory=dict)  # newest last; markers are texts
    notifications: list[Notification] = field(default_factory=list)
    contents: dict[tuple[str, str], bytes] = field(default_factory=dict)
    histories: dict[tuple[str, str], History] = field(default_factory=dict)
    without_event: set[tuple[str, str]] = field(default_factory=set)
    with_removals: set[str] = field(default_factory=set)
    changes: int = 0
    log: Log = field(default_factory=list)

    def put(self, key: str, content: bytes) -> str:
        version = self._next("v")
        upload = Upload(
            self.bucket,
            key,
            version,
            size_bytes=len(content),
            arrived=self.clock.now,
            etag=version,
        )
        self.objects[key, version] = self.contents[key, version] = content
        self.histories[key, version] = History()
        self.stacks.setdefault(key, []).append(upload)
        self._notify(upload, _CREATED, "put")
        return version

    def hide(self, key: str) -> str:
        """Puts a delete marker."""
        marker = self._next("m")
        self.stacks.setdefault(key, []).append(marker)
        for (name, _), history in self.histories.items():
            history.hidden |= name == key
        self._notify(Upload(self.bucket, key, marker), _HIDDEN, "marker")
        return marker

    def destroy(self, key: str, index: int) -> str:
        """Deletes one version or delete marker permanently."""
        stack = self.stacks[key]
        removed, current = stack.pop(index), self.current(key)
        version = removed.version if isinstance(removed, Upload) else removed
        if isinstance(removed, Upload):
            del self.objects[key, version]
            self.histories[key, version].hidden = True
        if current:
            self.histories[key, current.version].returns += 1
        self._notify(Upload(self.bucket, key, version), _REMOVED, "destroyed")
        return version

    def list_newest(self, cursor: str) -> tuple[list[S3Change], str]:
        keys = sorted(key for key, stack in self.stacks.items() if stack and key > cursor)
        page = keys[: self.page_size]
        newest = [(key, self.stacks[key][-1]) for key in page]
        return [
            item if isinstance(item, Upload) else Removal(self.bucket, key, item, marker=True)
            for key, item in newest
        ], page[-1] if len(keys) > len(page) else ""

    def current(self, key: str) -> Upload | None:
        stack = self.stacks.get(key)
        newest = stack[-1] if stack else None
        return newest if isinstance(newest, Upload) else None

    def _next(self, prefix: str) -> str:
        self.changes += 1
        return f"{prefix}{self.changes}"

    def _notify(self, upload: Upload, event: str, kind: str) -> None:
        self.log.append(S3Step(upload.picture_id, upload.key, kind, upload.version))
        if event != _CREATED:
            self.with_removals.add(upload.key)
        body = notification_of(upload).replace(_CREATED, event)
        self.notifications.append(Notification(upload.key, upload.version, event, body))


@dataclass
class RenditionsBucket(FakeRenditions):
    clock: Clock = field(default_factory=Clock)
    stored_at: dict[str, str] = field(default_factory=dict)

    def store(self, key: str, content: bytes, media_type: str) -> None:
        if key not in self.objects:
            self.stored_at[key] = self.clock.now
        super().store(key, content, media_type)

    def list_stored(self, cursor: str) -> tuple[list[StoredObject], str]:
        stored, cursor = super().list_stored(cursor)
        return [StoredObject(item.key, self.stored_at[item.key]) for item in stored], cursor


type Change = Entry | Job


@dataclass
class StreamedLedger(FakeLedger):
    """The ledger with its stream: lanes of changes, each in order; a picture or a job is always in one lane.

    `transitions` are all changes ever. `log` has the transactions with the items of uploads.
    """

    log: Log = field(default_factory=list)
    lanes: tuple[list[tuple[int, Change]], ...] = field(default_factory=lambda: ([], []))
    transitions: list[Change] = field(default_factory=list)
    partitions: dict[str, int] = field(default_factory=dict)

    def advance(self, *items: Entry | Latest | SupersededRenditions, unchanged: Latest | None = None) -> bool:
        written = super().advance(*items, unchanged=unchanged)
        if written:
            for item in items:
                if isinstance(item, Entry):
                    self._emit(item.picture_id, item)
            if logged := tuple(_logged(items)):
                self.log.append(logged)
        return written

    def expect(self, entries: Collection[Entry]) -> None:
        # A put that changes nothing is not in a DynamoDB stream.
        changed = [entry for entry in entries if self.find(entry.picture_id, entry.upload.version) != entry]
        super().expect(entries)
        for entry in changed:
            self._emit(entry.picture_id, entry)

    def open(self, job: Job, manifest: Sequence[AnnouncedUpload]) -> None:
        is_new = job.id not in self.jobs
        super().open(job, manifest)
        if is_new:
            self._emit(job.id, job)

    def seal(self, job: Job) -> Job:
        before = self.find_job(job.id)
        sealed = super().seal(job)
        if sealed != before:
            self._emit(job.id, sealed)
        return sealed

    def _emit(self, partition: str, change: Change) -> None:
        self.transitions.append(change)
        lane = self.partitions.setdefault(partition, len(self.partitions) % len(self.lanes))
        self.lanes[lane].append((len(self.transitions), change))


def _logged(items: Iterable[Entry | Latest | SupersededRenditions]) -> Iterator[Item]:
    for item in items:
        if isinstance(item, Latest):
            yield item
        elif isinstance(item, Entry) and not item.is_announcement:
            yield EntryStep.of(item)


@dataclass
class RecordedViews(FakeViews):
    """The views, with the id of every completion that a job's totals ever had."""

    completions: dict[str, set[str]] = field(default_factory=dict)

    def commit(self, commit: Commit) -> bool:
        written = super().commit(commit)
        view = self.jobs.get(commit.job_id, JobView(""))
        if written and view.complete:
            self.completions.setdefault(view.id, set()).add(view.completion)
        return written


@dataclass
class Message:
    number: int
    body: str
    text: str
    expected_revision: int | None
    visible_at: float
    receives: int = 0


@dataclass
class SimulatedQueue:
    """An SQS queue: unordered, at least once. With `dead_letters`, it moves messages there."""

    clock: Clock
    visibility_seconds: int
    dead_letters: "SimulatedQueue | None" = None
    messages: dict[int, Message] = field(default_factory=dict)
    sent: int = 0
    renewed: list[str] = field(default_factory=list)  # bodies of all messages with an expected revision

    def send(
        self, body: str, expected_revision: int | None = None, text: str = "", receives: int = 0
    ) -> None:
        self.sent += 1
        if not text:
            text = "swept" if expected_revision is None else f"again at revision {expected_revision}"
        if expected_revision is not None:
            self.renewed.append(body)
        self.messages[self.sent] = Message(
            self.sent, body, text, expected_revision, self.clock.seconds, receives
        )

    def hide(self, receipt_handle: str, seconds: int) -> None:
        if message := self.messages.get(int(receipt_handle)):
            message.visible_at = self.clock.seconds + seconds

    def delete(self, receipt_handle: str) -> None:
        self.messages.pop(int(receipt_handle), None)

    def visible(self) -> list[Message]:
        return [message for message in self.messages.values() if message.visible_at <= self.clock.seconds]

    def receive(self, message: Message) -> Message | None:
        """Hides a message and returns it; None if it became a dead letter instead."""
        if self.dead_letters and message.receives == MAX_RECEIVES:
            del self.messages[message.number]
            self.dead_letters.send(message.body, text=message.text)
            return None
        message.receives += 1
        message.visible_at = self.clock.seconds + self.visibility_seconds
        return message
