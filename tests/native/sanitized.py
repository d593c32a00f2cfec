"""Builds the native code with AddressSanitizer and UBSan, and runs it on random pictures.

    python -m tests.native.sanitized [--rounds 200] [--seed 1] [--part jpeg]

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
# A fuzzer and its sources.
PARTS = {
    "avif": ("avif/*.c", "subsampling/*.c", "jpeg/chroma.c", "jpeg/colour.c", "jpeg/light.c"),
    "ssimulacra2": ("power.c", "ssimulacra2/*.c"),
    "jpeg": ("pages.c", "jpeg/*.c", "decoder/*.c"),
    "resize": ("resize/*.c",),
    "focus": ("power.c", "faces/*.c", "saliency/*.c"),
    "strict": ("pages.c", "jpeg/*.c", "strict/*.c", "decoder/*.c"),
}
FLAGS = (
    "-std=gnu11", "-O1", "-g", "-ffp-contract=off",
    "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-Wall",
    "-Wextra", "-Werror", "-Wno-psabi", "-Wno-unknown-pragmas",
)  # fmt: skip


def compiler() -> str | None:
    return shutil.which("gcc") or shutil.which("clang")


def build(part: str, folder: Path) -> Path:
    """Builds a fuzzer, without the sources that need Python. Raises CalledProcessError."""
    program = folder / f"fuzz_{part}"
    found = [path for pattern in PARTS[part] for path in sorted(SOURCES.glob(pattern))]
    sources = [path for path in found if "module" not in path.name]
    command = [str(compiler()), *FLAGS, f"-I{SOURCES}", str(Path(__file__).with_name(f"{program.name}.c"))]
    # Names of included files are relative to the sources.
    subprocess.run([*command, *map(str, sources), "-o", str(program), "-lm"], cwd=SOURCES, check=True)
    return program


def run(program: Path, seed: int, rounds: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(program), str(seed), str(rounds)], capture_output=True, text=True, check=False)


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzzes the native code with sanitizers.")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", choices=PARTS, action="append")
    chosen = parser.parse_args()
    faults = 0
    with TemporaryDirectory() as folder:
        for part in chosen.part or PARTS:
            done = run(build(part, Path(folder)), chosen.seed, chosen.rounds)
            sys.stderr.write(done.stdout + done.stderr)
            faults += done.returncode != 0
    return faults


if __name__ == "__main__":
    sys.exit(main())
