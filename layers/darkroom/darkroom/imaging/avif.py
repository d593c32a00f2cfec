"""AVIF by libavif's C functions, from planes that the native module makes; see avif/avif.h.

Pillow brings libavif. Its own functions hold three copies of the pixels while aom needs its memory, and can't
take planes.
"""

import ctypes
from collections.abc import Mapping
from functools import cache

from darkroom.imaging.planes import Planes

# From avif/avif.h.
_OK = 0
_FULL_RANGE = 1
_STILL = 2
_FORMATS = {"4:4:4": 1, "4:2:0": 3}
# Of ITU-T H.273: BT.709's primaries, sRGB's curve, BT.601's matrix.
_SRGB = 1, 13, 6


class LibavifFailed(Exception):
    """A function of libavif returned an error."""


class _Image(ctypes.Structure):
    """The beginning of avifImage."""

    _fields_ = (
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("depth", ctypes.c_uint32),
        ("format", ctypes.c_int),
        ("range", ctypes.c_int),
        ("chroma_position", ctypes.c_int),
        ("planes", ctypes.c_void_p * 3),
        ("row_bytes", ctypes.c_uint32 * 3),
        ("owns_planes", ctypes.c_int),
        ("alpha", ctypes.c_void_p),
        ("alpha_row_bytes", ctypes.c_uint32),
        ("owns_alpha", ctypes.c_int),
        ("premultiplied", ctypes.c_int),
        ("icc", ctypes.c_void_p),
        ("icc_bytes", ctypes.c_size_t),
        ("primaries", ctypes.c_uint16),
        ("transfer", ctypes.c_uint16),
        ("matrix", ctypes.c_uint16),
    )


class _Encoder(ctypes.Structure):
    """The beginning of avifEncoder."""

    _fields_ = (
        ("codec", ctypes.c_int),
        ("threads", ctypes.c_int),
        ("speed", ctypes.c_int),
        ("keyframe_interval", ctypes.c_int),
        ("timescale", ctypes.c_uint64),
        ("repetitions", ctypes.c_int),
        ("extra_layers", ctypes.c_uint32),
        ("quality", ctypes.c_int),
    )


class _Data(ctypes.Structure):
    """avifRWData."""

    _fields_ = (("bytes", ctypes.c_void_p), ("size", ctypes.c_size_t))


@cache
def _library() -> ctypes.CDLL:
    from PIL import _avif  # imported only when needed

    library = ctypes.CDLL(_avif.__file__)  # finds the functions of the libavif that it is linked to
    library.avifImageCreate.restype = library.avifEncoderCreate.restype = ctypes.c_void_p
    return library


def _check(result: int) -> None:
    if result != _OK:
        raise LibavifFailed(result)


def encode(planes: Planes, quality: int, speed: int, options: Mapping[str, str]) -> bytes:
    """Encodes a still picture by aom at libavif's quality, 0 to 100, in one thread, with options of aom."""
    library = _library()
    size = planes.width, planes.height, 8
    image = ctypes.c_void_p(library.avifImageCreate(*size, _FORMATS[planes.subsampling]))
    encoder = ctypes.c_void_p(library.avifEncoderCreate())
    made = _Data()
    try:
        if not image or not encoder:
            raise MemoryError
        _fill(ctypes.cast(image, ctypes.POINTER(_Image)).contents, planes)
        settings = ctypes.cast(encoder, ctypes.POINTER(_Encoder)).contents
        settings.codec = library.avifCodecChoiceFromName(b"aom")
        settings.threads, settings.speed, settings.quality = 1, speed, quality
        for name, value in options.items():
            _check(library.avifEncoderSetCodecSpecificOption(encoder, name.encode(), value.encode()))
        _check(library.avifEncoderAddImage(encoder, image, ctypes.c_uint64(1), _STILL))
        _check(library.avifEncoderFinish(encoder, ctypes.byref(made)))
        return ctypes.string_at(made.bytes, made.size)
    finally:
        library.avifRWDataFree(ctypes.byref(made))
        library.avifEncoderDestroy(encoder)
        library.avifImageDestroy(image)


def _fill(image: _Image, planes: Planes) -> None:
    """Lets an avifImage refer to the planes, which it does not own."""
    image.range = _FULL_RANGE
    image.primaries, image.transfer, image.matrix = _SRGB
    pixels, start = planes.width * planes.height, _address(planes.colours)
    halved = planes.subsampling == "4:2:0"
    columns = (planes.width + 1) // 2 if halved else planes.width
    samples = (len(planes.colours) - pixels) // 2  # of Cb, and of Cr
    image.planes = (ctypes.c_void_p * 3)(start, start + pixels, start + pixels + samples)
    image.row_bytes = (ctypes.c_uint32 * 3)(planes.width, columns, columns)
    if planes.alpha:
        image.alpha, image.alpha_row_bytes = _address(planes.alpha), planes.width


def _address(content: bytes) -> int:
    """Returns where bytes begin. They must outlive the use of the address."""
    return ctypes.cast(ctypes.c_char_p(content), ctypes.c_void_p).value or 0
