"""The header pass: reads format, dimensions and metadata of a file without any decoder.

Every read is bounds-checked: hostile bytes cause a RejectedPicture and no other error.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from darkroom.imaging.sniff.avif import read_avif
from darkroom.imaging.sniff.bmp import read_bmp
from darkroom.imaging.sniff.coding import profile_coding
from darkroom.imaging.sniff.gif import read_gif
from darkroom.imaging.sniff.header import Animation, Damaged, Header, Screen, corrupt, unsupported
from darkroom.imaging.sniff.jpeg import read_jpeg
from darkroom.imaging.sniff.png import PNG_MAGIC, read_png
from darkroom.imaging.sniff.tiff import read_tiff
from darkroom.imaging.sniff.webp import read_webp

__all__ = ["Animation", "Header", "Screen", "corrupt", "read_header"]


def read_header(content: bytes) -> Header:
    """Reads the header of a picture; the format comes from its content, never from its name.

    Raises RejectedPicture: unsupported_format, corrupt_image or too_many_scans.
    """
    reader = next((reader for begin, reader in _READERS if re.match(begin, content, re.DOTALL)), None)
    if content.startswith(_GZIP):
        raise unsupported("The file is compressed with gzip; upload the picture itself.")
    if reader is None:
        raise unsupported("The file is not a JPEG, PNG, WebP, GIF, AVIF, TIFF or BMP picture.")
    try:
        header = reader(content)
    except (Damaged, IndexError, ValueError) as fault:
        raise corrupt() from fault
    if header.icc and (coding := profile_coding(header.icc)):
        header = replace(header, icc=b"", coding=coding)
    if header.width < 1 or header.height < 1:
        raise corrupt()
    return header


_GZIP = b"\x1f\x8b"

# The beginning of each format as a regular expression.
_READERS: tuple[tuple[bytes, Callable[[bytes], Header]], ...] = (
    (rb"\xff\xd8", read_jpeg),
    (re.escape(PNG_MAGIC), read_png),
    (rb"RIFF....WEBP", read_webp),
    (rb"GIF8[79]a", read_gif),
    (rb"....ftyp", read_avif),
    (rb"II[*+]\0|MM\0[*+]", read_tiff),
    (rb"BM", read_bmp),
)
