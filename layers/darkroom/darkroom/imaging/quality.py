"""The lowest quality that reaches a perceptual target, from a few trials on a sample of the picture.

A trial is scored by SSIMULACRA2 worked out with Pillow alone, since numpy would cost the function 90 ms and
60 MB: those of its 108 terms that weigh, at every fourth pixel, on a sample. `make bench` says how far that
is from the whole metric. It is a prediction, and receipts call it so.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import inf
from typing import Any

from PIL import Image, ImageMath

from darkroom.imaging import encode
from darkroom.imaging.decoding import read_as
from darkroom.model import Format
from darkroom.profile import FormatChoice

# The metric's own weights: by channel (X, Y, B), scale, norm (mean, fourth root of the mean fourth power) and
# kind (structure, added edges, lost edges). A picture with fewer scales than six takes them in the same
# order from the front, as the reference does.
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
_NEGLIGIBLE = 2.0

# By quality the median score of photographs, and straight lines in between: by tools/bench/fit_quality.py.
# Pictures lie above or below it, but are hardly ever steeper: one trial tells how far.
TYPICAL: dict[Format, tuple[tuple[int, float], ...]] = {
    Format.JPEG: (
        (1, -20.0),
        (30, 51.9),
        (45, 59.8),
        (60, 64.9),
        (72, 70.1),
        (80, 75.2),
        (86, 79.7),
        (91, 84.2),
        (95, 88.5),
        (100, 95.0),
    ),
    Format.WEBP: (
        (1, 25.0),
        (30, 52.8),
        (50, 63.7),
        (65, 68.7),
        (78, 74.1),
        (87, 81.1),
        (94, 86.0),
        (100, 90.0),
    ),
    Format.AVIF: (
        (1, 0.0),
        (35, 42.9),
        (50, 63.7),
        (60, 72.7),
        (70, 79.4),
        (80, 83.9),
        (90, 87.4),
        (100, 93.0),
    ),
}

# From a trial this near to its target the typical curve leads to it; small pictures stray from that curve, so
# that only what was tried is taken, and they can be tried as often as it takes.
_NEAR = {Format.JPEG: 2.0, Format.WEBP: 2.0, Format.AVIF: 2.0}
_AS_GOOD_AS_REACHED = 0.7
_TRIALS, _TRIALS_IN_SMALL = 4, 7

# Larger pictures are tried on a sample: tiles as whole as the encoders' blocks, spread evenly.
_SAMPLED_FROM_PIXELS = 500_000
_TILES = 5
_TILE = 112
# What a sample misses of the error, or adds to it where an encoder predicts across the seams of its tiles:
# measured on photographs of 1280 and 1920 pixels. Fewer and larger tiles miss more.
_UNSEEN = {Format.JPEG: 1.12, Format.WEBP: 0.92, Format.AVIF: 1.02}
_SMALL_PIXELS = 40_000

_BIAS = 0.0037930732552754493
_BIAS_ROOT = _BIAS ** (1 / 3)
_CONTRAST = 0.0009


@dataclass(frozen=True, slots=True)
class Chosen:
    """An encoder's quality for one picture; `score` is predicted, and None for a quality that was given."""

    quality: int
    score: float | None = None


def chosen(choice: FormatChoice, images: Sequence[Image.Image]) -> list[Chosen]:
    """The quality of each picture of a ladder, widest first; what the narrow one shows helps the wider."""
    if choice.target is None:
        return [Chosen(choice.quality or 1) for _ in images]
    search = _Search(choice.format, choice.target)
    return [search.run(image) for image in reversed(images)][::-1]


class _Search:
    def __init__(self, wanted: Format, target: float) -> None:
        self._format = wanted
        self._target = target
        # How far pictures of this ladder lie above the typical one.
        self._above = 0.0

    def run(self, image: Image.Image) -> Chosen:
        trials = _TRIALS_IN_SMALL if _is_small(image) else _TRIALS
        sample = sampled(image)
        unseen = 1.0 if sample.size == image.size else _UNSEEN[self._format]
        yardstick = Yardstick(sample)
        encoder = encode.trial(self._format, image)
        below, reaching = TYPICAL[self._format][0][0], TYPICAL[self._format][-1][0]
        quality = self._next(below, reaching)
        best = inf, Chosen(quality)
        for _ in range(trials):
            content = encoder(sample, quality)
            score = score_of(unseen * yardstick.error(reopened(content, self._format)))
            self._above = score - typical_score(self._format, quality)
            distance = abs(score - self._target)
            if distance < best[0]:
                best = distance, Chosen(quality, round(score, 1))
            below, reaching = (quality, reaching) if score < self._target else (below, quality)
            tried, quality = quality, self._next(below, reaching)
            if distance < _AS_GOOD_AS_REACHED or quality == tried:
                return best[1]
            if distance < _NEAR[self._format] and not _is_small(image):
                return Chosen(quality, round(typical_score(self._format, quality) + self._above, 1))
        return best[1]

    def _next(self, below: int, reaching: int) -> int:
        """The quality that should reach the target, in the middle of what is known if it lies beyond."""
        quality = quality_at(self._format, self._target - self._above)
        if below < quality <= reaching or reaching - below <= 1:
            return min(quality, reaching)
        return (below + reaching + 1) // 2


