"""Fits the constants of darkroom/imaging/quality.py to a folder of photographs.

    python -m bench.fit_quality FOLDER

Prints the points of TYPICAL and the values of SAMPLE_BIAS. Use photographs clearly wider than 640 pixels:
at its original size, a photograph shows the blocks of the encoder that saved it. Test on other photographs,
with `make bench`.
"""

import sys
from collections import defaultdict
from math import log2
from pathlib import Path
from statistics import linear_regression, median

from PIL import Image

from bench.pictures import opened_upright
from darkroom.domain.profile import FormatChoice
from darkroom.domain.renditions import Format
from darkroom.imaging import encode
from darkroom.imaging.decoding import read_as
from darkroom.imaging.quality import encode_ladder
from darkroom.imaging.sample import Sample
from darkroom.imaging.ssimulacra2 import Ssimulacra2

_WIDTHS = (640, 1280, 1920)
_QUALITIES = {
    Format.JPEG: (15, 30, 45, 60, 72, 80, 86, 91, 95, 98),
    Format.WEBP: (15, 30, 50, 65, 78, 87, 94),
    Format.AVIF: (20, 35, 50, 60, 70, 80, 90),
}
# Scores outside this range are left out of the bias: no target is there.
_SCORES = (60.0, 90.0)

# Logarithms of (the picture's pixels / the sample's), to base 2, and points that the whole scores less.
type Biases = list[tuple[float, float]]


def main(folder: Path) -> None:
    scores: dict[tuple[Format, int], list[float]] = defaultdict(list)
    biases: dict[Format, Biases] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        whole = opened_upright(path)
        for width in _WIDTHS:
            if whole and whole.width >= width:
                size = (width, round(whole.height * width / whole.width))
                small = whole.resize(size, Image.Resampling.LANCZOS)
                for wanted, number in [(wanted, n) for wanted, all_n in _QUALITIES.items() for n in all_n]:
                    _measure(small, wanted, number, scores[wanted, number], biases[wanted])
    for (wanted, number), found in scores.items():
        print(f"{wanted.value} {number}: {median(found):.1f}")  # noqa: T201
    for wanted, pairs in biases.items():
        growth, _ = linear_regression(*zip(*pairs, strict=True), proportional=True)
        print(f"{wanted.value} bias: {growth:.2f}")  # noqa: T201


def _measure(small: Image.Image, wanted: Format, number: int, scores: list[float], biases: Biases) -> None:
    """Adds the score at one quality, and that of a sample compared with it."""
    (made,) = encode_ladder(FormatChoice(wanted, number), [small], repack=False)
    score = Ssimulacra2(small).score(read_as(wanted.value, made.content))
    scores.append(score)
    sample = Sample(small)
    if sample.is_whole or not _SCORES[0] < score < _SCORES[1]:
        return
    encoder = encode.encoder(wanted, made.subsampling, repack=False)
    decoded = sample.without_margins(read_as(wanted.value, encoder.sample(sample.picture, number)))
    sampled = Ssimulacra2(sample.without_margins(sample.picture)).score(decoded)
    biases.append((log2(sample.pixel_ratio), sampled - score))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
