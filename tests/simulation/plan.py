"""Plans a history: a list of random steps. Pure: the same seed gives the same plan."""

import random
from dataclasses import dataclass

from tests.simulation.workers import Fault

# How often each step occurs, relative to the others. `go` continues a worker.
_WEIGHTS = {
    "go": 90,
    "deliver": 30,
    "notify": 26,
    "project": 12,
    "put": 12,
    "send": 9,
    "wait": 6,
    "park": 8,
    "destroy": 3,
    "hide": 2,
    "restore": 3,
    "duplicate": 3,
    "announce": 4,
    "retry": 6,
    "skip": 4,
    "sweep": 4,
    "push_profile": 2,
}
_MOST_STEPS = 240
_FAULT_SHARES = (0.0, 0.05, 0.15, 0.3)
_RANGE = 1 << 16


@dataclass(frozen=True, slots=True)
class Step:
    """One decision. Its numbers choose among the possibilities of the moment, so every plan is valid."""

    name: str
    first: int
    second: int
    fault: Fault = Fault.NONE


type Plan = tuple[Step, ...]


def plan(seed: int) -> Plan:
    dice = random.Random(seed)
    share = dice.choice(_FAULT_SHARES)
    faults = [fault for fault in Fault if fault not in (Fault.NONE, Fault.TIMEOUT)]  # time passes in `wait`
    names = dice.choices([*_WEIGHTS], [*_WEIGHTS.values()], k=dice.randrange(20, _MOST_STEPS))
    return tuple(
        Step(
            name,
            dice.randrange(_RANGE),
            dice.randrange(_RANGE),
            dice.choice(faults) if name == "go" and dice.random() < share else Fault.NONE,
        )
        for name in ["put", *names]
    )
