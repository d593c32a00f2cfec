from collections import Counter

from tests.chaos.pictures import drawn
from tests.chaos.plan import (
    PREFIXES,
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


def tells(plan: Plan) -> Counter[Tell]:
    return Counter(act for act in plan.acts if isinstance(act, Tell))


def test_the_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    assert uploads(7, 60, "run") == uploads(7, 60, "run")
    assert uploads(7, 60, "run").acts != uploads(8, 60, "run").acts


def test_the_shares_are_as_stated() -> None:
    assert len(PLAN.puts) == 1000
    assert len({key.rpartition("/")[0] for key in PLAN.puts}) == PREFIXES
    assert sum(len(pictures) == 2 for pictures in PLAN.puts.values()) == 30
    assert sum(any(picture.poison for picture in pictures) for pictures in PLAN.puts.values()) == 50
    assert len({tell.key for tell, times in tells(PLAN).items() if times == 2}) == 50
    assert set(tells(PLAN).values()) == {1, 2}


def test_every_put_is_told_of_and_none_before_it_was_made() -> None:
    made: Counter[str] = Counter()
    for act in PLAN.acts:
        if isinstance(act, Put):
            made[act.key] += 1
        else:
            assert act.put < made[act.key]

    assert set(tells(PLAN)) == {Tell(key, n) for key, puts in PLAN.puts.items() for n in range(len(puts))}


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
    pictures = [picture for puts in (*PLAN.puts.values(),) for picture in puts]

    assert len(set(pictures)) == len(pictures) == 1030
    assert len({drawn(Picture(seed, poison)) for seed in range(9) for poison in (None, *Poison)}) == 36


def test_of_races_half_are_told_of_newest_first() -> None:
    plan = races(7, 200, "run")
    first = {act.key: act.put for act in reversed(plan.acts) if isinstance(act, Tell)}

    assert set(map(len, plan.puts.values())) == {2}
    assert sum(first.values()) == 100


def test_each_step_kills_as_many_uploads_and_each_once() -> None:
    deaths = one_death_each(PLAN, 7, 10)

    assert Counter(deaths.values()) == {(step,): 10 for step in Step}
    assert deaths.keys() <= set(PLAN.ordinary)


def test_what_is_killed_at_every_attempt_never_gets_to_its_end() -> None:
    deaths = death_at_every_attempt(PLAN, 7, 10, attempts=5)

    assert set(map(len, deaths.values())) == {5}
    assert not {Step.COMMITTED, Step.ANSWERED} & {step for steps in deaths.values() for step in steps}
