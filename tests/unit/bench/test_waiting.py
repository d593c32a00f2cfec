"""The simulation of waiting agrees with what theory says (docs/scale.md rests on it)."""

import random
from collections.abc import Sequence

import pytest

from bench.scale.waiting import Burst, by_chance, drained, drawn, latencies, mean, percentile, serve, simulate

SERVICES = (0.6, 1.1, 1.7, 1.9, 2.4, 3.9)


def waits(rate: float, services: tuple[float, ...], workers: int, pictures: int) -> list[float]:
    chance = random.Random(1)
    served = serve(by_chance(rate, pictures / rate, chance), drawn(services, chance), workers)
    return [each.begun - each.arrived for each in served]


def mean_wait(rate: float, services: Sequence[float], workers: int) -> float:
    """Seconds before service in M/G/c, on average, by Allen and Cunneen's approximation; exact for M/M/c."""
    service = mean(services)
    variation = mean([(each - service) ** 2 for each in services]) / service**2
    return (1 + variation) / 2 * mean_wait_exponential(rate, service, workers)


def mean_wait_exponential(rate: float, service: float, workers: int) -> float:
    """Erlang C: seconds before service in M/M/c, on average; for a load that can be served."""
    load = rate * service
    blocked = 1.0  # Erlang B, by its recursion: factorials of a thousand overflow
    for number in range(1, workers + 1):
        blocked = load * blocked / (number + load * blocked)
    waits = blocked / (1 - load / workers * (1 - blocked))
    return waits / (workers / service - rate)


@pytest.mark.parametrize(("workers", "utilisation"), [(1, 0.7), (5, 0.8), (20, 0.9)])
def test_exponential_service_waits_as_long_as_erlang_says(workers: int, utilisation: float) -> None:
    chance = random.Random(2)
    services = tuple(chance.expovariate(1 / 2) for _ in range(20_000))
    rate = utilisation * workers / mean(services)

    told = mean(waits(rate, services, workers, 200_000))

    assert told == pytest.approx(mean_wait_exponential(rate, mean(services), workers), rel=0.1)


@pytest.mark.parametrize(("workers", "utilisation"), [(1, 0.6), (5, 0.85), (50, 0.97)])
def test_measured_service_waits_as_long_as_allen_and_cunneen_say(workers: int, utilisation: float) -> None:
    rate = utilisation * workers / mean(SERVICES)

    told = mean(waits(rate, SERVICES, workers, 200_000))

    assert told == pytest.approx(mean_wait(rate, SERVICES, workers), rel=0.15)


@pytest.mark.parametrize("workers", [20, 200])
def test_a_burst_drains_as_fast_as_the_fluid_model_says(workers: int) -> None:
    burst = Burst(over=2.0, seconds=600.0, after=0.5)
    served = simulate(burst, SERVICES, workers, seed=3)
    waiting = sum(each.arrived < burst.seconds <= each.begun for each in served)

    assert waiting == pytest.approx(burst.backlog(workers / mean(SERVICES)), rel=0.1)
    assert max(each.begun - each.arrived for each in served) == pytest.approx(burst.longest_wait, rel=0.1)
    assert drained(served, burst) == pytest.approx(burst.drained_after, rel=0.1)


def test_nobody_is_served_by_two_and_nobody_before_they_came() -> None:
    served = list(serve([0.0, 0.1, 0.2, 9.0], iter([1.0] * 4), 2))

    assert [each.begun for each in served] == [0.0, 0.1, 1.0, 9.0]
    assert [each.done for each in served] == [1.0, 1.1, 2.0, 10.0]


def test_a_percentile_is_one_of_the_values() -> None:
    assert [percentile([3.0, 1.0, 2.0, 4.0], share) for share in (0.25, 0.5, 0.99, 1.0)] == [
        1.0,
        2.0,
        4.0,
        4.0,
    ]


def test_the_same_seed_gives_the_same_latencies() -> None:
    assert latencies(0.9, SERVICES, 5, 60, seed=4) == latencies(0.9, SERVICES, 5, 60, seed=4)
