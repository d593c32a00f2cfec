"""Removes one defence at a time in a copy of the project and expects its test to fail."""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import pytest

from tests.chaos.defences import DEFENCES, Defence, copy_project, fails_without
from tests.cloudformation import PROJECT


@pytest.mark.full
def test_every_test_fails_without_its_defence(tmp_path: Path) -> None:
    """Runs on every core: each has its own copy and its share of the defences."""
    copies = [tmp_path / str(number) for number in range(os.cpu_count() or 1)]

    def undetected(number: int, copy: Path) -> list[str]:
        copy.mkdir()
        copy_project(copy)
        return [
            defence.name for defence in DEFENCES[number :: len(copies)] if not fails_without(defence, copy)
        ]

    with ThreadPoolExecutor(len(copies)) as pool:
        assert [*chain(*pool.map(undetected, range(len(copies)), copies))] == []


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda defence: defence.name)
def test_every_defence_has_a_quick_test(defence: Defence) -> None:
    """Every defence is tested by `make test` too, not only by `make test-full`."""
    file, *_ = defence.test.split("::")

    assert file.startswith(("tests/unit/", "tests/contract/"))
    assert "mark.full" not in (PROJECT / file).read_text()
