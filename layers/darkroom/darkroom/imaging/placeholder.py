"""Placeholders for pages to show while a picture loads: a few blurred pixels, and one colour."""

from base64 import b64encode
from typing import Any

from PIL import Image

from darkroom.imaging import encode
from darkroom.imaging.resize import resized, within

_SIDE = 16
_QUALITY = 30
_COLOURS = 8
_COLOUR_SIDE = 64


def placeholder(image: Image.Image) -> str:
    """Returns the picture 16 pixels wide or high as a `data:` URL of a few hundred characters.

    A WebP, since a ThumbHash would need a script; WebP keeps alpha.
    """
    tiny = resized(image, within(image.size, _SIDE))
    return "data:image/webp;base64," + b64encode(encode.webp(tiny, _QUALITY)).decode("ascii")


def dominant_colour(image: Image.Image) -> str:
    """Returns the most frequent of eight colours, like #336699; transparent pixels don't count."""
    small = image.resize(within(image.size, _COLOUR_SIDE), Image.Resampling.BOX)
    few = _opaque(small).quantize(_COLOURS)
    # Pairs of pixel count and palette index.
    _, index = max((count, int(str(entry))) for count, entry in few.getcolors() or [])
    red, green, blue = (few.getpalette() or [])[3 * index : 3 * index + 3]
    return f"#{red:02x}{green:02x}{blue:02x}"


def _opaque(image: Image.Image) -> Image.Image:
    """Returns the pixels with alpha of at least 128, in one row; all pixels if there are none."""
    colours = image.convert("RGB")
    if image.mode not in ("LA", "RGBA"):
        return colours
    pixels = zip(colours.get_flattened_data(), image.getchannel("A").get_flattened_data(), strict=True)
    opaque: list[Any] = [colour for colour, alpha in pixels if isinstance(alpha, int) and alpha >= 128]
    if not opaque:
        return colours
    row = Image.new("RGB", (len(opaque), 1))
    row.putdata(opaque)
    return row
