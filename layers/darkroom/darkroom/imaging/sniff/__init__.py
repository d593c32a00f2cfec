"""The header pass: reads format, dimensions and metadata of a file without any decoder.

Every read is bounds-checked: hostile bytes cause a RejectedPicture and no other error.
"""

import re
from copy import replace
from importlib import import_module

from darkroom.imaging.sniff.header import PNG_MAGIC, Animation, Damaged, Header, Screen, corrupt, unsupported

__all__ = ["Animation", "Header", "Screen", "corrupt", "kind_of", "read_header"]


def read_header(content: bytes) -> Header:
    """Reads the header of a picture; the format comes from its content, never from its name.

    Raises RejectedPicture: unsupported_format, corrupt_image or too_many_scans.
    """
    kind = kind_of(content)
    if content.startswith(_GZIP):
        raise unsupported("The file is compressed with gzip; upload the picture itself.")
    if not kind:
        raise unsupported("The file is not a JPEG, PNG, WebP, GIF, AVIF, TIFF or BMP picture.")
    try:
        header = _read(kind, content)
    except (Damaged, IndexError, ValueError) as fault:
        raise corrupt() from fault
    if header.icc:
        header = _with_coding(header)
    if header.width < 1 or header.height < 1:
        raise corrupt()
    return header


def kind_of(content: bytes) -> str:
    """Returns the format by its first bytes, like `jpeg`; empty for other files."""
    return next((kind for begin, kind in _FORMATS if re.match(begin, content, re.DOTALL)), "")


_GZIP = b"\x1f\x8b"

# The beginning of each format as a regular expression.
_FORMATS = (
    (rb"\xff\xd8", "jpeg"),
    (re.escape(PNG_MAGIC), "png"),
    (rb"RIFF....WEBP", "webp"),
    (rb"GIF8[79]a", "gif"),
    (rb"....ftyp", "avif"),
    (rb"II[*+]\0|MM\0[*+]", "tiff"),
    (rb"BM", "bmp"),
)


def _read(kind: str, content: bytes) -> Header:
    """Reads the header by the module of the format, for example with read_jpeg of the module jpeg."""
    module = import_module(f"{__name__}.{kind}")  # imported only when needed: most pictures are JPEGs
    header: Header = getattr(module, f"read_{kind}")(content)
    return header


def _with_coding(header: Header) -> Header:
    """Replaces an ICC profile by the coding that it stands for, if there is one."""
    from darkroom.imaging.sniff.coding import profile_coding  # imported only when needed

    coding = profile_coding(header.icc)
    return replace(header, icc=b"", coding=coding) if coding else header
