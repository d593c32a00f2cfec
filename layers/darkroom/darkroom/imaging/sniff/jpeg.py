"""JPEG headers: ISO/IEC 10918-1, annex B."""

import re
from collections.abc import Iterator

from darkroom.domain.errors import RejectedPicture
from darkroom.imaging.sniff.exif import EXIF_NAME, exif_orientation
from darkroom.imaging.sniff.header import MAX_PARTS, MAX_SCANS, Damaged, Header, numbers, unsupported

JPEG_MAGIC = b"\xff\xd8"
# A marker, except stuffing, fill bytes and restarts, which occur within entropy-coded bytes.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_HUFFMAN, _ARITHMETIC = (0xC0, 0xC1, 0xC2), (0xC9, 0xCA)
# With those of hierarchical pictures (DHP) and of JPEG-LS.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xDE, 0xF7}
# Arithmetic coding takes about one bit for 64 plain blocks; libjpeg fills missing ones without a warning.
_PIXELS_PER_BIT = 64 * 64
# Markers: the second bytes.
_START, END, SCAN, _TEMPORARY = 0xD8, 0xD9, 0xDA, 0x01
_APP0, APP1, APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
_WITHOUT_BODY = (_START, END, _TEMPORARY)
# JFIF and Adobe segments define the coding of the channels; other application segments and comments do not.
_METADATA = frozenset(range(0xE0, 0xF0)) | {0xFE}
# JFIF's segment in its shortest form; Adobe's has 12 bytes. As in libjpeg, shorter ones mean nothing.
_JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
_ADOBE_BYTES = 12


def read_jpeg(content: bytes) -> Header:
    segments, frames = [], []
    for marker, start, stop in jpeg_segments(content):
        segments.append((marker, start, stop))
        if marker in _FRAMES:
            frames.append(content[start:stop])
            # At once: the data of other codings may look damaged.
            _check_frame(frames[0])
    scans = [start for marker, start, _ in segments if marker == SCAN]
    if len(frames) != 1 or not scans:
        raise Damaged("there must be one frame, with scans")
    if len(scans) > MAX_SCANS:
        raise RejectedPicture(
            "too_many_scans",
            f"The JPEG has {len(scans):,} progressive scans; the limit is {MAX_SCANS}.",
            limit=MAX_SCANS,
            actual=len(scans),
        )
    kept = [_for_decoder(marker, content[start:stop]) for marker, start, stop in segments if start < scans[0]]
    end = segments[-1][2] if segments[-1][0] == END else len(content)
    height, width = numbers(">HH", frames[0], 5)
    is_arithmetic = frames[0][1] in _ARITHMETIC
    orientations = (
        exif_orientation(content[start + 4 : stop])
        for marker, start, stop in segments
        if marker == APP1 and content[start + 4 : stop].startswith(EXIF_NAME)
    )
    return Header(
        format="jpeg",
        width=width,
        height=height,
        stream=b"".join([JPEG_MAGIC, *kept, memoryview(content)[scans[0] : end]]),
        orientation=next(filter(None, orientations), 1),
        icc=_jpeg_profile(content, segments),
        arithmetic=is_arithmetic,
        too_few_bytes=is_arithmetic and 8 * (end - scans[0]) < width * height // _PIXELS_PER_BIT,
        trailing_bytes=len(content) - end,
        channels=numbers(">B", frames[0], 9)[0],
    )


def without_metadata(content: bytes) -> bytes:
    """Returns a JPEG that `read_jpeg` has read, without metadata, and without bytes outside of its segments
    and scans.

    Its ICC profile stays: the pixels are in the profile's colours.
    """
    kept, end, in_scan = [JPEG_MAGIC], len(JPEG_MAGIC), False
    for marker, start, stop in jpeg_segments(content):
        if in_scan:
            kept.append(content[end:start])
        segment, in_scan, end = content[start:stop], marker == SCAN, stop
        is_plain_jfif = segment.startswith(_JFIF[:9]) and len(segment) == len(_JFIF)
        is_kept = is_plain_jfif or _is_profile(marker, segment)
        kept.append(segment if is_kept else _for_decoder(marker, segment))
    return b"".join(kept)


def _for_decoder(marker: int, segment: bytes) -> bytes:
    """Returns the segment if the decoder needs it, else nothing."""
    if marker == _APP0 and segment[4:9] == b"JFIF\0" and len(segment) >= len(_JFIF):
        return _JFIF
    return b"" if marker in _METADATA and not _is_adobe(marker, segment) else segment


def _is_adobe(marker: int, segment: bytes) -> bool:
    return marker == _APP14 and segment[4:9] == b"Adobe" and len(segment) >= 4 + _ADOBE_BYTES


def jpeg_segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Yields each segment's marker, start and end, up to the end of the first picture."""
    position = 2
    for _ in range(MAX_PARTS):
        found = _MARKER.search(content, position)
        if not found:
            return
        marker, position = content[found.end() - 1], found.end()
        if marker not in _WITHOUT_BODY:
            (length,) = numbers(">H", content, position)
            position += length
            if length < 2 or position > len(content):
                raise Damaged("a segment is longer than the file")
        yield marker, found.start(), position
        if marker == END:
            return
    raise Damaged("too many segments")


def _jpeg_profile(content: bytes, segments: list[tuple[int, int, int]]) -> bytes:
    """Joins the numbered parts of the ICC profile; empty if their numbers are wrong, as in browsers."""
    parts: dict[int, bytes] = {}
    first_count = 0
    for marker, start, stop in segments:
        if _is_profile(marker, content[start:stop]):
            number, count = content[start + 16], content[start + 17]
            first_count = first_count or count
            if number in parts or not 1 <= number <= count == first_count:
                return b""
            parts[number] = content[start + 18 : stop]
            if len(parts) == count:
                return b"".join(parts[number] for number in sorted(parts))
    return b""


def _is_profile(marker: int, segment: bytes) -> bool:
    return marker == APP2 and segment[4:16] == b"ICC_PROFILE\0" and len(segment) > 18


def _check_frame(frame: bytes) -> None:
    _, kind, _, bits = numbers(">BBHB", frame, 0)
    if bits != 8:
        raise unsupported(f"The JPEG has {bits} bits per channel; only 8 bits are supported.")
    if kind not in (*_HUFFMAN, *_ARITHMETIC):
        raise unsupported(
            "Lossless and hierarchical JPEGs are not supported; browsers can't show them either."
        )
