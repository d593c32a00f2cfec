"""What a page can show before a picture is there: a few blurred pixels, and one colour."""

from base64 import b64encode
from typing import Any

from PIL import Image

from darkroom.imaging import encode
from darkroom.imaging.resize import resized

_SIDE = 16
_QUALITY = 30
_COLOURS = 8
_COLOUR_SIDE = 64


def placeholder(image: Image.Image) -> str:
    """The picture 16 pixels wide or high as a `data:` address of some hundred characters.

    A WebP rather than a ThumbHash: it needs no script to be shown, and keeps alpha.
    """
    tiny = resized(image, _within(image, _SIDE))
    return "data:image/webp;base64," + b64encode(encode.webp(tiny, _QUALITY)).decode("ascii")


def dominant_colour(image: Image.Image) -> str:
    """The commonest of a picture's eight colours, like #336699; what is transparent does not count."""
    small = image.resize(_within(image, _COLOUR_SIDE), Image.Resampling.BOX)
    few = _opaque(small).quantize(_COLOURS)
    # Pixels and the colour's place in the palette; there are at most eight.
    _, index = max((count, int(str(place))) for count, place in few.getcolors() or [])
    red, green, blue = (few.getpalette() or [])[3 * index : 3 * index + 3]
    return f"#{red:02x}{green:02x}{blue:02x}"


def _opaque(image: Image.Image) -> Image.Image:
    """The pixels that are rather opaque than not, in a row; all of them if there are none."""
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


def _within(image: Image.Image, side: int) -> tuple[int, int]:
    scale = min(1.0, side / max(image.size))
    return max(1, round(image.width * scale)), max(1, round(image.height * scale))
