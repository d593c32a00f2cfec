"""Runs histories, and reduces the plan of a failed one to the steps that are needed for the failure."""

from collections.abc import Callable
from dataclasses import replace

from tests.chaos.verify import Finding, Verdict
from tests.simulation.checks import check
from tests.simulation.history import History
from tests.simulation.plan import Plan, Step, plan
from tests.simulation.workers import Fault


def execute(seed: int, steps: Plan | None = None, *, verbose: bool = False) -> tuple[History, Verdict]:
    """Performs a plan, by default that of the seed, and checks the end."""
    history = History(seed, verbose=verbose)
    history.perform(plan(seed) if steps is None else steps)
    return history, check(history)


def shrink(seed: int, steps: Plan) -> Plan:
    """Returns the fewest steps found that still fail in the same way."""

    def fails(candidate: Plan) -> bool:
        return bool(_kinds(execute(seed, candidate)[1].findings) & kinds)

    history, verdict = execute(seed, steps)
    kinds = _kinds(verdict.findings)
    # A step with the index of its choice chooses the same more often when others are removed.
    steps = tuple(history.performed)
    before: Plan = ()
    while steps != before:
        before = steps
        steps = _without_chunks(steps, fails)
        for simpler in _SIMPLER:
            for index, step in enumerate(steps):
                candidate = (*steps[:index], simpler(step), *steps[index + 1 :])
                if candidate != steps and fails(candidate):
                    steps = candidate
    return steps


def _kinds(findings: tuple[Finding, ...]) -> set[str]:
    return {error for error, _ in findings}


_SIMPLER: tuple[Callable[[Step], Step], ...] = (
    lambda step: replace(step, fault=Fault.NONE),
    lambda step: replace(step, first=0),
    lambda step: replace(step, second=0),
)


def _without_chunks(steps: Plan, fails: Callable[[Plan], bool]) -> Plan:
    """Removes chunks of steps, large ones first, as long as the history fails."""
    size = len(steps) // 2
    while size:
        start = 0
        while start < len(steps):
            candidate = (*steps[:start], *steps[start + size :])
            if fails(candidate):
                steps = candidate
            else:
                start += size
        size //= 2
    return steps


def describe(seed: int) -> str:
    """Returns a history as text, with its findings; a failed one is reduced first."""
    failed = bool(execute(seed)[1].findings)
    history, verdict = execute(seed, shrink(seed, plan(seed)) if failed else None, verbose=True)
    findings = [f"{error}: {description}" for error, description in verdict.findings]
    replay = f"to replay: python -m tests.simulation --seed {seed}"
    return "\n".join([*history.lines, *(findings or ["nothing is wrong"]), replay])
