"""What photographs usually score at each quality, for darkroom/imaging/quality.py, from a folder of them.

    python -m tools.bench.fit_quality FOLDER

Prints the points of TYPICAL, and how far the scores that quality.py predicts lie from the true ones.
"""

import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

from PIL import Image

from darkroom.imaging import encode, quality
from darkroom.model import Format
from tools.bench.pictures import opened_upright
from tools.bench.ssimulacra2 import Reference

_WIDTHS = (100, 640, 1280, 1920)
_QUALITIES = {
    Format.JPEG: (30, 45, 60, 72, 80, 86, 91, 95),
    Format.WEBP: (30, 50, 65, 78, 87, 94),
    Format.AVIF: (35, 50, 60, 70, 80, 90),
}
# Outside of these a target makes no sense.
_SCORES = (50.0, 93.0)

type Scores = dict[tuple[Format, int], list[float]]


def main(folder: Path) -> None:
    by_quality: Scores = defaultdict(list)
    off: Scores = defaultdict(list)
    for path in sorted(folder.iterdir()):
        whole = opened_upright(path)
        for width in _WIDTHS:
            if whole and whole.width >= width:
                size = (width, round(whole.height * width / whole.width))
                _note(whole.resize(size, Image.Resampling.LANCZOS), by_quality, off)
    for (wanted, number), scores in by_quality.items():
        print(f"{wanted.value} {number}: {median(scores):.1f}")  # noqa: T201
    for (wanted, width), distances in off.items():
        near = sum(abs(distance) <= 2 for distance in distances) / len(distances)
        worst = f"{min(distances):+.1f} to {max(distances):+.1f}"
        print(f"{wanted.value} {width} wide: {near:.0%} within 2, {worst}")  # noqa: T201


def _note(picture: Image.Image, by_quality: Scores, off: Scores) -> None:
    reference = Reference(picture)
    sample = quality.sampled(picture)
    yardstick = quality.Yardstick(sample)
    for wanted, qualities in _QUALITIES.items():
        encoder = encode.trial(wanted, picture)
        for number in qualities:
            score = reference.score(quality.reopened(encoder(picture, number), wanted))
            by_quality[wanted, number].append(score)
            if _SCORES[0] < score < _SCORES[1]:
                error = yardstick.error(quality.reopened(encoder(sample, number), wanted))
                predicted = quality.score_of(error)
                off[wanted, picture.width].append(predicted - score)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
