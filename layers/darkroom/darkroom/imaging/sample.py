"""A small sample of a large picture: its encodings score nearly as those of the whole, in less time."""

from itertools import product

from PIL import Image

# Tiles per side, pixels per tile side, and the ignored margin: WebP and AVIF predict across the seams between
# tiles. JPEG's blocks of 8 and 16 pixels are whole.
_ACROSS, _SIDE, _MARGIN = 4, 128, 8
# A sample must save three quarters of the work.
_LEAST_PIXEL_RATIO = 4


class Sample:
    """Tiles at even distances, put together; or a small picture itself."""

    def __init__(self, image: Image.Image) -> None:
        side = _ACROSS * _SIDE
        ratio = image.width * image.height / side**2
        self.is_whole = ratio < _LEAST_PIXEL_RATIO or min(image.size) < side
        # The picture's pixels, as a multiple of the sample's.
        self.pixel_ratio = 1.0 if self.is_whole else ratio
        self.picture = image if self.is_whole else Image.new(image.mode, (side, side))
        if not self.is_whole:
            for column, row in product(range(_ACROSS), repeat=2):
                left = _place(image.width, column)
                top = _place(image.height, row)
                tile = image.crop((left, top, left + _SIDE, top + _SIDE))
                self.picture.paste(tile, (column * _SIDE, row * _SIDE))

    def without_margins(self, picture: Image.Image) -> Image.Image:
        """Crops the margins from the sample, or from an encoding of it."""
        if self.is_whole:
            return picture
        inner = _SIDE - 2 * _MARGIN
        cropped = Image.new(picture.mode, (_ACROSS * inner, _ACROSS * inner))
        for column, row in product(range(_ACROSS), repeat=2):
            left, top = column * _SIDE + _MARGIN, row * _SIDE + _MARGIN
            tile = picture.crop((left, top, left + inner, top + inner))
            cropped.paste(tile, (column * inner, row * inner))
        return cropped


def _place(length: int, number: int) -> int:
    """Returns where a tile starts: in the middle of its part of a side."""
    return (length * (2 * number + 1) // _ACROSS - _SIDE) // 2
