"""The header pass: reads format, dimensions and metadata of a file without any decoder.

Every read is bounds-checked: hostile bytes cause a RejectedPicture and no other error.
"""

from collections.abc import Callable

from darkroom.domain.errors import RejectedPicture
from darkroom.imaging.sniff.avif import read_avif
from darkroom.imaging.sniff.bmp import read_bmp
from darkroom.imaging.sniff.gif import read_gif
from darkroom.imaging.sniff.header import Animation, Damaged, Header, Screen, corrupt, unsupported
from darkroom.imaging.sniff.jpeg import read_jpeg
from darkroom.imaging.sniff.png import PNG_MAGIC, read_png
from darkroom.imaging.sniff.tiff import read_tiff
from darkroom.imaging.sniff.webp import read_webp

__all__ = ["Animation", "Header", "Screen", "corrupt", "read_header"]


def read_header(content: bytes) -> Header:
    """Reads the header of a picture; the format comes from its content, never from its name.

    Raises RejectedPicture: empty_file, unsupported_format, corrupt_image or too_many_scans.
    """
    if not content:
        raise RejectedPicture("empty_file", "The file is empty.")
    reader = _reader_for(content)
    try:
        header = reader(content)
    except (Damaged, IndexError, ValueError) as fault:
        raise corrupt() from fault
    if header.width < 1 or header.height < 1:
        raise corrupt()
    return header


def _reader_for(content: bytes) -> Callable[[bytes], Header]:
    if content.startswith(b"\xff\xd8"):
        return read_jpeg
    if content.startswith(PNG_MAGIC):
        return read_png
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return read_webp
    if content.startswith((b"GIF87a", b"GIF89a")):
        return read_gif
    if content[4:8] == b"ftyp":
        return read_avif
    if content.startswith((b"II*\0", b"MM\0*")):
        return read_tiff
    if content.startswith(b"BM"):
        return read_bmp
    raise unsupported("The file is not a JPEG, PNG, WebP, GIF, AVIF, TIFF or BMP picture.")
