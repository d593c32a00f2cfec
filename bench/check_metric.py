"""Compares the metric with the reference tool, on random encodings of a folder of photographs.

    python -m bench.check_metric FOLDER [--tool ssimulacra2] [--count 100] [--seed 1]

The tool is in Debian's libjxl-devtools. Prints the differences and the time of each, and writes nothing.
"""

import argparse
import random
import subprocess
import time
from io import BytesIO
from pathlib import Path
from statistics import fmean, median, quantiles
from tempfile import TemporaryDirectory

from PIL import Image

from bench.pictures import opened_upright
from darkroom.imaging.ssimulacra2 import Ssimulacra2

_WIDTHS = (100, 320, 640, 1000, 1280, 1920)
_QUALITIES = (60, 70, 80, 88, 92)
_FORMATS = ("JPEG", "WEBP", "AVIF")


def main() -> None:
    parser = argparse.ArgumentParser(description="Compares the metric with the reference tool.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tool", default="ssimulacra2")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    chance = random.Random(chosen.seed)  # noqa: S311 - a sample
    paths = sorted(chosen.folder.iterdir())
    pairs = [pair for pair in (_pair(chance.choice(paths), chance) for _ in range(chosen.count)) if pair]
    times: list[float] = []
    differences = sorted(abs(_scored(*pair, times) - _printed(*pair, chosen.tool)) for pair in pairs)
    print(  # noqa: T201
        f"{len(pairs)} pairs: median {median(differences):.2f}, 95% {quantiles(differences, n=20)[-1]:.2f},"
        f" largest {differences[-1]:.2f} points; {fmean(times):.1f} ns a pixel"
    )


def _pair(path: Path, chance: random.Random) -> tuple[Image.Image, Image.Image] | None:
    """Returns a picture at a random width, and a random encoding of it."""
    width, kind, quality = chance.choice(_WIDTHS), chance.choice(_FORMATS), chance.choice(_QUALITIES)
    whole = opened_upright(path)
    if whole is None:
        return None
    size = (width, max(1, round(whole.height * width / whole.width)))
    small = whole.resize(size, Image.Resampling.LANCZOS)
    small.info = {}  # the tool would apply a colour profile
    file = BytesIO()
    small.save(file, kind, quality=quality)
    return small, Image.open(file).convert("RGB")


def _scored(first: Image.Image, second: Image.Image, times: list[float]) -> float:
    original = Ssimulacra2(first)
    started = time.process_time()
    score = original.score(second)
    times.append((time.process_time() - started) * 1e9 / (first.width * first.height))
    return score


def _printed(first: Image.Image, second: Image.Image, tool: str) -> float:
    with TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("first.png", "second.png")]
        for picture, file in zip((first, second), files, strict=True):
            picture.save(file, compress_level=1)
        done = subprocess.run([tool, *files], capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    main()
