"""SSIMULACRA2 computed with Pillow alone, since numpy would cost the function 90 ms and 60 MB.

A small picture is scored by all significant terms at every pixel. The score of a larger one is a prediction
from the most significant of the 108 terms at every fourth pixel; `make bench` measures its error.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from itertools import product
from typing import Any

from PIL import Image, ImageMath

# The metric's weights, in order of channel (X, Y, B), scale, norm (mean, fourth root of the mean fourth
# power) and kind (structure, added edges, lost edges). A picture with fewer than six scales takes its
# weights from the start of the list, without gaps for the missing scales, as the reference implementation
# does.
_WEIGHTS = (
    0,
    0.00071,
    0,
    0,
    0.00075,
    0,
    0,
    0.00042,
    0,
    1.05585,
    0.00063,
    0.00015,
    0,
    0.00157,
    0,
    1.76163,
    10.9405,
    0,
    0.00076,
    0.00017,
    0,
    1.79654,
    10.4699,
    0,
    0.0007,
    0.92544,
    0,
    0.00013,
    0.95449,
    0.00031,
    0.00044,
    0,
    0,
    0.00131,
    0,
    0,
    0,
    0,
    0,
    7.14013,
    0,
    16.6824,
    0.0006,
    0,
    0,
    6.39119,
    0.00036,
    0.98291,
    215.35,
    0,
    0,
    18.3724,
    0.00109,
    0.00118,
    168.674,
    0,
    0,
    23.3638,
    0.27273,
    0.00043,
    0,
    0,
    0,
    33.2571,
    42.8735,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0.00083,
    0,
    0,
    0,
    0,
    0,
    0.00051,
    0,
    0.00016,
    0,
    0,
    0,
    0,
    0,
    0.0004,
    0.00165,
    0,
    0.00199,
    0,
    0,
    8.4407,
    22.1775,
    0,
    90.946,
    0.94323,
    0.9404,
    0.00117,
    163.772,
    0.93786,
    0,
    0,
    0,
    0.00049,
    0,
    0.0001,
)
_SCALES = (1, 2, 4, 8, 16, 32)
ALL_SCALES = len(_SCALES)

# Terms up to this weight are ignored. It is lower for a small picture, where a single term can be large.
_NEGLIGIBLE, _NEGLIGIBLE_IN_SMALL = 2.0, 0.5
_SMALL_PIXELS = 40_000

_BIAS = 0.0037930732552754493
_BIAS_ROOT = _BIAS ** (1 / 3)
_CONTRAST = 0.0009
# The metric's blur: impulse response of its recursive Gaussian, from the middle outwards.
_BLUR = (
    0.2646211054881984,
    0.21292859201042208,
    0.10933537277746025,
    0.03601111465836436,
    0.009414367809653733,
)


def is_small(picture: Image.Image) -> bool:
    return picture.width * picture.height <= _SMALL_PIXELS


def scales(size: tuple[int, int]) -> int:
    """Returns the number of scales: those with both sides of at least 8 pixels, and one more; at most 6."""
    return min(len(_SCALES), 1 + sum(1 for scale in _SCALES if -(-min(size) // scale) >= 8))


def score_of(error: float) -> float:
    """Converts an error of 0 or more to a score, by SSIMULACRA2's curve."""
    bent = 2.326765642916932 * error - 0.020884521182843837 * error**2 + 6.248496625763138e-05 * error**3
    return float(100 - 10 * bent**0.6276336467831387) if bent > 0 else 100.0


def error_at(score: float) -> float:
    """Returns the error for a score, within 0.01."""
    low, high = 0.0, 500.0
    while high - low > 0.01:
        middle = (low + high) / 2
        low, high = (low, middle) if score_of(middle) < score else (middle, high)
    return low


type Plane = tuple[int, int]  # channel (X, Y, B) and scale
type Planes = dict[Plane, Image.Image]


