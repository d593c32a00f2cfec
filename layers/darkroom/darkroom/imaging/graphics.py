"""Graphics: screenshots, logos, charts, line art. Lossless files keep their flat areas in few bytes."""

from collections.abc import Callable, Iterator
from functools import reduce
from typing import NamedTuple

from PIL import Image, ImageChops, ImageFilter

from darkroom.imaging.sample import Sample

# The smallest share of flat blocks of a graphic: screenshots with photographs in them have 0.3, photographs
# 0 at the median.
_LEAST_FLAT_SHARE = 0.15
# Photographs have flat areas too: black backgrounds, blown highlights. They end softly, in noise or in what
# JPEG left around edges; those of a graphic end within a pixel. Of the other blocks, so many have an edge and
# a flat block beside: at least 0.011 of drawings, 0.0066 at a half or a third of their size; at most 0.001 of
# photographs from JPEGs, 0.0035 from PNGs.
_LEAST_EDGES_SHARE = 0.005
_BANDS = 32
_SIDE = 4
# Fewer colours must not be visible, whatever the target: at 80, a soft shadow has steps.
_LEAST_SCORE = 90.0
# Fewer colours must save this share of the bytes; for less, every pixel stays as it is.
_LEAST_SAVING = 0.05


def has_flat_areas(image: Image.Image) -> bool:
    """True for graphics and for photographs with flat areas. Pass the widest copy: small ones have less."""
    flat = blocks = 0
    for steps in _bands(image):
        counts = steps.point(_STEP).reduce(_SIDE).histogram()
        flat += counts[0]
        blocks += sum(counts)
    return 0 < _LEAST_FLAT_SHARE * blocks <= flat


def is_graphic(image: Image.Image) -> bool:
    """True if a picture has flat areas that end sharply, so that a lossless file can be small."""
    return has_flat_areas(image) and has_sharp_edges(image)


def has_sharp_edges(image: Image.Image) -> bool:
    """True if the flat areas of a picture that has them end within a pixel, as those of graphics do."""
    uneven_blocks = edges = 0
    for steps in _bands(image):
        uneven, sharp = (steps.point(kind).reduce(_SIDE).point(_STEP) for kind in (_STEP, _EDGE))
        uneven_blocks += uneven.histogram()[255]
        edges += ImageChops.subtract(sharp, uneven.filter(_WITH_NEIGHBOURS)).histogram()[255]
    return edges >= _LEAST_EDGES_SHARE * uneven_blocks


def _bands(image: Image.Image) -> Iterator[Image.Image]:
    """Yields evenly spaced rows of blocks of 4 x 4 pixels: how much each pixel differs from its neighbour."""
    bottom = image.height - _SIDE + 1 if image.width > _SIDE else 0
    for top in range(0, bottom, max(_SIDE, image.height // _BANDS)):
        left, right = ((start, top, image.width - 1 + start, top + _SIDE) for start in (0, 1))
        yield reduce(ImageChops.lighter, ImageChops.difference(image.crop(left), image.crop(right)).split())


_STEP = [0, *[255] * 255]
_EDGE = [0] * 32 + [255] * 224
_WITH_NEIGHBOURS = ImageFilter.MinFilter(3)


# For drawings whose lossless files have fewer bytes than their JPEGs, samples say at most 3.3 times as many.
_MOST_BYTES = 5.0


def can_be_smaller(picture: Image.Image, than_bytes: int, encode: Callable[[Image.Image], bytes]) -> bool:
    """False if a lossless file has many times as many bytes, by a sample: of a page with photographs."""
    sample = Sample(picture)
    return len(encode(sample.picture)) * sample.pixel_ratio <= _MOST_BYTES * than_bytes


class Lossless(NamedTuple):
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
