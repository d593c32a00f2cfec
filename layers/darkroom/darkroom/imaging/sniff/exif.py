"""Orientation from EXIF (a TIFF within another file) and XMP."""

import re

from darkroom.imaging.sniff.header import Damaged, numbers

BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
ORIENTATION = 274

# Begins EXIF in a JPEG, followed by one byte of any value; some writers put it in other formats too.
EXIF_NAME = b"Exif\0"


def exif_orientation(exif: bytes) -> int:
    """Reads EXIF's orientation, 1 to 8; 0 if it is missing or the block is damaged."""
    if exif.startswith(EXIF_NAME):
        exif = exif[len(EXIF_NAME) + 1 :]
    try:
        orientation = first_directory(exif).get(ORIENTATION, (0, 0))[0]
    except Damaged:
        return 0
    return orientation if 1 <= orientation <= 8 else 0


def first_directory(content: bytes) -> dict[int, tuple[int, int]]:
    """Maps the first directory's tags to their value (or the offset of their values) and count.

    Entries outside the file are ignored: cameras write wrong counts.
    """
    order = BYTE_ORDERS.get(content[:4])
    if order is None:
        raise Damaged("no TIFF header")
    (start,) = numbers(order + "I", content, 4)
    if start < 8:
        raise Damaged("the directory lies in the header")
    (entries,) = numbers(order + "H", content, start)
    tags: dict[int, tuple[int, int]] = {}
    for at in range(start + 2, min(start + 2 + 12 * entries, len(content) - 11), 12):
        tag, kind, count = numbers(order + "HHI", content, at)
        layout = {1: "B", 3: "H"}.get(kind, "I")
        tags.setdefault(tag, (numbers(order + layout, content, at + 8)[0], count))
    return tags


_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=[\"']|>)([1-8])")


def xmp_orientation(xmp: bytes) -> int:
    found = _XMP_ORIENTATION.search(xmp)
    return int(found[1]) if found else 0
