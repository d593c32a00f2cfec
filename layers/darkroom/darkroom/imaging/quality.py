"""Finds the quality whose file scores nearest to a target, by encoding and measuring.

The narrowest picture of a ladder is searched first; its distance from the typical curve guides the search
for the next. A large picture is first tried on a sample. Every score that is returned is measured on the
whole file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat
from math import log2

from PIL import Image

from darkroom.domain.profile import FormatChoice
from darkroom.domain.renditions import Format
from darkroom.imaging import encode
from darkroom.imaging.decoding import read_as
from darkroom.imaging.sample import Sample
from darkroom.imaging.ssimulacra2 import Ssimulacra2, error_at

# Median score of photographs by quality, interpolated linearly: from bench/fit_quality.py. The curve of a
# single picture lies above or below, with nearly the same slope: one measurement gives the offset.
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


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a search: points from the target that are close enough, and encodings of a picture."""

    tolerance: float
    encodings: int


_LIMITS = {Format.JPEG: Limits(0.9, 4), Format.WEBP: Limits(1.7, 3), Format.AVIF: Limits(1.7, 3)}
# A picture that is its own sample is quick to encode, and its result guides the search for the wider ones.
_LIMITS_IF_SMALL = Limits(0.7, 8)
# Below this number of pixels, pictures deviate so much that they guide no others.
_SMALL_PIXELS = 40_000
# Within this distance of the target, the typical curve predicts the quality as well as a second trial would.
_NEAR = 3.0
_TRIALS = 3
# A whole picture scores this many points less than its sample, for each doubling of the pixels outside of it:
# from bench/fit_quality.py.
SAMPLE_BIAS = {Format.JPEG: 0.5, Format.WEBP: 0.9, Format.AVIF: 0.5}

# Subsampling saves bytes only if it causes less than this share of the error that the target allows. The
# coarsest comes first. Measured on photographs of 640 to 1920 pixels.
_SUBSAMPLINGS = {
    Format.JPEG: (("4:2:0", 0.75),),
    Format.AVIF: (("4:2:0", 0.6),),
}
# The error from subsampling falls with this power of the width.
_ERROR_EXPONENT = 0.75


@dataclass(frozen=True, slots=True)
class Made:
    """An encoded picture; `score` is measured, and None for a fixed quality."""

    content: bytes
    quality: int
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
            quality, score = choice.quality or 1, None
            pixels = encoder.pixels(image, quality)
        else:
            quality, score, pixels = search.run(image, encoder)
        yield Made(encoder.file(image, quality, pixels), quality, score, subsampling)


def _subsamplings(wanted: Format, target: float, narrow_first: Sequence[Image.Image]) -> Iterator[str]:
    """Yields each picture's subsampling with the fewest bytes at the target; text gets 4:4:4."""
    measured: tuple[int, float] | None = None  # a width, and the error from subsampling alone there
    for image in narrow_first:
        if wanted is Format.WEBP or image.mode in ("L", "LA"):
            yield "4:2:0"
            continue
        coloured = image if image.mode == "RGB" else image.convert("RGB")
        # SSIMULACRA2 weighs colour so much in such small pictures that 4:2:0 can't score above 63.
        too_small = min(image.size) < encode.SMALL_SIDE
        if too_small or encode.loses_colour_when_subsampled(coloured):
            yield "4:4:4"
            continue
        width, error = measured = measured or (image.width, _error_of_subsampling(coloured))
        lost, allowed = error * (width / image.width) ** _ERROR_EXPONENT, error_at(target)
        yield next((name for name, share in _SUBSAMPLINGS[wanted] if lost < share * allowed), "4:4:4")


def _error_of_subsampling(image: Image.Image) -> float:
    sample = Sample(image).picture
    return error_at(Ssimulacra2(sample).score(encode.subsampled(sample)))


