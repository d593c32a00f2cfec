"""Fits the constants of the search in darkroom/imaging/quality.py to a folder of photographs.

    python -m bench.fit_quality FOLDER

Writes darkroom/imaging/fitted.py. Use photographs clearly wider than 640 pixels: at its original size, a
photograph shows the blocks of the encoder that saved it. Test on other photographs, with bench/search.py.
"""

import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import log2
from pathlib import Path
from statistics import linear_regression, median
from typing import Final

import numpy as np
from PIL import Image

import darkroom.imaging
from bench.pictures import opened_upright
from darkroom.domain.renditions import Format
from darkroom.imaging import encode
from darkroom.imaging.quality import FULL_COLOUR_PIXELS, SMALL_PIXELS
from darkroom.imaging.sample import Sample
from darkroom.imaging.ssimulacra2 import Ssimulacra2

_WIDTHS: Final = (100, 640, 1280, 1920)
_QUALITIES: Final = {
    Format.JPEG: (1, 15, 30, 45, 60, 72, 80, 86, 91, 95, 98, 100),
    Format.WEBP: (1, 15, 30, 50, 65, 78, 87, 94, 100),
    Format.AVIF: (1, 20, 35, 50, 60, 70, 80, 90, 100),
    Format.JXL: (1, 10, 30, 50, 65, 80, 88, 94, 98, 100),
}
# The usual subsampling of wide pictures, and that of pictures of up to SMALL_PIXELS.
_SUBSAMPLINGS: Final = {
    Format.JPEG: ("4:2:0", "4:4:4"),
    Format.WEBP: ("4:2:0", "4:2:0"),
    Format.AVIF: ("4:2:0", "4:4:4"),
    Format.JXL: ("4:4:4", "4:4:4"),
}
# From this quality on, most photographs get 4:4:4 as AVIF.
_FULL_COLOUR_QUALITY: Final = 80
# Predicted from the last picture: a sample takes a third of a JPEG's time, and says little of a WebP.
_GUIDED: Final = (Format.JPEG, Format.WEBP)
# Scores outside this range are left out of all constants but the typical scores: no target is there.
_LOWEST, _HIGHEST = 60.0, 90.0
_LEAST_RISE = 0.1  # of the typical score, between two qualities


@dataclass(frozen=True, slots=True)
class Point:
    """An encoding: doublings of the number of pixels, bits a pixel, and the score."""

    doublings: float
    density: float
    score: float


@dataclass(slots=True)
class Measured:
    """The measurements of one format."""

    scores: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))  # by quality
    growth: list[tuple[Point, Point]] = field(default_factory=list)  # a width and the next
    sample: list[tuple[float, float]] = field(default_factory=list)  # doublings and points, whole to sample
    small: list[tuple[int, float]] = field(default_factory=list)  # quality and score

    def typical(self) -> dict[int, float]:
        """Returns the median scores by quality, each above the one before."""
        points: dict[int, float] = {}
        last = -1000.0
        for quality, scores in sorted(self.scores.items()):
            last = points[quality] = round(max(median(scores), last + _LEAST_RISE), 1)
        return points

    def small_offset(self) -> float:
        return round(median(score - self.typical()[quality] for quality, score in self.small), 2)


def measure(folder: Path) -> dict[Format, Measured]:
    formats = {wanted: Measured() for wanted in _QUALITIES}
    for path in sorted(folder.iterdir()):
        whole = opened_upright(path)
        if whole is None:
            continue
        for wanted, measured in formats.items():
            before: dict[int, Point] = {}
            for width in (width for width in _WIDTHS if width <= whole.width):
                size = (width, round(whole.height * width / whole.width))
                picture = whole.resize(size, Image.Resampling.LANCZOS)
                if picture.width * picture.height <= SMALL_PIXELS:
                    _measure_small(picture, wanted, measured)
                else:
                    before = _measure(picture, wanted, measured, before)
        print(f"{path.name} is measured", flush=True)  # noqa: T201
    return formats


