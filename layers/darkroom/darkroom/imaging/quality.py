"""Finds the quality whose file scores nearest to a target, by encoding and measuring.

The narrowest picture of a ladder is searched first, on a sample if it is large; its distance from the typical
curve predicts the quality of the next. Every score that is returned is measured on the whole file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat
from math import log, log2

from PIL import Image

from darkroom.domain.profile import FormatChoice
from darkroom.domain.renditions import Format
from darkroom.imaging import encode
from darkroom.imaging.decoding import read_rendition
from darkroom.imaging.sample import Sample
from darkroom.imaging.ssimulacra2 import Ssimulacra2, error_at

# Median score of photographs by quality, interpolated linearly: from bench/fit_quality.py. The curve of a
# single picture lies above or below, with nearly the same slope: one measurement gives the offset.
TYPICAL: dict[Format, tuple[tuple[int, float], ...]] = {
    Format.JPEG: (
        (1, -20.0),
        (15, 34.7),
        (30, 48.2),
        (45, 56.6),
        (60, 62.7),
        (72, 68.2),
        (80, 72.6),
        (86, 76.7),
        (91, 80.7),
        (95, 85.5),
        (98, 90.0),
        (100, 95.0),
    ),
    Format.WEBP: (
        (1, 5.0),
        (15, 33.9),
        (30, 47.6),
        (50, 58.5),
        (65, 63.4),
        (78, 69.8),
        (87, 77.9),
        (94, 84.5),
        (100, 89.0),
    ),
    Format.AVIF: (
        (1, 0.0),
        (20, 29.5),
        (35, 52.2),
        (50, 68.4),
        (60, 75.0),
        (70, 80.5),
        (80, 84.2),
        (90, 87.8),
        (100, 92.0),
    ),
    Format.JXL: (
        (1, 10.2),
        (10, 27.3),
        (30, 53.6),
        (50, 62.7),
        (65, 71.6),
        (80, 80.3),
        (88, 85.4),
        (94, 89.8),
        (98, 92.7),
        (100, 95.0),
    ),
}

# The qualities to search: above 90, a whole step changes the score of a small JPEG by up to 3 points.
_WHOLE_STEPS = tuple(float(quality) for quality in range(1, 101))
_QUALITIES = {
    Format.JPEG: (*_WHOLE_STEPS[:89], *(90 + quarters / 4 for quarters in range(41))),
    Format.WEBP: _WHOLE_STEPS,
    Format.AVIF: _WHOLE_STEPS,
    Format.JXL: _WHOLE_STEPS,
}

# Points that a picture scores more at equal quality for each doubling of its pixels: with 4:2:0 or another
# subsampling in both sizes, or with less colour in the larger one. From bench/fit_quality.py.
GROWTH = {
    Format.JPEG: {"4:2:0": 0.55, "kept": -0.05, "reduced": -0.05},
    Format.WEBP: {"4:2:0": -0.3, "kept": 0.0, "reduced": 0.0},
    Format.AVIF: {"4:2:0": 0.1, "kept": 0.2, "reduced": -0.9},
    Format.JXL: {"kept": 0.07},
}
# Points that a picture scores less than its sample for each doubling of the pixels outside of the sample.
SAMPLE_BIAS = {Format.JPEG: 0.62, Format.WEBP: 1.05, Format.AVIF: 0.62, Format.JXL: 0.83}


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a search: points from the target that are close enough, and encodings of a picture."""

    tolerance: float
    encodings: int


_LIMITS = {
    Format.JPEG: Limits(0.9, 5),
    Format.WEBP: Limits(1.8, 5),
    Format.AVIF: Limits(1.8, 5),
    Format.JXL: Limits(0.9, 5),
}
# Up to this number of pixels, pictures deviate so much that they guide no others, and encodings cost nothing.
_SMALL_PIXELS = 40_000
_LIMITS_IF_SMALL = Limits(0.7, 8)
# Within this distance of the target, the typical curve predicts the quality as well as a second trial would.
_NEAR = 3.0
_TRIALS = 3

