"""Finds the quality nearest to a perceptual target, by a few trials on a sample of the picture.

A trial is encoded fast and scored by ssimulacra2.py; bench/fit_quality.py measured the error of both.
The score is a prediction, and receipts say so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import NamedTuple

from PIL import Image, ImageChops

from darkroom.domain.profile import FormatChoice
from darkroom.domain.renditions import Format
from darkroom.imaging import encode
from darkroom.imaging.decoding import read_as
from darkroom.imaging.ssimulacra2 import ALL_SCALES, Ssimulacra2, error_at, is_small, scales, score_of

# Median score of photographs by quality, interpolated linearly: from bench/fit_quality.py. The curve of a
# single picture lies above or below, with nearly the same slope: one trial gives the offset.
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

# Within this distance of the target, the typical curve predicts as well as a second trial. Small pictures
# deviate from that curve, so they get more trials, and only a tried quality is used.
_NEAR = {Format.JPEG: 3.0, Format.WEBP: 3.0, Format.AVIF: 4.0}
_CLOSE_ENOUGH = 0.7
_TRIALS, _TRIALS_IF_SMALL = 4, 8


class Tiles(NamedTuple):
    """The sampling of a large picture: tiles per side, pixels per tile side, and the ignored margin."""

    across: int
    side: int
    margin: int


# JPEG's blocks are independent. The other formats predict across the seams between tiles, so a margin beside
# each seam is ignored. AVIF's tiles are three blocks of 64 pixels a side: a seam inside a block distorts the
# whole block, which cost smooth pictures 2 points.
_TILES = {Format.JPEG: Tiles(3, 160, 0), Format.WEBP: Tiles(3, 144, 8), Format.AVIF: Tiles(3, 192, 8)}
# Candidate positions per side for each tile.
_POSITIONS = 7
# True error = factor x (a trial's error) x (the picture's pixels / the sample's) ** growth, approximately.
# From bench/fit_quality.py.
SAMPLING_ERROR = {Format.JPEG: (1.00, 0.02), Format.WEBP: (1.00, 0.07), Format.AVIF: (0.94, 0.08)}

# Subsampling saves bytes only if it causes less than this share of the error that the target allows. The
# coarsest comes first. Measured on photographs of 640 to 1920 pixels.
_SUBSAMPLINGS = {
    Format.JPEG: (("4:2:0", 0.42), ("4:2:2", 0.75)),
    Format.AVIF: (("4:2:0", 0.6),),
}
# The error from subsampling falls with this power of the width.
_ERROR_EXPONENT = 0.75
_COLOUR_TILES = Tiles(3, 112, 0)


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """The settings for encoding one picture; `score` is predicted, and None for a fixed quality."""

    quality: int
    score: float | None = None
    subsampling: str = "4:2:0"


def choose_settings(choice: FormatChoice, images: Sequence[Image.Image]) -> list[EncoderSettings]:
    """Chooses settings for each picture of a ladder, widest first; narrow ones guide the search for wider."""
    narrow_first = images[::-1]
    target = choice.target or typical_score(choice.format, choice.quality or 1)
    subsamplings = _subsamplings(choice.format, target, narrow_first)
    if choice.target is None:
        return [EncoderSettings(choice.quality or 1, None, subsampling) for subsampling in subsamplings][::-1]
    search = _Search(choice.format, choice.target)
    return [search.run(*pair) for pair in zip(narrow_first, subsamplings, strict=True)][::-1]


def _subsamplings(wanted: Format, target: float, narrow_first: Sequence[Image.Image]) -> Iterator[str]:
    """Yields each picture's subsampling with the fewest bytes at the target; text gets 4:4:4."""
    measured: tuple[int, float] | None = None  # a width, and the error from subsampling alone there
    for image in narrow_first:
        if wanted is Format.WEBP or image.mode in ("L", "LA"):
            yield "4:2:0"
            continue
        coloured = image if image.mode == "RGB" else image.convert("RGB")
        # In a picture of few scales SSIMULACRA2 weighs colour so much that 4:2:0 can't score above 63.
        if scales(image.size) < ALL_SCALES or encode.loses_colour_when_subsampled(coloured):
            yield "4:4:4"
            continue
        width, error = measured = measured or (image.width, _error_of_subsampling(coloured))
        lost, allowed = error * (width / image.width) ** _ERROR_EXPONENT, error_at(target)
        yield next((name for name, share in _SUBSAMPLINGS[wanted] if lost < share * allowed), "4:4:4")


