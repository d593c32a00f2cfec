from collections import Counter

import pytest

from tests.chaos.pictures import drawn
from tests.chaos.plan import (
    PREFIXES,
    Act,
    Delete,
    Destroy,
    Fate,
    Picture,
    Plan,
    Poison,
    Put,
    Step,
    Tell,
    death_at_every_attempt,
    one_death_each,
    races,
    uploads,
)

PLAN = uploads(7, 1000, "run")


DELETED = {act.key for act in PLAN.acts if isinstance(act, Delete | Destroy)}


def tells(plan: Plan) -> Counter[Tell]:
    return Counter(act for act in plan.acts if isinstance(act, Tell))


def changes(plan: Plan) -> dict[str, tuple[type[Act], ...]]:
    """What is done to each key, in this order."""
    done: dict[str, tuple[type[Act], ...]] = {}
    for act in plan.acts:
        if not isinstance(act, Tell):
            done[act.key] = (*done.get(act.key, ()), type(act))
    return done


def test_the_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    assert uploads(7, 60, "run") == uploads(7, 60, "run")
    assert uploads(7, 60, "run").acts != uploads(8, 60, "run").acts


def test_the_shares_are_as_stated() -> None:
    assert len(PLAN.puts) == 1000
    assert len({key.rpartition("/")[0] for key in PLAN.puts}) == PREFIXES
    assert sum(done == (Put, Put) for done in changes(PLAN).values()) == 30
    assert sum(any(picture.poison for picture in pictures) for pictures in PLAN.puts.values()) == 50
    assert len({tell.key for tell, times in tells(PLAN).items() if times == 2}) == 50
    assert set(tells(PLAN).values()) == {1, 2}
    assert len(DELETED) == 100


def test_deletions_are_of_every_kind_each_at_once_and_when_the_picture_has_ended() -> None:
    later = {act.key for act in PLAN.later}
    ways = Counter((done, key in later) for key, done in changes(PLAN).items() if key in DELETED)

    assert len({done for done, _ in ways}) == 6
    assert len(ways) == 12
    assert min(ways.values()) >= 8
    assert later < DELETED


def test_what_comes_later_begins_with_a_deletion() -> None:
    first = {act.key: act for act in reversed(PLAN.later)}

    assert {type(act) for act in first.values()} == {Delete, Destroy}


def test_every_change_is_told_of_and_none_before_it_was_made() -> None:
    made: Counter[str] = Counter()
    for act in PLAN.acts:
        if isinstance(act, Tell):
            assert act.change < made[act.key]
        else:
            made[act.key] += 1

    assert set(tells(PLAN)) == {Tell(key, n) for key, times in made.items() for n in range(times)}


def test_what_is_deleted_was_there() -> None:
    for plan in (PLAN, races(7, 200, "run")):
        stacks: dict[str, list[bool]] = {}  # whether each is a delete marker
        for act in plan.acts:
            stack = stacks.setdefault(act.key, [])
            match act:
                case Put():
                    stack.append(False)
                case Delete():
                    assert stack[-1] is False
                    stack.append(True)
                case Destroy():
                    stack.pop()


A, B = Put("a", Picture(1)), Put("a", Picture(2))


@pytest.mark.parametrize(
    ("acts", "fates"),
    [
        ((A, B), [Fate(), Fate()]),
        ((A, Delete("a")), [Fate(hidden=True)]),
        ((A, Delete("a"), B), [Fate(hidden=True), Fate()]),
        ((A, Delete("a"), Destroy("a")), [Fate(hidden=True, returns=1)]),
        ((A, Destroy("a")), [Fate(hidden=True)]),
        ((A, B, Destroy("a")), [Fate(returns=1), Fate(hidden=True)]),
        ((A, B, Delete("a"), Destroy("a")), [Fate(hidden=True), Fate(hidden=True, returns=1)]),
    ],
)
def test_what_befalls_each_version_is_known(acts: tuple[Act, ...], fates: list[Fate]) -> None:
    assert Plan(acts).fates == {"a": fates}


def test_the_order_is_shuffled() -> None:
    first = [act.key for act in PLAN.acts if isinstance(act, Tell)]
    assert first != sorted(first)
    assert [act.key for act in PLAN.acts if isinstance(act, Put)] != list(dict.fromkeys(first))


def test_some_duplicates_come_at_once_and_some_later() -> None:
    gaps = {
        later - sooner
        for tell, times in tells(PLAN).items()
        if times == 2
        for sooner, later in [[n for n, act in enumerate(PLAN.acts) if act == tell]]
    }
    assert 1 in gaps
    assert max(gaps) > 20


def test_no_two_pictures_are_the_same() -> None:
    pictures = [picture for puts in PLAN.puts.values() for picture in puts]

    assert len(set(pictures)) == len(pictures) > 1030
    assert len({drawn(Picture(seed, poison)) for seed in range(9) for poison in (None, *Poison)}) == 36


def test_of_races_half_are_told_of_newest_first() -> None:
    plan = races(7, 200, "run")
    first = {act.key: act.change for act in reversed(plan.acts) if isinstance(act, Tell) and act.change < 2}

    assert set(map(len, plan.puts.values())) == {2}
    assert sum(first.values()) == 100


def test_of_races_every_fifth_is_deleted_and_told_of_before_between_and_after_its_puts() -> None:
    plan = races(7, 200, "run")
    order: dict[str, list[int]] = {}
    for act in plan.acts:
        if isinstance(act, Tell):
            order.setdefault(act.key, []).append(act.change)

    assert Counter(len(told) for told in order.values()) == {2: 160, 3: 40}
    assert {told.index(2) for told in order.values() if 2 in told} == {0, 1, 2}
    assert {done[-1] for done in changes(plan).values()} == {Put, Delete, Destroy}


def test_each_step_kills_as_many_uploads_and_each_once() -> None:
    deaths = one_death_each(PLAN, 7, 10)

    assert Counter(deaths.values()) == {(step,): 10 for step in Step}
    assert deaths.keys() <= set(PLAN.ordinary)


def test_what_is_killed_at_every_attempt_never_gets_to_its_end() -> None:
    deaths = death_at_every_attempt(PLAN, 7, 10, attempts=5)

    assert set(map(len, deaths.values())) == {5}
    assert not {Step.COMMITTED, Step.ANSWERED} & {step for steps in deaths.values() for step in steps}
