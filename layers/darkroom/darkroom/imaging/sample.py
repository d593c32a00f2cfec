"""A small sample of a large picture: its encodings score nearly as those of the whole, in less time."""

from itertools import product

from PIL import Image

# Pixels per side of a tile: a whole number of the blocks of every format.
_SIDE = 64
# Tiles per side for large pictures, and for others.
_MOST_ACROSS, _ACROSS = 8, 6
_LARGE = 4 * (_MOST_ACROSS * _SIDE) ** 2
# A sample of more than this share would save too little.
_LARGEST_SHARE = 0.6


class Sample:
    """Tiles at even distances, put together; or a small picture itself."""

    def __init__(self, image: Image.Image) -> None:
        pixels = image.width * image.height
        across = _MOST_ACROSS if pixels >= _LARGE else _ACROSS
        side = across * _SIDE
        self.is_whole = min(image.size) < side or side**2 > _LARGEST_SHARE * pixels
        # The picture's pixels, as a multiple of the sample's.
        self.pixel_ratio = 1.0 if self.is_whole else pixels / side**2
        self.picture = image if self.is_whole else Image.new(image.mode, (side, side))
        if not self.is_whole:
            for column, row in product(range(across), repeat=2):
                left, top = _place(image.width, column, across), _place(image.height, row, across)
                tile = image.crop((left, top, left + _SIDE, top + _SIDE))
                self.picture.paste(tile, (column * _SIDE, row * _SIDE))


def _place(length: int, number: int, across: int) -> int:
    """Returns where a tile starts: in the middle of its part of a side."""
    return (length * (2 * number + 1) // across - _SIDE) // 2
