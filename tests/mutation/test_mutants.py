"""Each assertion about the template can fail.

A new test in tests/template/ needs nothing here if some part of the template left out, or some value changed,
makes each of its assertions fail. Where none does, `test_each_assertion...` names it: add a line to CHANGES
in changes.py that does.
"""

import pytest

from tests.cloudformation import PROJECT
from tests.mutation.changes import CHANGES, EXCUSED, Change
from tests.mutation.mutants import Shown, modules, show


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.name)
def test_each_change_is_to_a_text_that_stands_there_once(change: Change) -> None:
    assert change.applied((PROJECT / change.file).read_text())


@pytest.mark.parametrize("excuse", EXCUSED)
def test_each_excuse_is_of_an_assertion_that_stands_there(excuse: str) -> None:
    lines = [line.strip() for module in modules() for line in module.path.read_text().splitlines()]

    assert any(line.startswith(excuse) for line in lines)


def test_nothing_fails_on_the_template_as_it_is() -> None:
    shown = Shown()

    for module in modules():
        shown.fail("none", module, {each.test for each in module.assertions})

    assert shown.by == {}
    assert shown.broken == set()  # what did not run has not held either


@pytest.mark.full
def test_each_assertion_about_the_template_fails_on_one_that_is_wrong() -> None:
    shown = show()

    never = [str(each) for module in modules() for each in sorted(shown.missing(module))]
    assert never == []
    assert {each.name for each in CHANGES} <= set(shown.by.values())  # none is there for nothing
