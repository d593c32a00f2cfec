"""What becomes of latency when pictures wait for a renderer: a simulation, and the theory to check it by."""

import heapq
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Served:
    """One picture: when it came, when somebody began with it, and when it was done; seconds."""

    arrived: float
    begun: float
    done: float

    @property
    def latency(self) -> float:
        return self.done - self.arrived


def serve(arrivals: Iterable[float], services: Iterator[float], workers: int) -> Iterator[Served]:
    """First come, first served, by so many workers: what a queue with a bound on concurrency does.

    SQS keeps no strict order; that spreads latencies and leaves their mean.
    """
    free = [0.0] * workers
    for arrived in arrivals:
        begun = max(arrived, heapq.heappop(free))
        done = begun + next(services)
        heapq.heappush(free, done)
        yield Served(arrived, begun, done)


def by_chance(rate: float, seconds: float, chance: random.Random, since: float = 0.0) -> Iterator[float]:
    """Arrivals that know nothing of each other: a Poisson process."""
    moment = since + chance.expovariate(rate)
    while moment < since + seconds:
        yield moment
        moment += chance.expovariate(rate)


def drawn(samples: Sequence[float], chance: random.Random) -> Iterator[float]:
    """Service times as they were measured."""
    while True:
        yield chance.choice(samples)


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest rank's; `share` from 0 to 1."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, math.ceil(share * len(ranked)) - 1)]


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@dataclass(frozen=True, slots=True)
class Burst:
    """For `seconds` pictures arrive at `over` times the capacity, then at `after` times."""

    over: float
    seconds: float
    after: float

    def backlog(self, capacity: float) -> float:
        """How many wait when it ends: what came, less what was served."""
        return (self.over - 1) * capacity * self.seconds

    @property
    def drained_after(self) -> float:
        """Seconds from its end until nobody waits: the fluid (D/D/1) model."""
        return (self.over - 1) * self.seconds / (1 - self.after)

    @property
    def longest_wait(self) -> float:
        """Seconds that its last picture waits."""
        return (self.over - 1) * self.seconds


def simulate(burst: Burst, services: Sequence[float], workers: int, seed: int) -> list[Served]:
    """The burst, and what comes after it, for half as long again as the theory takes to drain it."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    capacity = workers / mean(services)
    rest = 1.5 * burst.drained_after
    arrivals = [
        *by_chance(burst.over * capacity, burst.seconds, chance),
        *by_chance(burst.after * capacity, rest, chance, burst.seconds),
    ]
    return list(serve(arrivals, drawn(services, chance), workers))


def drained(served: Sequence[Served], burst: Burst) -> float:
    """Seconds from a burst's end until one that came since found a worker free."""
    waits = (each for each in served if each.arrived >= burst.seconds and each.begun == each.arrived)
    return next(waits).arrived - burst.seconds


def latencies(
    utilisation: float, services: Sequence[float], workers: int, seconds: float, seed: int
) -> list[float]:
    """Of all pictures that come within so many seconds."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    rate = utilisation * workers / mean(services)
    served = serve(by_chance(rate, seconds, chance), drawn(services, chance), workers)
    return [each.latency for each in served]