def _error_of_subsampling(image: Image.Image) -> float:
    sample = Sample(image, _COLOUR_TILES).picture
    return Ssimulacra2(sample).error(encode.subsampled(sample))


class Sample:
    """A sample in RGB: a small picture itself, or tiles of a large one put together."""

    def __init__(self, image: Image.Image, tiles: Tiles) -> None:
        side = tiles.across * tiles.side
        self.is_whole_picture = image.width * image.height < 2 * side * side or min(image.size) < side
        self._tiles = tiles
        # The picture's pixels, as a multiple of the sample's.
        self.pixel_ratio = 1.0 if self.is_whole_picture else image.width * image.height / side**2
        self.picture = image.convert("RGB") if self.is_whole_picture else Image.new("RGB", (side, side))
        if not self.is_whole_picture:
            detail = _Detail(image)
            for column, row in product(range(tiles.across), repeat=2):
                tile = image.crop(detail.typical((column, row), tiles))
                self.picture.paste(tile, (column * tiles.side, row * tiles.side))

    def without_margins(self, picture: Image.Image) -> Image.Image:
        """Crops the margins from the sample, or from an encoding of it."""
        across, side, margin = self._tiles
        if self.is_whole_picture or not margin:
            return picture
        inner = side - 2 * margin
        cropped = Image.new("RGB", (across * inner, across * inner))
        for column, row in product(range(across), repeat=2):
            left, top = column * side + margin, row * side + margin
            tile = picture.crop((left, top, left + inner, top + inner))
            cropped.paste(tile, (column * inner, row * inner))
        return cropped


type Box = tuple[int, int, int, int]


