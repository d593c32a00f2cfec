"""The items of one key in the ledger, and every transaction that may change them.

An item of the model is the product's item without times, texts and numbers that no decision depends on. Each
transition calls the product's own method, see `_Values`.

Revisions only grow, and the protocol only asks if an item has changed since it was read. So an item has no
number, but the word `fresh`: True until another transaction writes it. A stored item is always fresh.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from darkroom.domain import entries as product
from darkroom.domain.entries import Outcome, State
from darkroom.domain.uploads import REMOVAL_PREFIX, Removal, S3Change, Upload
from tests.builders import a_receipt, a_rendition

BUCKET, KEY = "uploads", "image.png"
LATEST = "latest"

type File = tuple[str, int]  # version, generation


class Change(NamedTuple):
    """One S3 event of the key."""

    kind: str  # "put", "marker" or "destroyed"
    version: str

    @property
    def of_product(self) -> S3Change:
        return _change_of(self)

    @property
    def failed_as(self) -> str:
        return f"{REMOVAL_PREFIX}{self.version}"


class Entry(NamedTuple):
    """One version in the ledger. `state` is None if it is not there."""

    version: str
    state: State | None = None
    leased: bool = False
    receipt: int | None = None  # the generation of the files that its receipt names
    generation: int = 0
    message: Change | None = None  # for a retry, once it has failed
    fresh: bool = True

    @property
    def files(self) -> frozenset[File]:
        return frozenset() if self.receipt is None else frozenset({(self.version, self.receipt)})

    @property
    def is_removal(self) -> bool:
        return self.version.startswith(REMOVAL_PREFIX)

    @property
    def is_live(self) -> bool:
        return self.state not in (None, State.SUPERSEDED, State.DELETED)

    @property
    def has_ended(self) -> bool:
        return self.state is not None and self.state.terminal and self.is_live

    @property
    def of_product(self) -> product.Entry | None:
        return _entry_of(self._replace(fresh=True)) if self.state else None


class Latest(NamedTuple):
    """The Latest item of the key. `version` is None if there is no item."""

    version: str | None = None
    live: tuple[str, ...] = ()
    fresh: bool = True

    @property
    def of_product(self) -> product.Latest | None:
        return _latest_of(self._replace(fresh=True)) if self.version is not None else None

    def becoming(self, version: str, only: tuple[str, ...] | None = None) -> "Latest":
        after = (self.of_product or product.Latest(KEY)).becoming(version)
        after = after if only is None else after.with_only(only)
        return Latest(after.version, after.live_versions, self.fresh)


type Item = Entry | Latest


class Transaction(NamedTuple):
    """Writes items if each is still as it was read, and `unchanged` too.

    `superseded` are the renditions recorded for removal. `asked_at` is the number of changes in S3 at the
    answer that this brings into the ledger.
    """

    name: str
    items: tuple[Item, ...]
    unchanged: Latest | None = None
    superseded: frozenset[File] = frozenset()
    asked_at: int | None = None


def end(own: Entry, state: State) -> Transaction:
    """Ends a version that is not the current one."""
    superseded = own.files if state is State.SUPERSEDED else frozenset[File]()
    return Transaction(f"ends {own.version} as {state}", (_moved(own, state),), superseded=superseded)


def begin(latest: Latest, entry: Entry) -> Transaction:
    return Transaction(f"begins to render {entry.version}", (_begun(entry), latest.becoming(entry.version)))


def conclude(latest: Latest, entry: Entry, others: Iterable[Entry]) -> Transaction:
    """Publishes a result, and supersedes all other live versions."""
    result = _concluded(entry)
    return _supersede(f"publishes {entry.version}", latest, result, others, entry.files - result.files)


def settle(latest: Latest, entry: Entry, others: Iterable[Entry]) -> Transaction:
    """Makes a version that has ended the latest. A failed one supersedes no other."""
    name = f"makes {entry.version} the latest"
    if entry.state is State.FAILED:
        return Transaction(name, (latest.becoming(entry.version),))
    settled = _supersede(name, latest, entry, others, frozenset())
    return settled._replace(items=settled.items[1:])


def _supersede(
    name: str, latest: Latest, entry: Entry, others: Iterable[Entry], replaced: frozenset[File]
) -> Transaction:
    after = latest.becoming(entry.version, only=(entry.version,))
    if after == latest:
        return Transaction(name, (entry,), latest, replaced)
    superseded = tuple(_moved(other, State.SUPERSEDED) for other in others)
    files = replaced.union(*(other.files for other in superseded))
    return Transaction(name, (entry, *superseded, after), superseded=files)


def record_fault(entry: Entry) -> Transaction:
    return Transaction(f"records that an attempt at {entry.version} has failed", (_faulted(entry),))


def delete(latest: Latest, entries: Iterable[Entry]) -> Transaction:
    """Ends every version of a deleted key."""
    deleted = (_moved(entry, State.DELETED) for entry in entries if entry.state is not State.DELETED)
    return Transaction("deletes the key", (*deleted, latest.becoming("", only=())))


def fail(latest: Latest, entry: Entry, message: Change) -> Transaction:
    kept = entry.receipt if entry.is_live else None  # the files of others are removed
    failed = _moved(entry, State.FAILED)._replace(message=message, receipt=kept)
    return Transaction(f"records {entry.version} as failed", (failed, latest.becoming(entry.version)))


def fail_removal(stored: Entry, message: Change) -> Transaction:
    return Transaction(
        "records the removal as failed", (stored._replace(state=State.FAILED, message=message),)
    )


def close_removals(failed: Iterable[Entry]) -> Transaction:
    closed = tuple(_moved(entry, State.DELETED) for entry in failed)
    return Transaction("closes the failed removal", closed)


def sweep(entry: Entry) -> Transaction:
    return Transaction(
        f"records {entry.version} as swept", (entry._replace(state=entry.state or State.EXPECTED),)
    )


def skip(entry: Entry) -> Transaction:
    return Transaction(f"skips {entry.version}", (_moved(entry, State.SKIPPED),))


def transactions(latest: Latest, entries: Iterable[Entry]) -> Iterator[Transaction]:
    """Returns every transaction that the protocol may make on a key, whatever S3's current version is.

    `entries` are all versions of the key, those included that the ledger does not know yet.
    """
    everything = tuple(entries)
    uploads = [entry for entry in everything if not entry.is_removal]
    removals = [entry for entry in everything if entry.is_removal]
    stored = [entry for entry in uploads if entry.state]
    yield delete(latest, stored)
    yield from (delete(latest, (*stored, entry)) for entry in uploads if not entry.state)
    yield from (fail_removal(entry, Change("put", "")) for entry in removals if not entry.state)
    failed = [entry for entry in removals if entry.state is State.FAILED]
    yield from (close_removals([entry]) for entry in failed)
    if len(failed) > 1:
        yield close_removals(failed)
    for entry in uploads:
        others = [other for other in stored if other.version in latest.live and other.is_live]
        yield from _of_entry(latest, entry, [other for other in others if other != entry])


def _of_entry(latest: Latest, entry: Entry, others: list[Entry]) -> Iterator[Transaction]:
    for state in (State.SUPERSEDED, State.DELETED):
        if entry.state not in (state, State.DELETED):
            yield end(entry, state)
    if not entry.leased:
        yield begin(latest, entry)
        yield fail(latest, entry, Change("put", entry.version))
    if not entry.has_ended:
        yield sweep(entry)
    if entry.state is State.RENDERING:
        yield conclude(latest, entry, others)
        yield record_fault(entry)
    if entry.has_ended:
        yield settle(latest, entry, others)
    if entry.state is State.FAILED:
        yield skip(entry)
    if entry.state is State.SKIPPED:
        # By a worker that read the entry before it was skipped.
        yield Transaction(f"makes {entry.version} the latest", (latest.becoming(entry.version),))


def explain(
    before: tuple[Latest, Iterable[Entry]], after: tuple[Latest, Iterable[Entry]]
) -> Transaction | None:
    """Returns the transaction that leads from one state of a key to another; None if there is none.

    Versions that the ledger does not know yet are in `before` without a state. Messages are not compared.
    """
    latest, entries = before[0], tuple(entry._replace(message=None) for entry in before[1])
    expected = after[0], {entry.version: entry._replace(message=None) for entry in after[1] if entry.state}
    for transaction in transactions(latest, entries):
        items = {entry.version: entry for entry in entries if entry.state}
        items |= {
            item.version: item._replace(message=None) for item in transaction.items if isinstance(item, Entry)
        }
        written = next((item for item in transaction.items if isinstance(item, Latest)), latest)
        if (written, items) == expected:
            return transaction
    return None


# The product's items and methods. Cached: a model has few items, and asks for each of them again and again.


@cache
def _change_of(change: Change) -> S3Change:
    if change.kind == "put":
        return Upload(BUCKET, KEY, change.version)
    return Removal(BUCKET, KEY, change.version, marker=change.kind == "marker")


@cache
def _latest_of(latest: Latest) -> product.Latest:
    return product.Latest(KEY, latest.version or "", 1, latest.live)


_NEVER, _EXPIRED = "9999", ""


@cache
def _entry_of(entry: Entry) -> product.Entry:
    attempt = product.Attempt("", _NEVER if entry.leased else _EXPIRED)
    receipt = None if entry.receipt is None else a_receipt(a_rendition(key=str(entry.receipt)))
    upload = Upload(BUCKET, KEY, entry.version)
    return product.Entry(
        upload, entry.state or State.EXPECTED, 1, (attempt,), receipt, generation=entry.generation
    )


def model_entry(entry: product.Entry, *, fresh: bool = True, receipt: int | None = None) -> Entry:
    """Returns the product's entry in the form of the model."""
    return Entry(
        entry.upload.version,
        entry.state,
        bool(entry.lease_expires),
        receipt,
        entry.generation,
        fresh=fresh,
    )


def _after(entry: Entry, moved: product.Entry, receipt: int | None) -> Entry:
    return model_entry(moved, fresh=entry.fresh, receipt=receipt)


def _receipt(entry: product.Entry) -> int | None:
    return int(entry.rendition_keys[0]) if entry.receipt else None


@cache
def _moved(entry: Entry, state: State) -> Entry:
    moved = _entry_of(entry).moved(state)
    return _after(entry, moved, _receipt(moved))


@cache
def _begun(entry: Entry) -> Entry:
    new = product.Entry(Upload(BUCKET, KEY, entry.version), State.RENDERING, revision=0)
    begun = (entry.of_product or new).begun(_NEVER, 1)
    return _after(entry, begun, _receipt(begun))


@cache
def _concluded(entry: Entry) -> Entry:
    receipt = a_receipt(a_rendition(key=str(entry.generation)))
    concluded = _entry_of(entry).ended(State.RENDERED, Outcome.CONCLUDED, receipt=receipt)
    return _after(entry, concluded, _receipt(concluded))


@cache
def _faulted(entry: Entry) -> Entry:
    faulted = _entry_of(entry).ended(State.RENDERING, Outcome.EXCEPTION)
    return _after(entry, faulted, _receipt(faulted))
