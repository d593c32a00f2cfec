"""Takes each defence away in turn, in a copy of the project, and sees its test fail."""

from pathlib import Path

import pytest

from tests.chaos.defences import DEFENCES, Defence, copy_project, missed
from tests.cloudformation import PROJECT


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.mark.full
@pytest.mark.parametrize("defence", DEFENCES, ids=lambda defence: defence.name)
def test_no_defence_goes_unnoticed(project: Path, defence: Defence) -> None:
    assert missed(defence, project)


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda defence: defence.name)
def test_each_defence_has_a_quick_test(defence: Defence) -> None:
    """One that `make test` runs: it leaves chaos to `make test-full`."""
    file, *_ = defence.test.split("::")

    assert file.startswith(("tests/unit/", "tests/contract/"))
    assert "mark.full" not in (PROJECT / file).read_text()
