"""Retries: the wait before the next attempt, and the deadline of the current one."""

import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from math import ceil
from types import FrameType
from typing import NoReturn

from darkroom.domain.errors import DeadlineExceeded, LeaseHeld
from darkroom.domain.timestamps import timestamp


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting times between attempts.

    An upper bound grows exponentially, up to `longest_seconds`. Each time is chosen at random between half of
    its bound and the whole bound.
    """

    first_seconds: float
    longest_seconds: float
    factor: float = 2.0

    def seconds(self, attempt: int, jitter: float | None = None) -> float:
        """Returns the wait after an attempt, counted from 1. `jitter` is from 0 to 1, by default random."""
        jitter = random.random() if jitter is None else jitter  # noqa: S311 - no secret
        exponent = min(attempt - 1, _LARGEST_EXPONENT)
        return min(self.longest_seconds, self.first_seconds * self.factor**exponent) * (1 + jitter) / 2

    def delays(self, attempts: int | None = None) -> Iterator[float]:
        """Returns the waits between attempts, one fewer than `attempts`; endless if that is None."""
        numbers = count(1) if attempts is None else range(1, attempts)
        return (self.seconds(attempt) for attempt in numbers)


_LARGEST_EXPONENT = 100  # avoids a float overflow; every backoff has reached its cap before

# The wait is at most 4 s after the first attempt, then 16, 64 and 256 s. A fault of some seconds is over when
# the second attempt begins; the fifth attempt, the last one, begins minutes after the first. The longest wait
# is only 300 s, although SQS allows 12 hours: dead letters use this backoff too, and an upload is not listed
# as failed while its dead letter waits.
MESSAGE_BACKOFF = Backoff(first_seconds=4, longest_seconds=300, factor=4)
# Attempts that wait for the same lease do not all return at once.
_SPREAD_SECONDS = 2
# Lambda deletes a message after the invocation, so its visibility timeout ends this much later.
_DELETE_SECONDS = 5
# Time to record the outcome before the invocation times out.
_RESERVED_SECONDS = 1.0


def retry_delay(fault: BaseException, receive_count: int, jitter: float, moment: datetime) -> int:
    """Returns the delay until the next attempt, in seconds.

    If another worker holds a lease, the delay ends shortly after the lease expires. Otherwise the delay grows
    with the receive count.
    """
    leases = [
        (datetime.fromisoformat(expires) - moment).total_seconds() for expires in _lease_expiries(fault)
    ]
    if leases:
        return ceil(max(0.0, *leases) + _SPREAD_SECONDS * jitter)
    return round(MESSAGE_BACKOFF.seconds(receive_count, jitter))


def _lease_expiries(fault: BaseException) -> Iterator[str]:
    if isinstance(fault, LeaseHeld):
        yield fault.expires
    elif isinstance(fault, BaseExceptionGroup):
        for exception in fault.exceptions:
            yield from _lease_expiries(exception)


def lease_expiry(remaining_milliseconds: int) -> str:
    """Returns the time at which an invocation with this much time left ends at the latest."""
    return timestamp(datetime.now(UTC) + timedelta(milliseconds=remaining_milliseconds))


def visibility_timeout(remaining_milliseconds: int) -> int:
    """Returns the visibility timeout of a message in progress, in seconds.

    It ends shortly after the invocation and its lease. If the worker is killed, the message is redelivered
    then, and not after the queue's visibility timeout, which is six times as long.
    """
    return ceil(remaining_milliseconds / 1000) + _DELETE_SECONDS


@contextmanager
def deadline(remaining_milliseconds: int) -> Iterator[None]:
    """Raises DeadlineExceeded in the main thread shortly before the invocation times out.

    Interrupts a hanging call, so that the reason can be recorded; after a timeout this would be too late.
    """

    def raise_fault(_number: int, _frame: FrameType | None) -> NoReturn:
        raise DeadlineExceeded("the invocation's time is up")

    before = signal.signal(signal.SIGALRM, raise_fault)
    signal.setitimer(signal.ITIMER_REAL, max(0.001, remaining_milliseconds / 1000 - _RESERVED_SECONDS))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
