"""What photographs usually score at each quality, for darkroom/imaging/quality.py, from a folder of them.

    python -m tools.bench.fit_quality FOLDER

Prints the points of TYPICAL and the pairs of UNSEEN. Judge them on other photographs, by `make bench`.
"""

import sys
from collections import defaultdict
from math import exp, log
from pathlib import Path
from statistics import linear_regression, median

from PIL import Image

from darkroom.imaging import quality
from darkroom.imaging.yardstick import error_at
from darkroom.model import Format
from darkroom.profile import FormatChoice
from tools.bench.pictures import ENCODERS, opened_upright
from tools.bench.ssimulacra2 import Reference

_WIDTHS = (640, 1280, 1920)
_QUALITIES = {
    Format.JPEG: (30, 45, 60, 72, 80, 86, 91, 95),
    Format.WEBP: (30, 50, 65, 78, 87, 94),
    Format.AVIF: (35, 50, 60, 70, 80, 90),
}
# Outside of these a target makes no sense.
_SCORES = (64.0, 86.0)
# Of the score, by what the error grows e-fold, at 75.
_POINTS = 15.7

type Errors = list[tuple[float, float]]  # of a trial and true, as logarithms


def main(folder: Path) -> None:
    scores: dict[tuple[Format, int], list[float]] = defaultdict(list)
    errors: dict[tuple[Format, bool], Errors] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        whole = opened_upright(path)
        for width in _WIDTHS:
            if whole and whole.width >= width:
                size = (width, round(whole.height * width / whole.width))
                small = whole.resize(size, Image.Resampling.LANCZOS)
                reference = Reference(small)
                for wanted, number in [(wanted, n) for wanted, all_n in _QUALITIES.items() for n in all_n]:
                    (found,) = quality.chosen(FormatChoice(wanted, number), [small])
                    made = quality.reopened(ENCODERS[wanted](small, found), wanted)
                    score = reference.score(made)
                    scores[wanted, number].append(score)
                    if _SCORES[0] < score < _SCORES[1]:
                        trials = quality.Trials(wanted, small, found.subsampling)
                        pair = log(trials.error(number)), log(error_at(score))
                        errors[wanted, trials.sample.whole].append(pair)
    for (wanted, number), found_scores in scores.items():
        print(f"{wanted.value} {number}: {median(found_scores):.1f}")  # noqa: T201
    for (wanted, tried_whole), pairs in errors.items():
        print(f"{wanted.value} {'whole' if tried_whole else 'sampled'}: {_fitted(pairs)}")  # noqa: T201


def _fitted(pairs: Errors) -> str:
    """The line through the logarithms, and what lies around it."""
    shown, true = zip(*pairs, strict=True)
    power, level = linear_regression(shown, true)
    off = [_POINTS * (y - level - power * x) for x, y in pairs]
    near = sum(abs(points) <= 2 for points in off) / len(off)
    return f"({exp(level):.2f}, {power:.2f}), {near:.0%} within 2 points"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
