"""What the processes share: S3, the queues, the ledger and the renditions; and what must be true of it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from darkroom.domain.entries import State
from darkroom.domain.uploads import REMOVAL_PREFIX
from tests.model.ledger import LATEST, Change, Entry, File, Item, Latest, Transaction
from tests.model.processes import outdated
from tests.model.protocol import (
    Answer,
    Defence,
    Forget,
    Get,
    GetAll,
    Head,
    Message,
    ReadOriginal,
    Remove,
    Send,
    Store,
)


class Limits(NamedTuple):
    """How often each of these may happen in one history."""

    changes: int = 2  # of the key in S3
    duplicates: int = 0  # of messages
    losses: int = 0  # of messages
    throttled: int = 0  # calls without an effect
    unanswered: int = 0  # calls with an effect, without an answer
    crashes: int = 0
    renewals: int = 0  # of rendered uploads, by an operator

    def less(self, name: str) -> "Limits":
        return self._replace(**{name: getattr(self, name) - 1})


class World(NamedTuple):
    left: Limits
    versions: tuple[str, ...] = ()  # versions and delete markers in S3, oldest first
    changes: int = 0  # of the key in S3, so far
    queue: tuple[Message, ...] = ()
    dead_letters: tuple[Message, ...] = ()
    waiting: tuple[tuple[Message, bool], ...] = ()  # for the end of a lease; True for dead letters
    latest: Latest = Latest()
    entries: tuple[Entry, ...] = ()
    recorded: frozenset[File] = frozenset()  # superseded renditions
    files: frozenset[File] = frozenset()
    # Not in the product, but asked by the properties: the changes in S3 at the answer that is in the ledger,
    # the live versions with a result since they were last retried, and what is wrong.
    applied_at: int = 0
    published: frozenset[str] = frozenset()
    wrong: str = ""

    @property
    def s3(self) -> Answer:
        return Answer(self.versions[-1] if self.versions else "", self.changes)

    @property
    def used_files(self) -> frozenset[File]:
        return frozenset[File]().union(*(entry.files for entry in self.entries if entry.is_live))

    @property
    def is_quiet(self) -> bool:
        """True if no message is left and no lease is held."""
        has_messages = self.queue or self.dead_letters or self.waiting
        return not has_messages and not any(entry.leased for entry in self.entries)

    def entry(self, version: str) -> Entry:
        return next((entry for entry in self.entries if entry.version == version), Entry(version))

    def sent(self, message: Message) -> "World":
        return self._replace(queue=tuple(sorted((*self.queue, message))))

    def dead(self, message: Message) -> "World":
        return self._replace(dead_letters=tuple(sorted((*self.dead_letters, message))))

    def waits(self, message: Message, *, is_dead: bool) -> "World":
        """Returns the world with a message that is hidden until a lease ends."""
        if any(entry.leased for entry in self.entries):
            return self._replace(waiting=tuple(sorted((*self.waiting, (message, is_dead)))))
        return self.dead(message) if is_dead else self.sent(message)

    def without_lease(self, entries: Iterable[Entry]) -> "World":
        """Returns the world with these entries after a lease has ended."""
        world = self._replace(entries=tuple(entries), waiting=())
        for message, is_dead in self.waiting:
            world = world.dead(message) if is_dead else world.sent(message)
        return world


# S3


def changes_of(world: World) -> Iterator[tuple[Change, tuple[str, ...]]]:
    """Returns every next change of the key, with its versions after that."""
    number = world.changes + 1
    yield Change("put", f"v{number}"), (*world.versions, f"v{number}")
    if world.s3.current:
        yield Change("marker", f"m{number}"), (*world.versions, f"m{number}")
    for version in world.versions:
        yield Change("destroyed", version), tuple(other for other in world.versions if other != version)


# Calls of ports


def perform(world: World, call: Any, *, checks_revisions: bool = True) -> tuple[World, Any, tuple[str, ...]]:
    """Returns the world after a call, the answer, and the names of the items that were written."""
    match call:
        case Get(name):
            return world, world.latest if name == LATEST else world.entry(name), ()
        case GetAll():
            uploads = (entry for entry in world.entries if not entry.version.startswith(REMOVAL_PREFIX))
            return world, tuple(uploads), ()
        case Head():
            return world, world.s3, ()
        case ReadOriginal(version):
            return world, version in world.versions, ()
        case Store(file):
            return world._replace(files=world.files | {file}), True, ()
        case Remove(files):
            return world._replace(files=world.files - files), True, ()
        case Forget(files):
            return world._replace(recorded=world.recorded - files), True, ()
        case Send(change):
            return world.sent(Message(change)), True, ()
    return _transact(world, call, checks_revisions=checks_revisions)


def _transact(
    world: World, call: Transaction, *, checks_revisions: bool
) -> tuple[World, Any, tuple[str, ...]]:
    conditions = (*call.items, *((call.unchanged,) if call.unchanged else ()))
    if not all(item.fresh or (isinstance(item, Entry) and not checks_revisions) for item in conditions):
        return world, (), ()
    written = tuple(item._replace(fresh=True) for item in conditions)
    names = tuple(name_of(item) for item in call.items)
    entries = {entry.version: entry for entry in world.entries}
    entries |= {item.version: item for item in written if isinstance(item, Entry)}
    after = _checked(world, call)._replace(
        latest=next((item for item in written if isinstance(item, Latest)), world.latest),
        recorded=world.recorded | call.superseded,
        queue=_all(world.queue, lambda message: _outdated(message, names)),
        dead_letters=_all(world.dead_letters, lambda message: _outdated(message, names)),
        waiting=_all(world.waiting, lambda waiting: (_outdated(waiting[0], names), waiting[1])),
    )
    ordered = sorted(entries.values(), key=lambda entry: entry.version)
    if any(entry.leased and not entries[entry.version].leased for entry in world.entries):
        return after.without_lease(ordered), written, names
    return after._replace(entries=tuple(ordered)), written, names


def name_of(item: Item) -> str:
    return LATEST if isinstance(item, Latest) else item.version


def _all[T](parts: tuple[T, ...], change: Callable[[T], T]) -> tuple[T, ...]:
    return tuple(sorted(map(change, parts))) if parts else ()  # type: ignore[type-var]


def _outdated(message: Message, names: tuple[str, ...]) -> Message:
    for name in names:
        message = outdated(message, name)
    return message


# Properties


def _checked(world: World, call: Transaction) -> World:
    """Returns the world before a transaction, with what is wrong about it."""
    if call.asked_at is not None:
        if call.asked_at < world.applied_at:
            return world._replace(wrong="An older answer of S3 replaces a newer one in the ledger.")
        latest = next((item.version for item in call.items if isinstance(item, Latest)), None)
        if call.asked_at == world.changes and latest is not None and (latest or None) != world.s3.current:
            return world._replace(wrong=f"{latest} becomes the latest, but was not S3's answer.")
        world = world._replace(applied_at=call.asked_at)
    for item in call.items:
        if isinstance(item, Entry) and not item.is_live:
            world = world._replace(published=world.published - {item.version})
        if isinstance(item, Entry) and item.state is State.RENDERED:
            if item.version in world.published:
                return world._replace(wrong=f"{item.version} has a result twice.")
            world = world._replace(published=world.published | {item.version})
    return world


def broken(world: World) -> str:
    """Returns what must not be in any world; empty if nothing is wrong."""
    if world.wrong:
        return world.wrong
    if missing := world.used_files - world.files:
        return f"{min(missing)[0]} is live, but its renditions are gone."
    return ""


def disagreement(world: World) -> str:
    """Returns how the ledger differs from S3 when nothing is left to do; empty if it agrees."""
    current = world.s3.current
    live = {entry.version: entry for entry in world.entries if entry.is_live}
    if (world.latest.version or None) != current:
        return f"S3's current version is {current}, but {world.latest.version or None} in the ledger."
    if [*live] != [current] * bool(current):
        return f"S3's current version is {current}, but live are {[*live]}."
    if current and live[current].state is not State.RENDERED:
        return f"{current} is {live[current].state}."
    if unsettled := [entry for entry in world.entries if entry.state and not entry.state.terminal]:
        return f"{unsettled[0].version} is {unsettled[0].state}."
    return f"{world.files - world.used_files} are left." if world.files != world.used_files else ""


# What the sweep and an operator find once nothing else happens


def is_swept(world: World, without: frozenset[Defence]) -> bool:
    """True if the sweep would send a message."""
    if world.s3.current:
        return not world.entry(world.s3.current).has_ended and Defence.SWEPT not in without
    if not world.s3.newest or Defence.SWEPT_MARKERS in without:
        return False
    failed = world.entry(Change("marker", world.s3.newest).failed_as)
    return bool(world.latest.version) and not failed.state


def retried(world: World, entry: Entry) -> World:
    """Returns the world after an operator has sent the message of an upload or a removal again."""
    is_removal = entry.version.startswith(REMOVAL_PREFIX)
    message = Message(entry.message or Change("put", entry.version), "" if is_removal else entry.version)
    return world._replace(published=world.published - {entry.version}).sent(message)


def files_of_deleted(world: World) -> frozenset[File]:
    """Returns the renditions of a deleted key. They may not wait for the sweep."""
    deleted = (entry.files for entry in world.entries if entry.state is State.DELETED)
    return frozenset[File]() if world.s3.current else world.files & frozenset().union(*deleted)
