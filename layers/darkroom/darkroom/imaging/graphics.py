"""Graphics: screenshots, logos, charts, line art. Lossless files keep their flat areas in few bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

from PIL import Image, ImageChops

# The smallest share of flat blocks of a graphic: screenshots with photographs in them have 0.3, photographs
# 0 at the median.
_LEAST_FLAT_SHARE = 0.15
_BANDS = 32
_SIDE = 4
# Fewer colours must not be visible, whatever the target: at 80, a soft shadow has steps.
_LEAST_SCORE = 90.0
# Fewer colours must save this share of the bytes; for less, every pixel stays as it is.
_LEAST_SAVING = 0.05


def is_graphic(image: Image.Image) -> bool:
    """True if so much of the picture is flat that a lossless file can be small.

    Takes 2 ms, on evenly spaced rows; for a photograph, a trial would take longer than its lossy files. Pass
    the widest copy: in small copies of graphics hardly any block is flat.
    """
    return flat_share(image) >= _LEAST_FLAT_SHARE


def flat_share(image: Image.Image) -> float:
    """Returns the share of blocks of 4 x 4 pixels in which every row has one colour, 0 to 1."""
    flat = blocks = 0
    if image.width <= _SIDE:
        return 0.0
    for top in range(0, image.height - _SIDE + 1, max(_SIDE, image.height // _BANDS)):
        left, right = ((start, top, image.width - 1 + start, top + _SIDE) for start in (0, 1))
        steps = reduce(ImageChops.lighter, ImageChops.difference(image.crop(left), image.crop(right)).split())
        counts = steps.point(_STEP).reduce(_SIDE).histogram()
        flat += counts[0]
        blocks += sum(counts)
    return flat / max(1, blocks)


_STEP = [0, *[255] * 255]


@dataclass(frozen=True, slots=True)
class Lossless:
    """A lossless file of the picture, or of a copy with so many `colours` (0: all) that scores `score`.

    `exact_bytes` is the size of the file with all colours.
    """

    content: bytes
    colours: int
    score: float
    exact_bytes: int

    def __str__(self) -> str:
        size = f"{len(self.content):,} bytes"
        if not self.colours:
            return f"no loss, {size}"
        return f"{self.colours} colours without further loss, {size} ({self.exact_bytes:,} with all colours)"


def lossless(picture: Image.Image, target: float | None, encode: Callable[[Image.Image], bytes]) -> Lossless:
    """Returns the smaller file of the picture and of a copy with fewer colours that looks the same."""
    from darkroom.imaging.palette import reduced  # imported only when needed: photographs are no graphics

    exact = encode(picture)
    copy = None if target is None else reduced(picture, max(target, _LEAST_SCORE))
    if copy:
        content = encode(copy.picture)
        if len(content) <= len(exact) * (1 - _LEAST_SAVING):
            return Lossless(content, copy.colours, copy.score, len(exact))
    return Lossless(exact, 0, 100.0, len(exact))
