"""What a chaos run does, decided beforehand: what is put and deleted, and when S3's events of it are told.

Pure: the same seed gives the same plan.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import batched, cycle, product

PREFIXES = 20
DUPLICATED, POISONED, RENEWED, DELETED = 0.05, 0.05, 0.03, 0.1


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
    picture_id: Picture


@dataclass(frozen=True, slots=True)
class Delete:
    """A delete marker is laid over a key that shows something."""

    key: str


@dataclass(frozen=True, slots=True)
class Destroy:
    """What is on top of a key, a version or a delete marker, is removed for good."""

    key: str


@dataclass(frozen=True, slots=True)
class Tell:
    """The event of one of a key's changes, counted from 0, goes to the render queue."""

    key: str
    change: int


type Change = Put | Delete | Destroy
type Act = Change | Tell


@dataclass(slots=True)
class Fate:
    """What befell one version: was it ever hidden by a marker or destroyed, how often came it back on top."""

    hidden: bool = False
    returns: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, in this order. Each change comes before its event.

    Each change that is to be made `later` waits until the ledger has done with those before it.
    """

    at_once: tuple[Act, ...]
    later: tuple[Act, ...] = ()

    @property
    def acts(self) -> tuple[Act, ...]:
        return self.at_once + self.later

    @property
    def puts(self) -> dict[str, list[Picture]]:
        """The pictures under each key, oldest first."""
        found: dict[str, list[Picture]] = {}
        for act in self.acts:
            if isinstance(act, Put):
                found.setdefault(act.key, []).append(act.picture_id)
        return found

    @property
    def fates(self) -> dict[str, list[Fate]]:
        """What befalls each of the pictures under each key, oldest first."""
        found: dict[str, list[Fate]] = {}
        stacks: dict[str, list[Fate | None]] = {}  # a delete marker is None
        for act in self.acts:
            fates, stack = found.setdefault(act.key, []), stacks.setdefault(act.key, [])
            match act:
                case Put():
                    fates.append(Fate())
                    stack.append(fates[-1])
                case Delete():
                    for fate in fates:
                        fate.hidden = True
                    stack.append(None)
                case Destroy():
                    if removed := stack.pop():
                        removed.hidden = True
                    if stack and (back := stack[-1]):
                        back.returns += 1
        return found

    @property
    def tells(self) -> int:
        return sum(isinstance(act, Tell) for act in self.acts)

    @property
    def ordinary(self) -> list[str]:
        """Keys of good pictures that are put once and told of once, and stay."""
        told = [act.key for act in self.acts if isinstance(act, Tell)]
        return [
            key
            for key, pictures in self.puts.items()
            if len(pictures) == 1 and not pictures[0].poison and told.count(key) == 1
        ]


# What may befall a key that is deleted. The last change removes what is on top then: the picture before it,
# or the marker, is back.
_DELETIONS: tuple[tuple[type[Put | Delete | Destroy], ...], ...] = (
    (Put, Delete),
    (Put, Delete, Put),
    (Put, Delete, Destroy),
    (Put, Destroy),
    (Put, Put, Destroy),
    (Put, Put, Delete, Destroy),
)


def uploads(seed: int, count: int, folder: str) -> Plan:
    """Uploads in a shuffled order, some told of twice (half of these at once), poisoned, put again, deleted.

    Of the deletions half come when the picture has ended, and what follows them when they have taken effect.
    Pictures depend on the seed alone, so that the runs of one seed render the same.
    """
    chance = random.Random(seed)
    duplicated, poisoned, renewed = (
        set(chance.sample(range(count), max(1, round(count * share))))
        for share in (DUPLICATED, POISONED, RENEWED)
    )
    others = [number for number in range(count) if number not in renewed]
    ways = cycle(chance.sample([*product(_DELETIONS, (False, True))], 2 * len(_DELETIONS)))
    deleted = dict(zip(chance.sample(others, max(1, round(count * DELETED))), ways, strict=False))
    at_once: list[tuple[float, Act]] = []
    later: list[tuple[float, Act]] = []
    for number in range(count):
        key = _key(folder, number)
        changes, waits = deleted.get(number, ((Put, Put) if number in renewed else (Put,), False))
        at, timed, puts = chance.uniform(0, count), at_once, 0
        for order, change in enumerate(changes):
            if issubclass(change, Put):
                poison = chance.choice(list(Poison)) if number in poisoned and not puts else None
                picture_id = Picture(seed * 1_000_000 + puts * count + number, poison)
                timed.append((at, Put(key, picture_id)))
                puts += 1
            else:
                timed = later if waits else timed
                timed.append((at, change(key)))
            told = at if timed is later else at + chance.uniform(0, 20)
            timed.append((told, Tell(key, order)))
            if number in duplicated:
                timed.append((told + chance.choice((0, 40)), Tell(key, order)))
            # Whatever waits for its turn, all others have had theirs before.
            at += 2 * count if timed is later else chance.uniform(0, 20)
    return Plan(_in_time(at_once), _in_time(later))


def races(seed: int, count: int, folder: str) -> Plan:
    """Each key is put twice at once; events come old first or new first, next to one another or apart.

    Every fifth is hidden at once too, or loses the second, and tells of that at any time among the others.
    """
    chance = random.Random(seed)
    timed: list[tuple[float, Act]] = []
    for number in range(count):
        key, told = _key(folder, number), number + chance.uniform(0, 5)
        first = seed * 1_000_000 + 2 * number
        timed += [(number, Put(key, Picture(first))), (number, Put(key, Picture(first + 1)))]
        order = [0, 1] if number % 2 else [1, 0]
        if number % 5 == 0:
            timed.append((number, chance.choice((Delete, Destroy))(key)))
            order.insert(chance.randrange(3), 2)
        for change in order:
            timed.append((told, Tell(key, change)))
            told += chance.choice((0, 0, 4))
    return Plan(_in_time(timed))


def _key(folder: str, number: int) -> str:
    """Such that it must be decoded as S3 encodes it, and once only."""
    return f"{folder}/shelf {number % PREFIXES}/{number}+%2B.png"


def _in_time(timed: list[tuple[float, Act]]) -> tuple[Act, ...]:
    return tuple(act for _, act in sorted(timed, key=lambda each: each[0]))


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
