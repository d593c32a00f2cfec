"""TIFF headers: revision 6.0."""

from darkroom.imaging.sniff.exif import BYTE_ORDERS, ORIENTATION, first_directory
from darkroom.imaging.sniff.header import MAX_PARTS, MAX_PROFILE_BYTES, Damaged, Header, numbers

_WIDTH, _HEIGHT, _ICC = 256, 257, 34675


def read_tiff(content: bytes) -> Header:
    tags = first_directory(content)
    width, height = tags.get(_WIDTH, (0, 0))[0], tags.get(_HEIGHT, (0, 0))[0]
    icc_offset, icc_bytes = tags.get(_ICC, (0, 0))
    # Pillow's TIFF plugin turns pictures upright.
    if tags.get(ORIENTATION, (1, 1))[0] in (5, 6, 7, 8):
        width, height = height, width
    return Header(
        format="tiff",
        width=width,
        height=height,
        stream=content,
        icc=content[icc_offset : icc_offset + icc_bytes] if icc_bytes <= MAX_PROFILE_BYTES else b"",
        frames=_tiff_pages(content),
    )


def _tiff_pages(content: bytes) -> int:
    """Counts the linked directories; stops at a loop."""
    order = BYTE_ORDERS[content[:4]]
    (position,) = numbers(order + "I", content, 4)
    seen: set[int] = set()
    while position and position not in seen and len(seen) < MAX_PARTS:
        seen.add(position)
        try:
            (entries,) = numbers(order + "H", content, position)
            (position,) = numbers(order + "I", content, position + 2 + 12 * entries)
        except Damaged:
            break
    return len(seen)
