import os
import subprocess
from pathlib import Path

import pytest

from tests.build.runtime import EMULATOR, MACHINES, NATIVE
from tests.cloudformation import PROJECT

SAM = PROJECT / ".tools" / "sam" / "bin" / "sam"


@pytest.fixture(scope="session", params=MACHINES)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """An architecture and its build folder."""
    folder = tmp_path_factory.mktemp(request.param)
    command = [
        str(SAM), "build", "--build-dir", str(folder), "--base-dir", str(PROJECT),
        "--cached", "--cache-dir", str(PROJECT / ".aws-sam" / f"cache-{request.param}"),
        "--parameter-overrides", f"Architecture={request.param}",
    ]  # fmt: skip
    # SAM builds with the first python3.13 on PATH that has pip; SAM's own environment has one.
    environment = os.environ | {"PATH": f"{SAM.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return request.param, folder


@pytest.fixture(scope="session")
def runnable(built: tuple[str, Path]) -> tuple[str, Path]:
    """An architecture that this machine runs or emulates, and its build folder."""
    architecture, build = built
    if architecture != NATIVE and not EMULATOR.exists():
        reason = f"no emulator of {architecture}: .ci/runtime.sh installs it, on Debian"
        # On GitHub, each architecture has a job: see below.
        if "CI" in os.environ and "GITHUB_ACTIONS" not in os.environ:
            pytest.fail(reason)
        pytest.skip(reason)
    return architecture, build
