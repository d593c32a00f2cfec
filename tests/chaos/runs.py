"""The kinds of chaos, and how one is run: play its plan under its disturbance, wait for quiet, verify."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from darkroom.domain.entries import State
from tests.chaos.pictures import Outcome
from tests.chaos.plan import Deaths, Picture, Plan, death_at_every_attempt, one_death_each, races, uploads
from tests.chaos.stage import Killer, Stage
from tests.chaos.verify import Due, Snapshot, Verdict, verify

_ATTEMPTS = 5  # the queue's maxReceiveCount


@dataclass(frozen=True, slots=True)
class Size:
    """How many uploads and what befalls them: `deaths` at each step, `parked` are killed at every attempt."""

    uploads: int
    kills: int
    stepped: int
    deaths: int
    parked: int
    races: int


FULL = Size(uploads=1000, kills=100, stepped=1000, deaths=10, parked=20, races=200)
SHORT = Size(uploads=60, kills=6, stepped=20, deaths=1, parked=1, races=12)


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One disturbance of one plan, whose keys are in the folder of its name."""

    name: str
    seed: int
    plan: Plan
    kills: int = 0
    faults: bool = False
    deaths: Deaths = field(default_factory=dict)

    @property
    def disturbed(self) -> bool:
        return bool(self.kills or self.faults)


@dataclass(frozen=True, slots=True)
class Result:
    kind: Kind
    verdict: Verdict
    seconds: float
    injected: int = 0
    parked: int = 0
    swept: int = 0

    def ratio(self, undisturbed: "Result", visibility_seconds: int) -> float:
        """Time to drain over that of as many events undisturbed, less the visibility time-outs waited for.

        That is one for whatever was disturbed, and all of an upload that was killed at every attempt.
        """
        waits = max((len(steps) for steps in self.kind.deaths.values()), default=int(self.kind.disturbed))
        spent = max(0.0, self.seconds - visibility_seconds * waits)
        return spent / self.kind.plan.tells / (undisturbed.seconds / undisturbed.kind.plan.tells)


def kinds(size: Size, seed: int) -> tuple[Kind, ...]:
    """Every kind, each with a seed of its own; the uploads are the same but for their keys."""
    undisturbed, kills, faults = (
        uploads(seed, size.uploads, name) for name in ("undisturbed", "kills", "faults")
    )
    steps, parked = uploads(seed, size.stepped, "steps"), uploads(seed, 5 * size.parked, "parked")
    deaths = one_death_each(steps, seed + 3, size.deaths)
    deaths_for_ever = death_at_every_attempt(parked, seed + 4, size.parked, _ATTEMPTS)
    return (
        Kind("undisturbed", seed, undisturbed),
        Kind("kills", seed + 1, kills, kills=size.kills),
        Kind("faults", seed + 2, faults, faults=True),
        Kind("steps", seed + 3, steps, deaths=deaths),
        Kind("parked", seed + 4, parked, deaths=deaths_for_ever),
        Kind("races", seed + 5, races(seed + 5, size.races, "races")),
    )


def pictures_of(some: tuple[Kind, ...]) -> set[Picture]:
    return {picture for kind in some for puts in kind.plan.puts.values() for picture in puts}


def perform(
    stage: Stage,
    group: tuple[Kind, ...],
    wanted: Mapping[Picture, Outcome],
    patience_seconds: float,
    advanced: Callable[[int, int], object] = lambda _acts, _ended: None,
) -> list[Result]:
    """Runs kinds at the same time; one result for each.

    What was parked is retried once, as an operator would, and what nothing names is swept up. `advanced`
    hears how many acts are done and how many uploads have ended.
    """
    plan = Plan(
        tuple(act for kind in group for act in kind.plan.at_once),
        tuple(act for kind in group for act in kind.plan.later),
    )
    before, began = len(stage.stream.ended), time.monotonic()

    def look(acts: int = len(plan.acts)) -> None:
        advanced(acts, len(stage.stream.ended) - before)

    with _disturbed(stage, group, patience_seconds) as injected:
        stored = stage.play(plan, patience_seconds, look)
    stage.drain(patience_seconds, look)
    stage.proxy.chance = None
    seconds = time.monotonic() - began
    parked = {kind: _count(stage.snapshot(kind.name), State.FAILED) for kind in group}
    if any(parked.values()):
        stage.retry_failures()
        stage.drain(patience_seconds)
    swept = {kind: verify(stage.snapshot(kind.name), {}).count("orphan") for kind in group}
    stage.sweep()
    stage.drain(patience_seconds)
    return [
        Result(
            kind,
            verify(stage.snapshot(kind.name), _due(kind, stored, wanted)),
            seconds,
            injected(),
            parked[kind],
            swept[kind],
        )
        for kind in group
    ]


def _due(
    kind: Kind, stored: Mapping[str, list[str]], wanted: Mapping[Picture, Outcome]
) -> dict[tuple[str, str], Due]:
    """What each version of a kind's keys must come to, by key and version."""
    fates = kind.plan.fates
    return {
        (key, version): Due(wanted[picture], fate)
        for key, pictures in kind.plan.puts.items()
        for version, picture, fate in zip(stored[key], pictures, fates[key], strict=True)
    }


@contextmanager
def _disturbed(stage: Stage, group: tuple[Kind, ...], patience_seconds: float) -> Iterator[Callable[[], int]]:
    """Disturbs until all kills are done, and faults until they are taken back; how often it was, by then."""
    proxy, kills = stage.proxy, sum(kind.kills for kind in group)
    killer = Killer(proxy.workers, random.Random(group[0].seed), kills)
    before = len(proxy.injected) + len(proxy.killed)
    proxy.deaths = {key: steps for kind in group for key, steps in kind.deaths.items()}
    proxy.chance = next((random.Random(kind.seed) for kind in group if kind.faults), None)
    killer.start()
    try:
        yield lambda: len(proxy.injected) + len(proxy.killed) + killer.kills - before
        killer.join(patience_seconds)
    finally:
        killer.stop()


def _count(snapshot: Snapshot, state: State) -> int:
    return sum(entry.state is state for entry in snapshot.ledger)
