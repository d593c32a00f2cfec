from collections import Counter

import pytest

from tests.chaos.pictures import content_of
from tests.chaos.plan import (
    PREFIXES,
    Action,
    Delete,
    DeleteVersion,
    History,
    Picture,
    Plan,
    Poison,
    Put,
    SendEvent,
    Step,
    kill_every_attempt,
    kill_once,
    races,
    uploads,
)

PLAN = uploads(7, 1000, "run")

DELETED = {action.key for action in PLAN.actions if isinstance(action, Delete | DeleteVersion)}


def events(plan: Plan) -> Counter[SendEvent]:
    return Counter(action for action in plan.actions if isinstance(action, SendEvent))


def changes(plan: Plan) -> dict[str, tuple[type[Action], ...]]:
    """Returns the changes of each key in order."""
    found: dict[str, tuple[type[Action], ...]] = {}
    for action in plan.actions:
        if not isinstance(action, SendEvent):
            found[action.key] = (*found.get(action.key, ()), type(action))
    return found


def test_the_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    assert uploads(7, 60, "run") == uploads(7, 60, "run")
    assert uploads(7, 60, "run").actions != uploads(8, 60, "run").actions


def test_the_shares_are_as_stated() -> None:
    assert len(PLAN.puts) == 1000
    assert len({key.rpartition("/")[0] for key in PLAN.puts}) == PREFIXES
    assert sum(done == (Put, Put) for done in changes(PLAN).values()) == 30
    assert sum(any(picture.poison for picture in pictures) for pictures in PLAN.puts.values()) == 50
    assert len({event.key for event, times in events(PLAN).items() if times == 2}) == 50
    assert set(events(PLAN).values()) == {1, 2}
    assert len(DELETED) == 100


def test_deletions_are_of_every_kind_each_at_once_and_when_the_picture_has_ended() -> None:
    later = {action.key for action in PLAN.later}
    ways = Counter((done, key in later) for key, done in changes(PLAN).items() if key in DELETED)

    assert len({done for done, _ in ways}) == 6
    assert len(ways) == 12
    assert min(ways.values()) >= 8
    assert later < DELETED


def test_what_comes_later_begins_with_a_deletion() -> None:
    first = {action.key: action for action in reversed(PLAN.later)}

    assert {type(action) for action in first.values()} == {Delete, DeleteVersion}


def test_every_change_is_told_of_and_none_before_it_was_made() -> None:
    made: Counter[str] = Counter()
    for action in PLAN.actions:
        if isinstance(action, SendEvent):
            assert action.change < made[action.key]
        else:
            made[action.key] += 1

    assert set(events(PLAN)) == {SendEvent(key, n) for key, times in made.items() for n in range(times)}


def test_what_is_deleted_was_there() -> None:
    for plan in (PLAN, races(7, 200, "run")):
        stacks: dict[str, list[bool]] = {}  # True for a delete marker
        for action in plan.actions:
            stack = stacks.setdefault(action.key, [])
            match action:
                case Put():
                    stack.append(False)
                case Delete():
                    assert stack[-1] is False
                    stack.append(True)
                case DeleteVersion():
                    stack.pop()


A, B = Put("a", Picture(1)), Put("a", Picture(2))


@pytest.mark.parametrize(
    ("actions", "histories"),
    [
        ((A, B), [History(), History()]),
        ((A, Delete("a")), [History(hidden=True)]),
        ((A, Delete("a"), B), [History(hidden=True), History()]),
        ((A, Delete("a"), DeleteVersion("a")), [History(hidden=True, returns=1)]),
        ((A, DeleteVersion("a")), [History(hidden=True)]),
        ((A, B, DeleteVersion("a")), [History(returns=1), History(hidden=True)]),
        ((A, B, Delete("a"), DeleteVersion("a")), [History(hidden=True), History(hidden=True, returns=1)]),
    ],
)
def test_what_befalls_each_version_is_known(actions: tuple[Action, ...], histories: list[History]) -> None:
    assert Plan(actions).histories == {"a": histories}


def test_the_order_is_shuffled() -> None:
    first = [action.key for action in PLAN.actions if isinstance(action, SendEvent)]
    assert first != sorted(first)
    assert [action.key for action in PLAN.actions if isinstance(action, Put)] != list(dict.fromkeys(first))


def test_some_duplicates_come_at_once_and_some_later() -> None:
    gaps = {
        later - sooner
        for event, times in events(PLAN).items()
        if times == 2
        for sooner, later in [[n for n, action in enumerate(PLAN.actions) if action == event]]
    }
    assert 1 in gaps
    assert max(gaps) > 20


def test_no_two_pictures_are_the_same() -> None:
    pictures = [picture for puts in PLAN.puts.values() for picture in puts]

    assert len(set(pictures)) == len(pictures) > 1030
    assert len({content_of(Picture(seed, poison)) for seed in range(9) for poison in (None, *Poison)}) == 36


def test_of_races_half_are_told_of_newest_first() -> None:
    plan = races(7, 200, "run")
    first = {
        action.key: action.change
        for action in reversed(plan.actions)
        if isinstance(action, SendEvent) and action.change < 2
    }

    assert set(map(len, plan.puts.values())) == {2}
    assert sum(first.values()) == 100


def test_of_races_every_fifth_is_deleted_and_told_of_before_between_and_after_its_puts() -> None:
    plan = races(7, 200, "run")
    order: dict[str, list[int]] = {}
    for action in plan.actions:
        if isinstance(action, SendEvent):
            order.setdefault(action.key, []).append(action.change)

    assert Counter(len(sent) for sent in order.values()) == {2: 160, 3: 40}
    assert {sent.index(2) for sent in order.values() if 2 in sent} == {0, 1, 2}
    assert {done[-1] for done in changes(plan).values()} == {Put, Delete, DeleteVersion}


def test_each_step_kills_as_many_uploads_and_each_once() -> None:
    kill_steps = kill_once(PLAN, 7, 10)

    assert Counter(kill_steps.values()) == {(step,): 10 for step in Step}
    assert kill_steps.keys() <= set(PLAN.ordinary)


def test_what_is_killed_at_every_attempt_never_gets_to_its_end() -> None:
    kill_steps = kill_every_attempt(PLAN, 7, 10, attempts=5)

    assert set(map(len, kill_steps.values())) == {5}
    assert not {Step.COMMITTED, Step.RESPONDED} & {step for steps in kill_steps.values() for step in steps}
