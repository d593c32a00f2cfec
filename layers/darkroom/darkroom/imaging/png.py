"""Decodes PNGs. A transparent colour of 16 bits is compared with all bits; Pillow compares 8."""

from functools import reduce

from PIL import Image, ImageChops, ImageFile

from darkroom.imaging.decoding import may_lack_rows, plain, read_as
from darkroom.imaging.sniff import corrupt
from darkroom.imaging.sniff.png import holds_every_row


def decoded(image: ImageFile.ImageFile, stream: bytes) -> Image.Image:
    """Decodes an opened PNG to L, LA, RGB or RGBA. Raises RejectedPicture if rows are missing."""
    image.load()
    if may_lack_rows(image) and not holds_every_row(stream):
        raise corrupt()
    if image.mode == "P":
        _extend_palette(image)
    key = image.info.get("transparency")
    if stream[24] != _SIXTEEN_BITS or not isinstance(key, int | tuple):
        return in_stored_colours(plain(image), stream)
    transparent = _equal_grey(image, key) if isinstance(key, int) else _equal_colour(image, stream, key)
    image.info = {}
    opaque = plain(image)
    opaque.putalpha(ImageChops.invert(transparent))
    return opaque


def _extend_palette(image: Image.Image) -> None:
    """Gives indices beyond the palette its last colour and transparency, as browsers do."""
    palette = image.getpalette() or []
    colours, most = len(palette) // 3, 1 << 8
    if not 0 < colours < most:
        return
    image.putpalette(palette + palette[-3:] * (most - colours))
    alpha = image.info.get("transparency", b"")
    if isinstance(alpha, int):
        alpha = b"\xff" * alpha + b"\0"  # the index of the only transparent colour
    if len(alpha) >= colours:
        image.info["transparency"] = alpha[:colours].ljust(most, alpha[colours - 1 : colours])


def in_stored_colours(image: Image.Image, stream: bytes) -> Image.Image:
    """Converts RGBA to LA if the PNG is grey, for its profile is too."""
    return image.convert("LA") if image.mode == "RGBA" and stream[25] in _GREY_TYPES else image


_SIXTEEN_BITS = 16
_GREY_TYPES = (0, 4)


def _equal_grey(image: Image.Image, key: int) -> Image.Image:
    """Returns a mask of the pixels of this level."""
    return image.convert("I").point([255 * (level == key) for level in range(1 << _SIXTEEN_BITS)], "L")


def _equal_colour(image: Image.Image, stream: bytes, key: tuple[int, ...]) -> Image.Image:
    """Returns a mask of the pixels of this colour, by their high bytes and their low bytes."""
    low = read_as("png", stream)
    # Read as little-endian, the low byte is taken for the high one.
    low.tile = [tile._replace(args="RGB;16L") for tile in low.tile]
    low.load()
    pairs = [*zip(image.split(), [level >> 8 for level in key], strict=True)]
    pairs += zip(low.split(), [level & 255 for level in key], strict=True)
    equal = [band.point([255 * (value == level) for value in range(256)]) for band, level in pairs]
    return reduce(ImageChops.darker, equal)
