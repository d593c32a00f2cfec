"""Visits every state of a model."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from tests.model.world import Model, Step, World, broken


@dataclass
class Result:
    states: int
    steps: int
    history: tuple[Step, ...] = ()
    wrong: str = ""


def shortest(model: Model) -> Result:
    """Visits all states, breadth first; stops at the first that is wrong, with the shortest history of it."""
    start = model.start()
    before: dict[World, tuple[World, Step] | None] = {start: None}
    waiting = deque([start])
    steps = 0
    while waiting:
        world = waiting.popleft()
        for step in model.steps(world):
            steps += 1
            if step.after in before:
                continue
            before[step.after] = (world, step)
            if wrong := broken(step.after):
                return Result(len(before), steps, tuple(_history(before, step.after))[::-1], wrong)
            waiting.append(step.after)
    return Result(len(before), steps)


def _history(before: dict[World, tuple[World, Step] | None], world: World) -> Iterator[Step]:
    while entry := before[world]:
        world, step = entry
        yield step
