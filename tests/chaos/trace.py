"""Replays the log of a run against the model of the protocol in tests/model.

Pure. `python -m tests.chaos.trace FILE [TEXT]` replays a file and prints its transactions.
"""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from rich.console import Console

from darkroom.domain import entries as product
from darkroom.domain.entries import State
from tests.chaos.log import EntryStep, Item, S3Step, Step, read
from tests.model.ledger import LATEST, Entry, Latest, Transaction, transactions

_NO_TRANSACTION = "the model has no such transaction"
_RESULTS = (State.RENDERED, State.REJECTED)


@dataclass
class _Picture:
    """What S3 and the ledger had of a key. `moment` is the place in `currents` that Latest was read at."""

    key: str
    versions: list[str] = field(default_factory=list)  # in S3, with delete markers, oldest first
    put_at: dict[str, int] = field(default_factory=dict)  # the place in `currents` of each version ever put
    destroyed: set[str] = field(default_factory=set)
    currents: list[str] = field(default_factory=list)  # after each change in S3; empty for a deleted key
    moment: int = 0
    latest: product.Latest | None = None
    steps: dict[str, EntryStep] = field(default_factory=dict)  # the last of each version
    entries: dict[str, Entry] = field(default_factory=dict)  # the same in the form of the model
    added: set[str] = field(default_factory=set)  # since the last Latest item; removals at any time
    is_wrong: bool = False

    def change(self, step: S3Step) -> None:
        if step.kind == "destroyed":
            self.versions.remove(step.version)
            self.destroyed.add(step.version)
        else:
            self.versions.append(step.version)
        if step.kind == "put":
            self.put_at[step.version] = len(self.currents)
        newest = self.versions[-1] if self.versions else ""
        self.currents.append(newest if newest in self.put_at else "")

    def apply(self, items: Sequence[Item]) -> None:
        for item in items:
            if isinstance(item, EntryStep):
                if item.version not in self.steps:
                    self.added.add(item.version)
                self.entries[item.version] = self.in_model(item)
                self.steps[item.version] = item
        for item in items:
            if isinstance(item, product.Latest):
                self.moment = self.moment_of(item)
                self.latest = item
                # A deletion reads failed removals before it writes the Latest item, and closes them after it.
                self.added = {version for version in self.added if self.steps[version].is_removal}

    def before(self, item: Item) -> Item | None:
        return self.steps.get(item.version) if isinstance(item, EntryStep) else self.latest

    def next_revision(self, item: Item) -> int:
        before = self.before(item)
        return before.revision + 1 if before else 1

    def in_model(self, item: EntryStep) -> Entry:
        """Returns an entry in the form of the model, which knows no rejected ones."""
        before = self.steps.get(item.version)
        receipt = item.generation if item.receipt else None
        if before and before.receipt == item.receipt and not _is_published(before, item):
            receipt = self.entries[item.version].receipt
        state = State.RENDERED if item.state is State.REJECTED else item.state
        return Entry(item.version, state, bool(item.lease_expires), receipt, item.generation)

    def moment_of(self, latest: product.Latest) -> int:
        """Returns the first moment since that of the last Latest item at which S3 had its version, or -1."""
        places = range(self.moment, len(self.currents))
        return next((place for place in places if self.currents[place] == latest.version), -1)

    def currents_since(self, version: str) -> Sequence[str]:
        """Returns the current versions in S3 since a version was put."""
        return self.currents[self.put_at[version] :]


@dataclass
class Replay:
    """Replays steps. `names` has the model's name of each transaction, by key.

    `disallowed` has a sentence for each picture with a step that the model does not allow. What follows such
    a step is not checked, because the model does not know where it leads.
    """

    names: list[tuple[str, str]] = field(default_factory=list)
    disallowed: list[str] = field(default_factory=list)
    _pictures: dict[str, _Picture] = field(default_factory=dict)

    def change(self, step: S3Step) -> None:
        self._pictures.setdefault(step.picture_id, _Picture(step.key)).change(step)

    def transaction(self, items: Sequence[Item]) -> None:
        """Replays the items of one transaction."""
        self._replay(items, is_whole=True)

    def records(self, items: Sequence[Item]) -> None:
        """Replays records of a picture that follow each other in a stream.

        MiniStack's stream has the records of a transaction one after the other, but nothing tells where the
        next one begins. So they are divided into transactions that the model allows. One that is written in
        two parts is noticed all the same, because the model does not have its parts.
        """
        self._replay(items, is_whole=False)

    def _replay(self, items: Sequence[Item], *, is_whole: bool) -> None:
        picture_id = items[0].picture_id
        picture = self._pictures.setdefault(picture_id, _Picture(picture_id))
        while items and not picture.is_wrong:
            length, name, fault = _next_transaction(picture, items, is_whole=is_whole)
            if fault:
                picture.is_wrong = True
                self.disallowed.append(f"{picture.key}: {fault}")
                return
            self.names.append((picture.key, name))
            picture.apply(items[:length])
            items = items[length:]


def check(steps: Iterable[Step]) -> Replay:
    """Replays the steps of a stream."""
    replay = Replay()
    for _, group in groupby(steps, key=lambda step: (isinstance(step, S3Step), step.picture_id)):
        items: list[Item] = []
        for step in group:
            if isinstance(step, S3Step):
                replay.change(step)
            else:
                items.append(step)
        if items:
            replay.records(items)
    return replay


