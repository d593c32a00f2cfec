"""Every step that may come next: one call of a port with its outcome, or one change of the surroundings."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from darkroom.domain.entries import State as EntryState
from tests.model.ledger import Entry, Transaction
from tests.model.processes import FAULT, Ended, Processes
from tests.model.protocol import (
    Defence,
    Forget,
    Head,
    Message,
    Protocol,
    ReadOriginal,
    Remove,
    Send,
    Store,
)
from tests.model.world import (
    Limits,
    World,
    broken,
    changes_of,
    disagreement,
    files_of_deleted,
    is_swept,
    perform,
    retried,
)

_WRITES = (Transaction, Store, Remove, Forget, Send)
_OBSERVES_S3 = (Head, ReadOriginal)


class State(NamedTuple):
    """A world and its processes, all by number. `other` is the process of park or sweep. 0 is an idle one."""

    world: int
    worker_1: int = 0
    worker_2: int = 0
    other: int = 0


WORKERS, OTHER = (1, 2), 3  # positions in a State


class Step(NamedTuple):
    """What happens, by which process (0 for none), and the state after it."""

    process: int
    event: Any
    outcome: str
    after: State


class Received(NamedTuple):
    """The event of a process that starts: its function, its message, and its first call."""

    function: str
    message: Message | None
    call: Any


class Outcome(NamedTuple):
    """One outcome of a call: the world and the process after it, and what was written."""

    call: Any
    text: str
    world: int
    process: int
    written: tuple[str, ...] = ()
    begins: str = ""  # the version of which it begins to render


@dataclass
class Model:
    """All states within some limits.

    `reduces` leaves out states that differ from others only in the order of independent steps, or in which of
    the two workers does what. See `_reduced`.
    """

    limits: Limits
    without: frozenset[Defence] = frozenset()
    reduces: bool = True
    worlds: list[World] = field(default_factory=list)
    _numbers: dict[World, int] = field(default_factory=dict)
    _outcomes: dict[tuple[int, int], tuple[Outcome, ...]] = field(default_factory=dict)
    _changed: dict[int, tuple[Step, ...]] = field(default_factory=dict)
    _broken: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.processes = Processes(Protocol(self.without))

    @property
    def start(self) -> State:
        return State(self._number(World(self.limits)))

    def broken(self, state: State) -> str:
        """Returns what is wrong in a state; empty if nothing is."""
        if state.world not in self._broken:
            self._broken[state.world] = broken(self.worlds[state.world])
        return self._broken[state.world]

    def steps(self, state: State) -> Iterator[Step]:
        world = self.worlds[state.world]
        if self.reduces and (storing := self._is_storing(state)):
            return self._calls(state, storing)
        return self._all(state, world)

    def _all(self, state: State, world: World) -> Iterator[Step]:
        idle = next((worker for worker in WORKERS if not state[worker]), 0)
        if world.left.changes and (idle or self._observes_s3(state) or not self.reduces):
            yield from self._changes(state)
        if idle:
            yield from self._deliveries(state, idle)
        for process in (*WORKERS, OTHER):
            if state[process]:
                yield from self._calls(state, process)
        yield from self._surroundings(state, world)
        if not any(state[1:]) and world.is_quiet:
            yield from self._maintenance(state, world)

    def _number(self, world: World) -> int:
        if world not in self._numbers:
            self._numbers[world] = len(self.worlds)
            self.worlds.append(world)
        return self._numbers[world]

    # Leaving out states. Both arguments need that the steps left out are done later with the same effect.

    def _is_storing(self, state: State) -> int:
        """Returns a process that is about to store files. Nothing else needs to be tried first.

        Nobody else reads, writes or removes the files of a running attempt, because no receipt names them.
        """
        storing = (process for process in (*WORKERS, OTHER) if isinstance(self._call(state, process), Store))
        return next(storing, 0)

    def _observes_s3(self, state: State) -> bool:
        """True if a process is about to ask S3. A change of S3 before that has no effect that can be seen.

        The exception is its event. To be processed, it needs an idle worker.
        """
        return any(isinstance(self._call(state, process), _OBSERVES_S3) for process in (*WORKERS, OTHER))

    # S3

    def _changes(self, state: State) -> Iterator[Step]:
        if state.world not in self._changed:
            self._changed[state.world] = tuple(self._changes_of(self.worlds[state.world]))
        for step in self._changed[state.world]:
            yield step._replace(after=state._replace(world=step.after.world))

    def _changes_of(self, world: World) -> Iterator[Step]:
        for change, versions in changes_of(world):
            after = world._replace(
                left=world.left.less("changes"), versions=versions, changes=world.changes + 1
            )
            yield self._step(State(0), change, "", after.sent(Message(change)))
            # The sweep does not find permanent deletions.
            if world.left.losses and change.kind != "destroyed":
                lost = after._replace(left=after.left.less("losses"))
                yield self._step(State(0), change, "Its event is lost.", lost)

    def _step(self, state: State, event: Any, outcome: str, world: World) -> Step:
        return Step(0, event, outcome, state._replace(world=self._number(world)))

    # Messages

    def _deliveries(self, state: State, idle: int) -> Iterator[Step]:
        """A worker receives a message and makes its first call: nothing depends on the time between."""
        world = self.worlds[state.world]
        for message in dict.fromkeys(world.queue):
            rest = self._number(world._replace(queue=_without(world.queue, message)))
            started = self.processes.start("reconcile", message, False, message=message)
            yield from self._calls(state._replace(world=rest), idle, started)

    def _surroundings(self, state: State, world: World) -> Iterator[Step]:
        if world.left.duplicates:
            for message in dict.fromkeys(world.queue):
                after = world._replace(left=world.left.less("duplicates")).sent(message)
                yield self._step(state, message, "is duplicated", after)
        if world.left.renewals:
            for entry in world.entries:
                if entry.state is EntryState.RENDERED:
                    after = retried(world._replace(left=world.left.less("renewals")), entry)
                    yield self._step(
                        state, entry, "is sent again, to be rendered with another profile", after
                    )
        if not state.other:
            for message in dict.fromkeys(world.dead_letters):
                letters = _without(world.dead_letters, message)
                rest = self._number(world._replace(dead_letters=letters))
                started = self.processes.start("park", message, message=message)
                yield from self._calls(state._replace(world=rest), OTHER, started)
        yield from self._expiries(state, world)

    def _expiries(self, state: State, world: World) -> Iterator[Step]:
        """A lease expires only after its worker has crashed: no invocation is longer than its lease."""
        for entry in world.entries:
            if entry.leased and not any(at.version == entry.version for at in self._attempts(state)):
                entries = (other._replace(leased=other.leased and other != entry) for other in world.entries)
                yield self._step(
                    state, entry, "is free, because the lease expires", world.without_lease(entries)
                )

    def _attempts(self, state: State) -> Iterator[Entry]:
        attempts = (self.processes.known[process].attempt_at for process in state[1:])
        return (attempt for attempt in attempts if attempt)

    # Processes

    def _call(self, state: State, process: int) -> Any:
        return self.processes.calls[state[process]]

    def _calls(self, state: State, process: int, started: int = 0) -> Iterator[Step]:
        """Returns the outcomes of the next call of a process, which may just have started."""
        number = started or state[process]
        outcomes = self._outcomes.get((state.world, number))
        if outcomes is None:
            outcomes = tuple(self._outcomes_of(self.worlds[state.world], number))
            self._outcomes[state.world, number] = outcomes
        for outcome in outcomes:
            processes = [
                outcome.process if other == process else self.processes.outdate(state[other], outcome.written)
                for other in (*WORKERS, OTHER)
            ]
            if self.reduces and processes[0] > processes[1]:
                processes[:2] = processes[1], processes[0]
            world = outcome.world
            if outcome.begins and self._is_rendering(state, process, outcome.begins):
                wrong = f"Two workers render {outcome.begins} at the same time."
                world = self._number(self.worlds[world]._replace(wrong=wrong))
            event = outcome.call
            if started:
                known = self.processes.known[number]
                event = Received(known.function, known.message, event)
            yield Step(process, event, outcome.text, State(world, *processes))

    def _is_rendering(self, state: State, but: int, version: str) -> bool:
        others = self._attempts(
            State._make(0 if index == but else number for index, number in enumerate(state))
        )
        return any(attempt.version == version and attempt.fresh for attempt in others)

    def _outcomes_of(self, world: World, process: int) -> Iterator[Outcome]:
        """Computes the outcomes of the next call of a process.

        A process that has only read since its last write has changed nothing since. So it is enough if it can
        crash after each write, and be throttled at each write, its first read, and while it renders.
        """
        call, left = self.processes.calls[process], world.left
        done, answer, written = perform(world, call, checks_revisions=Defence.REVISION not in self.without)
        after = self.processes.outdate(process, written)
        writes = isinstance(call, _WRITES)
        begins = _begun(call) if answer and isinstance(call, Transaction) else ""
        for outcome in self._ended(done, after, self.processes.answer(after, answer), ""):
            yield outcome._replace(call=call, written=written, begins=begins)
        known = self.processes.known[process]
        is_first = known.function == "reconcile" and not known.answers
        if left.throttled and (writes or is_first or isinstance(call, ReadOriginal)):
            throttled = world._replace(left=left.less("throttled"))
            faulted = self.processes.answer(process, FAULT)
            for outcome in self._ended(throttled, process, faulted, "it is throttled"):
                yield outcome._replace(call=call)
        if left.unanswered and writes:
            unanswered = done._replace(left=left.less("unanswered"))
            faulted = self.processes.answer(after, FAULT)
            for outcome in self._ended(unanswered, after, faulted, "the answer is lost"):
                yield outcome._replace(call=call, written=written, begins=begins)
        if left.crashes and writes:
            crashed = done._replace(left=left.less("crashes"))
            for outcome in self._ended(crashed, after, Ended("Crash"), "then it crashes"):
                yield outcome._replace(call=call, written=written, begins=begins)

    def _ended(self, world: World, process: int, after: int | Ended, text: str) -> Iterator[Outcome]:
        """Returns the outcome of a call; several if the process fails, because its message may be parked."""
        if not isinstance(after, Ended):
            yield Outcome(None, text, self._number(world), after)
            return
        known = self.processes.known[process]
        message, is_park = known.message, known.function == "park"
        if not after.fault or not message:
            yield Outcome(None, text, self._number(world), 0)
            return
        if after.fault == "LeaseHeld":
            yield Outcome(
                None,
                "but the lease is held, so it waits",
                self._number(world.waits(message, is_dead=is_park)),
                0,
            )
            return
        if not is_park:
            yield Outcome(None, text, self._number(world.sent(message)), 0)
        if is_park or after.fault != "Conflict":
            yield Outcome(
                None, f"{text}; its message becomes a dead letter", self._number(world.dead(message)), 0
            )

    # When nothing else happens: the sweep, and the operator

    def _maintenance(self, state: State, world: World) -> Iterator[Step]:
        failed = [entry for entry in world.entries if entry.state is EntryState.FAILED]
        for entry in failed:
            yield self._step(state, entry, "is retried by an operator", retried(world, entry))
        if failed:
            return
        if is_swept(world, self.without):
            if world.left.losses == self.limits.losses:
                wrong = "The sweep finds a lost version, but no event was lost."
                yield self._step(state, None, "", world._replace(wrong=wrong))
            yield from self._calls(state, OTHER, self.processes.start("sweep"))
            return
        if files := files_of_deleted(world):
            yield self._step(state, None, "", world._replace(wrong=f"{files} of deleted uploads are left."))
        elif world.recorded or world.files != world.used_files:
            started = self.processes.start("clean", world.recorded, world.files)
            yield from self._calls(state, OTHER, started)
        elif wrong := disagreement(world):
            yield self._step(state, None, "", world._replace(wrong=f"In the end: {wrong}"))


def _begun(transaction: Transaction) -> str:
    """Returns the version that a transaction begins to render."""
    leased = (item.version for item in transaction.items if isinstance(item, Entry) and item.leased)
    return next(leased, "")


def _without(messages: tuple[Message, ...], message: Message) -> tuple[Message, ...]:
    index = messages.index(message)
    return messages[:index] + messages[index + 1 :]
