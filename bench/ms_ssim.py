"""MS-SSIM, a second metric, to check that gains do not depend on the first metric.

As published (Wang, Simoncelli and Bovik, 2003), averaged over red, green and blue, since lightness alone
would ignore bytes spent on colour. The unit is a tenth of a decibel of 1 - MS-SSIM, about one per quality
step.
"""

from math import exp, log10
from typing import Any, Final

import numpy as np
from PIL import Image

type Plane = np.ndarray[Any, np.dtype[np.float32]]

NAME: Final = "MS-SSIM of RGB (bench/ms_ssim.py)"

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_C1, _C2 = 0.01**2, 0.03**2
_REACH = 5
_TAPS = [exp(-(place**2) / (2 * 1.5**2)) for place in range(-_REACH, _REACH + 1)]
_KERNEL = [np.float32(tap / sum(_TAPS)) for tap in _TAPS]
# The score of identical pixels; higher than any difference at 8 bits gives.
_MOST = 1000.0


class MsSsim:
    """An original to compare encodings with."""

    def __init__(self, picture: Image.Image) -> None:
        self._stored = _planes(picture)

    def score(self, other: Image.Image) -> float:
        """Scores in tenths of a decibel, higher is better; sizes must be equal, both sides at least 176."""
        mine, theirs = self._stored, _planes(other)
        if mine.shape != theirs.shape or min(mine.shape[1:]) < 2 * _REACH * 2 ** (len(_WEIGHTS) - 1):
            raise ValueError(f"{theirs.shape} can't be compared with {mine.shape}")
        similarity = np.ones(3)
        for scale, weight in enumerate(_WEIGHTS):
            if scale:
                mine, theirs = _halved(mine), _halved(theirs)
            luminance, contrast = _compared(mine, theirs)
            kind = luminance if scale == len(_WEIGHTS) - 1 else contrast
            similarity *= np.maximum(kind, 0) ** weight
        lost = 1 - float(similarity.mean())
        return min(_MOST, -100 * log10(lost)) if lost > 0 else _MOST


def _planes(picture: Image.Image) -> Plane:
    stored = np.asarray(picture.convert("RGB"), dtype=np.float32) / 255
    return np.ascontiguousarray(stored.transpose(2, 0, 1))


def _compared(x: Plane, y: Plane) -> tuple[Any, Any]:
    """Returns SSIM, and its contrast and structure part alone, by channel."""
    mean_x, mean_y = _blurred(x), _blurred(y)
    variances = _blurred(x * x) - mean_x**2 + _blurred(y * y) - mean_y**2
    covariance = _blurred(x * y) - mean_x * mean_y
    contrast = (2 * covariance + _C2) / (variances + _C2)
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return (luminance * contrast).mean(axis=(1, 2)), contrast.mean(axis=(1, 2))


def _blurred(planes: Plane) -> Plane:
    """Blurs; without the edges, where the kernel would extend beyond the picture."""
    height, width = planes.shape[1] - 2 * _REACH, planes.shape[2] - 2 * _REACH
    down = np.zeros((3, height, planes.shape[2]), dtype=np.float32)
    for place, tap in enumerate(_KERNEL):
        down += tap * planes[:, place : place + height]
    across = np.zeros((3, height, width), dtype=np.float32)
    for place, tap in enumerate(_KERNEL):
        across += tap * down[:, :, place : place + width]
    return across


def _halved(planes: Plane) -> Plane:
    even = planes[:, : planes.shape[1] // 2 * 2, : planes.shape[2] // 2 * 2]
    rows = even[:, 0::2] + even[:, 1::2]
    halved: Plane = (rows[:, :, 0::2] + rows[:, :, 1::2]) * np.float32(0.25)
    return halved
