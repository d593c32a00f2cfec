"""Orientation from EXIF (a TIFF within another file) and XMP."""

import re

from darkroom.imaging.sniff.directories import directories_of, layout_of
from darkroom.imaging.sniff.header import Damaged

TIFF_MAGICS = (b"II*\0", b"MM\0*")
ORIENTATION = 274

# Begins EXIF in a JPEG, followed by one byte of any value; some writers put it in other formats too.
EXIF_NAME = b"Exif\0"


def exif_orientation(exif: bytes) -> int:
    """Reads EXIF's orientation, 1 to 8; 0 if it is missing or the block is damaged."""
    if exif.startswith(EXIF_NAME):
        exif = exif[len(EXIF_NAME) + 1 :]
    if exif[:4] not in TIFF_MAGICS:
        return 0
    try:
        orientation = next(directories_of(exif, layout_of(exif)), {}).get(ORIENTATION, (0, 0))[0]
    except Damaged:
        return 0
    return orientation if 1 <= orientation <= 8 else 0


_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=[\"']|>)([1-8])")


def xmp_orientation(xmp: bytes) -> int:
    found = _XMP_ORIENTATION.search(xmp)
    return int(found[1]) if found else 0
