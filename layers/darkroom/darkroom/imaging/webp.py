"""Decodes a still WebP with libwebp's functions: Pillow's animation decoder takes twice the memory."""

import ctypes

from PIL import Image, _webp

from darkroom.imaging.sniff.header import numbers
from darkroom.imaging.sniff.webp import ALPHA_FLAG, webp_chunks


def still(stream: bytes, size: tuple[int, int]) -> Image.Image | None:
    """Decodes to RGB or RGBA; None for an animation, a broken file or another size than expected."""
    # Loaded through Pillow's module, to get the libwebp that Pillow bundles; see webp/decode.h.
    library = ctypes.CDLL(_webp.__file__)
    width, height, length = ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t(len(stream))
    if not library.WebPGetInfo(stream, length, ctypes.byref(width), ctypes.byref(height)):
        return None
    if (width.value, height.value) != size:
        return None
    mode, decode = "RGB", library.WebPDecodeRGBInto
    if _has_alpha(stream):
        mode, decode = "RGBA", library.WebPDecodeRGBAInto
    row_bytes = len(mode) * width.value
    pixels = bytearray(row_bytes * height.value)
    whole = (ctypes.c_char * len(pixels)).from_buffer(pixels)
    decode.restype = ctypes.c_void_p
    if not decode(stream, length, whole, ctypes.c_size_t(len(pixels)), row_bytes):
        return None
    return Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1)


def _has_alpha(stream: bytes) -> bool:
    """Reads the alpha flags of the file and of a lossless picture. RFC 9649, 2.7 and 3.4."""
    if stream[12:16] == b"VP8X" and stream[20] & ALPHA_FLAG:
        return True
    chunks = webp_chunks(stream, 8 + numbers("<I", stream, 4)[0])
    return any(kind == b"VP8L" and stream[start + 4] & ALPHA_FLAG for kind, start, _ in chunks)
