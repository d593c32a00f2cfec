"""Fits the JPEG quantisation tables of darkroom/imaging/encode.py to a folder of photographs.

    python -m bench.fit_tables FOLDER

Prints the steps to put there. Minimises bytes at equal SSIMULACRA2: the mean logarithm of the bytes of crops
of every photograph at three widths and two scores, each with its best chroma subsampling. Test the result on
other photographs, with `make bench`. Coordinate descent with one parabola per step; takes two hours for ten
photographs.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from itertools import product
from math import exp, log
from pathlib import Path
from statistics import fmean

from mozjpeg_lossless_optimization import optimize
from PIL import Image

from bench.pictures import opened_upright
from darkroom.imaging import encode
from darkroom.imaging.encode import Shape
from darkroom.imaging.ssimulacra2 import Ssimulacra2

_WIDTHS = {640: 1, 1280: 2, 1920: 3}  # width -> number of crops
_CROP = (512, 448)
_TARGETS = (70.0, 80.0)
_SUBSAMPLINGS = ("4:2:0", "4:2:2", "4:4:4")
_SWEEPS = 3
_FIRST_MOVE, _LAST_MOVE = 0.2, 0.06  # changes of the logarithm of a step

type Shapes = tuple[Shape, ...]


class Crop:
    """A piece of a photograph resized to one width, and a score to reach."""

    def __init__(self, picture: Image.Image, target: float) -> None:
        self._picture = picture
        self._reference = Ssimulacra2(picture)
        self._target = target
        # The subsampling and scale at the target, and the growth of log(bytes) per point of score there.
        self._subsampling = _SUBSAMPLINGS[0]
        self._scale = log(0.8 if target < 75 else 0.3)
        self._growth = 0.025

    def settle(self, shapes: Shapes) -> float | None:
        """Returns log(bytes) at the target with the best subsampling, and keeps its settings.

        None if no subsampling reaches it.
        """
        found = [result for result in (self._reached(shapes, s) for s in _SUBSAMPLINGS) if result]
        if not found:
            return None
        size, self._subsampling, self._scale, self._growth = min(found)
        return size

    def estimate(self, shapes: Shapes) -> float:
        """Estimates log(bytes) at the target for similar shapes, from two encodings near the kept scale."""
        sizes = []
        for by in (-0.05, 0.05):  # two, to average rounding errors
            score, size = self._measured(shapes, self._scale + by, self._subsampling)
            sizes.append(size + (self._target - score) * self._growth)
        return fmean(sizes)

    def _measured(self, shapes: Shapes, scale: float, subsampling: str) -> tuple[float, float]:
        """Encodes; returns the score and log(bytes)."""
        plain = BytesIO()
        tables = encode.quantisation(exp(scale), shapes)
        self._picture.save(plain, "JPEG", qtables=tables, subsampling=subsampling)
        content = optimize(plain.getvalue())
        return self._reference.score(Image.open(BytesIO(content))), log(len(content))

    def _reached(self, shapes: Shapes, subsampling: str) -> tuple[float, str, float, float] | None:
        """Searches the scale for the target; returns log(bytes), subsampling, scale and growth."""
        scale, tried = self._scale, []
        for _ in range(8):
            score, size = self._measured(shapes, scale, subsampling)
            tried.append((abs(score - self._target), score, size, scale))
            if len(tried) > 1 and tried[-1][0] < 0.4:
                break
            scale += max(-0.8, min(0.8, (score - self._target) / -_slope(tried)))
        (distance, score, size, scale), (_, other_score, other_size, _) = sorted(tried)[:2]
        if distance > 1:
            return None
        growth = (size - other_size) / (score - other_score) if abs(score - other_score) > 0.3 else 0.025
        growth = min(0.06, max(0.01, growth))
        ahead = self._target - score
        return size + ahead * growth, subsampling, scale + ahead / _slope(tried), growth


def _slope(tried: list[tuple[float, float, float, float]]) -> float:
    """Returns the change of the score when the step grows by a factor of e, limited to -8 to -40."""
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
            pieces = [_piece(small, (number + 0.5) / count) for number in range(count)]
            found += [Crop(piece, target) for piece in pieces for target in _TARGETS]
    return found


def _piece(picture: Image.Image, place: float) -> Image.Image:
    """Crops a piece, from the upper left (`place` 0) to the lower right (1)."""
    width, height = min(_CROP[0], picture.width), min(_CROP[1], picture.height)
    left, top = int((picture.width - width) * place), int((picture.height - height) * place)
    return picture.crop((left, top, left + width, top + height))


def fit(found: list[Crop], shapes: Shapes) -> Shapes:
    with ThreadPoolExecutor() as pool:

        def settled() -> list[float]:
            sizes = list(pool.map(lambda crop: crop.settle(shapes), found))
            found[:] = [crop for crop, size in zip(found, sizes, strict=True) if size is not None]
            return [size for size in sizes if size is not None]

        def over_all(candidate: Shapes) -> float:
            return fmean(pool.map(lambda crop: crop.estimate(candidate), found))

        moves = dict.fromkeys(_step_indexes(), _FIRST_MOVE)
        print(f"{exp(fmean(settled())):.0f} bytes at first", flush=True)  # noqa: T201
        for sweep in range(_SWEEPS):
            best = over_all(shapes)
            for index, width in moves.items():
                left, right = (over_all(_moved(shapes, index, by)) for by in (-width, width))
                bend = left + right - 2 * best
                by = 0.5 * width * (left - right) / bend if bend > 0 else width * (1 if right < left else -1)
                by = max(-1.3 * width, min(1.3 * width, by))
                vertex = over_all(_moved(shapes, index, by))
                best, by = min((best, 0.0), (left, -width), (right, width), (vertex, by))
                shapes = _moved(shapes, index, by)
                moves[index] = max(_LAST_MOVE, width * 0.7) if abs(by) < width * 0.8 else width
            print(f"sweep {sweep}: {exp(fmean(settled())):.0f}\n{shapes}", flush=True)  # noqa: T201
    return shapes


type StepIndex = tuple[int, str, int]  # table, quality, distance


def _step_indexes() -> list[StepIndex]:
    """Lists all steps except luma's first, which is fixed by white and black."""
    indexes = product(range(len(encode.SHAPES)), ("at_85", "at_60"), range(len(encode.DISTANCES)))
    return [index for index in indexes if index[::2] != (0, 0)]


def _moved(shapes: Shapes, index: StepIndex, by: float) -> Shapes:
    number, name, distance = index
    steps = list(getattr(shapes[number], name))
    steps[distance] *= exp(by)
    moved = replace(shapes[number], **{name: tuple(steps)})
    return (*shapes[:number], moved, *shapes[number + 1 :])


if __name__ == "__main__":
    fit(crops(Path(sys.argv[1])), encode.SHAPES)
