"""A cached value: when it is loaded again, and how long it survives faults."""

from dataclasses import dataclass, field

import pytest

from darkroom.services.caching import CachedValue


@dataclass
class Source:
    """Counts loads; `fault` is raised by the next ones."""

    now: float = 1_000_000
    loads: int = 0
    fault: Exception | None = None
    empty: bool = False
    reported: list[Exception] = field(default_factory=list)

    def load(self, last: int | None) -> int | None:
        self.loads += 1
        if self.fault:
            raise self.fault
        return None if self.empty else (last or 0) + 1


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def cached(source: Source) -> CachedValue[int]:
    return CachedValue(
        source.load,
        faults=(OSError,),
        report=source.reported.append,
        max_age_seconds=30,
        retry_seconds=5,
        hold_seconds=600,
        clock=lambda: source.now,
    )


def test_a_value_is_loaded_again_at_its_max_age(cached: CachedValue[int], source: Source) -> None:
    assert cached.get() == 1
    source.now += 29.9
    assert cached.get() == 1
    source.now += 0.1
    assert cached.get() == 2


def test_a_caller_can_ask_for_a_younger_value(cached: CachedValue[int], source: Source) -> None:
    cached.get()
    source.now += 5

    assert cached.get(max_age_seconds=5) == 2


def test_a_value_is_loaded_again_when_the_clock_was_set_back(
    cached: CachedValue[int], source: Source
) -> None:
    cached.get()
    source.now -= 3600

    assert cached.get() == 2


def test_a_fault_is_reported_and_keeps_the_last_value_for_hold_seconds(
    cached: CachedValue[int], source: Source
) -> None:
    cached.get()
    source.fault = OSError("unavailable")

    source.now += 599
    assert (cached.get(), cached.fault) == (1, source.fault)
    source.now += 1
    assert cached.get() is None

    assert source.reported == [source.fault]
    source.now += 29
    source.fault = None
    assert (cached.get(), cached.fault) == (2, None)


def test_without_a_value_the_next_load_is_due_after_retry_seconds(
    cached: CachedValue[int], source: Source
) -> None:
    source.empty = True
    assert cached.get() is None
    source.now += 4.9
    assert cached.get() is None
    assert source.loads == 1

    source.now += 0.1
    cached.get()
    assert source.loads == 2


def test_an_unexpected_exception_is_raised_and_the_value_stays(
    cached: CachedValue[int], source: Source
) -> None:
    cached.get()
    source.now += 30
    source.fault = ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        cached.get()

    assert cached.get() == 1
    assert source.reported == []
