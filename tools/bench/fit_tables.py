"""Fits the JPEG quantisation tables of darkroom/imaging/encode.py to a folder of photographs.

    python -m tools.bench.fit_tables FOLDER

Prints the coefficients to put there. Least bytes at equal SSIMULACRA2: the mean of the logarithms of the
bytes over crops of every photograph at three widths and two scores. Judge the outcome on other
photographs, by `make bench`. Coordinate descent, one parabola per coefficient; an hour for ten photographs.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from io import BytesIO
from math import exp, log
from pathlib import Path
from statistics import fmean

from mozjpeg_lossless_optimization import optimize
from PIL import Image

from darkroom.imaging import encode
from darkroom.imaging.encode import Shape
from tools.bench.pictures import opened_upright
from tools.bench.ssimulacra2 import Reference

_WIDTHS = {640: 1, 1280: 2, 1920: 3}  # and how many crops of each
_CROP = (512, 448)
_TARGETS = (70.0, 80.0)
_SWEEPS = 4
_FIRST_STEP, _LAST_STEP = 0.15, 0.04

type Shapes = tuple[Shape, ...]


@dataclass
class Crop:
    """A piece of a photograph at the scale of one width."""

    picture: Image.Image
    reference: Reference = field(init=False)
    # By target: the logarithm of the step that reaches it, and how the bytes grow with the score there.
    steps: dict[float, float] = field(
        default_factory=lambda: {target: (95 - target) / 17 for target in _TARGETS}
    )
    growth: dict[float, float] = field(default_factory=lambda: dict.fromkeys(_TARGETS, 0.025))

    def __post_init__(self) -> None:
        self.reference = Reference(self.picture)

    def measured(self, shapes: Shapes, step: float) -> tuple[float, float]:
        """The score, and the logarithm of the bytes."""
        plain = BytesIO()
        tables = encode.quantisation(exp(step), shapes)
        self.picture.save(plain, "JPEG", qtables=tables, subsampling="4:2:0")
        content = optimize(plain.getvalue())
        return self.reference.score(Image.open(BytesIO(content))), log(len(content))

    def settle(self, shapes: Shapes, target: float) -> float:
        """The logarithm of the bytes at the target; notes where that is, for `estimate`."""
        step, tried = self.steps[target], []
        for _ in range(8):
            score, size = self.measured(shapes, step)
            tried.append((abs(score - target), score, size, step))
            if len(tried) > 1 and tried[-1][0] < 0.4:
                break
            step += (score - target) / -_slope(tried)
        (_, score, size, step), (_, other_score, other_size, _) = sorted(tried)[:2]
        self.steps[target] = step + (score - target) / -_slope(tried)
        if abs(score - other_score) > 0.3:
            self.growth[target] = min(0.06, max(0.01, (size - other_size) / (score - other_score)))
        return size + (target - score) * self.growth[target]

    def estimate(self, shapes: Shapes, target: float) -> float:
        """The same from one encoding, for shapes that are not far from the settled ones."""
        score, size = self.measured(shapes, self.steps[target])
        return size + (target - score) * self.growth[target]


def _slope(tried: list[tuple[float, float, float, float]]) -> float:
    """What the score loses as the step grows e-fold, between the two best attempts; between 8 and 40."""
    if len(tried) < 2:
        return -20
    (_, score, _, step), (_, other_score, _, other_step) = sorted(tried)[:2]
    return min(-8, max(-40, (score - other_score) / (step - other_step))) if step != other_step else -20


def crops(folder: Path) -> list[Crop]:
    found = []
    for path in sorted(folder.iterdir()):
        whole = opened_upright(path)
        if whole is None:
            continue
        for width, count in _WIDTHS.items():
            if whole.width < width:
                continue
            small = whole.resize((width, round(whole.height * width / whole.width)), Image.Resampling.LANCZOS)
            found += [Crop(_piece(small, (number + 0.5) / count)) for number in range(count)]
    return found


def _piece(picture: Image.Image, place: float) -> Image.Image:
    """From the upper left to the lower right as `place` goes from 0 to 1."""
    width, height = min(_CROP[0], picture.width), min(_CROP[1], picture.height)
    left, top = int((picture.width - width) * place), int((picture.height - height) * place)
    return picture.crop((left, top, left + width, top + height))


def fit(found: list[Crop], shapes: Shapes) -> Shapes:
    with ThreadPoolExecutor() as pool:

        def over_all(measure: str, candidate: Shapes) -> float:
            jobs = [(crop, target) for crop in found for target in _TARGETS]
            return fmean(pool.map(lambda job: getattr(job[0], measure)(candidate, job[1]), jobs))

        first = over_all("settle", shapes)
        steps = dict.fromkeys(_places(shapes), _FIRST_STEP)
        for sweep in range(_SWEEPS):
            best = over_all("estimate", shapes)
            for place, width in steps.items():
                left, right = (over_all("estimate", _moved(shapes, place, by)) for by in (-width, width))
                bend = left + right - 2 * best
                by = 0.5 * width * (left - right) / bend if bend > 0 else width * (1 if right < left else -1)
                by = max(-2 * width, min(2 * width, by))
                vertex = over_all("estimate", _moved(shapes, place, by))
                best, by = min((best, 0.0), (left, -width), (right, width), (vertex, by))
                shapes = _moved(shapes, place, by)
                steps[place] = max(_LAST_STEP, width * 0.7) if abs(by) < width / 2 else width
            settled = over_all("settle", shapes)
            print(f"sweep {sweep}: {exp(settled - first):.4f} of the bytes at first\n{shapes}", flush=True)  # noqa: T201
    return shapes


def _places(shapes: Shapes) -> list[tuple[int, str]]:
    """Every coefficient but the luma's level and power, which the scale moves already."""
    places = [(0, "slope"), (0, "bend"), (0, "skew"), (0, "spread")]
    return places + [
        (number, name)
        for number in range(1, len(shapes))
        for name in ("level", "slope", "bend", "skew", "power")
    ]


def _moved(shapes: Shapes, place: tuple[int, str], by: float) -> Shapes:
    number, name = place
    moved = replace(shapes[number], **{name: getattr(shapes[number], name) + by})
    return (*shapes[:number], moved, *shapes[number + 1 :])


if __name__ == "__main__":
    fit(crops(Path(sys.argv[1])), encode.SHAPES)
