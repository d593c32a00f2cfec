"""Takes each defence away in turn, in a copy of the project, and sees its test fail."""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import pytest

from tests.chaos.defences import DEFENCES, Defence, copy_project, missed
from tests.cloudformation import PROJECT


@pytest.mark.full
def test_no_defence_goes_unnoticed(tmp_path: Path) -> None:
    """Each processor has a copy, and its share of them."""
    copies = [tmp_path / str(number) for number in range(os.cpu_count() or 1)]

    def unnoticed(number: int, copy: Path) -> list[str]:
        copy.mkdir()
        copy_project(copy)
        return [each.name for each in DEFENCES[number :: len(copies)] if not missed(each, copy)]

    with ThreadPoolExecutor(len(copies)) as pool:
        assert [*chain(*pool.map(unnoticed, range(len(copies)), copies))] == []


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda defence: defence.name)
def test_each_defence_has_a_quick_test(defence: Defence) -> None:
    """One that `make test` runs: it leaves chaos to `make test-full`."""
    file, *_ = defence.test.split("::")

    assert file.startswith(("tests/unit/", "tests/contract/"))
    assert "mark.full" not in (PROJECT / file).read_text()
