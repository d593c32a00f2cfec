"""What photographs usually score at each quality, for darkroom/imaging/quality.py, from a folder of them.

    python -m bench.fit_quality FOLDER

Prints the points of TYPICAL and the pairs of UNSEEN. Take photographs clearly wider than 640 pixels: at its
own size one shows its own encoder's blocks. Judge on other photographs, by `make bench`.
"""

import sys
from collections import defaultdict
from itertools import product
from math import exp, log
from pathlib import Path
from statistics import linear_regression, median, quantiles

from PIL import Image

from bench.pictures import ENCODERS, opened_upright
from bench.ssimulacra2 import Reference
from darkroom.domain.profile import FormatChoice
from darkroom.domain.renditions import Format
from darkroom.imaging import quality
from darkroom.imaging.ssimulacra2 import error_at

_WIDTHS = (640, 1280, 1920)
_QUALITIES = {
    Format.JPEG: (30, 45, 60, 72, 80, 86, 91, 95),
    Format.WEBP: (30, 50, 65, 78, 87, 94),
    Format.AVIF: (35, 50, 60, 70, 80, 90),
}
_TARGETS = (70.0, 80.0)
# What scores outside of these missed for another reason: no quality brings it near.
_SCORES = (60.0, 90.0)
# Of the score, by what the error grows e-fold, at 75.
_POINTS = 15.7

# How many times as many pixels as the sample, and the true error by what the search saw of it; as logarithms.
type Errors = list[tuple[float, float]]


def main(folder: Path) -> None:
    scores: dict[tuple[Format, int], list[float]] = defaultdict(list)
    errors: dict[Format, Errors] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        whole = opened_upright(path)
        for width in _WIDTHS:
            if whole and whole.width >= width:
                size = (width, round(whole.height * width / whole.width))
                small = whole.resize(size, Image.Resampling.LANCZOS)
                reference = Reference(small)
                for wanted, number in [(wanted, n) for wanted, all_n in _QUALITIES.items() for n in all_n]:
                    _, score = _made(FormatChoice(wanted, number), small, reference)
                    scores[wanted, number].append(score)
                for wanted, target in product(Format, _TARGETS):
                    found, score = _made(FormatChoice(wanted, None, target), small, reference)
                    if _SCORES[0] < score < _SCORES[1]:
                        trials = quality.Trials(wanted, small, found.subsampling)
                        predicted = error_at(found.score or score) / trials.unseen
                        missed = log(error_at(score) / predicted)
                        errors[wanted].append((log(trials.sample.times), missed))
    for (wanted, number), found_scores in scores.items():
        print(f"{wanted.value} {number}: {median(found_scores):.1f}")  # noqa: T201
    for wanted, pairs in errors.items():
        print(f"{wanted.value}: {_fitted(pairs)}")  # noqa: T201


def _made(choice: FormatChoice, small: Image.Image, reference: Reference) -> tuple[quality.Chosen, float]:
    """How it was encoded, and what it then scores."""
    (found,) = quality.chosen(choice, [small])
    made = quality.reopened(ENCODERS[choice.format](small, found), choice.format)
    return found, reference.score(made)


def _fitted(pairs: Errors) -> str:
    """The line through the logarithms, in the middle between those that lie farthest: what counts is how many
    lie within 2 points of it.
    """
    times, missed = zip(*pairs, strict=True)
    growth, level = linear_regression(times, missed)
    off = [y - level - growth * x for x, y in pairs]
    highest, lowest = (quantiles(off, n=20)[end] for end in (-1, 0))
    level += (highest + lowest) / 2
    near = sum(abs(_POINTS * (y - level - growth * x)) <= 2 for x, y in pairs) / len(pairs)
    return f"({exp(level):.2f}, {growth:.2f}), {near:.0%} within 2 points"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
