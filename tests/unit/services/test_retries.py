"""When to try again, and when to stop trying."""

import select
import signal
from datetime import UTC, datetime, timedelta

import pytest

from darkroom.domain.errors import Busy, OutOfTime
from darkroom.domain.timestamps import timestamp
from darkroom.services.retries import back_off, called_off_in_time, wait_after

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FAULT = OSError("the disk is gone")


def test_each_attempt_waits_longer_than_the_one_before() -> None:
    assert [back_off(count, chance=1) for count in range(1, 5)] == [4, 16, 64, 256]


def test_what_failed_together_comes_back_spread_over_half_of_the_wait() -> None:
    assert {back_off(3, chance) for chance in (0, 0.5, 1)} == {32, 48, 64}


def test_no_wait_is_longer_than_five_minutes() -> None:
    assert back_off(6, chance=1) == back_off(1000, chance=1) == 300


def test_what_another_worker_has_waits_until_that_has_ended() -> None:
    busy = Busy("image.png", timestamp(MOMENT + timedelta(seconds=50)))

    nested = ExceptionGroup("two", [FAULT, ExceptionGroup("one", [busy])])

    assert [wait_after(fault, 5, 0, MOMENT) for fault in (busy, nested)] == [50, 50]
    assert wait_after(busy, 5, 1, MOMENT) > 50  # not all at once
    assert wait_after(Busy("image.png", timestamp(MOMENT)), 5, 0, MOMENT) == 0


def test_any_other_fault_waits_by_the_number_of_attempts_alone() -> None:
    assert wait_after(FAULT, 2, 1, MOMENT) == back_off(2, 1)


def test_a_call_that_hangs_is_interrupted_before_the_invocation_ends() -> None:
    with pytest.raises(OutOfTime), called_off_in_time(1010):
        select.select([], [], [])  # for ever


def test_what_is_done_in_time_is_left_alone() -> None:
    with called_off_in_time(60_000):
        pass

    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
