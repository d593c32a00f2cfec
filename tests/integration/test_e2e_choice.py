"""The selection of end-to-end tests for a deployed stack, with the reasons for leaving out the others."""

import os
import re
import subprocess
import sys

import pytest

from tests.cloudformation import PROJECT


def collected(**environment: str) -> tuple[set[str], str]:
    """Returns the names of the collected tests, and the output."""
    output = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/e2e"],
        cwd=PROJECT, env=os.environ | environment, capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    return set(re.findall(r"^(tests/e2e/\S+?)(?:\[|$)", output, re.MULTILINE)), output


@pytest.mark.full  # collects twice
def test_a_deployed_stack_is_asked_all_but_what_only_a_local_one_can_be() -> None:
    here, _ = collected(DARKROOM_E2E_STACK="")
    there, output = collected(DARKROOM_E2E_STACK="staging")

    left_out = here - there
    assert there < here
    assert {name.partition("::")[0] for name in left_out} >= {
        "tests/e2e/test_stack.py",
        "tests/e2e/test_runtime.py",
        "tests/e2e/test_operations.py",
    }
    assert len([name for name in there if name.startswith("tests/e2e/test_darkroom.py")]) > 20
    assert any(name.startswith("tests/e2e/test_drop.py") for name in there)
    assert any(name.startswith("tests/e2e/test_live.py") for name in there)
    reasons = re.findall(r"left out: (\d+), since (.+)", output)
    counted = int(re.findall(r"(\d+) deselected", output)[0])
    assert sum(int(count) for count, _ in reasons) == counted
    assert all(len(reason.split()) > 3 for _, reason in reasons)
