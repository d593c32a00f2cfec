"""Measures rendering: the real pipeline on seeded pictures, on this machine."""

import io
import os
import platform
import random
import resource
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from darkroom.domain.profile import Profile
from darkroom.domain.receipts import Rendered
from darkroom.imaging import render_isolated
from darkroom_cli.local.samples import photograph

# Typical uploads, from a web picture to a good camera's: width, height, and number in a mix of twenty.
MIX = ((1280, 960, 4), (2560, 1920, 4), (4032, 3024, 10), (6000, 4000, 2))
_MEMORY_BYTES, _SECONDS = 2_700_000_000, 120.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Processor seconds of each rendering's child process, and the machine."""

    processor_seconds: tuple[float, ...]
    machine: str
    versions: str
    date: str


def measure(count: int, seed: int, profile: Profile) -> tuple[Measured, Rendered]:
    """Renders `count` pictures of the mix, and one of twelve megapixels as an example."""
    generator = random.Random(seed)  # noqa: S311 - a sample, not a secret
    sizes = generator.choices(MIX, [share for *_, share in MIX], k=count)
    seconds = []
    originals = {
        (width, height): _jpeg(width, height, seed + number) for number, (width, height, _) in enumerate(MIX)
    }
    for width, height, _ in sizes:
        before = _child_seconds()
        render_isolated(originals[width, height], profile, memory_bytes=_MEMORY_BYTES, seconds=_SECONDS)
        seconds.append(round(_child_seconds() - before, 3))
    example = render_isolated(originals[4032, 3024], profile, memory_bytes=_MEMORY_BYTES, seconds=_SECONDS)
    return Measured(tuple(seconds), _machine(), _versions(), f"{datetime.now(UTC):%Y-%m-%d}"), example


def _jpeg(width: int, height: int, seed: int) -> bytes:
    file = io.BytesIO()
    photograph(width, height, seed=seed).save(file, "JPEG", quality=90)
    return file.getvalue()


def _child_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _machine() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{os.cpu_count()} x {model or platform.machine()}, {platform.system()} {platform.machine()}"


def _versions() -> str:
    return f"Python {platform.python_version()}, Pillow {version('pillow')}"
