"""Runs the processes of the protocol, and remembers each by a number."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from tests.model.ledger import LATEST, Change, Entry, Latest
from tests.model.protocol import OUTDATED, Answer, Conflict, Fault, LeaseHeld, Message, Protocol, Then

FAULT = "fault"  # instead of an answer


class Process(NamedTuple):
    """All that a process knows: the function that it is in, its arguments, and the answers since.

    `message` is the one that it processes.
    """

    function: str
    arguments: tuple[Any, ...]
    message: Message | None = None
    answers: tuple[Any, ...] = ()

    @property
    def attempt_at(self) -> Entry | None:
        """The entry that it is rendering, as it knows it."""
        return self.arguments[3] if self.function == "attempt" else None


class Ended(NamedTuple):
    """A process ended, by an exception or without one."""

    fault: str = ""


@dataclass
class Processes:
    """All processes so far, by number. 0 is an idle worker.

    A process is deterministic: what it does next depends on its answers alone. So it is stored as these, and
    run again from the beginning of its function for each new answer. Everything is computed once.
    """

    protocol: Protocol
    known: list[Process] = field(default_factory=lambda: [Process("idle", ())])
    calls: list[Any] = field(default_factory=lambda: [None])  # the next call of each
    _numbers: dict[Process, int] = field(default_factory=dict)
    _answered: dict[tuple[int, Any], int | Ended] = field(default_factory=dict)
    _outdated: dict[tuple[int, str], int] = field(default_factory=dict)

    def start(self, function: str, *arguments: Any, message: Message | None = None) -> int:
        started = self._until_call(Process(function, arguments, message))
        assert isinstance(started, int)
        return started

    def answer(self, number: int, answer: Any) -> int | Ended:
        """Returns the process after its call was answered."""
        after = self._answered.get((number, answer))
        if after is None:
            process = self.known[number]
            after = self._until_call(process._replace(answers=(*process.answers, answer)))
            self._answered[number, answer] = after
        return after

    def outdate(self, number: int, names: Iterable[str]) -> int:
        """Returns the process after items were written that it may have read."""
        for name in names if number else ():
            after = self._outdated.get((number, name))
            if after is None:
                process = outdated(self.known[number], name)
                after = self._outdated[number, name] = self._number(process, self._run(process))
            number = after
        return number

    def _until_call(self, process: Process) -> int | Ended:
        """Returns a process at its next call, which may be in another function."""
        while isinstance(call := self._run(process), Then):
            process = Process(call.function, call.arguments, process.message)
        return call if isinstance(call, Ended) else self._number(process, call)

    def _number(self, process: Process, call: Any) -> int:
        if process not in self._numbers:
            self._numbers[process] = len(self.known)
            self.known.append(process)
            self.calls.append(call)
        return self._numbers[process]

    def _run(self, process: Process) -> Any:
        """Runs a process from the beginning of its function; returns its next call, or its end."""
        running = getattr(self.protocol, process.function)(*process.arguments)
        try:
            call = next(running)
            for answer in process.answers:
                call = running.throw(Fault()) if answer == FAULT else running.send(answer)
        except StopIteration as end:
            return end.value or Ended()
        except (Fault, Conflict, LeaseHeld) as fault:
            return Ended(type(fault).__name__)
        return call


def outdated[T](known: T, name: str) -> T:
    """Returns what somebody knows after an item was written: no copy of that item is fresh any more."""
    return cast(T, _outdated(known, name))


def _outdated(known: Any, name: str) -> Any:
    match known:
        case Entry(version=version):
            return known._replace(fresh=known.fresh and version != name)
        case Latest():
            return known._replace(fresh=known.fresh and name != LATEST)
        case Message(expected=expected):
            return known._replace(expected=OUTDATED if expected == name else expected)
        case Process():
            return Process(*(_outdated(part, name) for part in known))
        case Answer() | Change() | str():
            return known
        case tuple():
            return tuple(_outdated(part, name) for part in known)
    return known
