"""`sam build` for both architectures: the native libraries in the layers match the processor."""

import os
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from tests.cloudformation import PROJECT

SAM = PROJECT / ".tools" / "sam" / "bin" / "sam"
MACHINES = {"x86_64": "EM_X86_64", "arm64": "EM_AARCH64"}


@pytest.fixture(scope="module", params=MACHINES)
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


def test_every_native_library_is_of_the_chosen_machine(built: tuple[str, Path]) -> None:
    architecture, folder = built
    libraries = [path for path in folder.rglob("*.so*") if path.is_file()]

    assert len(libraries) > 5
    for library in libraries:
        with library.open("rb") as file:
            assert ELFFile(file)["e_machine"] == MACHINES[architecture], library


def test_the_layers_hold_the_package_and_render_alone_the_imaging(built: tuple[str, Path]) -> None:
    _, folder = built

    assert (folder / "DarkroomLayer/python/darkroom/domain/entries.py").is_file()
    assert (folder / "DarkroomLayer/python/darkroom/web/pages/base.html").is_file()
    assert (folder / "ImagingLayer/python/PIL").is_dir()
    assert not list((folder / "DarkroomLayer").rglob("PIL"))
    assert {path.name for path in (folder / "RenderFunction").rglob("*.py")} == {"app.py"}