def _measure_small(picture: Image.Image, wanted: Format, measured: Measured) -> None:
    encoder, ssimulacra2 = encode.encoder(wanted, _SUBSAMPLINGS[wanted][1]), Ssimulacra2(picture)
    for quality in _QUALITIES[wanted]:
        score = ssimulacra2.score(encoder.shown(picture, quality)[0])
        if _LOWEST < score < _HIGHEST:
            measured.small.append((quality, score))


def _measure(
    picture: Image.Image, wanted: Format, measured: Measured, before: dict[int, Point]
) -> dict[int, Point]:
    """Returns points by quality, for the next width."""
    pixels, sample = picture.width * picture.height, Sample(picture)
    ssimulacra2, sampled = Ssimulacra2(picture), Ssimulacra2(sample.picture)
    found: dict[int, Point] = {}
    for quality in _QUALITIES[wanted]:
        encoder = encode.encoder(wanted, _usual_subsampling(wanted, quality, pixels))
        shown, write_file = encoder.shown(picture, quality)
        score = ssimulacra2.score(shown)
        measured.scores[quality].append(score)
        if not _LOWEST < score < _HIGHEST:
            continue
        found[quality] = Point(log2(pixels), 8 * len(write_file()) / pixels, score)
        if quality in before:
            measured.growth.append((before[quality], found[quality]))
        of_sample = sampled.score(encoder.sample(sample.picture, quality))
        measured.sample.append((log2(sample.pixel_ratio), of_sample - score))
    return found


def _usual_subsampling(wanted: Format, quality: int, pixels: int) -> str:
    if wanted is Format.AVIF and (quality >= _FULL_COLOUR_QUALITY or pixels <= FULL_COLOUR_PIXELS):
        return "4:4:4"
    return _SUBSAMPLINGS[wanted][0]


def write(formats: dict[Format, Measured]) -> None:
    """Writes fitted.py."""
    lines = [
        '"""The constants of quality.py. Written by bench/fit_quality.py."""',
        "",
        "from darkroom.domain.renditions import Format",
        "",
        "# Median scores of photographs by quality.",
        "TYPICAL: dict[Format, tuple[tuple[int, float], ...]] = {",
    ]
    for wanted, measured in formats.items():
        points = [f"        {point}," for point in measured.typical().items()]
        lines += [f"    Format.{wanted.name}: (", *points, "    ),"]
    lines.append("}")
    lines += _constants(
        "GROWTH",
        "Points that each doubling of pixels adds: always, by doublings of bits a pixel, target, doublings.",
        {wanted: formats[wanted] for wanted in _GUIDED},
        _growth,
    )
    lines += _constants(
        "SAMPLE",
        "Points that a sample scores more: always, and for each halving of pixels.",
        formats,
        _sample,
    )
    lines += _constants(
        "SMALL", "Points that pictures of up to SMALL_PIXELS score more.", formats, Measured.small_offset
    )
    (Path(darkroom.imaging.__file__).parent / "fitted.py").write_text("\n".join(lines) + "\n")


def _growth(measured: Measured) -> tuple[float, ...]:
    features, points = [], []
    for narrow, wide in measured.growth:
        doublings = wide.doublings - narrow.doublings
        values = 1, log2(narrow.density), narrow.score, narrow.doublings
        features.append([doublings * value for value in values])
        points.append(wide.score - narrow.score)
    return tuple(round(float(factor), 3) for factor in np.linalg.lstsq(features, points)[0])


def _sample(measured: Measured) -> tuple[float, float]:
    fit = linear_regression(*zip(*measured.sample, strict=True))
    return round(fit.intercept, 2), round(fit.slope, 2)


def _constants(
    name: str, meaning: str, formats: dict[Format, Measured], fit: Callable[[Measured], object]
) -> list[str]:
    values = {wanted.name: fit(measured) for wanted, measured in formats.items()}
    return [f"# {meaning}", f"{name} = {{", *(f"    Format.{key}: {v}," for key, v in values.items()), "}"]


if __name__ == "__main__":
    write(measure(Path(sys.argv[1])))
