"""Which way is up, as EXIF (a TIFF within another file) and XMP say."""

import re

from darkroom.imaging.sniff.header import Damaged, numbers

BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
ORIENTATION = 274


EXIF_NAME = b"Exif\0"  # in a JPEG, with one more byte of any value; some writers carry it along elsewhere


def exif_orientation(exif: bytes) -> int:
    """EXIF's orientation, 1 to 8; 0 when it is not there or not to be found in a damaged block."""
    if exif.startswith(EXIF_NAME):
        exif = exif[len(EXIF_NAME) + 1 :]
    try:
        orientation = first_directory(exif).get(ORIENTATION, (0, 0))[0]
    except Damaged:
        return 0
    return orientation if 1 <= orientation <= 8 else 0


def first_directory(content: bytes) -> dict[int, tuple[int, int]]:
    """The first directory's tags, each with its number (or the offset of its values) and its count.

    Entries that lie outside the file are left out: cameras write wrong counts.
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
