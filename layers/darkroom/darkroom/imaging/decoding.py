"""From bytes to plain pixels: the one decoder that the header pass named, its warnings taken for errors."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from io import BytesIO

from PIL import Image, ImageChops, ImageFile

from darkroom.domain.errors import RejectedPicture
from darkroom.imaging.sniff import Header, corrupt

_PLUGINS = {
    "jpeg": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "png": ("PIL.PngImagePlugin", "PngImageFile"),
    "webp": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "gif": ("PIL.GifImagePlugin", "GifImageFile"),
    "avif": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "tiff": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "bmp": ("PIL.BmpImagePlugin", "BmpImageFile"),
}


def read_as(kind: str, stream: bytes) -> ImageFile.ImageFile:
    """The picture before any of its pixels is decoded, by the one decoder for its format.

    Not Image.open: that imports five plugins, and tries them, where the format is known.
    """
    module, plugin = _PLUGINS[kind]
    image: ImageFile.ImageFile = getattr(import_module(module), plugin)(BytesIO(stream))
    return image


def opened(header: Header, stream: bytes) -> ImageFile.ImageFile:
    """What a header has described, before any of its pixels is decoded."""
    image = read_as(header.format, stream)
    # The decoder must not see another, larger picture than the header pass did.
    if image.width * image.height > header.pixels:
        raise corrupt()
    return image


@contextmanager
def strictly() -> Iterator[None]:
    """Whatever a decoder warns of or raises becomes corrupt_image; what was out of memory stays so."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    except (MemoryError, RejectedPicture):
        raise
    except Exception as fault:  # what decoders raise on hostile bytes has no common root
        raise corrupt() from fault


# Codes of any meaning but that of nothing, in what comes before a restart and after each.
_FEED = b"".join(bytes((0xFF, 0xD0 + number)) + bytes(range(7, 240, 11)) for number in (*range(8), 0))[2:]
_END = b"\xff\xd9"


def ends_in_grey(image: Image.Image) -> bool:
    """Whether the last pixel is what libjpeg silently puts where a picture's bytes have ended too early."""
    last = image.crop((image.width - 1, image.height - 1, image.width, image.height))
    return all(set(band.tobytes()) <= {127, 128} for band in last.split())


def fed(stream: bytes) -> bytes:
    """A JPEG with more before its end: a decoder that has all its pixels skips that, and shows no other."""
    return stream.removesuffix(_END) + _FEED + _END


def may_lack_rows(image: Image.Image) -> bool:
    """Whether a PNG's last row is what it was before it was decoded, or the rows came in another order."""
    last = image.crop((0, image.height - 1, image.width, image.height))
    return bool(image.info.get("interlace")) or not any(last.tobytes())


def plain(image: Image.Image) -> Image.Image:
    """The picture in one of the modes L, LA, RGB, RGBA and CMYK."""
    if image.mode.startswith("I;16"):
        image = _in_eight_bits(image)
    if image.mode in ("I", "F", "LAB", "HSV"):
        raise RejectedPicture(
            "unsupported_format",
            "Its pixels are of a kind that can't be shown on the web; export it as JPEG.",
        )
    # Never converted to the mode that it has: that copies it, and a large one counts.
    wanted = image.mode if image.mode in ("L", "LA", "RGBA", "CMYK") else "RGB"
    if image.has_transparency_data and wanted != "LA":
        wanted = "RGBA"
    elif image.mode == "1":
        wanted = "L"
    return image if image.mode == wanted else image.convert(wanted)


_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0


def _in_eight_bits(image: Image.Image) -> Image.Image:
    levels = image if image.mode == "I;16" else image.convert("I")  # of the other order Pillow knows no more
    grey = levels.point(lambda level: level * (1 / 256)).convert("L")
    # What it does to a TIFF's fewer bits by itself.
    inverted = getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    return ImageChops.invert(grey) if inverted else grey


def with_alpha_where_it_shows(image: Image.Image) -> Image.Image:
    if image.mode in ("LA", "RGBA") and image.getchannel("A").getextrema() == (255, 255):
        return image.convert(image.mode.removesuffix("A"))
    return image
