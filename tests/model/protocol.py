"""The protocol of services/reconciling, parking and sweeping, one port call at a time.

Each process is a generator: it yields a call and receives the answer. If it ends with `Then`, it continues in
another function, and remembers only the arguments of that. The decisions are those of the product's `decide`.

Left out, because nothing depends on it: pictures that are rejected (a result without files), several files
per version (they are written, named and removed together), and announced uploads.
"""

from collections.abc import Generator
from contextlib import suppress
from copy import replace
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, NamedTuple

from darkroom.domain.entries import State
from darkroom.domain.reconcile import Delete, Known, Nothing, Render, Settle, Steps, decide
from darkroom.domain.uploads import Upload
from tests.model import ledger
from tests.model.ledger import BUCKET, KEY, LATEST, Change, Entry, File, Latest, Transaction


class Get(NamedTuple):
    """Reads the entry of a version, or the Latest item."""

    name: str


class GetAll(NamedTuple):
    """Reads the entries of all versions."""


class Head(NamedTuple):
    """Asks S3 for the current version."""


class ReadOriginal(NamedTuple):
    """Reads the bytes of a version. Answers False if they are gone."""

    version: str


class Store(NamedTuple):
    """Stores the renditions of a version."""

    file: File


class Remove(NamedTuple):
    """Removes renditions."""

    files: frozenset[File]


class Forget(NamedTuple):
    """Deletes the records of superseded renditions."""

    files: frozenset[File]


class Send(NamedTuple):
    """Sends a message to the queue."""

    change: Change


class Then(NamedTuple):
    """The process continues in another function of the protocol."""

    function: str
    arguments: tuple[Any, ...]


class Fault(Exception):
    """A call was throttled, or its answer was lost."""


class LeaseHeld(Exception):
    """Another worker has the lease. The message waits until it has ended."""


class Conflict(Exception):
    """A condition of a transaction failed."""


class Message(NamedTuple):
    """A message about a change.

    A retry expects the present revision of an entry: `expected` is its version, and OUTDATED after that entry
    has changed.
    """

    change: Change
    expected: str = ""


OUTDATED = "outdated"


class Answer(NamedTuple):
    """S3's answer after `changes` changes of the key.

    `newest` is the current version or the delete marker; empty if there is none.
    """

    newest: str
    changes: int

    @property
    def current(self) -> str | None:
        return self.newest if self.newest.startswith("v") else None


type Process[T] = Generator[Any, Any, T]


class Defence(Enum):
    """What the protocol can do without in the model, to show that it is needed."""

    S3_LAST = "S3 is asked after the Latest item was read"
    S3_ASKED = "only S3's current version is rendered"
    ENDED_ONCE = "an upload that has ended is not rendered again"
    RETRY_ONCE = "a retry names a revision and takes effect once"
    OWN_ENDED = "a version that is not the current one is ended"
    LEASE = "an upload leased by another worker waits"
    REVISION = "a transition needs the previous revision"
    BEGIN_LATEST = "an attempt begins only if the Latest item is unchanged"
    COMMIT_LATEST = "a result is published only if the Latest item is unchanged"
    GENERATION = "a version that is live again has other renditions"
    DELETION_RECORDED = "a deletion is recorded even if nothing is to be deleted"
    DELETED_FILES = "a deletion removes the renditions"
    SECOND_LOOK = "S3 is asked again after a deletion"
    PARK_AGAIN = "S3 is asked again after a failure was recorded"
    PARK_LATEST = "a failed version is recorded beside the live versions"
    REMOVAL_CLOSED = "a failed removal is closed after it was applied"
    SWEPT = "the sweep enqueues lost uploads"
    SWEPT_MARKERS = "the sweep enqueues lost delete markers"


