from darkroom.web import problems
from darkroom.web.problems import PROBLEMS, Problem


def test_every_kind_of_problem_is_listed_once_under_a_name_of_its_own() -> None:
    kinds = [kind for kind in vars(problems).values() if isinstance(kind, Problem)]

    assert sorted(kinds, key=lambda kind: kind.name) == sorted(PROBLEMS, key=lambda kind: kind.name)
    assert len({kind.type for kind in PROBLEMS}) == len(PROBLEMS)


def test_every_problem_is_the_senders_but_two() -> None:
    ours = [kind for kind in PROBLEMS if not 400 <= kind.status < 500]

    assert ours == [problems.BROKEN, problems.UNCHECKED]