class Search:
    """Searches the qualities for one ladder's pictures, from the narrowest to the widest."""

    def __init__(self, wanted: Format, target: float) -> None:
        self._format = wanted
        self._target = target
        # The last picture's distance from the typical curve, and its sample's from the whole.
        self._offset = 0.0
        self._bias: float | None = None

    def run(self, image: Image.Image, encoder: encode.Encoder) -> tuple[int, float, bytes]:
        """Returns the quality, the measured score, and the bytes with the final pixels."""
        sample = Sample(image)
        quality = quality_at(self._format, self._target - self._offset)
        trials = {} if sample.is_whole else self._try(sample, quality, encoder)
        if trials:
            quality = self._next(trials)
        limits = _LIMITS_IF_SMALL if sample.is_whole else _LIMITS[self._format]
        ssimulacra2, scores, encoded = Ssimulacra2(image), dict[int, float](), dict[int, bytes]()
        while quality not in scores and len(scores) < limits.encodings:
            encoded[quality] = encoder.pixels(image, quality)
            scores[quality] = ssimulacra2.score(read_as(self._format.value, encoded[quality]))
            if abs(scores[quality] - self._target) <= limits.tolerance:
                break
            quality = self._next(scores)
        best = min(scores, key=lambda quality: abs(scores[quality] - self._target))
        if image.width * image.height > _SMALL_PIXELS:
            self._learn(best, scores[best], sample, trials)
        return best, scores[best], encoded[best]

    def _try(self, sample: Sample, quality: int, encoder: encode.Encoder) -> dict[int, float]:
        """Predicts scores of the whole picture from its sample, near the target."""
        ssimulacra2 = Ssimulacra2(sample.without_margins(sample.picture))
        scores: dict[int, float] = {}
        while quality not in scores and len(scores) < _TRIALS:
            decoded = read_as(self._format.value, encoder.sample(sample.picture, quality))
            scores[quality] = ssimulacra2.score(sample.without_margins(decoded)) - self._bias_of(sample)
            if abs(scores[quality] - self._target) < _NEAR:
                break
            quality = self._next(scores)
        return scores

    def _bias_of(self, sample: Sample) -> float:
        growth = SAMPLE_BIAS[self._format]
        return self._bias if self._bias is not None else growth * log2(sample.pixel_ratio)

    def _learn(self, quality: int, score: float, sample: Sample, trials: dict[int, float]) -> None:
        self._offset = score - typical_score(self._format, quality)
        if trials:
            nearest = min(trials, key=lambda tried: abs(tried - quality))
            moved = typical_score(self._format, quality) - typical_score(self._format, nearest)
            self._bias = self._bias_of(sample) + trials[nearest] + moved - score

    def _next(self, scores: dict[int, float]) -> int:
        """Predicts the quality that reaches the target."""
        reaching = min((quality for quality, score in scores.items() if score >= self._target), default=101)
        short = [quality for quality, score in scores.items() if score < self._target and quality < reaching]
        if reaching <= 100 and short:
            below = max(short)
            share = (self._target - scores[below]) / (scores[reaching] - scores[below])
            return round(below + share * (reaching - below))
        last = max(short) if short else reaching
        offset = scores[last] - typical_score(self._format, last)
        wanted = quality_at(self._format, self._target - offset)
        # Far from the target, move at least as far as between the lowest and the highest quality tried: on
        # an untypical picture the typical curve would move too little.
        far = abs(scores[last] - self._target) > _NEAR
        stride = max(1, max(scores) - min(scores)) if far else 1
        return min(100, max(last + stride, wanted)) if short else max(1, min(last - stride, wanted))


def typical_score(wanted: Format, quality: int) -> float:
    for (low, low_score), (high, high_score) in pairwise(TYPICAL[wanted]):
        if quality <= high:
            return low_score + (high_score - low_score) * (quality - low) / (high - low)
    raise ValueError(f"quality must be at most 100, not {quality}")


def quality_at(wanted: Format, score: float) -> int:
    """Returns the quality with the typical score nearest to `score`."""
    return min(range(1, 101), key=lambda quality: abs(typical_score(wanted, quality) - score))
