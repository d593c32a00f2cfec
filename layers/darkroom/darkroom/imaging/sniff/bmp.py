"""BMP headers: Microsoft, versions 2 to 5, and OS/2's."""

from typing import NamedTuple

from darkroom.imaging.sniff.header import MAX_PROFILE_BYTES, Header, numbers, unsupported


class BmpLayout(NamedTuple):
    """The layout of a BMP's pixels, which begin at `start`.

    - `masks`: those of red, green and blue, and of alpha if it has any; empty for a palette and 24 bits.
    - `palette`: blue, green and red in `entry_bytes` for each colour.
    """

    width: int
    height: int
    is_bottom_up: bool
    bits: int
    compression: int
    masks: tuple[int, ...]
    palette: bytes
    entry_bytes: int
    start: int


def read_bmp(content: bytes) -> Header:
    layout = bmp_layout(content)
    return Header(
        format="bmp", width=layout.width, height=layout.height, stream=content, icc=_profile(content)
    )


def bmp_layout(content: bytes) -> BmpLayout:
    """Reads the layout. Raises Damaged, or RejectedPicture for kinds of pixels that can't be decoded."""
    (header_bytes,) = numbers("<I", content, _HEADER)
    if header_bytes == _OLDEST_BYTES:
        width, height, bits = numbers("<HHxxH", content, 18)
    elif header_bytes in (16, 40, 52, 56, _OS2_BYTES, 108, _NEWEST_BYTES):
        width, height, bits = numbers("<iixxH", content, 18)
    else:
        raise unsupported("This version of BMP is not supported.")
    compression = colours = 0
    if header_bytes >= _INFO_BYTES:
        compression, colours = numbers("<I12xI", content, 30)
    if compression in _WRAPPED and header_bytes != _OS2_BYTES:
        raise unsupported("The BMP holds a JPEG or PNG; upload that picture itself.")
    masks = _masks(content, header_bytes, bits, compression)
    if (compression, bits) not in _KINDS or not all(masks[:3]):
        raise unsupported("The BMP's kind of pixels is not supported; export it as JPEG.")
    palette_at = _HEADER + header_bytes
    if header_bytes == _INFO_BYTES and compression in _BITFIELDS:
        palette_at += 4 * len(masks)
    most = 1 << bits if bits <= _MOST_INDEX_BITS else 0
    entry_bytes = 3 if header_bytes == _OLDEST_BYTES else 4
    palette_end = palette_at + entry_bytes * min(colours or most, most)
    start = numbers("<I", content, 10)[0] or palette_end
    return BmpLayout(
        width,
        abs(height),
        height > 0,
        bits,
        compression,
        masks,
        content[palette_at : min(palette_end, start)],
        entry_bytes,
        start,
    )


def _masks(content: bytes, header_bytes: int, bits: int, compression: int) -> tuple[int, ...]:
    if bits not in _USUAL_MASKS:
        return ()
    masks = numbers("<III", content, _MASKS) if compression in _BITFIELDS else _USUAL_MASKS[bits]
    with_alpha = (56, 108, _NEWEST_BYTES) if compression in _BITFIELDS else (108, _NEWEST_BYTES)
    has_alpha = compression == _ALPHA_BITFIELDS or header_bytes in with_alpha
    alpha = numbers("<I", content, _MASKS + 12) if has_alpha else ()
    return masks + alpha if any(alpha) else masks


def _profile(content: bytes) -> bytes:
    """Reads the ICC profile, which only the newest header has."""
    if numbers("<I", content, _HEADER)[0] != _NEWEST_BYTES or content[70:74] != _EMBEDDED:
        return b""
    start, length = numbers("<II", content, 126)
    return content[_HEADER + start : _HEADER + start + min(length, MAX_PROFILE_BYTES)]


_HEADER, _MASKS = 14, 54
_OLDEST_BYTES, _INFO_BYTES, _OS2_BYTES, _NEWEST_BYTES = 12, 40, 64, 124
_EMBEDDED = b"DEBM"
RUNS_OF_8, RUNS_OF_4 = 1, 2
_ALPHA_BITFIELDS = 6
_BITFIELDS, _WRAPPED = (3, _ALPHA_BITFIELDS), (4, 5)
_MOST_INDEX_BITS = 8
_USUAL_MASKS = {16: (0x7C00, 0x3E0, 0x1F), 32: (0xFF0000, 0xFF00, 0xFF)}
_KINDS = (
    *((0, bits) for bits in (1, 2, 4, 8, 16, 24, 32)),
    *((bitfields, bits) for bitfields in _BITFIELDS for bits in _USUAL_MASKS),
    (RUNS_OF_8, 8),
    (RUNS_OF_4, 4),
)
