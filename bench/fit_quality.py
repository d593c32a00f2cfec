"""Fits the constants of darkroom/imaging/quality.py to a folder of photographs.

    python -m bench.fit_quality FOLDER

Prints the points of TYPICAL and the values of GROWTH and SAMPLE_BIAS. Use photographs clearly wider than 640
pixels: at its original size, a photograph shows the blocks of the encoder that saved it. Test on other
photographs, with `make bench`.
"""

import sys
from collections import defaultdict
from dataclasses import dataclass, field
from math import log2
from pathlib import Path
from statistics import linear_regression, median

from PIL import Image

from bench.pictures import opened_upright
from darkroom.domain.profile import FormatChoice
from darkroom.domain.renditions import Format
from darkroom.imaging import encode
from darkroom.imaging.decoding import read_rendition
from darkroom.imaging.quality import Made, encode_ladder, growth_between
from darkroom.imaging.sample import Sample
from darkroom.imaging.ssimulacra2 import Ssimulacra2

_WIDTHS = (640, 1280, 1920)
_QUALITIES = {
    Format.JPEG: (15, 30, 45, 60, 72, 80, 86, 91, 95, 98),
    Format.WEBP: (15, 30, 50, 65, 78, 87, 94),
    Format.AVIF: (20, 35, 50, 60, 70, 80, 90),
    Format.JXL: (1, 10, 30, 50, 65, 80, 88, 94, 98),
}
# Scores outside this range are left out of the other constants: no target is there.
_SCORES = (60.0, 90.0)

# Doublings of the number of pixels, and points.
type Changes = list[tuple[float, float]]


@dataclass(slots=True)
class Measured:
    """The measurements of one format."""

    scores: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))  # by quality
    growth: dict[str, Changes] = field(default_factory=lambda: defaultdict(list))  # by change of subsampling
    bias: Changes = field(default_factory=list)  # from the whole to its sample


def main(folder: Path) -> None:
    formats = {wanted: Measured() for wanted in Format}
    for path in sorted(folder.iterdir()):
        whole = opened_upright(path)
        if whole:
            for wanted, numbers in _QUALITIES.items():
                for number in numbers:
                    _measure(whole, wanted, number, formats[wanted])
    for wanted, measured in formats.items():
        for number, scores in measured.scores.items():
            print(f"{wanted.value} {number}: {median(scores):.1f}")  # noqa: T201
        for name, changes in (*measured.growth.items(), ("bias", measured.bias)):
            slope, _ = linear_regression(*zip(*changes, strict=True), proportional=True)
            print(f"{wanted.value} {name}: {slope:.2f}")  # noqa: T201


def _measure(whole: Image.Image, wanted: Format, number: int, measured: Measured) -> None:
    """Adds the scores of all widths at one quality."""
    last: tuple[float, float, str] | None = None
    for width in (width for width in _WIDTHS if whole.width >= width):
        size = (width, round(whole.height * width / whole.width))
        small = whole.resize(size, Image.Resampling.LANCZOS)
        (made,) = encode_ladder(FormatChoice(wanted, number), [small], repack=False)
        score = Ssimulacra2(small).score(read_rendition(wanted, made.content))
        measured.scores[number].append(score)
        if not _SCORES[0] < score < _SCORES[1]:
            continue
        doublings = log2(small.width * small.height)
        if last:
            change = growth_between(last[2], made.subsampling)
            measured.growth[change].append((doublings - last[0], score - last[1]))
        last = doublings, score, made.subsampling
        sample = Sample(small)
        if not sample.is_whole:
            measured.bias.append((log2(sample.pixel_ratio), _sampled(sample, wanted, made) - score))


def _sampled(sample: Sample, wanted: Format, made: Made) -> float:
    encoder = encode.encoder(wanted, made.subsampling, repack=False)
    decoded = read_rendition(wanted, encoder.sample(sample.picture, made.quality))
    return Ssimulacra2(sample.without_margins(sample.picture)).score(sample.without_margins(decoded))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
