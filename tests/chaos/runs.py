"""The kinds of chaos, and how one is run: play its plan under its disturbance, wait for quiet, verify."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.chaos.pictures import Outcome
from tests.chaos.plan import Deaths, Picture, Plan, death_at_every_attempt, one_death_each, races, uploads
from tests.chaos.stage import Killer, Stage
from tests.chaos.verify import Verdict, verify

_ATTEMPTS = 5  # the queue's maxReceiveCount


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything; `deaths` is for each step."""

    uploads: int
    kills: int
    deaths: int
    parked: int
    races: int


FULL = Size(uploads=1000, kills=100, deaths=10, parked=20, races=200)
SHORT = Size(uploads=60, kills=6, deaths=1, parked=1, races=12)


@dataclass(frozen=True, slots=True)
class Kind:
    """One disturbance of one plan, whose keys are in the folder of its name."""

    name: str
    words: str
    seed: int
    plan: Plan
    kills: int = 0
    faults: bool = False
    deaths: Deaths = field(default_factory=dict)

    @property
    def disturbed(self) -> bool:
        return bool(self.kills or self.faults or self.deaths)


@dataclass(frozen=True, slots=True)
class Result:
    kind: Kind
    verdict: Verdict
    seconds: float
    injected: int = 0

    def ratio(self, undisturbed: "Result", visibility_seconds: int) -> float:
        """Time to drain over that of as many events undisturbed, less one visibility time-out."""
        spent = max(0.0, self.seconds - visibility_seconds * self.kind.disturbed)
        return spent / self.kind.plan.tells / (undisturbed.seconds / undisturbed.kind.plan.tells)


def kinds(size: Size, seed: int) -> tuple[Kind, ...]:
    """Every kind, each with a seed of its own; the uploads are the same but for their keys."""
    few = uploads(seed, max(20, 2 * size.parked), "parked")
    undisturbed, kills, faults, steps = (
        uploads(seed, size.uploads, name) for name in ("undisturbed", "kills", "faults", "steps")
    )
    return (
        Kind("undisturbed", "nothing", seed, undisturbed),
        Kind("kills", "a render worker killed every 0.5-2 s", seed + 1, kills, kills=size.kills),
        Kind(
            "faults", "10 % throttled, 5 % unanswered, 3 % unsent, 2 % failed", seed + 2, faults, faults=True
        ),
        Kind(
            "steps",
            "workers killed after each named step",
            seed + 3,
            steps,
            deaths=one_death_each(steps, seed + 3, size.deaths),
        ),
        Kind(
            "parked",
            "some killed at every attempt, then retried",
            seed + 4,
            few,
            deaths=death_at_every_attempt(few, seed + 4, size.parked, _ATTEMPTS),
        ),
        Kind("races", "two versions, told of in both orders", seed + 5, races(seed + 5, size.races, "races")),
    )


def pictures_of(some: tuple[Kind, ...]) -> set[Picture]:
    return {picture for kind in some for puts in kind.plan.puts.values() for picture in puts}


def perform(
    stage: Stage,
    group: tuple[Kind, ...],
    wanted: Mapping[Picture, Outcome],
    patience_seconds: float,
    advanced: Callable[[int], object] = lambda _: None,
) -> list[Result]:
    """Runs kinds at the same time; one result for each. `advanced` hears how much was told or has ended."""
    killer = Killer(stage.proxy.workers, random.Random(group[0].seed), sum(kind.kills for kind in group))
    stage.proxy.deaths = {key: steps for kind in group for key, steps in kind.deaths.items()}
    faults = [kind for kind in group if kind.faults]
    stage.proxy.chance = random.Random(faults[0].seed) if faults else None
    injected, began = len(stage.proxy.injected) + len(stage.proxy.killed), time.monotonic()
    killer.start()
    stored = stage.play(Plan(tuple(act for kind in group for act in kind.plan.acts)), advanced)
    killer.join(patience_seconds)
    stage.drained(patience_seconds, advanced)
    seconds = time.monotonic() - began
    killer.stop()
    stage.proxy.chance = None
    injected = len(stage.proxy.injected) + len(stage.proxy.killed) - injected + killer.kills
    outcomes = {upload: wanted[picture] for upload, picture in stored.items()}
    return [Result(kind, verify(stage.snapshot(kind.name), outcomes), seconds, injected) for kind in group]
