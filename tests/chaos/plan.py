"""What a chaos run does, decided beforehand: which pictures are put, and when S3's events of them are told.

Pure: the same seed gives the same plan.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import batched

PREFIXES = 20
DUPLICATED, POISONED, RENEWED = 0.05, 0.05, 0.03


class Poison(StrEnum):
    """What makes a picture unusable."""

    TORN = "torn"
    BOMB = "bomb"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Picture:
    """Names a picture's bytes, see `pictures.drawn`; no two seeds give the same."""

    seed: int
    poison: Poison | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """One version of an original is stored."""

    key: str
    picture: Picture


@dataclass(frozen=True, slots=True)
class Tell:
    """The event of a key's put, counted from 0, goes to the render queue."""

    key: str
    put: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, in this order. Each put comes before its event."""

    acts: tuple[Put | Tell, ...]

    @property
    def puts(self) -> dict[str, list[Picture]]:
        """The pictures under each key, oldest first."""
        found: dict[str, list[Picture]] = {}
        for act in self.acts:
            if isinstance(act, Put):
                found.setdefault(act.key, []).append(act.picture)
        return found

    @property
    def tells(self) -> int:
        return sum(isinstance(act, Tell) for act in self.acts)

    @property
    def ordinary(self) -> list[str]:
        """Keys of good pictures that are put once and told of once."""
        told = [act.key for act in self.acts if isinstance(act, Tell)]
        return [
            key
            for key, pictures in self.puts.items()
            if len(pictures) == 1 and not pictures[0].poison and told.count(key) == 1
        ]


def uploads(seed: int, count: int, folder: str) -> Plan:
    """Uploads in a shuffled order, some told of twice (half of these at once), poisoned, or put again.

    Pictures depend on the seed alone, so that the runs of one seed render the same.
    """
    chance = random.Random(seed)
    duplicated, poisoned, renewed = (
        set(chance.sample(range(count), max(1, round(count * share))))
        for share in (DUPLICATED, POISONED, RENEWED)
    )
    timed: list[tuple[float, Put | Tell]] = []
    for number in range(count):
        key = _key(folder, number)
        at = chance.uniform(0, count)
        for put in range(2 if number in renewed else 1):
            poison = chance.choice(list(Poison)) if number in poisoned and not put else None
            timed.append((at, Put(key, Picture(seed * 1_000_000 + put * count + number, poison))))
            told = at + chance.uniform(0, 20)
            timed.append((told, Tell(key, put)))
            if number in duplicated:
                timed.append((told + chance.choice((0, 40)), Tell(key, put)))
            at += chance.uniform(0, 20)
    return _in_time(timed)


def races(seed: int, count: int, folder: str) -> Plan:
    """Each key is put twice at once; events come old first or new first, next to one another or apart."""
    chance = random.Random(seed)
    timed: list[tuple[float, Put | Tell]] = []
    for number in range(count):
        key, told = _key(folder, number), number + chance.uniform(0, 5)
        first = seed * 1_000_000 + 2 * number
        timed += [(number, Put(key, Picture(first))), (number, Put(key, Picture(first + 1)))]
        for put in (0, 1) if number % 2 else (1, 0):
            timed.append((told, Tell(key, put)))
            told += chance.choice((0, 0, 4))
    return _in_time(timed)


def _key(folder: str, number: int) -> str:
    """Such that it must be decoded as S3 encodes it, and once only."""
    return f"{folder}/shelf {number % PREFIXES}/{number}+%2B.png"


def _in_time(timed: list[tuple[float, Put | Tell]]) -> Plan:
    return Plan(tuple(act for _, act in sorted(timed, key=lambda each: each[0])))


class Step(StrEnum):
    """How far a worker has come when it is killed."""

    BEGUN = "begun in the ledger"
    READ = "original read"
    DECODED = "decoded"
    FIRST = "first rendition written"
    WRITTEN = "all written"
    COMMITTED = "committed"
    ANSWERED = "not yet acknowledged"


# What a worker can be killed at for ever: from `COMMITTED` on, the upload is done.
_BEFORE_THE_END = (Step.BEGUN, Step.READ, Step.DECODED, Step.FIRST, Step.WRITTEN)
type Deaths = dict[str, tuple[Step, ...]]


def one_death_each(plan: Plan, seed: int, per_step: int) -> Deaths:
    """Uploads whose first attempt is killed, so many at each step."""
    chosen = random.Random(seed).sample(plan.ordinary, per_step * len(Step))
    steps: Iterator[tuple[str, ...]] = batched(chosen, per_step, strict=True)
    return {key: (step,) for step, keys in zip(Step, steps, strict=True) for key in keys}


def death_at_every_attempt(plan: Plan, seed: int, count: int, attempts: int) -> Deaths:
    """Uploads that are killed at each of their attempts, at one step or another."""
    chance = random.Random(seed)
    chosen = chance.sample(plan.ordinary, count)
    return {key: tuple(chance.choice(_BEFORE_THE_END) for _ in range(attempts)) for key in chosen}