def typical_score(wanted: Format, quality: int) -> float:
    for (low, low_score), (high, high_score) in pairwise(TYPICAL[wanted]):
        if quality <= high:
            return low_score + (high_score - low_score) * (quality - low) / (high - low)
    raise ValueError(f"a quality of {quality}")


def quality_at(wanted: Format, score: float) -> int:
    """The lowest quality whose typical score reaches `score`, as far as it can be reached."""
    points = TYPICAL[wanted]
    return next((q for q in range(points[0][0], points[-1][0]) if typical_score(wanted, q) >= score), 100)


def sampled(image: Image.Image) -> Image.Image:
    """A small picture whole; of a large one tiles, as one picture; RGB."""
    if image.width * image.height < _SAMPLED_FROM_PIXELS or min(image.size) < _TILES * _TILE:
        return image.convert("RGB")
    tiles = Image.new("RGB", (_TILES * _TILE, _TILES * _TILE))
    for column, row in product(range(_TILES), repeat=2):
        left, top = (
            (side - _TILE) * place // (_TILES - 1)
            for side, place in zip(image.size, (column, row), strict=True)
        )
        tile = image.crop((left, top, left + _TILE, top + _TILE))
        tiles.paste(tile, (column * _TILE, row * _TILE))
    return tiles


def _is_small(picture: Image.Image) -> bool:
    return picture.width * picture.height <= _SMALL_PIXELS


def reopened(content: bytes, wanted: Format) -> Image.Image:
    """What was encoded just now, decoded."""
    return read_as(wanted.value, content).convert("RGB")


def score_of(error: float) -> float:
    """SSIMULACRA2's own curve from the error, 0 or more, to the score."""
    bent = 2.326765642916932 * error - 0.020884521182843837 * error**2 + 6.248496625763138e-05 * error**3
    return float(100 - 10 * bent**0.6276336467831387) if bent > 0 else 100.0


type Plane = tuple[int, int]  # channel (X, Y, B) and scale


