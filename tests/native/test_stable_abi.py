"""stable_abi.h declares the same functions, layouts and values as Python.h."""

import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.cloudformation import PROJECT

HEADERS = Path(sysconfig.get_path("include"))
ZIG = [str(PROJECT / ".tools/sam/bin/python"), "-m", "ziglang", "cc", "-fno-sanitize=all", "-Werror"]
NATIVE = PROJECT / "layers/imaging/native"
WITH_PYTHON = ["-DDARKROOM_WITH_PYTHON_H", f"-I{HEADERS}"]

pytestmark = pytest.mark.skipif(not (HEADERS / "Python.h").exists(), reason="Python's headers are missing")


def compiled(*arguments: str) -> None:
    done = subprocess.run([*ZIG, f"-I{NATIVE}", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_functions_have_the_same_types(tmp_path: Path) -> None:
    compiled(*WITH_PYTHON, "-c", str(NATIVE / "module.c"), "-o", str(tmp_path / "module.o"))


def test_the_layouts_and_values_are_the_same(tmp_path: Path) -> None:
    printed = []
    for name, options in {"own": [], "python": WITH_PYTHON}.items():
        program = tmp_path / name
        compiled(*options, str(Path(__file__).with_name("layouts.c")), "-o", str(program))
        printed.append(subprocess.run([program], capture_output=True, text=True, check=True).stdout)

    assert printed[0] == printed[1]
    assert len(printed[0].splitlines()) > 10
