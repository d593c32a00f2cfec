"""Finds the quality whose file scores nearest to a target, by encoding and measuring.

The narrowest picture of a ladder is searched first. Its distance from the typical curve, its slope, and its
bits a pixel predict the quality of the next, or guide its trial on a sample. Every score that is returned is
that of the whole file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log2

from PIL import Image

from darkroom.domain.profile import FormatChoice
from darkroom.domain.renditions import Format
from darkroom.imaging import encode
from darkroom.imaging.fitted import GROWTH, SAMPLE, SMALL, TYPICAL
from darkroom.imaging.planes import subsampled
from darkroom.imaging.sample import Sample
from darkroom.imaging.ssimulacra2 import Ssimulacra2

# Points from the target that are close enough, and the differences between the qualities to try.
_TOLERANCES = {Format.JPEG: 1.0, Format.WEBP: 1.9, Format.AVIF: 1.9, Format.JXL: 1.0}
_STEPS = {Format.JPEG: 0.25, Format.WEBP: 1.0, Format.AVIF: 1.0, Format.JXL: 1.0}
_ENCODINGS = 8
# Up to this number of pixels, pictures deviate so much that they guide no others.
SMALL_PIXELS = 40_000
# Within this distance of the target, the typical curve predicts the quality as well as a second trial would.
_NEAR = 4.0
_TRIALS = 2
# The share of a prediction's excess that the next one has too.
_LASTING = 0.4
# Changes of the score by those of the typical score; at most, a tiny picture's.
_SLOPES = (0.4, 5.0)
# Where the loss of 4:2:0 alone leaves these points above the target, it takes fewer bytes than 4:4:4, or for
# AVIF as many in less time and memory.
_COLOUR_MARGINS = {Format.JPEG: 2.5, Format.AVIF: 9.0}
# Up to this number of pixels, an AVIF has 2 to 4% fewer bytes as 4:4:4; at a million, 1%.
FULL_COLOUR_PIXELS = 800_000


@dataclass(frozen=True, slots=True)
class Made:
    """An encoded picture; `score` is measured, and None for a fixed quality."""

    content: bytes
    quality: float
    score: float | None
    subsampling: str


def encode_ladder(
    choice: FormatChoice,
    images: Sequence[Image.Image],
    *,
    repack: bool = True,
    libjpeg: bool = False,
    avif: encode.Avif = encode.USUAL_AVIF,
) -> Iterator[Made]:
    """Encodes the pictures of a ladder, given widest first, and yields the narrowest first."""
    target = choice.target or typical_score(choice.format, choice.quality or 1)
    search = Search(choice.format, target)
    for image in reversed(images):
        subsampling = "4:2:0" if libjpeg else search.subsampling(image)
        encoder = encode.encoder(choice.format, subsampling, repack=repack, libjpeg=libjpeg, avif=avif)
        if choice.target is None:
            quality = float(choice.quality or 1)
            yield Made(encoder.file(image, quality), quality, None, subsampling)
        else:
            yield search.run(image, encoder)


class Search:
    """Searches the qualities for one ladder's pictures, from the narrowest to the widest.

    A quality is seen as its typical score: on that scale, the curve of any picture is nearly a straight line.
    """

    def __init__(self, wanted: Format, target: float) -> None:
        self._format = wanted
        self._target = target
        # The typical score at which the last picture reaches the target, and the slope of its curve there.
        self._level, self._slope = target, 1.0
        # The last picture's number of pixels, the bits of its file for each, and its subsampling.
        self._pixels, self._density, self._subsampling = 0, 0.0, ""
        # The doublings of pixels of the last prediction, 0 for a sample, and for each its excess of levels.
        self._doublings, self._excess = 0.0, 0.0
        # 4:2:0 loses little of a picture so far; wider ones lose less.
        self._loses_little = False

    def subsampling(self, image: Image.Image) -> str:
        """Returns the subsampling with the fewest bytes at the target; text gets 4:4:4."""
        if self._format is Format.JXL:
            return "4:4:4"
        if self._format is Format.WEBP or image.mode in ("L", "LA"):
            return "4:2:0"
        if self._format is Format.AVIF and image.width * image.height <= FULL_COLOUR_PIXELS:
            return "4:4:4"
        coloured = image if image.mode == "RGB" else image.convert("RGB")
        # SSIMULACRA2 weighs colour so much in such small pictures that 4:2:0 can't score above 63.
        if min(image.size) < encode.SMALL_SIDE or encode.loses_colour_when_subsampled(coloured):
            return "4:4:4"
        if not self._loses_little:
            sample = Sample(coloured).picture
            left = Ssimulacra2(sample).score(subsampled(sample)) - self._target
            self._loses_little = left >= _COLOUR_MARGINS[self._format]
        return "4:2:0" if self._loses_little else "4:4:4"

    def run(self, image: Image.Image, encoder: encode.Encoder) -> Made:
        """Encodes the picture at the quality that comes nearest to the target."""
        pixels = image.width * image.height
        quality = self._first(image, encoder)
        ssimulacra2, scores = Ssimulacra2(image), dict[float, float]()
        while True:
            shown, write = encoder.shown(image, quality)
            scores[quality] = ssimulacra2.score(shown)
            following = self._next(scores)
            is_near = abs(scores[quality] - self._target) <= _TOLERANCES[self._format]
            if is_near or following in scores or len(scores) == _ENCODINGS:
                break
            del shown, write  # frees their memory for the next trial
            quality = following
        best = min(scores, key=lambda tried: abs(scores[tried] - self._target))
        if best != quality:
            write = encoder.shown(image, best)[1]
        content = write()
        if pixels > SMALL_PIXELS:
            predicted = self._level
            self._level, self._slope = self._line(scores)
            self._excess = (predicted - self._level) / max(self._doublings, 1) if self._doublings else 0.0
            self._pixels, self._density = pixels, 8 * len(content) / pixels
            self._subsampling = encoder.subsampling
        return Made(content, best, scores[best], encoder.subsampling)

    def _first(self, image: Image.Image, encoder: encode.Encoder) -> float:
        """Predicts the quality from the last picture, or by a trial on a sample."""
        pixels = image.width * image.height
        if pixels <= SMALL_PIXELS:
            return quality_at(self._format, self._target - SMALL[self._format])
        self._doublings = 0.0
        if self._format in GROWTH and encoder.subsampling == self._subsampling:
            self._doublings = log2(pixels / self._pixels)
            self._level -= self._doublings * (self._growth() / self._slope + _LASTING * self._excess)
        else:
            self._try(Sample(image), encoder)
        return quality_at(self._format, self._level)

    def _growth(self) -> float:
        """Predicts the points that a picture with twice the pixels of the last scores more."""
        always, by_density, by_target, by_pixels = GROWTH[self._format]
        growth = always + by_density * log2(self._density) + by_pixels * log2(self._pixels)
        return growth + by_target * self._target

    def _try(self, sample: Sample, encoder: encode.Encoder) -> None:
        """Corrects the level and the slope by trials on a sample."""
        ssimulacra2, bias = Ssimulacra2(sample.picture), _bias(self._format, sample)
        scores: dict[float, float] = {}
        quality = quality_at(self._format, self._level)
        while quality not in scores and len(scores) < _TRIALS:
            scores[quality] = ssimulacra2.score(encoder.sample(sample.picture, quality)) - bias
            self._level, self._slope = self._line(scores)
            if abs(scores[quality] - self._target) < _NEAR:
                break
            quality = quality_at(self._format, self._level)

    def _line(self, scores: dict[float, float]) -> tuple[float, float]:
        """Returns the level of the target and the slope, by two qualities, on both sides if possible."""
        below, above = _bracket(scores, self._target)
        near = sorted(scores, key=lambda quality: abs(scores[quality] - self._target))[:2]
        if below is not None and above is not None:
            near = [below, above]
        levels = [typical_score(self._format, quality) for quality in near]
        slope = self._slope
        if len(near) > 1:
            slope = (scores[near[1]] - scores[near[0]]) / (levels[1] - levels[0])
            slope = min(max(slope, _SLOPES[0]), _SLOPES[1])
        return levels[0] + (self._target - scores[near[0]]) / slope, slope

    def _next(self, scores: dict[float, float]) -> float:
        """Predicts the quality that reaches the target, or returns one that was tried if no other can."""
        below, above = _bracket(scores, self._target)
        step = _STEPS[self._format]
        lowest, highest = (1.0 if below is None else below + step), (100.0 if above is None else above - step)
        if lowest > highest:
            return next(iter(scores))
        level, _ = self._line(scores)
        misses = (abs(score - self._target) for score in scores.values())
        if below is not None and above is not None and len(scores) > _TRIALS and min(misses) > _NEAR:
            return (lowest + highest) / 2 // step * step  # the curve is far from straight
        return min(max(quality_at(self._format, level), lowest), highest)


def _bracket(scores: dict[float, float], target: float) -> tuple[float | None, float | None]:
    """Returns the highest quality that falls short of the target, and the lowest that reaches it."""
    below = max((quality for quality, score in scores.items() if score < target), default=None)
    return below, min((quality for quality, score in scores.items() if score >= target), default=None)


def _bias(wanted: Format, sample: Sample) -> float:
    """Returns the points that a sample scores more than the whole picture."""
    always, by_doubling = SAMPLE[wanted]
    return always + by_doubling * log2(sample.pixel_ratio)


def typical_score(wanted: Format, quality: float) -> float:
    """Returns the median score of photographs."""
    for (low, low_score), (high, high_score) in pairwise(TYPICAL[wanted]):
        if quality <= high:
            return low_score + (high_score - low_score) * (quality - low) / (high - low)
    raise ValueError(f"quality must be at most 100, not {quality}")


def quality_at(wanted: Format, score: float) -> float:
    """Returns the quality with the typical score nearest to `score`, 1 to 100."""
    points, step = TYPICAL[wanted], _STEPS[wanted]
    for (low, low_score), (high, high_score) in pairwise(points):
        if score <= high_score:
            quality = low + (high - low) * (score - low_score) / (high_score - low_score)
            return max(1.0, round(quality / step) * step)
    return 100.0
