"""Builds the module `darkroom_native` for one of Lambda's processors, on either of them.

    python build.py x86_64|arm64 FOLDER

Needs the package ziglang, a C compiler with the libraries for both; neither headers of Python nor a system
compiler. The same sources give the same file. Every C file below this folder is compiled into the module.
"""

import argparse
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

SOURCES = Path(__file__).parent
FILE = "darkroom_native.abi3.so"
# As in uv.lock. Also here, so that a new version changes this folder, for `sam build --cached`.
ZIGLANG = "0.17.1"

# Amazon Linux 2023, which Lambda's Python 3.13 runs on, has glibc 2.34.
TARGETS = {
    # Lambda documents AVX2: https://docs.aws.amazon.com/lambda/latest/dg/foundation-arch.html
    "x86_64": ("x86_64-linux-gnu.2.34", "x86_64_v3"),  # the level of the processors that have AVX2
    "arm64": ("aarch64-linux-gnu.2.34", "neoverse_n1"),  # Graviton2: the oldest one in Lambda
}
FLAGS = (
    "-std=c11",
    "-O3",
    # Equal results on both processors: no fused multiplication and addition, none of -ffast-math.
    "-ffp-contract=off",
    "-fno-math-errno",  # square roots are one instruction
    "-fno-sanitize=all",  # zig's default for C would be some of UBSan
    "-fPIC",
    "-fvisibility=hidden",
    "-Wall",
    "-Wextra",
    "-Werror",
)
LINKING = ("-shared", "-Wl,--strip-all", "-Wl,--build-id=none")


def build(architecture: str, folder: Path) -> Path:
    """Compiles and links the module into `folder`. Raises CalledProcessError."""
    target, processor = TARGETS[architecture]
    folder.mkdir(parents=True, exist_ok=True)
    # Relative names: the absolute ones would be part of the file.
    sources = sorted(str(path.relative_to(SOURCES)) for path in SOURCES.rglob("*.c"))
    module = folder.resolve() / FILE
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", target, f"-mcpu={processor}"]
    subprocess.run([*compiler, *FLAGS, *LINKING, "-I.", *sources, "-o", str(module)], cwd=SOURCES, check=True)
    return module


def main() -> int:
    parser = argparse.ArgumentParser(description="Builds the module darkroom_native.")
    parser.add_argument("architecture", choices=TARGETS)
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args()
    if (found := version("ziglang")) != ZIGLANG:
        parser.error(f"ziglang is {found}, not {ZIGLANG}")
    try:
        build(chosen.architecture, chosen.folder)
    except subprocess.CalledProcessError as fault:
        return fault.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