class Ssimulacra2:
    """An original to compare encodings with."""

    def __init__(self, picture: Image.Image) -> None:
        self._exact = is_small(picture)
        least = _NEGLIGIBLE_IN_SMALL if self._exact else _NEGLIGIBLE
        weights = {name: _weights(name, scales(picture.size), least) for name in _names(picture)}
        self._weights = {name: six for name, six in weights.items() if any(six)}
        self._structured = [name for name, six in self._weights.items() if six[0] or six[3]]
        self._planes = dict(_planes(picture, self._weights))
        squares = {name: _product(self._planes[name], self._planes[name]) for name in self._structured}
        self._means, self._squares = self._local_means(self._planes), self._local_means(squares)
        self._smooth: dict[Plane, Image.Image] = {}

    def error(self, other: Image.Image) -> float:
        """Returns the weighted sum of the terms, for `score_of`. `other` must have the same size."""
        planes = dict(_planes(other, self._weights))
        means = self._local_means(planes)
        error = sum(
            _norms(structure, self._weights[name][0], self._weights[name][3])
            for name, structure in self._structures(planes, means)
        )
        for name, weights in self._weights.items():
            for kind, sign in ((1, 1), (2, -1)):
                if weights[kind] or weights[kind + 3]:
                    edges = self._edges(name, planes[name], means[name], sign)
                    error += _norms(edges, weights[kind], weights[kind + 3])
        return error

    def _structures(self, planes: Planes, means: Planes) -> Iterator[tuple[Plane, Image.Image]]:
        """Yields 1 - SSIM' of each plane, without gamma correction, as SSIMULACRA2 defines it; 0 or more."""
        squares = self._local_means({name: _product(planes[name], planes[name]) for name in self._structured})
        both = {name: _product(self._planes[name], planes[name]) for name in self._structured}
        for name, mean_product in self._local_means(both).items():
            yield (
                name,
                _evaluate(
                    lambda a: _positive(
                        1
                        - (1 - (a["m"] - a["n"]) * (a["m"] - a["n"]))
                        * (2 * (a["both"] - a["m"] * a["n"]) + _CONTRAST)
                        / (a["mm"] - a["m"] * a["m"] + a["nn"] - a["n"] * a["n"] + _CONTRAST)
                    ),
                    m=self._means[name],
                    n=means[name],
                    mm=self._squares[name],
                    nn=squares[name],
                    both=mean_product,
                ),
            )

    def _edges(self, name: Plane, other: Image.Image, means: Image.Image, sign: int) -> Image.Image:
        """Returns the edges added (sign 1) or lost (-1) by the other picture."""
        thinned = self._thinned(other)
        if name not in self._smooth:
            self._smooth[name] = _evaluate(
                lambda a: 1 / (1 + abs(a["x"] - a["m"])),
                x=self._thinned(self._planes[name]),
                m=_spread(self._means[name], thinned.size),
            )
        return _evaluate(
            lambda a: _positive(((1 + abs(a["y"] - a["n"])) * a["smooth"] - 1) * sign),
            y=thinned,
            n=_spread(means, thinned.size),
            smooth=self._smooth[name],
        )

    def _local_means(self, planes: Planes) -> Planes:
        """Blurs a small picture exactly, and a larger one at every fourth pixel.

        The latter with a triangle as wide as SSIMULACRA2's Gaussian.
        """
        if self._exact:
            return _blurred(planes)
        return {
            name: plane.resize(
                (max(1, plane.width // 4), max(1, plane.height // 4)), Image.Resampling.BILINEAR
            )
            for name, plane in planes.items()
        }

    def _thinned(self, plane: Image.Image) -> Image.Image:
        """Returns every second pixel of a large plane."""
        if self._exact or min(plane.size) < _THINNED_FROM:
            return plane
        return plane.resize((plane.width // 2, plane.height // 2), Image.Resampling.NEAREST)


_THINNED_FROM = 300


def _weights(plane: Plane, count: int, least: float) -> list[float]:
    """Returns a plane's six weights: structure, added and lost edges, by mean and then by fourth root."""
    channel, scale = plane
    first = (channel * count + _SCALES.index(scale)) * 6
    return [weight if weight > least else 0.0 for weight in _WEIGHTS[first : first + 6]]


def _norms(plane: Image.Image, weight: float, fourth_weight: float) -> float:
    """Returns the weighted sum of a plane's mean and the fourth root of its mean fourth power."""
    error = weight * _mean(plane) if weight else 0.0
    return error + fourth_weight * _mean(_fourth_power(plane)) ** 0.25 if fourth_weight else error


def _positive(value: Any) -> Any:
    return (abs(value) + value) * 0.5


def _linear(level: int) -> float:
    stored = level / 255
    return stored / 12.92 if stored <= 0.04045 else float(((stored + 0.055) / 1.055) ** 2.4)


_LINEAR = [_linear(level) for level in range(256)]
_LIGHT = [(_linear(level) + _BIAS) ** (1 / 3) - _BIAS_ROOT for level in range(256)]


def _names(picture: Image.Image) -> list[Plane]:
    """Names all planes of a small picture, and the significant ones of others."""
    if is_small(picture):
        return list(product(range(3), _SCALES[: scales(picture.size)]))
    return [(1, scale) for scale in _SCALES[:5]] + [(2, 8), (2, 16)]


def _planes(picture: Image.Image, wanted: Container[Plane]) -> Iterator[tuple[Plane, Image.Image]]:
    """Yields the planes in SSIMULACRA2's shifted XYB.

    They are reduced in linear light: plane B would be least accurate otherwise.
    """
    linear = [channel.point(_LINEAR, "F") for channel in picture.split()]
    first, reached = 0, 1
    if not is_small(picture):
        # These two scales need lightness only; a table gives it from stored values, without a root per pixel.
        light = picture.convert("L").point(_LIGHT, "F")
        yield (1, 1), light
        yield (1, 2), light.reduce(2)
        first = 2
    for scale in _SCALES[first:]:
        if not any((channel, scale) in wanted for channel in range(3)):
            continue
        if scale > reached:
            linear, reached = [channel.reduce(scale // reached) for channel in linear], scale
        red, green, blue = linear
        long = _cone(red, green, blue, (0.30, 0.622, 0.078))
        medium = _cone(red, green, blue, (0.23, 0.692, 0.078))
        lightness = _evaluate(lambda a: (a["l"] + a["m"]) / 2 + 0.01, l=long, m=medium)
        if (0, scale) in wanted:
            yield (0, scale), _evaluate(lambda a: (a["l"] - a["m"]) * 7 + 0.42, l=long, m=medium)
        if (1, scale) in wanted:
            yield (1, scale), lightness
        if (2, scale) in wanted:
            short = _cone(red, green, blue, (0.24342268924547819, 0.20476744424496821, 0.5518098665095536))
            yield (2, scale), _evaluate(lambda a: a["s"] - a["y"] + 0.56, s=short, y=lightness)


def _cone(red: Image.Image, green: Image.Image, blue: Image.Image, mix: Sequence[float]) -> Image.Image:
    return _evaluate(
        lambda a: (mix[0] * a["r"] + mix[1] * a["g"] + mix[2] * a["b"] + _BIAS) ** (1 / 3) - _BIAS_ROOT,
        r=red,
        g=green,
        b=blue,
    )


def _evaluate(expression: Callable[[dict[str, Any]], Any], **planes: Image.Image) -> Image.Image:
    result: Image.Image = ImageMath.lambda_eval(expression, **planes)
    return result


def _product(left: Image.Image, right: Image.Image) -> Image.Image:
    return _evaluate(lambda a: a["x"] * a["y"], x=left, y=right)


def _fourth_power(plane: Image.Image) -> Image.Image:
    squared = _product(plane, plane)
    return _product(squared, squared)


def _blurred(planes: Planes) -> Planes:
    """Blurs as the metric does, with zeros beyond the edges; all planes in one sheet, to save calls."""
    margin = len(_BLUR) - 1
    size = (
        max(plane.width for plane in planes.values()),
        sum(plane.height + margin for plane in planes.values()),
    )
    sheet, places, top = Image.new("F", size), {}, 0
    for name, plane in planes.items():
        places[name] = (0, top, plane.width, top + plane.height)
        sheet.paste(plane, places[name])
        top += plane.height + margin
    sheet = _blurred_along(_blurred_along(sheet, (0, 1)), (1, 0))
    return {name: sheet.crop(place) for name, place in places.items()}


def _blurred_along(sheet: Image.Image, axis: tuple[int, int]) -> Image.Image:
    def moved(by: int) -> Image.Image:
        left, top = axis[0] * by, axis[1] * by
        return sheet.crop((left, top, left + sheet.width, top + sheet.height))

    reach = range(1, len(_BLUR))
    return _evaluate(
        lambda a: sum(((a[f"b{by}"] + a[f"a{by}"]) * _BLUR[by] for by in reach), a["here"] * _BLUR[0]),
        here=sheet,
        **{f"b{by}": moved(-by) for by in reach},
        **{f"a{by}": moved(by) for by in reach},
    )


def _spread(means: Image.Image, size: tuple[int, int]) -> Image.Image:
    return means if means.size == size else means.resize(size, Image.Resampling.BILINEAR)


def _mean(plane: Image.Image) -> float:
    mean = plane.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(mean, float)  # noqa: S101 - for the type checker: the plane is of one channel
    return mean
