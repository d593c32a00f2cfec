"""Fits the constants of the JPEG encoder in layers/imaging/native/jpeg to a folder of photographs.

    python -m bench.fit_jpeg FOLDER

Writes fitted.c there. Minimises bytes at equal SSIMULACRA2: the mean logarithm of the bytes of a crop of
every photograph, decoded with and without interpolated chroma. Test the result on other photographs, with
`make bench`. Coordinate descent with one parabola per constant, from the present constants.
"""

import re
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from math import exp, log
from pathlib import Path
from statistics import fmean
from typing import Final

import darkroom_native
from PIL import Image

from bench.pictures import opened_upright
from bench.unsmoothed import decoded

_NATIVE: Final = Path(__file__).parent.parent / "layers/imaging/native/jpeg"
_WIDTHS: Final = (640, 1280)  # at most
_CROP: Final = (640, 448)
_TARGETS: Final = (70.0, 80.0)
_REPEATING_SHARE: Final = 0.25  # weight of decoders that repeat chroma samples
_SWEEPS: Final = 2
_FIRST_MOVE, _LAST_MOVE = 0.2, 0.05  # changes of a constant's logarithm, base 2

# The order of `struct jpeg_tuning`;
_NAMES: Final = (
    "luma_lambda",
    "chroma_lambda",
    "luma_dc_lambda",
    "chroma_dc_lambda",
    "sharpness",
    "repeated",
    "light",
    "visible",
    "masking",
    "texture",
    "faint",
    "means",
)
# All of the correction; and for luma a cost of a bit that counts for a fifth where texture is faint: people
# see that it is lost, and SSIMULACRA2 does not miss it. `means` only helps where the metric's squares are
# quarters of the blocks.
_CHOSEN: Final = ("light", "luma_lambda", "faint", "means")
_KNOTS: Final = 8
_COMPONENTS: Final = 3

type Constants = tuple[float, ...]


def present() -> Constants:
    content = darkroom_native.jpeg_tuning()
    return struct.unpack(f"{len(content) // 4}f", content)


@dataclass
class Crop:
    """A piece of a photograph, a score to reach, and the quality that reached it last."""

    picture: Image.Image
    target: float
    quality: float = 78.0
    growth: float = 0.025  # of log(bytes) per point of score

    def measured(self, constants: Constants, quality: float) -> tuple[float, float]:
        """Encodes; returns the score and log(bytes)."""
        pixels, tuning = self.picture.tobytes(), struct.pack(f"{len(constants)}f", *constants)
        content = darkroom_native.encode_jpeg(pixels, *self.picture.size, 3, quality, True, True, tuning)
        with Image.open(BytesIO(content)) as smooth:
            scores = [self._score(picture) for picture in (smooth.convert("RGB"), decoded(content))]
        score = scores[0] * (1 - _REPEATING_SHARE) + scores[1] * _REPEATING_SHARE
        return score, log(len(content))

    def _score(self, picture: Image.Image) -> float:
        return darkroom_native.ssimulacra2(self.picture.tobytes(), picture.tobytes(), *self.picture.size)

    def settle(self, constants: Constants) -> float | None:
        """Finds the quality at the target; returns log(bytes) there, or None if no quality reaches it."""
        tried: list[tuple[float, float, float]] = []
        slope = 0.7
        for _ in range(7):
            score, size = self.measured(constants, self.quality)
            tried.append((score, size, self.quality))
            if len(tried) > 1 and abs(score - self.target) < 0.3:
                break
            self.quality = min(98.0, max(20.0, self.quality + (self.target - score) / slope))
        tried.sort(key=lambda trial: abs(trial[0] - self.target))
        (score, size, self.quality), (other_score, other_size, _) = tried[:2]
        if abs(score - self.target) > 1:
            return None
        if abs(score - other_score) > 0.3:
            self.growth = min(0.06, max(0.01, (size - other_size) / (score - other_score)))
        return size + (self.target - score) * self.growth

    def estimate(self, constants: Constants) -> float:
        """Estimates log(bytes) at the target, from two encodings: rounding errors average out."""
        sizes = []
        for by in (-0.6, 0.6):
            score, size = self.measured(constants, self.quality + by)
            sizes.append(size + (self.target - score) * self.growth)
        return fmean(sizes)