# The bytes that one point of score costs near the limit of 4:2:0, as a share.
_BYTES_PER_POINT = 0.05
# AVIF: subsampling saves bytes only if it causes less than this share of the error that the target allows.
# Measured on photographs of 640 to 1920 pixels.
_SUBSAMPLING_SHARE = 0.6
# The error from subsampling falls with this power of the width.
_ERROR_EXPONENT = 0.75


@dataclass(frozen=True, slots=True)
class Made:
    """An encoded picture; `score` is measured, and None for a fixed quality."""

    content: bytes
    quality: float
    score: float | None
    subsampling: str


def encode_ladder(
    choice: FormatChoice, images: Sequence[Image.Image], *, repack: bool = True, libjpeg: bool = False
) -> Iterator[Made]:
    """Encodes the pictures of a ladder, given widest first, and yields the narrowest first."""
    narrow_first = images[::-1]
    target = choice.target or typical_score(choice.format, choice.quality or 1)
    search = Search(choice.format, target)
    subsamplings = (
        repeat("4:2:0", len(images)) if libjpeg else _subsamplings(choice.format, target, narrow_first)
    )
    for image, subsampling in zip(narrow_first, subsamplings, strict=True):
        encoder = encode.encoder(choice.format, subsampling, repack=repack, libjpeg=libjpeg)
        if choice.target is None:
            quality, score = float(choice.quality or 1), None
            content = encoder.file(image, quality)
        else:
            quality, score, content = search.run(image, encoder)
        yield Made(content, quality, score, subsampling)


def _subsamplings(wanted: Format, target: float, narrow_first: Sequence[Image.Image]) -> Iterator[str]:
    """Yields each picture's subsampling with the fewest bytes at the target; text gets 4:4:4."""
    measured: tuple[int, float] | None = None  # a width, and the error from subsampling alone there
    subsampled = False
    for image in narrow_first:
        if wanted is Format.JXL:
            yield "4:4:4"
            continue
        if wanted is Format.WEBP or image.mode in ("L", "LA"):
            yield "4:2:0"
            continue
        coloured = image if image.mode == "RGB" else image.convert("RGB")
        # SSIMULACRA2 weighs colour so much in such small pictures that 4:2:0 can't score above 63.
        too_small = min(image.size) < encode.SMALL_SIDE
        if too_small or encode.loses_colour_when_subsampled(coloured):
            yield "4:4:4"
            continue
        if wanted is Format.JPEG:
            # Wider pictures lose less.
            subsampled = subsampled or _is_smaller_subsampled(coloured, target)
        else:
            width, error = measured = measured or (image.width, _error_of_subsampling(coloured))
            lost = error * (width / image.width) ** _ERROR_EXPONENT
            subsampled = lost < _SUBSAMPLING_SHARE * error_at(target)
        yield "4:2:0" if subsampled else "4:4:4"


def _is_smaller_subsampled(image: Image.Image, target: float) -> bool:
    """Encodes a sample as JPEG with both kinds of chroma, and compares bytes at equal score."""
    sample, quality = Sample(image).picture, quality_at(Format.JPEG, target)
    ssimulacra2, costs = Ssimulacra2(sample), list[float]()
    for subsampling in ("4:2:0", "4:4:4"):
        content = encode.jpeg(sample, quality, subsampling)
        costs.append(
            log(len(content)) - _BYTES_PER_POINT * ssimulacra2.score(read_rendition(Format.JPEG, content))
        )
    return costs[0] <= costs[1]


def _error_of_subsampling(image: Image.Image) -> float:
    sample = Sample(image).picture
    return error_at(Ssimulacra2(sample).score(encode.subsampled(sample)))