class _Detail:
    """The differences between neighbouring pixels, by position in the picture."""

    def __init__(self, image: Image.Image) -> None:
        self._size = image.size
        light = image.reduce(4).convert("L")
        beside, below = (
            ImageChops.difference(light, light.crop((x, y, light.width + x, light.height + y)))
            for x, y in ((1, 0), (0, 1))
        )
        self._steps = ImageChops.add(beside, below).reduce(2).convert("F")

    def typical(self, place: tuple[int, int], tiles: Tiles) -> Box:
        """Chooses the tile whose detail is nearest to the average detail of its part of the picture."""
        first, last = (
            [side * (number + end) // tiles.across for side, number in zip(self._size, place, strict=True)]
            for end in (0, 1)
        )
        steps = [
            [start + (end - start - tiles.side) * step // (_POSITIONS - 1) for step in range(_POSITIONS)]
            for start, end in zip(first, last, strict=True)
        ]
        wanted = self._mean((first[0], first[1], last[0], last[1]))
        boxes = [(left, top, left + tiles.side, top + tiles.side) for left, top in product(*steps)]
        return min(boxes, key=lambda box: abs(self._mean(box) - wanted))

    def _mean(self, box: Box) -> float:
        # Multiplied before divided, so that there is no rounding error at the far edges.
        (across, down), (width, height) = self._steps.size, self._size
        left, top, right, bottom = box
        part = (left * across / width, top * down / height, right * across / width, bottom * down / height)
        mean = self._steps.resize((1, 1), Image.Resampling.BOX, part).getpixel((0, 0))
        assert isinstance(mean, float)  # noqa: S101 - for the type checker: the plane is of one channel
        return mean


class Trials:
    """Encodes and scores one picture at different qualities."""

    def __init__(self, wanted: Format, image: Image.Image, subsampling: str) -> None:
        self._format = wanted
        self.sample = Sample(image, _TILES[wanted])
        self._ssimulacra2 = Ssimulacra2(self.sample.without_margins(self.sample.picture))
        # A small picture is encoded with the final settings, and scored exactly.
        self._exact = is_small(image)
        self._encoder = encode.trial(wanted, subsampling, fast=not self._exact)
        factor, growth = (1.0, 0.0) if self._exact else SAMPLING_ERROR[wanted]
        self.correction = factor * self.sample.pixel_ratio**growth

    def error(self, quality: int) -> float:
        decoded = reopened(self._encoder(self.sample.picture, quality), self._format)
        return self._ssimulacra2.error(self.sample.without_margins(decoded))

    def score(self, quality: int) -> float:
        return score_of(self.error(quality) * self.correction)


class _Search:
    """Searches the qualities for one ladder's pictures, from the narrowest to the widest.

    Each search starts from the typical curve plus `_offset`, the last large picture's distance from it.
    """

    def __init__(self, wanted: Format, target: float) -> None:
        self._format = wanted
        self._target = target
        self._offset = 0.0

    def run(self, image: Image.Image, subsampling: str) -> EncoderSettings:
        small = is_small(image)
        trials = Trials(self._format, image, subsampling)
        tried: dict[int, float] = {}
        quality = quality_at(self._format, self._target - self._offset)
        for _ in range(_TRIALS_IF_SMALL if small else _TRIALS):
            tried[quality] = trials.score(quality)
            distance = abs(tried[quality] - self._target)
            quality, score = self._next(tried)
            if distance < _CLOSE_ENOUGH or quality in tried:
                break
            if distance < _NEAR[self._format] and not small:
                return self._conclude(quality, score, subsampling, small)
        quality, score = min(tried.items(), key=lambda trial: abs(trial[1] - self._target))
        return self._conclude(quality, score, subsampling, small)

    def _conclude(self, quality: int, score: float, subsampling: str, small: bool) -> EncoderSettings:
        """Returns the settings; a large picture also sets the offset for the next."""
        if not small:
            self._offset = score - typical_score(self._format, quality)
        return EncoderSettings(quality, round(score, 1), subsampling)

    def _next(self, tried: dict[int, float]) -> tuple[int, float]:
        """Predicts the quality that reaches the target, and its score."""
        reaching = min((quality for quality, score in tried.items() if score >= self._target), default=101)
        short = [quality for quality, score in tried.items() if score < self._target and quality < reaching]
        if reaching <= 100 and short:
            below = max(short)
            share = (self._target - tried[below]) / (tried[reaching] - tried[below])
            quality = max(below + 1, min(reaching - 1, round(below + share * (reaching - below))))
            if quality in (below, reaching):
                return reaching, tried[reaching]
            share = (quality - below) / (reaching - below)
            return quality, tried[below] + share * (tried[reaching] - tried[below])
        last = max(short) if short else reaching
        offset = tried[last] - typical_score(self._format, last)
        wanted = quality_at(self._format, self._target - offset)
        # Far from the target, move at least as far as between the lowest and the highest quality tried: on
        # an untypical picture the typical curve would move too little.
        far = abs(tried[last] - self._target) > _NEAR[self._format]
        stride = max(1, max(tried) - min(tried)) if far else 1
        quality = min(100, max(last + stride, wanted)) if short else max(1, min(last - stride, wanted))
        return quality, typical_score(self._format, quality) + offset


def typical_score(wanted: Format, quality: int) -> float:
    for (low, low_score), (high, high_score) in pairwise(TYPICAL[wanted]):
        if quality <= high:
            return low_score + (high_score - low_score) * (quality - low) / (high - low)
    raise ValueError(f"quality must be at most 100, not {quality}")


def quality_at(wanted: Format, score: float) -> int:
    """Returns the quality with the typical score nearest to `score`."""
    return min(range(1, 101), key=lambda quality: abs(typical_score(wanted, quality) - score))


def reopened(content: bytes, wanted: Format) -> Image.Image:
    """Decodes bytes from our own encoder."""
    return read_as(wanted.value, content).convert("RGB")
