"""The native module computes the same on both processors, and its build can be reproduced."""

import json
import subprocess
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
    "0x1.8fa820b49a30ep+6",
    "0x1.53cbe566bd991p+6",
    "0x1.f896876621912p+5",
    "0x1.6765248fc06dfp+5",
    "-0x1.fbbb50dce9990p+2",
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
