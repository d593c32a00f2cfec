"""JPEG XL by libjxl's C functions: encodes and decodes pixels, and recompresses JPEGs without loss.

libjxl and its libraries come with imagecodecs; see jxl/encode.h, jxl/decode.h and jxl/codestream_header.h.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from PIL import Image

# Measured by bench/jxl.py: effort 7 takes twice the time and no fewer bytes; effort 3 takes a fifth of the
# time, and up to 4% more bytes.
_EFFORT = 5
# libjxl's distance 0.1 is its quality of 99; the files of lower distances grow without visible change.
_LEAST_DISTANCE = 0.1

# From jxl/encode.h, jxl/decode.h and jxl/types.h.
_OK = 0
_MORE_OUTPUT = 2
_EFFORT_OPTION, _KEEP_INVISIBLE = 0, 12
_BASIC_INFO, _JPEG, _PIXELS = 0x40, 0x2000, 0x1000
_NEED_PIXEL_BUFFER = 5
_EIGHT_BITS = 2

_CHUNK_BYTES = 1 << 16
_MODES = {(1, False): "L", (1, True): "LA", (3, False): "RGB", (3, True): "RGBA"}


class LibjxlFailed(Exception):
    """A function of libjxl returned an error."""


class _BasicInfo(ctypes.Structure):
    """JxlBasicInfo; all of its members have 32 bits."""

    _fields_ = (
        ("container", ctypes.c_uint32),
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("bits", ctypes.c_uint32),
        ("exponent_and_light", ctypes.c_uint32 * 5),
        ("uses_original_profile", ctypes.c_uint32),
        ("preview_and_animation", ctypes.c_uint32 * 2),
        ("orientation", ctypes.c_uint32),
        ("colour_channels", ctypes.c_uint32),
        ("extra_channels", ctypes.c_uint32),
        ("alpha_bits", ctypes.c_uint32),
        ("rest", ctypes.c_uint32 * 35),
    )


class _PixelFormat(ctypes.Structure):
    """JxlPixelFormat: rows without padding."""

    _fields_ = (
        ("channels", ctypes.c_uint32),
        ("data_type", ctypes.c_int),
        ("endianness", ctypes.c_int),
        ("align", ctypes.c_size_t),
    )


@cache
def _file() -> str:
    """Returns the path of libjxl, or "". Its name has a version and a hash; its libraries are beside it."""
    found = (path for entry in sys.path for path in Path(entry).glob("imagecodecs.libs/libjxl-*.so*"))
    return str(next(found, ""))


def is_installed() -> bool:
    """True unless imagecodecs was removed from the environment: every layer and wheel brings it."""
    return bool(_file())


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(_file())
    for name in ("JxlEncoderCreate", "JxlEncoderFrameSettingsCreate", "JxlDecoderCreate"):
        getattr(library, name).restype = ctypes.c_void_p
    library.JxlEncoderDistanceFromQuality.restype = ctypes.c_float
    library.JxlDecoderReleaseJPEGBuffer.restype = ctypes.c_size_t
    return library


def _check(status: int) -> None:
    if status != _OK:
        raise LibjxlFailed


def encode(image: Image.Image, quality: float, effort: int = _EFFORT) -> bytes:
    """Encodes an L, LA, RGB or RGBA picture at libjxl's quality, 1 to 100, in one thread."""
    library = _library()
    channels = len(image.getbands())
    has_alpha = channels in (2, 4)
    pixels = image.tobytes()
    with _encoder() as encoder:
        info = _BasicInfo()
        library.JxlEncoderInitBasicInfo(ctypes.byref(info))
        info.width, info.height = image.size
        info.colour_channels = channels - has_alpha
        info.extra_channels, info.alpha_bits = has_alpha, 8 * has_alpha
        _check(library.JxlEncoderSetBasicInfo(encoder, ctypes.byref(info)))
        srgb = (ctypes.c_char * 256)()  # JxlColorEncoding, which is smaller
        library.JxlColorEncodingSetToSRGB(srgb, info.colour_channels == 1)
        _check(library.JxlEncoderSetColorEncoding(encoder, srgb))
        settings = _settings(encoder, effort)
        distance = library.JxlEncoderDistanceFromQuality(ctypes.c_float(quality))
        distance = ctypes.c_float(max(_LEAST_DISTANCE, distance))
        _check(library.JxlEncoderSetFrameDistance(settings, distance))
        if has_alpha:
            # Without loss, it can take more bytes than the colours.
            _check(library.JxlEncoderSetExtraChannelDistance(settings, ctypes.c_size_t(0), distance))
            # libjxl would change the colours under transparent pixels, which are visible at edges.
            _set(settings, _KEEP_INVISIBLE, 1)
        pixel_format = ctypes.byref(_PixelFormat(channels, _EIGHT_BITS))
        length = ctypes.c_size_t(len(pixels))
        _check(library.JxlEncoderAddImageFrame(settings, pixel_format, pixels, length))
        return _output(encoder)


