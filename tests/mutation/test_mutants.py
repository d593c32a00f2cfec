"""Each assertion about the template can fail.

Most new tests in tests/template/ need no entry here, because a generated mutant fails each of their
assertions. If none does, the slow test below lists the assertion: add a change to CHANGES in changes.py.
"""

import pytest

from tests.cloudformation import PROJECT
from tests.mutation.changes import CHANGES, EXCUSED, Change
from tests.mutation.mutants import Outcome, modules, run_mutants


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_each_change_is_to_a_text_that_stands_there_once(change: Change) -> None:
    assert change.applied((PROJECT / change.file).read_text())


@pytest.mark.parametrize("excuse", EXCUSED)
def test_each_excuse_is_of_an_assertion_that_stands_there(excuse: str) -> None:
    lines = [line.strip() for module in modules() for line in module.path.read_text().splitlines()]

    assert any(line.startswith(excuse) for line in lines)


def test_nothing_fails_on_the_template_as_it_is() -> None:
    outcome = Outcome()

    for module in modules():
        outcome.run("none", module, {assertion.test for assertion in module.assertions})

    assert outcome.failed_by == {}
    assert outcome.broken == set()  # a test that did not run proves nothing


@pytest.mark.full
def test_each_assertion_about_the_template_fails_on_one_that_is_wrong() -> None:
    outcome = run_mutants()

    never = [str(assertion) for module in modules() for assertion in sorted(outcome.missing(module))]
    assert never == []
    assert {change.name for change in CHANGES} <= set(outcome.failed_by.values())  # every change is needed