@dataclass(frozen=True)
class Protocol:
    """The processes. `without` are the defences that are left out."""

    without: frozenset[Defence] = frozenset()

    # Reconciler.apply

    def reconcile(self, message: Message, is_deleted: bool) -> Process[Then]:
        latest, s3, entry = yield from self._gather(message.change)
        # The entry was read just now, so this tells if it has the expected revision.
        asked = bool(message.expected) and message.expected == s3.current
        if self._lacks(Defence.RETRY_ONCE):
            asked = bool(message.expected)
        return Then("act", (message, is_deleted, latest, s3, entry, asked))

    def act(
        self, message: Message, is_deleted: bool, latest: Latest, s3: Answer, entry: Entry | None, asked: bool
    ) -> Process[Then]:
        change = message.change
        own = yield from _own(change, s3)
        steps = self._decide(change, latest, s3, entry, own, asked)
        if steps == Steps(Nothing()) or (is_deleted and steps.action == Delete()):
            yield from _remove_files_of_removed(change, own)
            return Then("close_failure", (change,))
        try:
            if steps.action == Delete():
                yield from self._delete(latest, own, s3)
                is_over = self._lacks(Defence.SECOND_LOOK)
                return Then("close_failure", (change,)) if is_over else Then("reconcile", (message, True))
            if own and steps.own:
                yield from _advance(ledger.end(own, steps.own))
            yield from _remove_files_of_removed(change, own)
            match steps.action:
                case Settle() if entry:
                    others = yield from _others(latest, entry)
                    yield from _advance(ledger.settle(latest, entry, others), s3)
                case Render() if s3.current:
                    begun = yield from self._begin(latest, entry or Entry(s3.current), s3)
                    return Then("attempt", (message, is_deleted, s3, *begun))
        except Conflict:
            return Then("reconcile", (message, is_deleted))
        return Then("reconcile", (message, False))

    def attempt(
        self, message: Message, is_deleted: bool, s3: Answer, entry: Entry, latest: Latest
    ) -> Process[Then]:
        """Renders a version, and publishes the result."""
        try:
            if not (yield ReadOriginal(entry.version)):
                raise Conflict
            yield Store((entry.version, entry.generation))
            yield from self._publish(entry, latest, s3)
        except (Fault, Conflict) as fault:
            with suppress(Fault):
                yield ledger.record_fault(entry)
            if isinstance(fault, Fault):
                raise
            return Then("reconcile", (message, is_deleted))
        return Then("close_failure", (message.change,))

    def close_failure(self, change: Change) -> Process[None]:
        """Closes the failed entry of a removal after it was applied."""
        if change.kind != "put" and Defence.REMOVAL_CLOSED not in self.without:
            failed: Entry = yield Get(change.failed_as)
            if failed.state is State.FAILED:
                yield from _advance(ledger.close_removals([failed]))

    # Parking.park

    def park(self, message: Message) -> Process[Then | None]:
        change = message.change
        latest, s3, entry = yield from self._gather(change)
        own = yield from _own(change, s3)
        steps = self._decide(change, latest, s3, entry, own, asked=False)
        is_removal = change.kind != "put"
        if is_removal and (steps.own or steps.action == Delete()):
            failed: Entry = yield Get(change.failed_as)
            if failed.state and failed.state.terminal:
                return None
            yield from _advance(ledger.fail_removal(failed, change))
        elif own and steps.own:
            yield from _advance(ledger.end(own, steps.own))
        elif isinstance(steps.action, Render) and s3.current:
            yield from self._fail(latest, entry or Entry(s3.current), change, s3)
        elif isinstance(steps.action, Settle) and entry:
            others = yield from _others(latest, entry)
            yield from _advance(ledger.settle(latest, entry, others), s3)
        elif steps.action == Delete() and own and own.state is not State.DELETED:
            yield from _advance(ledger.end(own, State.DELETED))
        else:
            return None
        return None if self._lacks(Defence.PARK_AGAIN) else Then("park", (message,))

    # Sweep.enqueue_lost

    def sweep(self) -> Process[None]:
        s3: Answer = yield Head()
        if s3.current:
            entry: Entry = yield Get(s3.current)
            if not entry.has_ended and not entry.leased and Defence.SWEPT not in self.without:
                yield Send(Change("put", s3.current))
                yield ledger.sweep(entry)
        elif s3.newest and Defence.SWEPT_MARKERS not in self.without:
            latest: Latest = yield Get(LATEST)
            marker = Change("marker", s3.newest)
            if latest.version and not (yield Get(marker.failed_as)).state:
                yield Send(marker)

    # Sweep.remove_superseded, Sweep.remove_unused

    def clean(self, recorded: frozenset[File], stored: frozenset[File]) -> Process[None]:
        """Removes the renditions that were recorded or stored long ago and that no live version uses."""
        if recorded:
            yield Remove(recorded)
            yield Forget(recorded)
        latest: Latest = yield Get(LATEST)
        live = yield from _others(latest, None)
        unused = stored.difference(recorded, *(entry.files for entry in live))
        if unused and all(entry.has_ended for entry in live):
            yield Remove(unused)

    # Steps of the above

    def _lacks(self, defence: Defence) -> bool:
        return defence in self.without

    def _gather(self, change: Change) -> Process[tuple[Latest, Answer, Entry | None]]:
        if self._lacks(Defence.S3_LAST):
            s3, latest = (yield Head()), (yield Get(LATEST))
        else:
            latest, s3 = (yield Get(LATEST)), (yield Head())
        if self._lacks(Defence.S3_ASKED) and change.kind == "put":
            s3 = s3._replace(newest=change.version)
        return latest, s3, (yield Get(s3.current)) if s3.current else None

    def _decide(
        self, change: Change, latest: Latest, s3: Answer, entry: Entry | None, own: Entry | None, asked: bool
    ) -> Steps:
        if entry and entry.has_ended and self._lacks(Defence.ENDED_ONCE):
            entry = entry._replace(state=State.RENDERING, leased=False)
        steps = _decide(change, latest._replace(fresh=True), s3.current, _read(entry), _read(own), asked)
        return replace(steps, own=None) if self._lacks(Defence.OWN_ENDED) else steps

    def _check_lease(self, entry: Entry) -> None:
        if entry.leased and not self._lacks(Defence.LEASE):
            raise LeaseHeld

    def _begin(self, latest: Latest, entry: Entry, s3: Answer) -> Process[tuple[Entry, Latest]]:
        self._check_lease(entry)
        if self._lacks(Defence.BEGIN_LATEST):
            latest = latest._replace(fresh=True)
        begun = ledger.begin(latest, entry)
        if self._lacks(Defence.GENERATION):
            begun = begun._replace(items=tuple(_of_first_generation(item) for item in begun.items))
        begun_entry, begun_latest = yield from _advance(begun, s3)
        return begun_entry, begun_latest

    def _publish(self, entry: Entry, latest: Latest, s3: Answer) -> Process[None]:
        others = yield from _others(latest, entry)
        if self._lacks(Defence.COMMIT_LATEST):
            latest = latest._replace(fresh=True)
        concluded = ledger.conclude(latest, entry, others)
        try:
            yield from _advance(concluded, s3)
        except Conflict:
            stored: Entry = yield Get(entry.version)
            if not stored.is_live and stored.generation == entry.generation:
                yield Remove(frozenset({(entry.version, entry.generation)}) - stored.files)
            raise

    def _delete(self, latest: Latest, own: Entry | None, s3: Answer) -> Process[None]:
        # The product also reads the live versions one by one, for keys with more than 100.
        stored: tuple[Entry, ...] = yield GetAll()
        unknown = (own,) if own and own.version not in {entry.version for entry in stored} else ()
        entries = [entry for entry in (*stored, *unknown) if not entry.is_removal]
        deletes = any(entry.state is not State.DELETED for entry in entries)
        if deletes or not self._lacks(Defence.DELETION_RECORDED):
            yield from _advance(ledger.delete(latest, entries), s3)
        if not self._lacks(Defence.DELETED_FILES):
            yield from _remove(frozenset().union(*(entry.files for entry in entries)))
        failed = [entry for entry in stored if entry.is_removal and entry.state is State.FAILED]
        if failed and not self._lacks(Defence.REMOVAL_CLOSED):
            yield from _advance(ledger.close_removals(failed))

    def _fail(self, latest: Latest, entry: Entry, message: Change, s3: Answer) -> Process[None]:
        self._check_lease(entry)
        failed = ledger.fail(latest, entry, message)
        if self._lacks(Defence.PARK_LATEST):
            failed = failed._replace(items=failed.items[:1])
        yield from _advance(failed, s3)


