"""Y, Cb and Cr of pictures, made by the native module."""

from typing import NamedTuple

from PIL import Image

from darkroom.imaging.pixels import pixels_of


class Planes(NamedTuple):
    """Y, Cb and Cr of a picture, and its alpha if it has any."""

    width: int
    height: int
    subsampling: str
    colours: bytes
    alpha: bytes


def planes_of(image: Image.Image, subsampling: str) -> Planes:
    """Converts an L, LA, RGB or RGBA picture to planes with 4:2:0 or 4:4:4."""
    from darkroom_native import avif_planes  # imported only when needed

    has_alpha = image.mode in ("LA", "RGBA")
    alpha = image.getchannel("A").tobytes() if has_alpha else b""
    pixels, channels = pixels_of(image if image.mode in ("RGB", "RGBA") else image.convert("RGB"))
    colours = avif_planes(pixels, *image.size, channels, subsampling == "4:2:0")
    return Planes(*image.size, subsampling, colours, alpha)


def subsampled(image: Image.Image) -> Image.Image:
    """Returns what a decoder would show of a picture's planes with 4:2:0, if an encoder lost nothing more."""
    planes = planes_of(image, "4:2:0")
    luma = Image.frombytes("L", image.size, planes.colours[: planes.width * planes.height])
    columns, rows = (planes.width + 1) // 2, (planes.height + 1) // 2
    chroma = []
    for start in (planes.width * planes.height, len(planes.colours) - columns * rows):
        halved = Image.frombytes("L", (columns, rows), planes.colours[start : start + columns * rows])
        doubled = halved.resize((2 * columns, 2 * rows), Image.Resampling.BILINEAR)
        chroma.append(doubled.crop((0, 0, *image.size)))
    return Image.merge("YCbCr", (luma, *chroma)).convert("RGB")
