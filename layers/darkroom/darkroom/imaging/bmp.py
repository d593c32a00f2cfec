"""Decodes BMPs whose channels have masks that Pillow does not know."""

import struct
from dataclasses import dataclass

from PIL import Image

from darkroom.imaging.sniff import corrupt
from darkroom.imaging.sniff.header import unsupported

_MASKS_AT = 54
_V3_HEADER_BYTES = 56
_SMALLEST_BYTES = _MASKS_AT + 16  # three masks and a row, or four masks


@dataclass(frozen=True, slots=True)
class _Layout:
    size: tuple[int, int]
    bits: int
    masks: tuple[int, ...]
    start: int
    bottom_up: bool


def decoded(stream: bytes) -> Image.Image:
    """Decodes a BMP with masks of any kind in 16 bits, and of whole bytes in 32. Raises RejectedPicture."""
    layout = _layout(stream)
    row_bytes = -(-layout.size[0] * layout.bits // 32) * 4
    pixels = stream[layout.start : layout.start + row_bytes * layout.size[1]]
    if len(pixels) < row_bytes * layout.size[1]:
        raise corrupt()
    rows = row_bytes, -1 if layout.bottom_up else 1
    if layout.bits == 16:
        words = Image.frombytes("I;16", layout.size, pixels, "raw", "I;16", *rows).convert("I")
        bands = [words.point(_table(mask), "L") for mask in layout.masks]
    else:
        four = Image.frombytes("RGBA", layout.size, pixels, "raw", "RGBA", *rows).split()
        bands = [four[_WHOLE_BYTES.index(mask)] for mask in layout.masks]
    return Image.merge("RGBA" if len(bands) == 4 else "RGB", bands)


_WHOLE_BYTES = (0xFF, 0xFF00, 0xFF0000, 0xFF000000)


def _layout(stream: bytes) -> _Layout:
    if len(stream) < _SMALLEST_BYTES:
        raise corrupt()
    header_bytes, width, height, bits = struct.unpack_from("<IiixxH", stream, 14)
    masks = struct.unpack_from("<IIII", stream, _MASKS_AT)
    if header_bytes < _V3_HEADER_BYTES or not masks[3]:
        masks = masks[:3]  # without an alpha channel
    whole = all(mask in _WHOLE_BYTES for mask in masks)
    if not all(masks) or (bits, whole) not in ((16, whole), (32, True)):
        raise unsupported("The BMP's kind of pixels is not supported; export it as JPEG.")
    (start,) = struct.unpack_from("<I", stream, 10)
    return _Layout((width, abs(height)), bits, masks, start, bottom_up=height > 0)


def _table(mask: int) -> list[int]:
    """Returns the level of 8 bits for each word."""
    shift = (mask & -mask).bit_length() - 1
    most = mask >> shift
    return [round(255 * ((word & mask) >> shift) / most) for word in range(1 << 16)]
