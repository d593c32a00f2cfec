"""Compares settings of AVIF's encoder on a folder of photographs: bytes at equal score, and CPU time.

    python -m bench.avif FOLDER [--count 10]

Prints each setting's bytes and time relative to speed 8 of aom with 4:2:0 and no options, which r6 used.
"""

import argparse
import time
from collections import defaultdict
from dataclasses import dataclass
from io import BytesIO
from math import exp, log
from pathlib import Path
from statistics import fmean
from typing import Final

from PIL import Image

from bench.pictures import opened_upright
from darkroom.domain.renditions import Format
from darkroom.imaging import encode
from darkroom.imaging.decoding import read_rendition
from darkroom.imaging.ssimulacra2 import Ssimulacra2

_WIDTHS: Final = (640, 1280)
_QUALITIES: Final = (48, 62, 76)
_TARGETS: Final = (70.0, 75.0, 80.0)


@dataclass(frozen=True, slots=True)
class Curve:
    """An encoder's scores of one picture, logarithms of the bytes, and CPU seconds."""

    scores: list[float]
    sizes: list[float]
    seconds: float

    def size_at(self, score: float) -> float:
        """Interpolates by the parabola through the three points."""
        total = 0.0
        for i, size in enumerate(self.sizes):
            for j, other in enumerate(self.scores):
                size *= (score - other) / (self.scores[i] - other) if j != i else 1
            total += size
        return total


def _encode(picture: Image.Image, setting: str, quality: int) -> bytes:
    if setting == "r6":
        file = BytesIO()
        picture.save(file, "AVIF", quality=quality, speed=8, subsampling="4:2:0", max_threads=1)
        return file.getvalue()
    subsampling, speed = setting.split(" at speed ")
    avif = encode.Avif(int(speed))
    return encode.encoder(Format.AVIF, subsampling, avif=avif).file(picture, quality)


def _curve(picture: Image.Image, setting: str) -> Curve:
    ssimulacra2, scores, sizes, seconds = Ssimulacra2(picture), list[float](), list[float](), 0.0
    for quality in _QUALITIES:
        started = time.process_time()
        content = _encode(picture, setting, quality)
        seconds += time.process_time() - started
        scores.append(ssimulacra2.score(read_rendition(Format.AVIF, content)))
        sizes.append(log(len(content)))
    return Curve(scores, sizes, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compares settings of AVIF's encoder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=10)
    chosen = parser.parse_args()
    settings = [f"4:2:0 at speed {speed}" for speed in (8, 7, 6)] + ["4:4:4 at speed 8"]
    curves: dict[tuple[str, int], list[tuple[Curve, Curve]]] = defaultdict(list)
    for path in sorted(chosen.folder.iterdir())[: chosen.count]:
        whole = opened_upright(path)
        for width in (width for width in _WIDTHS if whole and width <= whole.width):
            assert whole  # noqa: S101 - for the type checker
            size = (width, round(whole.height * width / whole.width))
            picture = whole.resize(size, Image.Resampling.LANCZOS)
            usual = _curve(picture, "r6")
            for setting in settings:
                curves[setting, width].append((_curve(picture, setting), usual))
    for (setting, width), pairs in curves.items():
        sizes = [exp(fmean(new.size_at(t) - old.size_at(t) for new, old in pairs)) for t in _TARGETS]
        seconds = exp(fmean(log(new.seconds / old.seconds) for new, old in pairs))
        listed = ", ".join(f"{size:.3f} at {target:g}" for size, target in zip(sizes, _TARGETS, strict=True))
        print(f"{setting}, {width} pixels: bytes {listed}; CPU {seconds:.2f}; {len(pairs)} pictures")  # noqa: T201


if __name__ == "__main__":
    main()
