"""Workers that pause before every call of a port, so that a scheduler decides what happens next."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError
from greenlet import getcurrent, greenlet

from darkroom.domain.errors import DeadlineExceeded
from darkroom.ports import Event


class Fault(StrEnum):
    """The end of one call of a port."""

    NONE = "done"
    THROTTLED = "throttled"
    LOST = "done, but the response is lost"
    CRASH_BEFORE = "the worker crashes before it"
    CRASH_AFTER = "done, then the worker crashes"
    DEADLINE = "interrupted at the deadline"
    TIMEOUT = "the worker's time is up before it"

    @property
    def is_fault(self) -> bool:
        return self is not Fault.NONE


class Crash(BaseException):
    """Ends a worker; no service can catch it."""


class Worker(greenlet):
    """One invocation. `call` is the call that it is about to make."""

    def __init__(self, name: str, run: Callable[[], object], ends_at: float) -> None:
        super().__init__(run)
        self.name = name
        self.ends_at = ends_at
        self.call = ""
        self.crashed = False

    def proceed(self, fault: Fault = Fault.NONE) -> None:
        """Makes the pending call, and runs the worker up to its next call."""
        try:
            self.call = self.switch(fault) if self.call else self.switch()
        except Crash:
            self.crashed = True


def pause(call: str) -> Fault:
    """Returns control to the scheduler; returns its decision on this call."""
    worker = getcurrent()
    assert isinstance(worker, Worker)
    assert worker.parent
    if worker.crashed:
        raise Crash
    decision = worker.parent.switch(call)
    assert isinstance(decision, Fault)
    return decision


class Port:
    """Passes the calls of a port on, with the faults that the scheduler decides on."""

    def __init__(self, name: str, port: object) -> None:
        self._name, self._port = name, port

    def __getattr__(self, method: str) -> Any:
        target = getattr(self._port, method)
        if not callable(target):
            return target
        label = f"{self._name}.{method}"

        def call(*arguments: Any, **named: Any) -> Any:
            fault = pause(label)
            if fault in (Fault.CRASH_BEFORE, Fault.TIMEOUT):
                _crash()
            if fault is Fault.DEADLINE:
                raise DeadlineExceeded("the invocation's time is up")
            if fault is Fault.THROTTLED:
                raise ClientError({"Error": {"Code": "ThrottlingException"}}, method)
            result = target(*arguments, **named)
            if fault is Fault.LOST:
                raise ReadTimeoutError(endpoint_url="")
            if fault is Fault.CRASH_AFTER:
                _crash()
            return result

        setattr(self, method, call)
        return call


class BusPort:
    """The event bus: if it is throttled, it accepts all events but the last."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self._faulty = Port("bus", port)

    def send(self, events: Sequence[Event]) -> list[Event]:
        try:
            result: list[Event] = self._faulty.send(events)
        except ClientError:
            self._port.send(events[:-1])
            return list(events[-1:])
        return result


def _crash() -> None:
    worker = getcurrent()
    assert isinstance(worker, Worker)
    worker.crashed = True
    raise Crash