def _next_transaction(picture: _Picture, items: Sequence[Item], *, is_whole: bool) -> tuple[int, str, str]:
    """Returns the length and the name of the first transaction, or else what is wrong."""
    # The longest first, because its first items may be a transaction too.
    for length in (len(items),) if is_whole else range(len(items), 0, -1):
        if transaction := _transaction(picture, items[:length]):
            return length, transaction.name, _broken_rule(picture, items[:length])
    wrong = items if is_whole else items[:1]
    steps = " and ".join(_described(picture, item) for item in wrong)
    is_next = all(item.revision == picture.next_revision(item) for item in wrong)
    return 0, "", f"{steps}: {_NO_TRANSACTION if is_next else 'a revision is skipped or repeated'}"


def _transaction(picture: _Picture, items: Sequence[Item]) -> Transaction | None:
    """Returns the transaction of the model that writes these items."""
    written = {
        _name(item): picture.in_model(item) if isinstance(item, EntryStep) else _latest_in_model(item)
        for item in items
    }
    if len(written) < len(items) or any(item.revision != picture.next_revision(item) for item in items):
        return None
    entries = {name: Entry(name) for name in written if name != LATEST} | picture.entries
    latest = _latest_in_model(picture.latest)
    found = _writing(written, latest, entries.values())
    if found is None and (expired := _expired(picture, items)):
        entries |= {version: entries[version]._replace(leased=False) for version in expired}
        found = _writing(written, latest, entries.values())
    # A deletion misses the entries that another worker adds between its reads and its writes.
    if found is None and (missed := picture.added - written.keys()):
        known = [entry for entry in entries.values() if entry.version not in missed]
        found = _writing(written, latest, known)
    return found


def _writing(
    written: Mapping[str, Entry | Latest], latest: Latest, entries: Iterable[Entry]
) -> Transaction | None:
    """Returns the transaction that the model may make in a state, and that writes exactly these items."""
    for transaction in transactions(latest, entries):
        items = transaction.items
        if len(items) == len(written) and all(_without_message(item) in written.values() for item in items):
            return transaction
    return None


def _expired(picture: _Picture, items: Sequence[Item]) -> list[str]:
    """Returns the versions among the items whose lease had ended. A worker looks at the lease first."""
    return [
        item.version
        for item in items
        if isinstance(item, EntryStep)
        and (before := picture.steps.get(item.version))
        and "" < before.lease_expires <= item.since
    ]


def _latest_in_model(latest: product.Latest | None) -> Latest:
    return Latest(latest.version, latest.live_versions) if latest else Latest()


def _without_message(item: Entry | Latest) -> Entry | Latest:
    return item._replace(message=None) if isinstance(item, Entry) and item.message else item


def _name(item: Item) -> str:
    return item.version if isinstance(item, EntryStep) else LATEST


def _is_published(before: EntryStep, after: EntryStep) -> bool:
    return before.state is State.RENDERING and after.state in _RESULTS


def _broken_rule(picture: _Picture, items: Sequence[Item]) -> str:
    """Returns what is wrong with a transaction of the model, which lets S3 have any current version."""
    has_latest = any(isinstance(item, product.Latest) for item in items)
    for item in items:
        if isinstance(item, EntryStep):
            broken = _broken_by_entry(picture, item, has_latest=has_latest)
        else:
            broken = _broken_by_latest(picture, item)
        if broken:
            return f"{_described(picture, item)}: {broken}"
    return ""


def _broken_by_latest(picture: _Picture, latest: product.Latest) -> str:
    if picture.moment_of(latest) >= 0:
        return ""
    had = f"another current version than {latest.version}" if latest.version else "a current version"
    return f"S3 had {had} at every moment since that of the Latest item before"


def _broken_by_entry(picture: _Picture, entry: EntryStep, *, has_latest: bool) -> str:
    if entry.is_removal:
        return ""
    if entry.version not in picture.put_at:
        return "S3 never had this version"
    before, latest = picture.steps.get(entry.version), picture.latest
    if before and _is_published(before, entry):
        is_unchanged = latest and (latest.version, latest.revision) == (entry.version, before.latest_revision)
        return "" if is_unchanged else "the Latest item has changed since the attempt began"
    if before and before.state is entry.state:
        return ""
    currents = set(picture.currents_since(entry.version))
    if entry.state is State.SUPERSEDED and currents <= {"", entry.version}:
        return "no other version has been S3's current one since"
    # With a Latest item, it is the deletion of the key, which may find a version put after it had asked S3.
    is_gone = has_latest or "" in currents or entry.version in picture.destroyed
    if entry.state is State.DELETED and not is_gone:
        return "S3 has had a current version since, and has this one still"
    return ""


def _described(picture: _Picture, item: Item) -> str:
    """Returns an item and what changes in it."""
    before = picture.before(item)
    name = item.version if isinstance(item, EntryStep) else "the Latest item"
    old = _texts(before) if before else {"generation": "0"}
    changes = [
        f"{what} {old.get(what, 'none')} -> {text}"
        for what, text in _texts(item).items()
        if text != old.get(what, "none")
    ]
    return f"{name}, revision {item.revision}, {', '.join(changes) or 'unchanged'}"


def _texts(item: Item) -> dict[str, str]:
    if isinstance(item, product.Latest):
        return {"version": item.version or "none", "live": " ".join(item.live_versions) or "none"}
    return {
        "state": item.state.value,
        "generation": str(item.generation),
        "lease until": item.lease_expires or "none",
        "receipt of": item.receipt or "none",
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.trace", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("text", nargs="?", default="", help="print only keys with this text")
    arguments = parser.parse_args()
    replay = check(read(arguments.file))
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    for key, name in replay.names:
        if arguments.text in key:
            console.print(f"{key}: {name}")
    raise SystemExit("\n".join(replay.disallowed) or 0)


if __name__ == "__main__":
    main()
