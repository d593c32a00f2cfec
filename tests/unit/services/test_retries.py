"""Waits between attempts, and the deadline of an attempt."""

import select
import signal
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from darkroom.domain.errors import DeadlineExceeded, LeaseHeld
from darkroom.domain.timestamps import timestamp
from darkroom.services.retries import MESSAGE_BACKOFF, Backoff, deadline, retry_delay

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FAULT = OSError("the disk is gone")


def test_each_attempt_waits_longer_than_the_one_before() -> None:
    assert [MESSAGE_BACKOFF.seconds(attempt, jitter=1) for attempt in range(1, 5)] == [4, 16, 64, 256]


def test_jitter_spreads_over_the_upper_half_of_the_wait() -> None:
    assert {MESSAGE_BACKOFF.seconds(3, jitter) for jitter in (0, 0.5, 1)} == {32, 48, 64}
    assert 32 <= MESSAGE_BACKOFF.seconds(3) <= 64


def test_no_wait_is_longer_than_five_minutes() -> None:
    assert MESSAGE_BACKOFF.seconds(6, jitter=1) == MESSAGE_BACKOFF.seconds(1_000_000, jitter=1) == 300


def test_there_is_one_wait_less_than_attempts() -> None:
    backoff = Backoff(first_seconds=1, longest_seconds=1)

    assert len(list(backoff.delays(4))) == 3
    assert len(list(islice(backoff.delays(), 50))) == 50


def test_a_leased_upload_waits_until_the_lease_expires() -> None:
    leased = LeaseHeld("image.png", timestamp(MOMENT + timedelta(seconds=50)))

    nested = ExceptionGroup("two", [FAULT, ExceptionGroup("one", [leased])])

    assert [retry_delay(fault, 5, 0, MOMENT) for fault in (leased, nested)] == [50, 50]
    assert retry_delay(leased, 5, 1, MOMENT) > 50  # spread by jitter
    assert retry_delay(LeaseHeld("image.png", timestamp(MOMENT)), 5, 0, MOMENT) == 0


def test_any_other_fault_waits_by_the_receive_count() -> None:
    assert retry_delay(FAULT, 2, 1, MOMENT) == MESSAGE_BACKOFF.seconds(2, 1)


def test_a_hanging_call_is_interrupted_before_the_invocation_ends() -> None:
    with pytest.raises(DeadlineExceeded), deadline(1010):
        select.select([], [], [])  # without a timeout


def test_work_within_the_deadline_is_not_interrupted() -> None:
    with deadline(60_000):
        pass

    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
