from darkroom.web import problems
from darkroom.web.problems import PROBLEMS, Problem


def test_every_problem_is_listed_once_under_a_unique_name() -> None:
    kinds = [kind for kind in vars(problems).values() if isinstance(kind, Problem)]

    assert sorted(kinds, key=lambda kind: kind.name) == sorted(PROBLEMS, key=lambda kind: kind.name)
    assert len({kind.type for kind in PROBLEMS}) == len(PROBLEMS)


def test_only_two_problems_are_server_errors() -> None:
    ours = [kind for kind in PROBLEMS if not 400 <= kind.status < 500]

    assert ours == [problems.BROKEN, problems.UNCHECKED]
