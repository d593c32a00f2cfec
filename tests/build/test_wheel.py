"""The wheel installs the package, the command line and the native module, and no general name."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image

from darkroom.domain.renditions import Format
from tests.build.runtime import NATIVE
from tests.cloudformation import PROJECT

UV = shutil.which("uv") or str(PROJECT / ".tools" / "uv" / "bin" / "uv")
TAGS = {
    "x86_64": "cp313-abi3-manylinux_2_34_x86_64",
    "arm64": "cp313-abi3-manylinux_2_34_aarch64",
    "any": "py3-none-any",
}


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel for each architecture, and for other systems."""
    folder = tmp_path_factory.mktemp("wheels")
    for wheel in TAGS:
        command = [UV, "build", "--wheel", "--out-dir", str(folder / wheel), str(PROJECT)]
        environment = os.environ | {"DARKROOM_WHEEL": wheel}
        built = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stderr
    return {wheel: next((folder / wheel).glob("*.whl")) for wheel in TAGS}


@pytest.mark.parametrize(("wheel", "tag"), TAGS.items())
def test_the_wheel_installs_two_packages_and_the_native_module(
    wheels: dict[str, Path], wheel: str, tag: str
) -> None:
    names = ZipFile(wheels[wheel]).namelist()
    parts = {name.split("/")[0] for name in names if ".dist-info/" not in name}

    native = {"darkroom_native.abi3.so"} if wheel in ("x86_64", "arm64") else set()
    assert parts == {"darkroom", "darkroom_cli"} | native
    assert wheels[wheel].name.endswith(f"-{tag}.whl")
    assert {"darkroom/domain/profile.schema.json", "darkroom/web/pages/style.css"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]


@pytest.mark.parametrize("wheel", TAGS)
def test_the_wheel_requires_the_command_line_and_the_engine_in_its_tested_version(
    wheels: dict[str, Path], wheel: str
) -> None:
    archive = ZipFile(wheels[wheel])
    [metadata] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    lines = archive.read(metadata).decode().splitlines()
    required = [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]

    layer = PROJECT / "layers" / "imaging"
    engine = [
        line
        for name in ("requirements.txt", "libjxl.txt")
        for line in (layer / name).read_text().splitlines()
    ]
    pinned = {line.partition(";")[0].strip() for line in required if "==" in line.partition(";")[0]}
    assert pinned == (set() if wheel == "any" else {line.partition(";")[0].strip() for line in engine})
    assert {re.split("[<>]", line)[0] for line in required if ">" in line} >= {"rich", "typer", "jinja2"}


@pytest.fixture(scope="session")
def installed(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment that has nothing but this machine's wheel."""
    environment = tmp_path_factory.mktemp("installed") / "environment"
    for command in (
        ["venv", "--quiet", "--python", sys.executable, str(environment)],
        ["pip", "install", "--quiet", "--python", str(environment), str(wheels[NATIVE])],
    ):
        done = subprocess.run([UV, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return environment / "bin"


def run(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the installed command in a folder, without this project's settings."""
    environment = {"PATH": str(installed), "HOME": str(folder), "LANG": "C.UTF-8"}
    line = [str(installed / "darkroom"), *arguments]
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_installed_command_renders_a_picture_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    Image.radial_gradient("L").convert("RGB").save(tmp_path / "round.png")

    done = run(installed, tmp_path, "render", "round.png", "out", "--json")

    assert done.returncode == 0, done.stderr
    files = {rendition["file"] for rendition in json.loads(done.stdout)["renditions"]}
    assert {"round-100.jpg", "round-256.jpg"} <= files
    assert all((tmp_path / "out" / file).exists() for file in files)


def test_the_installed_command_renders_every_format(installed: Path, tmp_path: Path) -> None:
    picture = Image.effect_noise((90, 60), 60).convert("RGB")
    picture.putalpha(Image.radial_gradient("L").resize(picture.size))
    picture.save(tmp_path / "noise.png")

    for kind in Format:
        done = run(
            installed, tmp_path, "render", "noise.png", "out", "--format", kind, "--width", "90", "--json"
        )

        assert done.returncode == 0, done.stderr
        assert {file["format"] for file in json.loads(done.stdout)["renditions"]} == {kind.value}


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("drop", "--help"), ("stats", "--help")])
def test_the_installed_command_has_every_package_that_it_imports(
    installed: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = run(installed, tmp_path, *arguments)

    assert (done.returncode, done.stderr) == (0, "")


def test_every_module_of_the_command_line_can_be_imported(installed: Path, tmp_path: Path) -> None:
    script = (
        "import importlib, pkgutil, darkroom_cli\n"
        "for module in pkgutil.walk_packages(darkroom_cli.__path__, 'darkroom_cli.'):\n"
        "    importlib.import_module(module.name)\n"
    )
    line = [str(installed / "python"), "-I", "-c", script]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [("up",), ("up", "--detach"), ("demo",), ("ls",), ("deploy", "--stack", "a", "--region", "eu-central-1")],
)
def test_what_needs_a_checkout_says_so_in_one_sentence(
    installed: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = run(installed, tmp_path, *arguments)

    assert done.returncode == 1
    assert done.stderr.startswith("darkroom: This command needs a checkout of Darkroom")
    assert done.stderr.count("\n") == 1
