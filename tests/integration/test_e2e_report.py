"""The report of the end-to-end tests on a deployed stack."""

import pytest

from tests.e2e.report import Outcome, facts_of, failed_events, write_report

FACTS = {"commit": "815fd4d", "stack": "darkroom in eu-central-1: CREATE_COMPLETE"}
PASSED = Outcome("tests/e2e/test_live.py::test_a", "passed", 2.5)
FAILED = Outcome(
    "tests/e2e/test_live.py::test_b",
    "failed",
    12.0,
    "\n".join([*(f"line {number}" for number in range(100)), "E  the last line"]),
)


def test_a_report_has_the_facts_the_counts_and_the_end_of_each_failure() -> None:
    report = write_report(FACTS, [PASSED, FAILED], {"the test stops a stack": 3}, ["Api CREATE_FAILED: why"])

    assert "| result | 1 passed, 1 failed, 3 left out |" in report
    assert "| commit | 815fd4d |" in report
    assert "## failed: `tests/e2e/test_live.py::test_b`" in report
    assert "E  the last line" in report
    assert "line 0\n" not in report
    assert "| the test stops a stack | 3 |" in report
    assert "- Api CREATE_FAILED: why" in report
    assert report.index("test_b` | 12.0") < report.index("test_a` | 2.5"), "the slowest test comes first"


@pytest.mark.parametrize(
    "secret",
    [
        "123456789012",
        "ASIAABCDEFGHIJKLMNOP",
        "Bearer dr_0123456789abcdef",
        "X-Amz-Security-Token=FwoGZXIvYXdzEBYaD",
        "X-Amz-Signature=5f0c5f0c5f0c",
    ],
)
def test_a_report_contains_no_account_and_no_credentials(secret: str) -> None:
    failed = Outcome("test", "failed", 1.0, f"E  assert 403 == 200, {secret}")

    report = write_report(FACTS | {"stack": secret}, [failed], {}, [f"Bucket {secret}"])

    assert "assert 403 == 200" in report
    assert secret not in report
    assert secret.rpartition("=")[2].rpartition(" ")[2] not in report


@pytest.mark.usefixtures("use_local_aws")
def test_a_missing_stack_is_reported() -> None:
    assert facts_of("nobodys", "us-east-1")["stack"] == "nobodys in us-east-1: not found"
    [reason] = failed_events("nobodys", "us-east-1")
    assert "does not exist" in reason
