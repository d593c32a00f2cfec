"""Fits the constants of darkroom/imaging/quality.py to a folder of photographs.

    python -m bench.fit_quality FOLDER

Prints the points of TYPICAL and the pairs of SAMPLING_ERROR. Use photographs clearly wider than 640 pixels:
at its original size, a photograph shows the blocks of the encoder that saved it. Test on other photographs,
with `make bench`.
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
# Scores outside this range are left out: there the format can't reach the target, whatever the constants.
_SCORES = (60.0, 90.0)
# Points that the score changes when the error grows by a factor of e, near a score of 75.
_POINTS = 15.7

# Logarithms of (the picture's pixels / the sample's) and of (true error / the trial's error).
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
                    settings, score = _made(FormatChoice(wanted, None, target), small, reference)
                    if _SCORES[0] < score < _SCORES[1]:
                        trials = quality.Trials(wanted, small, settings.subsampling)
                        predicted = error_at(settings.score or score) / trials.correction
                        missed = log(error_at(score) / predicted)
                        errors[wanted].append((log(trials.sample.pixel_ratio), missed))
    for (wanted, number), found_scores in scores.items():
        print(f"{wanted.value} {number}: {median(found_scores):.1f}")  # noqa: T201
    for wanted, pairs in errors.items():
        print(f"{wanted.value}: {_fitted(pairs)}")  # noqa: T201


def _made(
    choice: FormatChoice, small: Image.Image, reference: Reference
) -> tuple[quality.EncoderSettings, float]:
    """Encodes a picture; returns the settings and the score."""
    (settings,) = quality.choose_settings(choice, [small])
    made = quality.reopened(ENCODERS[choice.format](small, settings), choice.format)
    return settings, reference.score(made)


def _fitted(pairs: Errors) -> str:
    """Fits a line through the logarithms, centred between the 5% and 95% quantiles of the residuals, so that
    most pictures lie within 2 points of it.
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
