"""Plans the actions of a chaos run: which objects are put and deleted, and when S3's events are sent.

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
    """Reasons for a picture to be unusable."""

    TORN = "torn"
    BOMB = "bomb"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Picture:
    """The parameters of a picture's bytes, see `pictures.content_of`. Every seed gives different bytes."""

    seed: int
    poison: Poison | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """Puts a version of an object."""

    key: str
    picture: Picture


@dataclass(frozen=True, slots=True)
class Delete:
    """Puts a delete marker on top of a visible object."""

    key: str


@dataclass(frozen=True, slots=True)
class DeleteVersion:
    """Permanently deletes the latest version or delete marker of a key."""

    key: str


@dataclass(frozen=True, slots=True)
class SendEvent:
    """Sends the event of one of a key's changes, counted from 0, to the render queue."""

    key: str
    change: int


type Change = Put | Delete | DeleteVersion
type Action = Change | SendEvent


@dataclass(slots=True)
class History:
    """The changes of one version: hidden or deleted at any time, and how often it became current again."""

    hidden: bool = False
    returns: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions in order. Each change comes before its event.

    Each `later` change waits until the ledger has processed the changes before it.
    """

    at_once: tuple[Action, ...]
    later: tuple[Action, ...] = ()

    @property
    def actions(self) -> tuple[Action, ...]:
        return self.at_once + self.later

    @property
    def puts(self) -> dict[str, list[Picture]]:
        """The pictures of each key, oldest first."""
        found: dict[str, list[Picture]] = {}
        for action in self.actions:
            if isinstance(action, Put):
                found.setdefault(action.key, []).append(action.picture)
        return found

    @property
    def histories(self) -> dict[str, list[History]]:
        """The history of each picture of each key, oldest first."""
        found: dict[str, list[History]] = {}
        stacks: dict[str, list[History | None]] = {}  # None is a delete marker
        for action in self.actions:
            histories, stack = found.setdefault(action.key, []), stacks.setdefault(action.key, [])
            match action:
                case Put():
                    histories.append(History())
                    stack.append(histories[-1])
                case Delete():
                    for history in histories:
                        history.hidden = True
                    stack.append(None)
                case DeleteVersion():
                    if removed := stack.pop():
                        removed.hidden = True
                    if stack and (current := stack[-1]):
                        current.returns += 1
        return found

    @property
    def events(self) -> int:
        return sum(isinstance(action, SendEvent) for action in self.actions)

    @property
    def ordinary(self) -> list[str]:
        """Keys of good pictures with one put, one event and no deletion."""
        sent = [action.key for action in self.actions if isinstance(action, SendEvent)]
        return [
            key
            for key, pictures in self.puts.items()
            if len(pictures) == 1 and not pictures[0].poison and sent.count(key) == 1
        ]


# The possible changes of a deleted key. DeleteVersion uncovers the version below, or deletes the marker.
_DELETIONS: tuple[tuple[type[Put | Delete | DeleteVersion], ...], ...] = (
    (Put, Delete),
    (Put, Delete, Put),
    (Put, Delete, DeleteVersion),
    (Put, DeleteVersion),
    (Put, Put, DeleteVersion),
    (Put, Put, Delete, DeleteVersion),
)


def uploads(seed: int, count: int, folder: str) -> Plan:
    """Shuffled uploads. Some are poisoned, put again or deleted.

    Some events are sent twice, half of these at once. Half of the deletions wait until the picture has
    ended, and the changes after them until the deletion has taken effect. Pictures depend only on the seed,
    so that all runs of one seed render the same pictures.
    """
    rng = random.Random(seed)
    duplicated, poisoned, renewed = (
        set(rng.sample(range(count), max(1, round(count * share))))
        for share in (DUPLICATED, POISONED, RENEWED)
    )
    others = [number for number in range(count) if number not in renewed]
    ways = cycle(rng.sample([*product(_DELETIONS, (False, True))], 2 * len(_DELETIONS)))
    deleted = dict(zip(rng.sample(others, max(1, round(count * DELETED))), ways, strict=False))
    at_once: list[tuple[float, Action]] = []
    later: list[tuple[float, Action]] = []
    for number in range(count):
        key = _key(folder, number)
        changes, waits = deleted.get(number, ((Put, Put) if number in renewed else (Put,), False))
        at, timed, puts = rng.uniform(0, count), at_once, 0
        for order, change in enumerate(changes):
            if issubclass(change, Put):
                poison = rng.choice(list(Poison)) if number in poisoned and not puts else None
                picture = Picture(seed * 1_000_000 + puts * count + number, poison)
                timed.append((at, Put(key, picture)))
                puts += 1
            else:
                timed = later if waits else timed
                timed.append((at, change(key)))
            sent = at if timed is later else at + rng.uniform(0, 20)
            timed.append((sent, SendEvent(key, order)))
            if number in duplicated:
                timed.append((sent + rng.choice((0, 40)), SendEvent(key, order)))
            # A later change comes after the first change of every other key.
            at += 2 * count if timed is later else rng.uniform(0, 20)
    return Plan(_in_order(at_once), _in_order(later))


def races(seed: int, count: int, folder: str) -> Plan:
    """Puts two versions of each key at once. Events come old first or new first, together or apart.

    Every fifth key is also hidden at once, or loses its second version; that event comes at any time.
    """
    rng = random.Random(seed)
    timed: list[tuple[float, Action]] = []
    for number in range(count):
        key, sent = _key(folder, number), number + rng.uniform(0, 5)
        first = seed * 1_000_000 + 2 * number
        timed += [(number, Put(key, Picture(first))), (number, Put(key, Picture(first + 1)))]
        order = [0, 1] if number % 2 else [1, 0]
        if number % 5 == 0:
            timed.append((number, rng.choice((Delete, DeleteVersion))(key)))
            order.insert(rng.randrange(3), 2)
        for change in order:
            timed.append((sent, SendEvent(key, change)))
            sent += rng.choice((0, 0, 4))
    return Plan(_in_order(timed))


def _key(folder: str, number: int) -> str:
    """Returns a key with characters encoded by S3 in events, to be decoded once only."""
    return f"{folder}/album {number % PREFIXES}/{number}+%2B.png"


def _in_order(timed: list[tuple[float, Action]]) -> tuple[Action, ...]:
    return tuple(action for _, action in sorted(timed, key=lambda entry: entry[0]))


class Step(StrEnum):
    """The steps of a worker, each a possible moment to kill it."""

    BEGUN = "begun in the ledger"
    READ = "original read"
    DECODED = "decoded"
    FIRST = "first rendition written"
    WRITTEN = "all written"
    COMMITTED = "committed"
    RESPONDED = "not yet acknowledged"


# Steps before the commit: an upload that is killed at one of these in every attempt fails.
_BEFORE_COMMIT = (Step.BEGUN, Step.READ, Step.DECODED, Step.FIRST, Step.WRITTEN)
type KillSteps = dict[str, tuple[Step, ...]]  # by key; one step for each attempt


def kill_once(plan: Plan, seed: int, per_step: int) -> KillSteps:
    """Kills the first attempt of `per_step` uploads at each step."""
    chosen = random.Random(seed).sample(plan.ordinary, per_step * len(Step))
    steps: Iterator[tuple[str, ...]] = batched(chosen, per_step, strict=True)
    return {key: (step,) for step, keys in zip(Step, steps, strict=True) for key in keys}


def kill_every_attempt(plan: Plan, seed: int, count: int, attempts: int) -> KillSteps:
    """Kills every attempt of `count` uploads, each at a random step."""
    rng = random.Random(seed)
    chosen = rng.sample(plan.ordinary, count)
    return {key: tuple(rng.choice(_BEFORE_COMMIT) for _ in range(attempts)) for key in chosen}