def from_jpeg(stream: bytes, size: tuple[int, int], channels: int, orientation: int) -> bytes:
    """Recompresses a JPEG so that `to_jpeg` returns the same bytes.

    `size` is as stored; viewers show the picture turned by `orientation` (EXIF, 1 to 8). Raises LibjxlFailed
    for kinds of JPEG that JPEG XL can't hold, such as CMYK and arithmetic coding.
    """
    library = _library()
    with _encoder() as encoder:
        info = _BasicInfo()
        library.JxlEncoderInitBasicInfo(ctypes.byref(info))
        info.width, info.height = size
        info.uses_original_profile = 1
        info.orientation = orientation
        info.colour_channels = channels
        _check(library.JxlEncoderSetBasicInfo(encoder, ctypes.byref(info)))
        _check(library.JxlEncoderStoreJPEGMetadata(encoder, 1))
        settings = _settings(encoder, _EFFORT)
        _check(library.JxlEncoderAddJPEGFrame(settings, stream, ctypes.c_size_t(len(stream))))
        return _output(encoder)


@contextmanager
def _encoder() -> Iterator[ctypes.c_void_p]:
    library = _library()
    encoder = ctypes.c_void_p(library.JxlEncoderCreate(None))
    try:
        yield encoder
    finally:
        library.JxlEncoderDestroy(encoder)


def _settings(encoder: ctypes.c_void_p, effort: int) -> ctypes.c_void_p:
    """Returns frame settings, which belong to the encoder, with the effort."""
    library = _library()
    settings = ctypes.c_void_p(library.JxlEncoderFrameSettingsCreate(encoder, None))
    _set(settings, _EFFORT_OPTION, effort)
    return settings


def _set(settings: ctypes.c_void_p, option: int, value: int) -> None:
    _check(_library().JxlEncoderFrameSettingsSetOption(settings, option, ctypes.c_int64(value)))


def _output(encoder: ctypes.c_void_p) -> bytes:
    library = _library()
    library.JxlEncoderCloseInput(encoder)
    chunk, parts, status = (ctypes.c_char * _CHUNK_BYTES)(), list[bytes](), _MORE_OUTPUT
    while status == _MORE_OUTPUT:
        place, free = ctypes.c_void_p(ctypes.addressof(chunk)), ctypes.c_size_t(_CHUNK_BYTES)
        status = library.JxlEncoderProcessOutput(encoder, ctypes.byref(place), ctypes.byref(free))
        parts.append(chunk.raw[: _CHUNK_BYTES - free.value])
    _check(status)
    return b"".join(parts)


def decode(content: bytes) -> Image.Image:
    """Decodes one of our own files to L, LA, RGB or RGBA."""
    library = _library()
    with _decoder(content, _BASIC_INFO | _PIXELS) as decoder:
        _expect(_BASIC_INFO, library.JxlDecoderProcessInput(decoder))
        info = _BasicInfo()
        _check(library.JxlDecoderGetBasicInfo(decoder, ctypes.byref(info)))
        mode = _MODES[info.colour_channels, bool(info.alpha_bits)]
        pixels = bytearray(len(mode) * info.width * info.height)
        _expect(_NEED_PIXEL_BUFFER, library.JxlDecoderProcessInput(decoder))
        whole = (ctypes.c_char * len(pixels)).from_buffer(pixels)
        pixel_format = ctypes.byref(_PixelFormat(len(mode), _EIGHT_BITS))
        length = ctypes.c_size_t(len(pixels))
        _check(library.JxlDecoderSetImageOutBuffer(decoder, pixel_format, whole, length))
        _expect(_PIXELS, library.JxlDecoderProcessInput(decoder))
    return Image.frombuffer(mode, (info.width, info.height), pixels, "raw", mode, 0, 1)


def to_jpeg(content: bytes, size_bytes: int) -> bytes:
    """Returns the JPEG that a file of `from_jpeg` was made of, or less if it has more than `size_bytes`."""
    library = _library()
    stream = bytearray(size_bytes)
    with _decoder(content, _JPEG | _PIXELS) as decoder:
        _expect(_JPEG, library.JxlDecoderProcessInput(decoder))
        whole = (ctypes.c_char * size_bytes).from_buffer(stream)
        _check(library.JxlDecoderSetJPEGBuffer(decoder, whole, ctypes.c_size_t(size_bytes)))
        _expect(_PIXELS, library.JxlDecoderProcessInput(decoder))
        free = library.JxlDecoderReleaseJPEGBuffer(decoder)
    return bytes(stream[: size_bytes - free])


@contextmanager
def _decoder(content: bytes, events: int) -> Iterator[ctypes.c_void_p]:
    library = _library()
    decoder = ctypes.c_void_p(library.JxlDecoderCreate(None))
    try:
        _check(library.JxlDecoderSubscribeEvents(decoder, events))
        _check(library.JxlDecoderSetInput(decoder, content, ctypes.c_size_t(len(content))))
        library.JxlDecoderCloseInput(decoder)
        yield decoder
    finally:
        library.JxlDecoderDestroy(decoder)


def _expect(event: int, status: int) -> None:
    if status != event:
        raise LibjxlFailed
