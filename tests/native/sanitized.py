"""Builds the native code with AddressSanitizer and UBSan, and compares random pictures with it.

    python -m tests.native.sanitized [--rounds 200] [--seed 1]

Needs gcc or clang with its sanitizers, unlike the module itself: the package ziglang has no AddressSanitizer.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cloudformation import PROJECT

SOURCES = PROJECT / "layers" / "imaging" / "native"
PARTS = ("power.c", "ssimulacra2/*.c")
FLAGS = (
    "-std=gnu11", "-O1", "-g", "-ffp-contract=off",
    "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-Wall", "-Wextra", "-Werror", "-Wno-psabi",
)  # fmt: skip


def compiler() -> str | None:
    return shutil.which("gcc") or shutil.which("clang")


def build(folder: Path) -> Path:
    """Builds the fuzzer without the parts that need Python. Raises CalledProcessError."""
    program = folder / "fuzz_ssimulacra2"
    sources = [path for part in PARTS for path in sorted(SOURCES.glob(part)) if "module" not in path.name]
    command = [str(compiler()), *FLAGS, f"-I{SOURCES}", str(Path(__file__).with_name("fuzz_ssimulacra2.c"))]
    subprocess.run([*command, *map(str, sources), "-o", str(program), "-lm"], check=True)
    return program


def run(program: Path, seed: int, rounds: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(program), str(seed), str(rounds)], capture_output=True, text=True, check=False)


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzzes the native code with sanitizers.")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with TemporaryDirectory() as folder:
        done = run(build(Path(folder)), chosen.seed, chosen.rounds)
    sys.stderr.write(done.stdout + done.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
