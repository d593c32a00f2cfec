"""The quality that comes nearest to a perceptual target, from a few trials on a sample of the picture.

A trial is encoded in haste and scored by yardstick.py; what both miss was measured by
bench/fit_quality.py. The score is a prediction, and receipts call it so.
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

# By quality the median score of photographs, and straight lines in between: by bench/fit_quality.py.
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

# From a trial this near to its target the typical curve leads to it, as well as a second trial would. Small
# pictures stray from that curve, so that only what was tried is taken, and they are tried as often as it
# takes.
_NEAR = {Format.JPEG: 3.0, Format.WEBP: 3.0, Format.AVIF: 4.0}
_AS_GOOD_AS_REACHED = 0.7
_TRIALS, _TRIALS_IN_SMALL = 4, 8


class Tiles(NamedTuple):
    """How a large picture is sampled: tiles a side, their pixels a side, the edge that is not looked at."""

    across: int
    side: int
    margin: int


# JPEG's blocks know nothing of each other. The other formats predict across the seams: what lies beside a
# seam is left out. AVIF's tiles are three of its blocks of 64 a side: a seam inside a block rings through all
# of it, which cost smooth pictures 2 points.
_TILES = {Format.JPEG: Tiles(3, 160, 0), Format.WEBP: Tiles(3, 144, 8), Format.AVIF: Tiles(3, 192, 8)}
# So many places a side are looked at for each tile.
_PLACES = 7
# The true error is about factor x (what a trial shows) x (the picture's pixels / the sample's) ** growth. By
# bench/fit_quality.py.
UNSEEN = {Format.JPEG: (1.00, 0.02), Format.WEBP: (1.00, 0.07), Format.AVIF: (0.94, 0.08)}

# Half the resolution for colour costs more bytes than it saves where it alone makes so large a part of the
# error that the target allows: from the coarsest. Wider pictures of the same lose less. Measured on
# photographs of 640 to 1920 pixels.
_SUBSAMPLINGS = {
    Format.JPEG: (("4:2:0", 0.42), ("4:2:2", 0.75)),
    Format.AVIF: (("4:2:0", 0.6),),
}
_LESS_IN_WIDER = 0.75
_COLOUR_TILES = Tiles(3, 112, 0)


@dataclass(frozen=True, slots=True)
class Chosen:
    """How to encode one picture; `score` is predicted, and None for a quality that was given."""

    quality: int
    score: float | None = None
    subsampling: str = "4:2:0"


def chosen(choice: FormatChoice, images: Sequence[Image.Image]) -> list[Chosen]:
    """The quality of each picture of a ladder, widest first; what the narrow one shows helps the wider."""
    narrow_first = images[::-1]
    target = choice.target or typical_score(choice.format, choice.quality or 1)
    subsamplings = _subsamplings(choice.format, target, narrow_first)
    if choice.target is None:
        return [Chosen(choice.quality or 1, None, subsampling) for subsampling in subsamplings][::-1]
    search = _Search(choice.format, choice.target)
    return [search.run(*each) for each in zip(narrow_first, subsamplings, strict=True)][::-1]


def _subsamplings(wanted: Format, target: float, narrow_first: Sequence[Image.Image]) -> Iterator[str]:
    """For each picture the one that takes the fewest bytes to reach the target; text keeps all its colour."""
    measured: tuple[int, float] | None = (
        None  # a width, and what halving colour alone makes of the error there
    )
    for image in narrow_first:
        if wanted is Format.WEBP or image.mode in ("L", "LA"):
            yield "4:2:0"
            continue
        coloured = image if image.mode == "RGB" else image.convert("RGB")
        # SSIMULACRA2 weighs colour so much in a picture of few scales that half of it can't pass 63.
        if scales(image.size) < ALL_SCALES or encode.loses_colour_when_subsampled(coloured):
            yield "4:4:4"
            continue
        width, error = measured = measured or (image.width, _error_by_colour(coloured))
        lost, allowed = error * (width / image.width) ** _LESS_IN_WIDER, error_at(target)
        yield next((each for each, part in _SUBSAMPLINGS[wanted] if lost < part * allowed), "4:4:4")


def _error_by_colour(image: Image.Image) -> float:
    sample = Sample(image, _COLOUR_TILES).picture
    return Ssimulacra2(sample).error(encode.halved_colour(sample))


class Sample:
    """A small picture whole; of a large one tiles, as one picture; RGB."""

    def __init__(self, image: Image.Image, tiles: Tiles) -> None:
        side = tiles.across * tiles.side
        self.whole = image.width * image.height < 2 * side * side or min(image.size) < side
        self._tiles = tiles
        # How many times as many pixels the picture has.
        self.times = 1.0 if self.whole else image.width * image.height / side**2
        self.picture = image.convert("RGB") if self.whole else Image.new("RGB", (side, side))
        if not self.whole:
            detail = _Detail(image)
            for column, row in product(range(tiles.across), repeat=2):
                tile = image.crop(detail.typical((column, row), tiles))
                self.picture.paste(tile, (column * tiles.side, row * tiles.side))

    def seen(self, picture: Image.Image) -> Image.Image:
        """What counts of the sample, or of an encoding of it."""
        across, side, margin = self._tiles
        if self.whole or not margin:
            return picture
        inner = side - 2 * margin
        seen = Image.new("RGB", (across * inner, across * inner))
        for column, row in product(range(across), repeat=2):
            left, top = column * side + margin, row * side + margin
            tile = picture.crop((left, top, left + inner, top + inner))
            seen.paste(tile, (column * inner, row * inner))
        return seen


type Box = tuple[int, int, int, int]


class _Detail:
    """How far pixels differ from their neighbours, by the place in a picture."""

    def __init__(self, image: Image.Image) -> None:
        self._size = image.size
        light = image.reduce(4).convert("L")
        beside, below = (
            ImageChops.difference(light, light.crop((x, y, light.width + x, light.height + y)))
            for x, y in ((1, 0), (0, 1))
        )
        self._steps = ImageChops.add(beside, below).reduce(2).convert("F")

    def typical(self, place: tuple[int, int], tiles: Tiles) -> Box:
        """A tile that has as much detail as the part of the picture that it stands for."""
        first, last = (
            [side * (number + end) // tiles.across for side, number in zip(self._size, place, strict=True)]
            for end in (0, 1)
        )
        steps = [
            [start + (end - start - tiles.side) * step // (_PLACES - 1) for step in range(_PLACES)]
            for start, end in zip(first, last, strict=True)
        ]
        wanted = self._mean((first[0], first[1], last[0], last[1]))
        boxes = [(left, top, left + tiles.side, top + tiles.side) for left, top in product(*steps)]
        return min(boxes, key=lambda box: abs(self._mean(box) - wanted))

    def _mean(self, box: Box) -> float:
        # In this order, which leaves no remainder at the far edges.
        (across, down), (width, height) = self._steps.size, self._size
        left, top, right, bottom = box
        part = (left * across / width, top * down / height, right * across / width, bottom * down / height)
        mean = self._steps.resize((1, 1), Image.Resampling.BOX, part).getpixel((0, 0))
        assert isinstance(mean, float)  # noqa: S101 - for the type checker: the plane is of one channel
        return mean


class Trials:
    """What a picture scores at the qualities that it was tried at."""

    def __init__(self, wanted: Format, image: Image.Image, subsampling: str) -> None:
        self._format = wanted
        self.sample = Sample(image, _TILES[wanted])
        self._ssimulacra2 = Ssimulacra2(self.sample.seen(self.sample.picture))
        # A small picture is encoded as it will be, and scored to the point.
        self._exact = is_small(image)
        self._encoder = encode.trial(wanted, subsampling, in_haste=not self._exact)
        factor, growth = (1.0, 0.0) if self._exact else UNSEEN[wanted]
        self.unseen = factor * self.sample.times**growth

    def error(self, quality: int) -> float:
        made = reopened(self._encoder(self.sample.picture, quality), self._format)
        return self._ssimulacra2.error(self.sample.seen(made))

    def score(self, quality: int) -> float:
        return score_of(self.error(quality) * self.unseen)


class _Search:
    def __init__(self, wanted: Format, target: float) -> None:
        self._format = wanted
        self._target = target
        # How far pictures of this ladder lie above the typical one.
        self._above = 0.0

    def run(self, image: Image.Image, subsampling: str) -> Chosen:
        small = is_small(image)
        trials = Trials(self._format, image, subsampling)
        tried: dict[int, float] = {}
        quality = quality_at(self._format, self._target - self._above)
        for _ in range(_TRIALS_IN_SMALL if small else _TRIALS):
            tried[quality] = trials.score(quality)
            ahead = abs(tried[quality] - self._target)
            quality, score = self._next(tried)
            if ahead < _AS_GOOD_AS_REACHED or quality in tried:
                break
            if ahead < _NEAR[self._format] and not small:
                return self._found(quality, score, subsampling, small)
        quality, score = min(tried.items(), key=lambda each: abs(each[1] - self._target))
        return self._found(quality, score, subsampling, small)

    def _found(self, quality: int, score: float, subsampling: str, small: bool) -> Chosen:
        if not small:
            self._above = score - typical_score(self._format, quality)
        return Chosen(quality, round(score, 1), subsampling)

    def _next(self, tried: dict[int, float]) -> tuple[int, float]:
        """The quality that should reach the target, and what it should score."""
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
        above = tried[last] - typical_score(self._format, last)
        wanted = quality_at(self._format, self._target - above)
        # While far from the target at least as far again as all steps before: some pictures are not typical.
        far = abs(tried[last] - self._target) > _NEAR[self._format]
        stride = max(1, max(tried) - min(tried)) if far else 1
        quality = min(100, max(last + stride, wanted)) if short else max(1, min(last - stride, wanted))
        return quality, typical_score(self._format, quality) + above


def typical_score(wanted: Format, quality: int) -> float:
    for (low, low_score), (high, high_score) in pairwise(TYPICAL[wanted]):
        if quality <= high:
            return low_score + (high_score - low_score) * (quality - low) / (high - low)
    raise ValueError(f"a quality of {quality}")


def quality_at(wanted: Format, score: float) -> int:
    """The quality whose typical score is nearest to `score`."""
    return min(range(1, 101), key=lambda quality: abs(typical_score(wanted, quality) - score))


def reopened(content: bytes, wanted: Format) -> Image.Image:
    """What was encoded just now, decoded."""
    return read_as(wanted.value, content).convert("RGB")
