"""The native module computes the same on both processors, and its build can be reproduced."""

import json
import re
import subprocess
import tomllib
from hashlib import sha256
from pathlib import Path

from tests.build.runtime import python
from tests.cloudformation import PROJECT

# Prints the exact scores of noise, more or less changed.
PROGRAM = """
import json, random
from darkroom_native import ssimulacra2

def score(width, height, amount):
    chance = random.Random(width)
    first = chance.randbytes(3 * width * height)
    second = bytes((level + chance.randrange(amount)) % 256 for level in first)
    return ssimulacra2(first, second, width, height).hex()

print(json.dumps([score(1, 1, 9), score(7, 9, 9), score(33, 65, 3), score(129, 500, 3), score(300, 200, 9)]))
"""
SCORES = [
    "0x1.8fa8107e44df7p+6",
    "0x1.53cbdc85d6aaep+6",
    "0x1.f89da67a03208p+5",
    "0x1.6736f6d5a8303p+5",
    "-0x1.fbe7894be0570p+2",
]


def test_scores_are_the_same_on_both_processors(runnable: tuple[str, Path]) -> None:
    architecture, build = runnable
    environment = {"PYTHONPATH": str(build / "ImagingLayer" / "python")}

    command = [*python(architecture), "-S", "-c", PROGRAM]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == SCORES


def test_another_build_gives_the_same_file(built: tuple[str, Path], tmp_path: Path) -> None:
    architecture, build = built
    command = [PROJECT / ".tools/sam/bin/python", PROJECT / "layers/imaging/native/build.py"]

    subprocess.run([*command, architecture, tmp_path], check=True)

    first, second = (
        sha256((folder / "darkroom_native.abi3.so").read_bytes()).hexdigest()
        for folder in (build / "ImagingLayer" / "python", tmp_path)
    )
    assert first == second


def test_every_build_has_the_same_compiler() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    script = (PROJECT / "layers/imaging/native/build.py").read_text()
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]["dependencies"]

    versions = re.findall(r'^ZIGLANG = "(.*)"$', script, re.MULTILINE)
    assert wheel == [f"ziglang=={version}" for version in versions]
    assert wheel[0] in project["dependency-groups"]["sam"]
