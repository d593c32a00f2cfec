"""The world around the protocol: S3, the queues, the ledger, faults; and what must always be true of it.

`World.steps` returns every step that may come next. One step is one call of a port, with its outcome, or one
change of the world.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from darkroom.domain.entries import State
from tests.model.ledger import LATEST, Change, Entry, File, Item, Latest, Transaction
from tests.model.protocol import (
    OUTDATED,
    Answer,
    Conflict,
    Defence,
    Fault,
    Forget,
    Get,
    GetAll,
    Head,
    LeaseHeld,
    Message,
    Protocol,
    ReadOriginal,
    Remove,
    Send,
    Store,
    Then,
)


class Limits(NamedTuple):
    """How often each of these may happen in one history."""

    changes: int = 2  # of the key in S3
    duplicates: int = 0  # of messages
    losses: int = 0  # of messages
    throttled: int = 0  # calls without effect
    unanswered: int = 0  # calls with an effect but without an answer
    crashes: int = 0
    renewals: int = 0  # of rendered uploads, by an operator


class World(NamedTuple):
    """One state of everything."""

    left: Limits
    versions: tuple[str, ...] = ()  # the key's versions and delete markers in S3, oldest first
    changes: int = 0  # of the key in S3
    queue: tuple[Message, ...] = ()
    waiting: tuple[tuple[Message, bool], ...] = ()  # for a lease; True for dead letters
    dead_letters: tuple[Message, ...] = ()
    latest: Latest = Latest()
    entries: tuple[Entry, ...] = ()
    recorded: frozenset[File] = frozenset()  # superseded renditions
    files: frozenset[File] = frozenset()
    processes: tuple[int, ...] = (0, 0, 0)  # two workers, and one for park and sweep; see Programs
    applied_at: int = 0  # the changes in S3 when it gave the answer that is in the ledger
    published: frozenset[str] = frozenset()  # live versions with a result since they were last retried
    wrong: str = ""  # what must not be

    @property
    def s3(self) -> Answer:
        return Answer(self.versions[-1] if self.versions else "", self.changes)

    def entry(self, version: str) -> Entry:
        return next((entry for entry in self.entries if entry.version == version), Entry(version))


class Step(NamedTuple):
    """What happens, who does it (a number of a process, or -1), and the world after it."""

    actor: int
    what: Any
    outcome: str
    after: World


class Local(NamedTuple):
    """All that a process knows: the function that it is in, its arguments, and the answers since."""

    message: Message | None
    function: str
    arguments: tuple[Any, ...]
    answers: tuple[Any, ...] = ()


class Ended(NamedTuple):
    """A process ended, or failed."""

    fault: str = ""


_FAULT = "fault"  # in place of an answer


@dataclass
class Programs:
    """The processes of a protocol, by number.

    Processes are deterministic, so a process is what it has read. Each is run once from its beginning, and
    its next call remembered.
    """

    protocol: Protocol
    locals: list[Local | None] = field(default_factory=lambda: [None])
    numbers: dict[Local, int] = field(default_factory=dict)
    calls: dict[int, Any] = field(default_factory=dict)
    answered: dict[tuple[int, Any], int | Ended] = field(default_factory=dict)
    outdated: dict[tuple[int, str], int] = field(default_factory=dict)

    def start(self, function: str, arguments: tuple[Any, ...], message: Message | None = None) -> int:
        number = self._settle(Local(message, function, arguments))
        assert isinstance(number, int)
        return number

    def answer(self, number: int, answer: Any) -> int | Ended:
        """Returns the process after its call was answered."""
        known = self.answered.get((number, answer))
        if known is None:
            local = self.locals[number]
            assert local
            known = self._settle(local._replace(answers=(*local.answers, answer)))
            self.answered[number, answer] = known
        return known

    def forget(self, number: int, name: str) -> int:
        """Returns the process after an item that it may have read was written."""
        known = self.outdated.get((number, name))
        if known is None:
            local = _outdated(self.locals[number], name)
            known = self._number(local)
            if known not in self.calls:
                self.calls[known] = self._run(local)
            self.outdated[number, name] = known
        return known

    def _number(self, local: Local) -> int:
        if local not in self.numbers:
            self.numbers[local] = len(self.locals)
            self.locals.append(local)
        return self.numbers[local]

    def _settle(self, local: Local) -> int | Ended:
        """Returns the number of a process at its next call, through all functions on the way."""
        while True:
            call = self._run(local)
            if isinstance(call, Then):
                local = Local(local.message, call.function, call.arguments)
                continue
            if isinstance(call, Ended):
                return call
            number = self._number(local)
            self.calls[number] = call
            return number

    def _run(self, local: Local) -> Any:
        """Runs a process from the beginning of its function to its next call, or its end."""
        process = getattr(self.protocol, local.function)(*local.arguments)
        try:
            call = next(process)
            for answer in local.answers:
                call = process.throw(Fault()) if answer == _FAULT else process.send(answer)
        except StopIteration as end:
            return end.value or Ended()
        except (Fault, Conflict, LeaseHeld) as fault:
            return Ended(type(fault).__name__)
        return call


def _outdated(known: Any, name: str) -> Any:
    """Returns what a process knows after an item was written: a copy of it is not fresh any more."""
    if isinstance(known, Entry):
        return known._replace(fresh=False) if known.version == name and known.fresh else known
    if isinstance(known, Latest):
        return known._replace(fresh=False) if name == LATEST else known
    if isinstance(known, Message):
        return known._replace(expected=OUTDATED) if known.expected == name else known
    if isinstance(known, Local | Answer | Change):
        return type(known)(*(_outdated(part, name) for part in known)) if isinstance(known, Local) else known
    return tuple(_outdated(part, name) for part in known) if isinstance(known, tuple) else known


def _name(item: Item) -> str:
    return LATEST if isinstance(item, Latest) else item.version


_WORKERS = (0, 1)
_OTHER = 2  # the process of park and sweep
_WRITES = (Transaction, Store, Remove, Forget, Send)


@dataclass
class Model:
    """All steps of all worlds within some limits."""

    limits: Limits
    without: frozenset[Defence] = frozenset()
    is_symmetric: bool = True

    def __post_init__(self) -> None:
        self.programs = Programs(Protocol(self.without))

    def start(self) -> World:
        return World(self.limits)

    def steps(self, world: World) -> Iterator[Step]:
        yield from self._changes(world)
        yield from self._deliveries(world)
        for process in (*_WORKERS, _OTHER):
            if world.processes[process]:
                yield from self._calls(world, process)
        yield from self._expiries(world)
        if _is_quiet(world):
            yield from self._maintenance(world)

    # S3

    def _changes(self, world: World) -> Iterator[Step]:
        if not world.left.changes:
            return
        number = world.changes + 1
        yield from self._changed(world, Change("put", f"v{number}"), (*world.versions, f"v{number}"))
        if world.s3.current:
            yield from self._changed(world, Change("marker", f"m{number}"), (*world.versions, f"m{number}"))
        for version in world.versions:
            remaining = tuple(other for other in world.versions if other != version)
            yield from self._changed(world, Change("destroyed", version), remaining)

    def _changed(self, world: World, change: Change, versions: tuple[str, ...]) -> Iterator[Step]:
        after = world._replace(
            left=_less(world.left, "changes"), versions=versions, changes=world.changes + 1
        )
        yield Step(-1, change, "", _sent(after, Message(change)))
        # The sweep can't find a permanently deleted version.
        if world.left.losses and change.kind != "destroyed":
            yield Step(-1, change, "its event is lost", after._replace(left=_less(after.left, "losses")))

    # The queues

    def _deliveries(self, world: World) -> Iterator[Step]:
        for message in dict.fromkeys(world.queue):
            without = world._replace(queue=_without(world.queue, message))
            for process in _WORKERS:
                if not world.processes[process]:
                    number = self.programs.start("reconcile", (message, False), message)
                    yield Step(process, message, "", self._with(without, process, number))
                    break
            if world.left.duplicates:
                after = world._replace(left=_less(world.left, "duplicates"))
                yield Step(-1, message, "duplicated", _sent(after, message))
        if not world.processes[_OTHER]:
            for message in dict.fromkeys(world.dead_letters):
                without = world._replace(dead_letters=_without(world.dead_letters, message))
                number = self.programs.start("park", (message,), message)
                yield Step(_OTHER, message, "parks", self._with(without, _OTHER, number))
        if world.left.renewals:
            for entry in world.entries:
                if entry.state is State.RENDERED:
                    after = world._replace(left=_less(world.left, "renewals"))
                    yield Step(-1, Change("put", entry.version), "renewed", _retried(after, entry.version))

    # The processes

    def _calls(self, world: World, process: int) -> Iterator[Step]:
        """Returns the outcomes of the next call of a process.

        A process that crashes or is throttled after a read has changed nothing since its last write. So it is
        enough to let it crash after each write, and to throttle writes and the first read.
        """
        number = world.processes[process]
        call, left = self.programs.calls[number], world.left
        local = self.programs.locals[number]
        assert local
        done, answer = self._perform(world, process, call)
        yield from self._continue(
            done, process, self.programs.answer(done.processes[process], answer), call, ""
        )
        writes = isinstance(call, _WRITES)
        is_first = local.function == "reconcile" and not local.answers
        if left.throttled and (writes or is_first or isinstance(call, ReadOriginal)):
            after = world._replace(left=_less(left, "throttled"))
            faulted = self.programs.answer(number, _FAULT)
            yield from self._continue(after, process, faulted, call, "throttled")
        if left.unanswered and writes:
            after = done._replace(left=_less(left, "unanswered"))
            faulted = self.programs.answer(after.processes[process], _FAULT)
            yield from self._continue(after, process, faulted, call, "the answer is lost")
        if left.crashes and writes:
            after = done._replace(left=_less(left, "crashes"))
            yield from self._continue(after, process, Ended("Crash"), call, "then it crashes")

    def _continue(
        self, world: World, process: int, next_: int | Ended, call: Any, outcome: str
    ) -> Iterator[Step]:
        """Returns the world with a process at its next call, or without it. A failed message comes back."""
        if not isinstance(next_, Ended):
            yield Step(process, call, outcome, self._with(world, process, next_))
            return
        local = self.programs.locals[world.processes[process]]
        assert local
        after, message = self._with(world, process, 0), local.message
        if not message or not next_.fault:
            yield Step(process, call, outcome + (" Done." if not next_.fault else ""), after)
        elif next_.fault == "LeaseHeld" and any(entry.leased for entry in world.entries):
            waiting = tuple(sorted((*after.waiting, (message, process == _OTHER))))
            yield Step(process, call, "the lease is held", after._replace(waiting=waiting))
        else:
            if process != _OTHER:
                yield Step(process, call, outcome + " The message comes back.", _sent(after, message))
            if process == _OTHER or next_.fault in ("Fault", "Crash"):
                dead = tuple(sorted((*after.dead_letters, message)))
                yield Step(process, call, outcome + " A dead letter.", after._replace(dead_letters=dead))

    def _perform(self, world: World, process: int, call: Any) -> tuple[World, Any]:
        """Returns the world after a call, and the answer."""
        match call:
            case Get(name):
                return world, world.latest if name == LATEST else world.entry(name)
            case GetAll():
                return world, tuple(entry for entry in world.entries if ":" not in entry.version)
            case Head():
                return world, world.s3
            case ReadOriginal(version):
                return world, version in world.versions
            case Store(file):
                return world._replace(files=world.files | {file}), True
            case Remove(files):
                return world._replace(files=world.files - files), True
            case Forget(files):
                return world._replace(recorded=world.recorded - files), True
            case Send(change):
                return _sent(world, Message(change)), True
        return self._transact(world, process, call)

    def _transact(self, world: World, process: int, call: Transaction) -> tuple[World, Any]:
        ignored = Defence.REVISION in self.without
        conditions = (*call.items, *([call.unchanged] if call.unchanged else []))
        if not all(item.fresh or (ignored and isinstance(item, Entry)) for item in conditions):
            return world, ()
        written = tuple(item._replace(fresh=True) for item in call.items)
        after = self._check(world, process, call)
        entries = {entry.version: entry for entry in world.entries}
        entries |= {item.version: item for item in written if isinstance(item, Entry)}
        leases = {entry.version for entry in world.entries if entry.leased}
        has_ended = any(not entries[version].leased for version in leases)
        latest = next((item for item in written if isinstance(item, Latest)), world.latest)
        names = [_name(item) for item in written]
        after = after._replace(
            latest=latest,
            entries=tuple(sorted(entries.values(), key=lambda entry: entry.version)),
            recorded=after.recorded | call.superseded,
            processes=tuple(self._outdated(number, names) for number in after.processes),
            queue=_outdated_messages(after.queue, names),
            dead_letters=_outdated_messages(after.dead_letters, names),
            waiting=tuple(
                sorted((_outdated(message, name_of(names, message)), dead) for message, dead in after.waiting)
            ),
        )
        return (_woken(after) if has_ended else after), (
            *written,
            *([call.unchanged] if call.unchanged else []),
        )

    def _outdated(self, number: int, names: list[str]) -> int:
        for name in names:
            number = self.programs.forget(number, name) if number else 0
        return number

    def _check(self, world: World, process: int, call: Transaction) -> World:
        """Returns the world with what is wrong about a transaction."""
        if call.asked_at is not None:
            if call.asked_at < world.applied_at:
                return world._replace(wrong="An older answer of S3 replaces a newer one in the ledger.")
            world = world._replace(applied_at=call.asked_at)
        for item in call.items:
            if isinstance(item, Entry) and item.leased and self._is_attempted(world, item.version):
                return world._replace(wrong=f"Two workers render {item.version} at the same time.")
            if isinstance(item, Entry) and item.state is State.RENDERED:
                if item.version in world.published:
                    return world._replace(wrong=f"{item.version} has a result twice.")
                world = world._replace(published=world.published | {item.version})
            elif isinstance(item, Entry) and not item.is_live:
                world = world._replace(published=world.published - {item.version})
        return world

    def _attempts(self, world: World) -> Iterator[Entry]:
        for number in world.processes:
            local = self.programs.locals[number]
            if local and local.function == "attempt":
                yield local.arguments[3]

    def _is_attempted(self, world: World, version: str) -> bool:
        return any(entry.version == version and entry.fresh for entry in self._attempts(world))

    def _expiries(self, world: World) -> Iterator[Step]:
        """A lease expires after its worker has crashed: no invocation is longer than its lease."""
        attempted = {entry.version for entry in self._attempts(world)}
        for entry in world.entries:
            if entry.leased and entry.version not in attempted:
                entries = tuple(
                    other._replace(leased=False) if other is entry else other for other in world.entries
                )
                yield Step(-1, entry.version, "the lease expires", _woken(world._replace(entries=entries)))

    # When nothing else happens: the sweep and the operator

    def _maintenance(self, world: World) -> Iterator[Step]:
        found = False
        if self._finds_lost(world):
            found = True
            yield Step(_OTHER, "sweep", "", self._with(world, _OTHER, self.programs.start("sweep", ())))
        for entry in world.entries:
            if entry.state is State.FAILED and entry.message:
                found = True
                yield Step(-1, entry.message, "retried", _retried(world, entry.version, entry.message))
        if found:
            return
        if deleted := _deleted_files(world):
            yield Step(-1, "end", "", world._replace(wrong=f"Files of deleted uploads are left: {deleted}"))
        elif world.recorded or world.files - frozenset().union(
            *(entry.files for entry in world.entries if entry.is_live)
        ):
            number = self.programs.start("clean", (world.recorded, world.files))
            yield Step(_OTHER, "clean", "", self._with(world, _OTHER, number))
        elif wrong := disagreement(world):
            yield Step(-1, "end", "", world._replace(wrong=wrong))

    def _finds_lost(self, world: World) -> bool:
        """True if the sweep would send a message."""
        if world.s3.current:
            return not world.entry(world.s3.current).has_ended and Defence.SWEPT not in self.without
        failed = world.s3.newest and world.entry(Change("marker", world.s3.newest).failed_as).state
        lost = world.s3.newest and world.latest.version and not failed
        return bool(lost) and Defence.SWEPT_MARKERS not in self.without

    def _with(self, world: World, process: int, number: int) -> World:
        processes = list(world.processes)
        processes[process] = number
        if self.is_symmetric:  # the workers are alike
            processes[:_OTHER] = sorted(processes[:_OTHER])
        return world._replace(processes=tuple(processes))


def name_of(names: list[str], message: Message) -> str:
    return message.expected if message.expected in names else ""


def _outdated_messages(messages: tuple[Message, ...], names: list[str]) -> tuple[Message, ...]:
    if not any(message.expected in names for message in messages if message.expected):
        return messages
    return tuple(sorted(_outdated(message, name_of(names, message)) for message in messages))


def _less(left: Limits, name: str) -> Limits:
    return left._replace(**{name: getattr(left, name) - 1})


def _sent(world: World, message: Message) -> World:
    return world._replace(queue=tuple(sorted((*world.queue, message))))


def _retried(world: World, version: str, change: Change | None = None) -> World:
    """Returns the world after an operator has sent the message of an upload again."""
    is_removal = version.startswith("removal:")
    message = Message(change or Change("put", version), "" if is_removal else version)
    return _sent(world._replace(published=world.published - {version}), message)


def _without(messages: tuple[Message, ...], message: Message) -> tuple[Message, ...]:
    index = messages.index(message)
    return messages[:index] + messages[index + 1 :]


def _woken(world: World) -> World:
    """Returns the world after a lease has ended: the messages that waited for it are visible."""
    queue = [message for message, is_dead in world.waiting if not is_dead]
    dead = [message for message, is_dead in world.waiting if is_dead]
    return world._replace(
        waiting=(),
        queue=tuple(sorted((*world.queue, *queue))),
        dead_letters=tuple(sorted((*world.dead_letters, *dead))),
    )


def _is_quiet(world: World) -> bool:
    busy = (*world.queue, *world.waiting, *world.dead_letters, *filter(None, world.processes))
    return not busy and not any(entry.leased for entry in world.entries)


def _deleted_files(world: World) -> frozenset[File]:
    deleted = (
        entry.files for entry in world.entries if entry.state is State.DELETED and not world.s3.current
    )
    return world.files & frozenset().union(*deleted)


def broken(world: World) -> str:
    """Returns what is wrong in a world, whatever led to it; empty if nothing is."""
    if world.wrong:
        return world.wrong
    for entry in world.entries:
        if entry.is_live and not entry.files <= world.files:
            return f"{entry.version} is live, but its renditions are gone."
    return ""


def disagreement(world: World) -> str:
    """Returns how the ledger differs from S3 when nothing is left to do; empty if it agrees."""
    current = world.s3.current
    live = {entry.version: entry for entry in world.entries if entry.is_live}
    if (world.latest.version or None) != current:
        return f"In the end S3's current version is {current}, but {world.latest.version} in the ledger."
    if [*live] != [current] * bool(current):
        return f"In the end S3's current version is {current}, but these are live: {[*live]}."
    if current and live[current].state is not State.RENDERED:
        return f"In the end {current} is {live[current].state}."
    files = live[current].files if current else frozenset()
    return "" if world.files == files else f"In the end other files are left: {world.files - files}."
