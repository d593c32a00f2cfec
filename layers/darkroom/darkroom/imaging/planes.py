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
    """Returns what a decoder would show of an RGB picture's planes with 4:2:0 if nothing else were lost."""
    from darkroom_native import shown_subsampled  # imported only when needed

    pixels, _ = pixels_of(image)
    shown = shown_subsampled(pixels, *image.size)
    return Image.frombuffer("YCbCr", image.size, shown, "raw", "YCbCrX", 0, 1).convert("RGB")
