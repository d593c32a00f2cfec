"""Takes each defence away in turn, in a copy of the project, and sees its test fail."""

from pathlib import Path

import pytest

from tests.chaos.defences import DEFENCES, Defence, copy_project, missed

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda defence: defence.name)
def test_no_defence_goes_unnoticed(project: Path, defence: Defence) -> None:
    assert missed(defence, project)
