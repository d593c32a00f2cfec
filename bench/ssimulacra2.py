"""SSIMULACRA2 2.1, ported from the reference in libjxl 0.11 (tools/ssimulacra2.cc, BSD-3-Clause).

The reference tool is not packaged on every platform; the port on PyPI blurs with another kernel and has one
scale too few in small pictures. tests/unit/bench compares this one with scores of the reference tool. It is
slower: about a second for 1920 x 1280.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from PIL import Image

type Plane = np.ndarray[Any, np.dtype[np.float32]]

NAME: Final = "SSIMULACRA2 2.1 (bench/ssimulacra2.py, after libjxl 0.11)"

_SCALES = 6
_C2 = 0.0009
# Impulse response of the reference's recursive Gaussian (sigma 1.5): finite, nine taps.
_KERNEL = (
    0.009414367809653733,
    0.03601111465836436,
    0.10933537277746025,
    0.21292859201042208,
    0.2646211054881984,
    0.21292859201042208,
    0.10933537277746025,
    0.03601111465836436,
    0.009414367809653733,
)
_OPSIN = (
    (0.30, 0.622, 0.078),
    (0.23, 0.692, 0.078),
    (0.24342268924547819, 0.20476744424496821, 0.5518098665095536),
)
_OPSIN_BIAS = 0.0037930732552754493
# Three channels x six scales x two norms x (structure, ringing, blur); almost half are zero.
_WEIGHTS = np.array(
    [
        0.0,
        0.0007376606707406586,
        0.0,
        0.0,
        0.0007793481682867309,
        0.0,
        0.0,
        0.0004371155730107379,
        0.0,
        1.1041726426657346,
        0.00066284834129271,
        0.00015231632783718752,
        0.0,
        0.0016406437456599754,
        0.0,
        1.8422455520539298,
        11.441172603757666,
        0.0,
        0.0007989109436015163,
        0.000176816438078653,
        0.0,
        1.8787594979546387,
        10.94906990605142,
        0.0,
        0.0007289346991508072,
        0.9677937080626833,
        0.0,
        0.00014003424285435884,
        0.9981766977854967,
        0.00031949755934435053,
        0.0004550992113792063,
        0.0,
        0.0,
        0.0013648766163243398,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        7.466890328078848,
        0.0,
        17.445833984131262,
        0.0006235601634041466,
        0.0,
        0.0,
        6.683678146179332,
        0.00037724407979611296,
        1.027889937768264,
        225.20515300849274,
        0.0,
        0.0,
        19.213238186143016,
        0.0011401524586618361,
        0.001237755635509985,
        176.39317598450694,
        0.0,
        0.0,
        24.43300999870476,
        0.28520802612117757,
        0.0004485436923833408,
        0.0,
        0.0,
        0.0,
        34.77906344483772,
        44.835625328877896,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0008680556573291698,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0005313191874358747,
        0.0,
        0.00016533814161379112,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0004179171803251336,
        0.0017290828234722833,
        0.0,
        0.0020827005846636437,
        0.0,
        0.0,
        8.826982764996862,
        23.19243343998926,
        0.0,
        95.1080498811086,
        0.9863978034400682,
        0.9834382792465353,
        0.0012286405048278493,
        171.2667255897307,
        0.9807858872435379,
        0.0,
        0.0,
        0.0,
        0.0005130064588990679,
        0.0,
        0.00010854057858411537,
    ]
)


@dataclass(frozen=True, slots=True)
class _Scale:
    """One scale of a picture: its three planes with their local means and mean squares."""

    planes: tuple[Plane, ...]
    means: tuple[Plane, ...]
    squares: tuple[Plane, ...]


class Reference:
    """An original to compare encodings with; its own planes are computed once."""

    def __init__(self, picture: Image.Image) -> None:
        self.size = picture.size
        self._scales = [_scale(linear) for linear in _pyramid(picture)]

    def score(self, other: Image.Image) -> float:
        """Scores a picture of equal size: 100 identical, 90 visually lossless, 80 very good, 70 good."""
        if other.size != self.size:
            raise ValueError(f"{other.size} can't be compared with {self.size}")
        norms = [
            _norms(mine, _scale(linear)) for mine, linear in zip(self._scales, _pyramid(other), strict=True)
        ]
        # In the order of the weights: channel, scale, norm; small pictures have fewer scales.
        terms = np.array(norms).transpose(1, 0, 2, 3).ravel()
        return _mapped(float(np.dot(_WEIGHTS[: len(terms)], terms)))


def _mapped(error: float) -> float:
    error *= 0.9562382616834844
    error = 2.326765642916932 * error - 0.020884521182843837 * error**2 + 6.248496625763138e-05 * error**3
    return float(100.0 - 10.0 * error**0.6276336467831387) if error > 0 else 100.0


def _pyramid(picture: Image.Image) -> list[Plane]:
    """Returns linear RGB (3 x height x width), halved up to five times while both sides have eight pixels."""
    stored = np.asarray(picture.convert("RGB"), dtype=np.float32) / 255
    curve = np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)
    linear = np.ascontiguousarray(curve.transpose(2, 0, 1), dtype=np.float32)
    scales = [linear]
    while len(scales) < _SCALES and min(scales[-1].shape[1:]) >= 8:
        scales.append(_halved(scales[-1]))
    return scales


def _halved(linear: Plane) -> Plane:
    _, height, width = linear.shape
    even = np.pad(linear, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    rows = even[:, 0::2] + even[:, 1::2]
    halved: Plane = (rows[:, :, 0::2] + rows[:, :, 1::2]) * np.float32(0.25)
    return halved


def _scale(linear: Plane) -> _Scale:
    planes = _positive_xyb(linear)
    return _Scale(planes, tuple(_blurred(p) for p in planes), tuple(_blurred(p * p) for p in planes))


def _positive_xyb(linear: Plane) -> tuple[Plane, ...]:
    bias = np.float32(_OPSIN_BIAS)
    long, medium, short = (
        np.cbrt(np.tensordot(np.array(row, dtype=np.float32), linear, axes=1) + bias) - np.cbrt(bias)
        for row in _OPSIN
    )
    y = (long + medium) / 2
    return (long - medium) / 2 * 14 + np.float32(0.42), y + np.float32(0.01), short - y + np.float32(0.55)


def _blurred(plane: Plane) -> Plane:
    """Blurs with zeros beyond the edges, as the reference does."""
    reach = len(_KERNEL) // 2
    height, width = plane.shape
    padded = np.pad(plane, ((reach, reach), (0, 0)))
    down = np.zeros_like(plane)
    for place, weight in enumerate(_KERNEL):
        down += np.float32(weight) * padded[place : place + height]
    padded = np.pad(down, ((0, 0), (reach, reach)))
    across = np.zeros_like(plane)
    for place, weight in enumerate(_KERNEL):
        across += np.float32(weight) * padded[:, place : place + width]
    return across


def _norms(original: _Scale, other: _Scale) -> list[list[list[float]]]:
    """Returns structure, ringing and blur, by channel and norm (mean, root mean fourth power)."""
    by_channel = []
    for channel in range(3):
        x, y = original.planes[channel], other.planes[channel]
        mean_x, mean_y = original.means[channel], other.means[channel]
        covariance = _blurred(x * y) - mean_x * mean_y
        variances = original.squares[channel] - mean_x**2 + other.squares[channel] - mean_y**2
        structure = 1 - (1 - (mean_x - mean_y) ** 2) * (2 * covariance + _C2) / (variances + _C2)
        edges = (1 + np.abs(y - mean_y)) / (1 + np.abs(x - mean_x)) - 1
        errors = [np.maximum(e, np.float32(0)) for e in (structure, edges, -edges)]
        by_channel.append([[_mean(e) for e in errors], [_mean((e * e) ** 2) ** 0.25 for e in errors]])
    return by_channel


def _mean(plane: Plane) -> float:
    return float(plane.mean(dtype=np.float64))