class Search:
    """Searches the qualities for one ladder's pictures, from the narrowest to the widest."""

    def __init__(self, wanted: Format, target: float) -> None:
        self._format = wanted
        self._target = target
        # The last picture's number of pixels and subsampling, and its distance from the typical curve.
        self._last: tuple[int, str, float] | None = None

    def run(self, image: Image.Image, encoder: encode.Encoder) -> tuple[float, float, bytes]:
        """Returns the quality, the measured score, and the file."""
        pixels = image.width * image.height
        limits = _LIMITS_IF_SMALL if pixels <= _SMALL_PIXELS else _LIMITS[self._format]
        quality = self._first(image, encoder)
        ssimulacra2, scores, encoded = Ssimulacra2(image), dict[float, float](), dict[float, bytes]()
        while quality not in scores and len(scores) < limits.encodings:
            encoded[quality] = encoder.file(image, quality)
            scores[quality] = ssimulacra2.score(read_rendition(self._format, encoded[quality]))
            if abs(scores[quality] - self._target) <= limits.tolerance:
                break
            quality = self._next(scores)
        best = min(scores, key=lambda quality: abs(scores[quality] - self._target))
        if pixels > _SMALL_PIXELS:
            self._last = pixels, encoder.subsampling, scores[best] - typical_score(self._format, best)
        return best, scores[best], encoded[best]

    def _first(self, image: Image.Image, encoder: encode.Encoder) -> float:
        """Predicts the quality from the last picture, or by trials on a sample."""
        quality = self._guess(image, encoder)
        if image.width * image.height <= _SMALL_PIXELS:
            return quality
        sample = Sample(image)
        # AVIF takes so long that a trial with its quicker encoder always pays.
        if self._format is Format.AVIF or not (self._last or sample.is_whole):
            return self._try(sample, quality, encoder)
        return quality

    def _guess(self, image: Image.Image, encoder: encode.Encoder) -> float:
        offset = 0.0
        if self._last:
            pixels, subsampling, offset = self._last
            change = growth_between(subsampling, encoder.subsampling)
            offset += GROWTH[self._format][change] * log2(image.width * image.height / pixels)
        return quality_at(self._format, self._target - offset)

    def _try(self, sample: Sample, quality: float, encoder: encode.Encoder) -> float:
        """Predicts the quality for a picture by trials on its sample."""
        ssimulacra2 = Ssimulacra2(sample.without_margins(sample.picture))
        bias = SAMPLE_BIAS[self._format] * log2(sample.pixel_ratio)
        scores: dict[float, float] = {}
        while quality not in scores and len(scores) < _TRIALS:
            decoded = read_rendition(self._format, encoder.sample(sample.picture, quality))
            scores[quality] = ssimulacra2.score(sample.without_margins(decoded)) - bias
            last, quality = quality, self._next(scores)
            if abs(scores[last] - self._target) < _NEAR:
                break
        return quality

    def _next(self, scores: dict[float, float]) -> float:
        """Predicts the quality that reaches the target, or returns one that was tried if no other can."""
        qualities = _QUALITIES[self._format]
        reaching = min((quality for quality, score in scores.items() if score >= self._target), default=101)
        short = [quality for quality, score in scores.items() if score < self._target and quality < reaching]
        if reaching <= 100 and short:
            below = max(short)
            share = (self._target - scores[below]) / (scores[reaching] - scores[below])
            return _nearest(qualities, below + share * (reaching - below))
        last = max(short) if short else reaching
        offset = scores[last] - typical_score(self._format, last)
        wanted = quality_at(self._format, self._target - offset)
        # Far from the target, move at least as far as between the lowest and the highest quality tried: on
        # an untypical picture the typical curve would move too little.
        far = abs(scores[last] - self._target) > _NEAR
        stride = max(scores) - min(scores) if far else 0
        if short:
            beyond = [quality for quality in qualities if quality > last]
            return _nearest(beyond, max(last + stride, wanted)) if beyond else last
        beyond = [quality for quality in qualities if quality < last]
        return _nearest(beyond, min(last - stride, wanted)) if beyond else last


def growth_between(subsampling: str, larger: str) -> str:
    """Returns the key of GROWTH for the subsamplings of two sizes."""
    if subsampling != larger:
        return "reduced"
    return subsampling if subsampling == "4:2:0" else "kept"


def _nearest(qualities: Sequence[float], wanted: float) -> float:
    return min(qualities, key=lambda quality: abs(quality - wanted))


def typical_score(wanted: Format, quality: float) -> float:
    for (low, low_score), (high, high_score) in pairwise(TYPICAL[wanted]):
        if quality <= high:
            return low_score + (high_score - low_score) * (quality - low) / (high - low)
    raise ValueError(f"quality must be at most 100, not {quality}")


def quality_at(wanted: Format, score: float) -> float:
    """Returns the quality with the typical score nearest to `score`."""
    return min(_QUALITIES[wanted], key=lambda quality: abs(typical_score(wanted, quality) - score))
