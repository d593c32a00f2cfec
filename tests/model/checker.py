"""Visits every state of a model: depth first to prove, breadth first to find the shortest counterexample."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from tests.model.model import Model, State, Step


@dataclass(frozen=True, slots=True)
class Result:
    """The number of states and steps, and what is wrong, with a history that leads to it."""

    states: int
    steps: int
    wrong: str = ""
    history: tuple[Step, ...] = ()


def check(model: Model) -> Result:
    """Visits all states.

    Finds states that are wrong, and cycles: a history without end would be one in which the key is never
    settled. Without cycles, every history ends in a state without steps, and that one is checked too.
    """
    start = model.start
    visited, on_path = {start}, {start}
    path: list[tuple[State, Iterator[Step]]] = [(start, model.steps(start))]
    taken: list[Step] = []
    steps = 0
    while path:
        state, remaining = path[-1]
        step = next(remaining, None)
        if step is None:
            path.pop()
            on_path.discard(state)
            if taken:
                taken.pop()
            continue
        steps += 1
        after = step.after
        if after not in visited:
            visited.add(after)
            if wrong := model.broken(after):
                return Result(len(visited), steps, wrong)
            on_path.add(after)
            path.append((after, model.steps(after)))
            taken.append(step)
        elif after in on_path:
            return Result(len(visited), steps, "The history has no end.", (*taken, step))
    return Result(len(visited), steps)


def counterexample(model: Model) -> Result:
    """Finds a shortest history to a state that is wrong; visits all states if there is none."""
    start = model.start
    reached: dict[State, tuple[State, Step] | None] = {start: None}
    waiting = deque([start])
    steps = 0
    while waiting:
        state = waiting.popleft()
        for step in model.steps(state):
            steps += 1
            if step.after in reached:
                continue
            reached[step.after] = (state, step)
            if wrong := model.broken(step.after):
                return Result(len(reached), steps, wrong, tuple(_history(reached, step.after))[::-1])
            waiting.append(step.after)
    return Result(len(reached), steps)


def _history(reached: dict[State, tuple[State, Step] | None], state: State) -> Iterator[Step]:
    while last := reached[state]:
        state, step = last
        yield step