def _own(change: Change, s3: Answer) -> Process[Entry | None]:
    """Reads the entry of a change's own version, unless that is the current one. A new one for an upload."""
    if change.kind == "marker" or (change.kind == "put" and change.version == s3.current):
        return None
    own: Entry = yield Get(change.version)
    if own.state is None:
        return own._replace(state=State.EXPECTED) if change.kind == "put" else None
    return own


def _others(latest: Latest, entry: Entry | None) -> Process[tuple[Entry, ...]]:
    """Reads the entries of the other live versions."""
    others = []
    for version in latest.live:
        if entry is None or version != entry.version:
            other: Entry = yield Get(version)
            if other.is_live:
                others.append(other)
    return tuple(others)


def _remove_files_of_removed(change: Change, own: Entry | None) -> Process[None]:
    """Removes the files of a permanently deleted version; again after a crash."""
    if change.kind == "destroyed" and own:
        yield from _remove(own.files)


def _remove(files: frozenset[File]) -> Process[None]:
    if files:
        yield Remove(files)


def _advance(transaction: Transaction, s3: Answer | None = None) -> Process[Any]:
    """Makes a transaction, because of an answer of S3; returns the items as they are then stored."""
    written = yield transaction._replace(asked_at=s3.changes if s3 else None)
    if not written:
        raise Conflict
    return written


def _of_first_generation(item: Entry | Latest) -> Entry | Latest:
    return item._replace(generation=0) if isinstance(item, Entry) else item


def _read(entry: Entry | None) -> Entry | None:
    return entry and entry._replace(fresh=True, message=None)


@cache
def _decide(
    change: Change, latest: Latest, current: str | None, entry: Entry | None, own: Entry | None, asked: bool
) -> Steps:
    known = Known(
        latest.of_product,
        Upload(BUCKET, KEY, current) if current else None,
        entry.of_product if entry else None,
        own.of_product if own else None,
    )
    return decide(change.of_product, known, 1 if asked else None)