def crops(folder: Path) -> list[Crop]:
    """Takes the middle of every photograph; widths and scores alternate."""
    found = []
    for number, path in enumerate(sorted(folder.iterdir())):
        whole = opened_upright(path)
        if whole is None:
            continue
        width = min(whole.width, _WIDTHS[number % len(_WIDTHS)])
        small = whole.resize((width, round(whole.height * width / whole.width)), Image.Resampling.LANCZOS)
        left, top = ((side - min(side, most)) // 2 for side, most in zip(small.size, _CROP, strict=True))
        piece = small.crop((left, top, left + min(small.width, _CROP[0]), top + min(small.height, _CROP[1])))
        found.append(Crop(piece, _TARGETS[number // len(_WIDTHS) % len(_TARGETS)]))
    return found


def _moved(constants: Constants, index: int, by: float) -> Constants:
    """Multiplies a constant by 2 ** by; curves are logarithms already."""
    value = constants[index]
    moved = value + by if index >= len(_NAMES) else value * 2**by
    return (*constants[:index], moved, *constants[index + 1 :])


def _fitted_indexes(constants: Constants) -> list[int]:
    curves = len(_NAMES)
    first_luma_steps = {curves, curves + _KNOTS}  # fixed by white and black
    chosen = {_NAMES.index(name) for name in _CHOSEN}
    return [index for index in range(len(constants)) if index not in first_luma_steps | chosen]


def fit(found: list[Crop], constants: Constants) -> Constants:
    with ThreadPoolExecutor() as pool:

        def settled() -> list[float]:
            sizes = list(pool.map(lambda crop: crop.settle(constants), found))
            found[:] = [crop for crop, size in zip(found, sizes, strict=True) if size is not None]
            return [size for size in sizes if size is not None]

        def over_all(candidate: Constants) -> float:
            return fmean(pool.map(lambda crop: crop.estimate(candidate), found))

        moves = dict.fromkeys(_fitted_indexes(constants), _FIRST_MOVE)
        for sweep in range(_SWEEPS):
            print(f"sweep {sweep}: {exp(fmean(settled())):.0f} bytes", flush=True)  # noqa: T201
            best = over_all(constants)
            for index, width in moves.items():
                left, right = (over_all(_moved(constants, index, by)) for by in (-width, width))
                bend = left + right - 2 * best
                by = 0.5 * width * (left - right) / bend if bend > 0 else width * (1 if right < left else -1)
                by = max(-1.3 * width, min(1.3 * width, by))
                vertex = over_all(_moved(constants, index, by))
                best, by = min((best, 0.0), (left, -width), (right, width), (vertex, by))
                constants = _moved(constants, index, by)
                moves[index] = max(_LAST_MOVE, width * 0.7) if abs(by) < width * 0.8 else width
            write(constants)
        print(f"at last: {exp(fmean(settled())):.0f} bytes", flush=True)  # noqa: T201
    return constants


def write(constants: Constants) -> None:
    """Writes fitted.c."""
    lines = [f"    .{name} = {_float(value)}," for name, value in zip(_NAMES, constants, strict=False)]
    curves = constants[len(_NAMES) :]
    rows = [curves[start : start + _KNOTS] for start in range(0, len(curves), _KNOTS)]
    pairs = [rows[2 * number : 2 * number + 2] for number in range(_COMPONENTS)]
    lines += ["    .curves = {"]
    lines += [f"        {{{{{_floats(fine)}}},\n         {{{_floats(coarse)}}}}}," for fine, coarse in pairs]
    lines += ["    },"]
    content = "\n".join(
        (
            "// Written by bench/fit_jpeg.py.",
            '#include "tuning.h"\n',
            "const struct jpeg_tuning JPEG_FITTED = {",
            *lines,
            "};\n",
        )
    )
    (_NATIVE / "fitted.c").write_text(content)


def _floats(values: Constants) -> str:
    return ", ".join(map(_float, values))


def _float(value: float) -> str:
    text = f"{value:.4g}" if abs(value) < 1 else f"{value:.3f}"
    return f"{text}f" if re.search(r"[.e]", text) else f"{text}.0f"


if __name__ == "__main__":
    fit(crops(Path(sys.argv[1])), present())
