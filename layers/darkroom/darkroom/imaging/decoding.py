"""Decodes bytes to plain pixels: one decoder, named by the header pass, with its warnings as errors."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from io import BytesIO

from PIL import Image, ImageChops, ImageFile

from darkroom.domain.errors import RejectedPicture
from darkroom.domain.profile import Profile
from darkroom.domain.renditions import Format
from darkroom.imaging.sniff import Header, corrupt
from darkroom.imaging.sniff.header import Damaged, unsupported


def read_as(kind: str, stream: bytes) -> ImageFile.ImageFile:
    """Opens a picture with the decoder for its format, without decoding pixels.

    Image.open would import five plugins and try each, although the format is known.
    """
    name = "WebP" if kind == "webp" else kind.capitalize()
    plugin = import_module(f"PIL.{name}ImagePlugin")  # for example JpegImageFile in PIL.JpegImagePlugin
    image: ImageFile.ImageFile = getattr(plugin, f"{name}ImageFile")(BytesIO(stream))
    return image


def import_codecs(profile: Profile) -> None:
    """Imports the codecs of a profile's renditions; those of an original are imported when it is read."""
    for module in _FOR_DESCRIBING:
        import_module(module)
    for choice in (choice for ladder in profile.ladders for choice in ladder.formats):
        # Without a target, a JPEG is encoded, but never decoded.
        if choice.format in _CODECS and (choice.target is not None or choice.format is not Format.JPEG):
            for module in _CODECS[choice.format]:
                import_module(module)
        if choice.format is Format.JPEG and profile.repack:
            import_module("mozjpeg_lossless_optimization")


# For the placeholder and the dominant colour, of every picture.
_FOR_DESCRIBING = ("PIL.WebPImagePlugin", "PIL.ImagePalette")
_CODECS = {
    Format.JPEG: ("PIL.JpegImagePlugin",),
    Format.WEBP: ("PIL.WebPImagePlugin",),
    Format.AVIF: ("PIL.AvifImagePlugin", "darkroom.imaging.avif"),
}


def read_rendition(wanted: Format, content: bytes) -> Image.Image:
    """Opens a file made by the encoder of a format."""
    if wanted is Format.JXL:
        from darkroom.imaging import jxl  # imported only when needed

        return jxl.decode(content)
    return read_as(wanted.value, content)


def opened(header: Header, stream: bytes) -> ImageFile.ImageFile:
    """Opens the stream of a parsed header, without decoding pixels."""
    image = _read_tiff(stream) if header.format == "tiff" else read_as(header.format, stream)
    # The decoder must not find a larger picture than the header pass did.
    if image.width * image.height > header.pixels:
        raise corrupt()
    return image


_BITS, _COLOURS, _SIXTEEN_BITS = 258, 320, 0xFFFF
# Tags with values for which Pillow's own reader of uncompressed pixels is wrong: the order of bits, Y'CbCr,
# and planes, of which it takes each for 8 bits and lacks extra ones.
_BY_LIBTIFF = {266: 2, 262: 6, 284: 2}
_UNKNOWN_PIXELS = "unknown pixel mode"
# Kinds of pixels that Pillow can decode although its table lacks them.
_MORE_PIXELS = {(b"MM", 0, (1,), 1, (16,), ()): ("I;16B", "I;16B")}
# Signed grey of 8 bits, which Pillow takes for unsigned.
_WRONG_PIXELS = [(order, 1, (2,), 1, (8,), ()) for order in (b"II", b"MM")]


def _read_tiff(stream: bytes) -> ImageFile.ImageFile:
    """Opens a TIFF. Raises RejectedPicture for kinds of pixels that can't be decoded."""
    from PIL import ImagePalette, TiffImagePlugin  # imported only when needed

    from darkroom.imaging.sniff.tiff import read_values

    if stream.startswith(b"MM\0+"):
        raise unsupported(
            "This kind of BigTIFF in big-endian byte order is not supported; export it as JPEG."
        )
    for kind, modes in _MORE_PIXELS.items():
        TiffImagePlugin.OPEN_INFO.setdefault(kind, modes)
    for kind in _WRONG_PIXELS:
        TiffImagePlugin.OPEN_INFO.pop(kind, None)
    try:
        tags = read_values(stream, (*_BY_LIBTIFF, _COLOURS))
    except Damaged:
        tags = {}  # Pillow ignores wrong counts of entries
    TiffImagePlugin.READ_LIBTIFF = any(tags.get(tag) == (value,) for tag, value in _BY_LIBTIFF.items())
    try:
        image = read_as("tiff", stream)
    except SyntaxError as fault:
        if str(fault) == _UNKNOWN_PIXELS:
            raise unsupported("The TIFF's kind of pixels is not supported; export it as JPEG.") from fault
        raise
    finally:
        TiffImagePlugin.READ_LIBTIFF = False
    if image.mode == "P" and max(tags.get(_COLOURS, (_SIXTEEN_BITS,))) < 1 << 8:
        # As in libtiff: writers store levels of 8 bits instead of 16.
        image.palette = ImagePalette.raw("RGB;L", bytes(tags[_COLOURS]))
    return image


@contextmanager
def strictly() -> Iterator[None]:
    """Turns every warning and error of a decoder into corrupt_image, except MemoryError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    except (MemoryError, RejectedPicture):
        raise
    except Exception as fault:  # decoders' errors have no common base class
        raise corrupt() from fault


def may_lack_rows(image: Image.Image) -> bool:
    """True if a PNG's last row is empty, or if it is interlaced, which scatters missing rows."""
    last = image.crop((0, image.height - 1, image.width, image.height))
    return bool(image.info.get("interlace")) or not any(last.tobytes())


def plain(image: Image.Image) -> Image.Image:
    """Converts the picture to one of the modes L, LA, RGB, RGBA and CMYK."""
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode.startswith("I;16"):
        image = _in_eight_bits(image)
    if image.mode in ("I", "F", "LAB", "HSV"):
        raise RejectedPicture(
            "unsupported_format",
            "The pixel format can't be shown on the web; export it as JPEG.",
        )
    # Convert only to another mode: a conversion copies the picture.
    wanted = image.mode if image.mode in ("L", "LA", "RGBA", "CMYK") else "RGB"
    if image.has_transparency_data and wanted != "LA":
        wanted = "RGBA"
    elif image.mode == "1":
        wanted = "L"
    return image if image.mode == wanted else image.convert(wanted)


_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
_SIXTEEN = 16


def _in_eight_bits(image: Image.Image) -> Image.Image:
    levels = image if image.mode == "I;16" else image.convert("I")  # `point` supports no other 16-bit mode
    tags = getattr(image, "tag_v2", {})
    # A TIFF's levels of 12 bits are not extended to 16.
    bits = max(tags.get(_BITS, (_SIXTEEN,)))
    grey = levels.point(lambda level: level * (256 / (1 << bits))).convert("L")
    # At more than 8 bits, Pillow does not invert a TIFF whose white is 0.
    inverted = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    return ImageChops.invert(grey) if inverted else grey


def flattened(image: Image.Image, background: str) -> Image.Image:
    """Composites a transparent picture over the background; returns L or RGB."""
    if image.mode not in ("LA", "RGBA"):
        return image
    flat = Image.new("RGB", image.size, background)
    flat.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return flat


def without_opaque_alpha(image: Image.Image) -> Image.Image:
    """Drops an alpha channel that is opaque everywhere."""
    if image.mode in ("LA", "RGBA") and image.getchannel("A").getextrema() == (255, 255):
        return image.convert(image.mode.removesuffix("A"))
    return image