def _scales(size: tuple[int, int]) -> int:
    """How many scales a picture has: one more than have eight pixels either way, up to six."""
    return min(len(_SCALES), 1 + sum(1 for scale in _SCALES if -(-min(size) // scale) >= 8))


def _weights(plane: Plane, scales: int) -> list[float]:
    """Of a plane's six terms; those that add next to nothing are left out."""
    channel, scale = plane
    first = (channel * scales + _SCALES.index(scale)) * 6
    return [weight if weight > _NEGLIGIBLE else 0.0 for weight in _WEIGHTS[first : first + 6]]


class Yardstick:
    """A picture that encodings of it are held against."""

    def __init__(self, picture: Image.Image) -> None:
        self._planes = dict(_planes(picture))
        self._weights = {plane: _weights(plane, _scales(picture.size)) for plane in self._planes}
        self._means = {name: _local_means(plane) for name, plane in self._planes.items()}
        self._squares = {name: _local_means(_product(p, p)) for name, p in self._planes.items()}
        self._smooth: dict[Plane, Image.Image] = {}

    def error(self, other: Image.Image) -> float:
        """The weighted sum of the terms, for `score_of`. `other` has to be of the same size."""
        others = dict(_planes(other))
        return sum(self._error(plane, others) for plane in others)

    def _error(self, plane: Plane, others: dict[Plane, Image.Image]) -> float:
        weights = self._weights[plane]
        error = 0.0
        if weights[0] or weights[3]:
            structure = self._structure(plane, others)
            error += weights[0] * _mean(structure) + weights[3] * _mean(_fourth_power(structure)) ** 0.25
        for weight, sign in ((weights[4], 1), (weights[5], -1)):
            if weight:
                error += weight * self._edges(plane, others[plane], sign)
        return error

    def _structure(self, name: Plane, others: dict[Plane, Image.Image]) -> Image.Image:
        """1 - SSIM', without its gamma correction, as SSIMULACRA2 has it."""
        mine, other = self._planes[name], others[name]
        return _evaluate(
            lambda a: (
                1
                - (1 - (a["m"] - a["n"]) * (a["m"] - a["n"]))
                * (2 * (a["both"] - a["m"] * a["n"]) + _CONTRAST)
                / (a["mm"] - a["m"] * a["m"] + a["nn"] - a["n"] * a["n"] + _CONTRAST)
            ),
            m=self._means[name],
            n=_local_means(other),
            mm=self._squares[name],
            nn=_local_means(_product(other, other)),
            both=_local_means(_product(mine, other)),
        )

    def _edges(self, name: Plane, other: Image.Image, sign: int) -> float:
        """The edges that the other picture has added (sign 1) or lost (-1): fourth root of their mean."""
        if name not in self._smooth:
            self._smooth[name] = _evaluate(
                lambda a: 1 / (1 + abs(a["x"] - a["m"])),
                x=self._planes[name],
                m=_spread(self._means[name], self._planes[name]),
            )
        twice = _evaluate(
            lambda a: _twice_positive(((1 + abs(a["y"] - a["n"])) * a["smooth"] - 1) * sign),
            y=other,
            n=_spread(_local_means(other), other),
            smooth=self._smooth[name],
        )
        return float(_mean(_fourth_power(twice)) ** 0.25 / 2)


def _twice_positive(value: Any) -> Any:
    return abs(value) + value


def _linear(level: int) -> float:
    stored = level / 255
    return stored / 12.92 if stored <= 0.04045 else float(((stored + 0.055) / 1.055) ** 2.4)


_LINEAR = [_linear(level) for level in range(256)]
_LIGHT = [(_linear(level) + _BIAS) ** (1 / 3) - _BIAS_ROOT for level in range(256)]


def _planes(picture: Image.Image) -> Iterator[tuple[Plane, Image.Image]]:
    """XYB, as SSIMULACRA2 shifts it: of a small picture all, of others what counts.

    Averaged as light, not as stored: the difference is most of what blue shows.
    """
    linear = [channel.point(_LINEAR, "F") for channel in picture.split()]
    small = _is_small(picture)
    if not small:
        # At these two scales lightness alone counts, and what is stored gives it without a root per pixel.
        light = picture.convert("L").point(_LIGHT, "F")
        yield (1, 1), light
        yield (1, 2), light.reduce(2)
    for scale in _SCALES[0 if small else 2 : min(5, _scales(picture.size))]:
        red, green, blue = (c.reduce(scale) if scale > 1 else c for c in linear)
        long = _cone(red, green, blue, (0.30, 0.622, 0.078))
        medium = _cone(red, green, blue, (0.23, 0.692, 0.078))
        lightness = _evaluate(lambda a: (a["l"] + a["m"]) / 2, l=long, m=medium)
        yield (1, scale), lightness
        if small:
            yield (0, scale), _evaluate(lambda a: (a["l"] - a["m"]) * 7, l=long, m=medium)
        if small or scale > 4:
            short = _cone(red, green, blue, (0.24342268924547819, 0.20476744424496821, 0.5518098665095536))
            yield (2, scale), _evaluate(lambda a: a["s"] - a["y"], s=short, y=lightness)


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


def _product(one: Image.Image, other: Image.Image) -> Image.Image:
    return _evaluate(lambda a: a["x"] * a["y"], x=one, y=other)


def _fourth_power(plane: Image.Image) -> Image.Image:
    squared = _product(plane, plane)
    return _product(squared, squared)


def _local_means(plane: Image.Image) -> Image.Image:
    """Weighted by a triangle as wide as SSIMULACRA2's Gaussian, at every fourth pixel."""
    size = max(1, plane.width // 4), max(1, plane.height // 4)
    return plane.resize(size, Image.Resampling.BILINEAR)


def _spread(means: Image.Image, plane: Image.Image) -> Image.Image:
    return means.resize(plane.size, Image.Resampling.BILINEAR)


def _mean(plane: Image.Image) -> float:
    mean = plane.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(mean, float)  # noqa: S101 - for the type checker: the plane is of one channel
    return mean
