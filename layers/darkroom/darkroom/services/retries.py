"""When to try again, and when to stop trying."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from math import ceil
from types import FrameType
from typing import NoReturn

from darkroom.domain.errors import DeadlineExceeded, LeaseHeld
from darkroom.domain.timestamps import timestamp

# 4 s at most after the first attempt, then 16, 64 and 256: what lasts seconds is over by the second attempt,
# and the fifth and last comes minutes after the first.
_FIRST_SECONDS, _GROWTH = 4, 4
# SQS would take 12 hours. But it counts on among the dead letters, where nobody sees an upload that rests.
_LONGEST_SECONDS = 300
# Those who wait for the same worker do not all come back at once.
_SPREAD_SECONDS = 2
# What is left of an invocation when its work is called off, to write down why.
_FAREWELL_SECONDS = 1.0


def backoff_seconds(receive_count: int, chance: float) -> int:
    """Seconds to wait after so many attempts; `chance`, from 0 to 1, spreads those that failed together."""
    longest: int = min(_LONGEST_SECONDS, _FIRST_SECONDS * _GROWTH ** (receive_count - 1))
    return round(longest * (1 + chance) / 2)


def retry_delay(fault: BaseException, receive_count: int, chance: float, moment: datetime) -> int:
    """Seconds until it is worth to try again what failed with `fault`.

    Where it was another worker that was busy, when that has ended, however often that was so.
    """
    busy = [(datetime.fromisoformat(expires) - moment).total_seconds() for expires in _lease_expiries(fault)]
    return (
        ceil(max(0.0, *busy) + _SPREAD_SECONDS * chance) if busy else backoff_seconds(receive_count, chance)
    )


def _lease_expiries(fault: BaseException) -> Iterator[str]:
    if isinstance(fault, LeaseHeld):
        yield fault.expires
    elif isinstance(fault, BaseExceptionGroup):
        for each in fault.exceptions:
            yield from _lease_expiries(each)


def end_of(remaining_milliseconds: int) -> str:
    """The moment at which an invocation with so much time left has ended."""
    return timestamp(datetime.now(UTC) + timedelta(milliseconds=remaining_milliseconds))


@contextmanager
def deadline(remaining_milliseconds: int) -> Iterator[None]:
    """Raises DeadlineExceeded in the main thread shortly before the invocation times out.

    A timeout would leave no record of the reason; this also interrupts a call that hangs.
    """

    def ring(_number: int, _frame: FrameType | None) -> NoReturn:
        raise DeadlineExceeded("the invocation's time is up")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(0.001, remaining_milliseconds / 1000 - _FAREWELL_SECONDS))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
