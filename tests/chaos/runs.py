"""The runs of the chaos tests: execute a plan under its faults, wait until all has ended, verify."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from darkroom.domain.entries import State
from darkroom_cli.stack import PROJECT
from tests.chaos.log import write
from tests.chaos.pictures import Outcome
from tests.chaos.plan import KillSteps, Picture, Plan, kill_every_attempt, kill_once, races, uploads
from tests.chaos.stage import Killer, Stage
from tests.chaos.trace import check
from tests.chaos.verify import Expected, Snapshot, Verdict, verify

LOGS = PROJECT / ".darkroom" / "chaos"
_ATTEMPTS = 5  # the queue's maxReceiveCount


@dataclass(frozen=True, slots=True)
class Size:
    """The number of uploads and faults in each run."""

    uploads: int
    kills: int
    stepped: int
    kills_per_step: int
    exhausted: int  # uploads killed at every attempt
    races: int


FULL = Size(uploads=1000, kills=100, stepped=1000, kills_per_step=10, exhausted=20, races=200)
SHORT = Size(uploads=60, kills=6, stepped=20, kills_per_step=1, exhausted=1, races=12)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One plan with its faults. Its keys are in the folder of its name."""

    name: str
    seed: int
    plan: Plan
    kills: int = 0
    faults: bool = False
    kill_steps: KillSteps = field(default_factory=dict)

    @property
    def disturbed(self) -> bool:
        return bool(self.kills or self.faults)


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of one run: errors, seconds to drain, faults, failed uploads, removed renditions.

    `disallowed` describes the first step of each picture that the model does not allow.
    """

    run: Run
    verdict: Verdict
    seconds: float
    injected: int = 0
    failed: int = 0
    removed: int = 0
    disallowed: tuple[str, ...] = ()

    def ratio(self, undisturbed: "Result", visibility_seconds: int) -> float:
        """Time to drain without visibility timeouts, over the undisturbed time for as many events.

        A disturbed run waits for one visibility timeout; with uploads killed at every attempt, for one per
        attempt.
        """
        waits = max((len(steps) for steps in self.run.kill_steps.values()), default=int(self.run.disturbed))
        spent = max(0.0, self.seconds - visibility_seconds * waits)
        return spent / self.run.plan.events / (undisturbed.seconds / undisturbed.run.plan.events)


def all_runs(size: Size, seed: int) -> tuple[Run, ...]:
    """Every run, each with its own seed. The uploads are the same except for their keys."""
    undisturbed, kills, faults = (
        uploads(seed, size.uploads, name) for name in ("undisturbed", "kills", "faults")
    )
    steps, exhausted = uploads(seed, size.stepped, "steps"), uploads(seed, 5 * size.exhausted, "exhausted")
    killed_once = kill_once(steps, seed + 3, size.kills_per_step)
    always_killed = kill_every_attempt(exhausted, seed + 4, size.exhausted, _ATTEMPTS)
    return (
        Run("undisturbed", seed, undisturbed),
        Run("kills", seed + 1, kills, kills=size.kills),
        Run("faults", seed + 2, faults, faults=True),
        Run("steps", seed + 3, steps, kill_steps=killed_once),
        Run("exhausted", seed + 4, exhausted, kill_steps=always_killed),
        Run("races", seed + 5, races(seed + 5, size.races, "races")),
    )


def pictures_of(runs: tuple[Run, ...]) -> set[Picture]:
    return {picture for run in runs for puts in run.plan.puts.values() for picture in puts}


def perform(
    stage: Stage,
    group: tuple[Run, ...],
    outcomes: Mapping[Picture, Outcome],
    timeout_seconds: float,
    report: Callable[[int, int], object] = lambda _actions, _ended: None,
) -> list[Result]:
    """Executes runs at the same time and returns one result for each.

    Failed uploads are retried once, as an operator would, and unused renditions are removed. `report`
    receives the number of actions done and of uploads that ended.
    """
    plan = Plan(
        tuple(action for run in group for action in run.plan.at_once),
        tuple(action for run in group for action in run.plan.later),
    )
    ended_before, began = len(stage.stream.ended), time.monotonic()

    def progress(actions: int = len(plan.actions)) -> None:
        report(actions, len(stage.stream.ended) - ended_before)

    with _faults(stage, group, timeout_seconds) as count_injected:
        stored = stage.execute(plan, timeout_seconds, progress)
    stage.drain(timeout_seconds, progress)
    stage.proxy.fault_rng = None
    seconds = time.monotonic() - began
    failed = {run: _count(stage.snapshot(run.name), State.FAILED) for run in group}
    if any(failed.values()):
        stage.retry_failures()
        stage.drain(timeout_seconds)
    removed = {run: verify(stage.snapshot(run.name), {}).count("orphan") for run in group}
    stage.sweep()
    stage.drain(timeout_seconds)
    return [
        Result(
            run,
            verify(stage.snapshot(run.name), _expected(run, stored, outcomes)),
            seconds,
            count_injected(),
            failed[run],
            removed[run],
            _disallowed(stage, run),
        )
        for run in group
    ]


def _disallowed(stage: Stage, run: Run) -> tuple[str, ...]:
    """Writes the log of a run to LOGS, and replays it against the model."""
    steps = stage.log(run.name)
    write(steps, LOGS / f"{run.name}.jsonl")
    return tuple(check(steps).disallowed)


def _expected(
    run: Run, stored: Mapping[str, list[str]], outcomes: Mapping[Picture, Outcome]
) -> dict[tuple[str, str], Expected]:
    """The expected result of each version of a run's keys, by key and version."""
    histories = run.plan.histories
    return {
        (key, version): Expected(outcomes[picture], history)
        for key, pictures in run.plan.puts.items()
        for version, picture, history in zip(stored[key], pictures, histories[key], strict=True)
    }


@contextmanager
def _faults(stage: Stage, group: tuple[Run, ...], timeout_seconds: float) -> Iterator[Callable[[], int]]:
    """Injects faults, and kills workers until the group's number of kills is reached.

    Yields a function that counts the injected faults. Call faults go on until `fault_rng` is reset.
    """
    proxy, kills = stage.proxy, sum(run.kills for run in group)
    killer = Killer(proxy.kills.workers, random.Random(group[0].seed), kills)
    before = len(proxy.injected) + len(proxy.kills.done)
    proxy.kills.steps = {key: steps for run in group for key, steps in run.kill_steps.items()}
    proxy.fault_rng = next((random.Random(run.seed) for run in group if run.faults), None)
    killer.start()
    try:
        yield lambda: len(proxy.injected) + len(proxy.kills.done) + killer.kills - before
        killer.join(timeout_seconds)
    finally:
        killer.stop()


def _count(snapshot: Snapshot, state: State) -> int:
    return sum(entry.state is state for entry in snapshot.ledger)
