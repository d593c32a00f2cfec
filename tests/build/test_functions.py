"""Every built function starts and handles an event under Lambda's runtime client, on both architectures."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.build.runtime import FUNCTIONS, InvocationFailed, invoke
from tests.builders import a_batch, a_request, an_event
from tests.cloudformation import PROJECT

# Events that need no AWS, and a part of the response.
EVENTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "RenderFunction": (an_event("render-s3-test-event"), {"batchItemFailures": []}),
    "ParkFunction": (an_event("render-foreign-message"), {"batchItemFailures": []}),
    "ProjectFunction": (a_batch(), {"batchItemFailures": []}),
    "WebFunction": (a_request("/docs"), {"statusCode": 200}),
    "LiveFunction": (an_event("live-connect"), {"statusCode": 200}),
}


@pytest.mark.parametrize("function", EVENTS)
def test_a_function_handles_an_event(runnable: tuple[str, Path], function: str) -> None:
    event, expected = EVENTS[function]

    response = invoke(function, *runnable, event)

    assert response == response | expected


def test_sweep_reaches_aws(runnable: tuple[str, Path]) -> None:
    with pytest.raises(InvocationFailed, match=r"(?s): error: .*AccessDeniedException"):
        invoke("SweepFunction", *runnable, {})


def test_no_function_is_left_out() -> None:
    assert {*EVENTS, "SweepFunction"} == set(FUNCTIONS)


def test_a_missing_package_fails_the_start(runnable: tuple[str, Path], tmp_path: Path) -> None:
    architecture, build = runnable
    copy = shutil.copytree(build, tmp_path / "build")
    shutil.rmtree(copy / "DarkroomLayer" / "python" / "jinja2")

    with pytest.raises(InvocationFailed, match=r": init error: .*: No module named 'jinja2'"):
        invoke("WebFunction", architecture, copy, a_request("/docs"))


def test_github_has_a_job_on_each_architecture() -> None:
    workflow = yaml.safe_load((PROJECT / ".github/workflows/ci.yml").read_text())
    job = workflow["jobs"]["check-and-test"]

    assert job["strategy"]["matrix"] == {"runner": ["ubuntu-24.04", "ubuntu-24.04-arm"]}
    assert (job["runs-on"], job["steps"][-1]["run"]) == ("${{ matrix.runner }}", "bash .ci/run")
