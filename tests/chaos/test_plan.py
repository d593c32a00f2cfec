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


def test_a_plan_depends_only_on_its_seed() -> None:
    assert uploads(7, 60, "run") == uploads(7, 60, "run")
    assert uploads(7, 60, "run").actions != uploads(8, 60, "run").actions


def test_a_plan_has_the_stated_shares() -> None:
    assert len(PLAN.puts) == 1000
    assert len({key.rpartition("/")[0] for key in PLAN.puts}) == PREFIXES
    assert sum(done == (Put, Put) for done in changes(PLAN).values()) == 30
    assert sum(any(picture.poison for picture in pictures) for pictures in PLAN.puts.values()) == 50
    assert len({event.key for event, times in events(PLAN).items() if times == 2}) == 50
    assert set(events(PLAN).values()) == {1, 2}
    assert len(DELETED) == 100


def test_every_kind_of_deletion_occurs_both_at_once_and_later() -> None:
    later = {action.key for action in PLAN.later}
    ways = Counter((done, key in later) for key, done in changes(PLAN).items() if key in DELETED)

    assert len({done for done, _ in ways}) == 6
    assert len(ways) == 12
    assert min(ways.values()) >= 8
    assert later < DELETED


def test_later_changes_begin_with_a_deletion() -> None:
    first = {action.key: action for action in reversed(PLAN.later)}

    assert {type(action) for action in first.values()} == {Delete, DeleteVersion}


def test_every_change_has_an_event_after_it() -> None:
    made: Counter[str] = Counter()
    for action in PLAN.actions:
        if isinstance(action, SendEvent):
            assert action.change < made[action.key]
        else:
            made[action.key] += 1

    assert set(events(PLAN)) == {SendEvent(key, n) for key, times in made.items() for n in range(times)}


def test_only_existing_versions_are_deleted() -> None:
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
def test_the_history_of_every_version_is_known(actions: tuple[Action, ...], histories: list[History]) -> None:
    assert Plan(actions).histories == {"a": histories}


def test_the_order_of_events_is_shuffled() -> None:
    first = [action.key for action in PLAN.actions if isinstance(action, SendEvent)]
    assert first != sorted(first)
    assert [action.key for action in PLAN.actions if isinstance(action, Put)] != list(dict.fromkeys(first))


def test_some_duplicates_are_sent_at_once_and_some_later() -> None:
    gaps = {
        later - sooner
        for event, times in events(PLAN).items()
        if times == 2
        for sooner, later in [[n for n, action in enumerate(PLAN.actions) if action == event]]
    }
    assert 1 in gaps
    assert max(gaps) > 20


def test_all_pictures_are_different() -> None:
    pictures = [picture for puts in PLAN.puts.values() for picture in puts]

    assert len(set(pictures)) == len(pictures) > 1030
    assert len({content_of(Picture(seed, poison)) for seed in range(9) for poison in (None, *Poison)}) == 36


def test_half_of_the_races_send_the_newest_event_first() -> None:
    plan = races(7, 200, "run")
    first = {
        action.key: action.change
        for action in reversed(plan.actions)
        if isinstance(action, SendEvent) and action.change < 2
    }

    assert set(map(len, plan.puts.values())) == {2}
    assert sum(first.values()) == 100


def test_every_fifth_race_sends_its_deletion_before_between_or_after_the_puts() -> None:
    plan = races(7, 200, "run")
    order: dict[str, list[int]] = {}
    for action in plan.actions:
        if isinstance(action, SendEvent):
            order.setdefault(action.key, []).append(action.change)

    assert Counter(len(sent) for sent in order.values()) == {2: 160, 3: 40}
    assert {sent.index(2) for sent in order.values() if 2 in sent} == {0, 1, 2}
    assert {done[-1] for done in changes(plan).values()} == {Put, Delete, DeleteVersion}


def test_every_step_kills_the_same_number_of_uploads_once() -> None:
    kill_steps = kill_once(PLAN, 7, 10)

    assert Counter(kill_steps.values()) == {(step,): 10 for step in Step}
    assert kill_steps.keys() <= set(PLAN.ordinary)


def test_uploads_killed_at_every_attempt_are_killed_before_the_commit() -> None:
    kill_steps = kill_every_attempt(PLAN, 7, 10, attempts=5)

    assert set(map(len, kill_steps.values())) == {5}
    assert not {Step.COMMITTED, Step.RESPONDED} & {step for steps in kill_steps.values() for step in steps}
