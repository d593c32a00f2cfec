"""TIFF headers: revision 6.0, BigTIFF, and camera raw, which is TIFF with a large JPEG preview in it."""

from collections.abc import Collection, Iterator
from copy import replace
from struct import calcsize

from darkroom.domain.errors import RejectedPicture
from darkroom.imaging.sniff.directories import (
    MAX_READ,
    Directory,
    Layout,
    directories_of,
    directory_at,
    layout_of,
)
from darkroom.imaging.sniff.exif import ORIENTATION
from darkroom.imaging.sniff.header import MAX_PROFILE_BYTES, Damaged, Header, numbers, unsupported
from darkroom.imaging.sniff.jpeg import read_jpeg

_SUBFILE, _WIDTH, _HEIGHT, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 259, 262
_STRIPS, _STRIP_BYTES, _TILES = 273, 279, 324
_SUB_DIRECTORIES, _PREVIEW, _PREVIEW_BYTES, _ICC, _DNG_VERSION = 330, 513, 514, 34675, 50706
_REDUCED = 1
_JPEG = (6, 7)
# By their order: none, fax, LZW, JPEG, deflate, PackBits, ThunderScan, deflate, LogLuv, LZMA and Zstandard.
_DECODED = (1, 2, 3, 4, 5, *_JPEG, 8, 32771, 32773, 32809, 32946, 34676, 34677, 34925, 50000)
# Filter arrays of sensors, and their linear form: TIFF/EP and DNG.
_SENSOR = (32803, 34892)
# Each strip or tile takes the decoder about 5 microseconds and 200 bytes.
_MAX_STRIPS = 100_000


def read_tiff(content: bytes) -> Header:
    layout = layout_of(content)
    directories = list(directories_of(content, layout))
    if not directories:
        raise Damaged("no directory")
    tags = directories[0]
    if _is_camera_raw(content, directories):
        return _camera_raw(content, layout, directories)
    strips = max(tags.get(tag, (0, 0))[1] for tag in (_STRIPS, _TILES))
    if strips > _MAX_STRIPS:
        raise RejectedPicture(
            "too_expensive",
            f"The TIFF has {strips:,} strips or tiles; the limit is {_MAX_STRIPS:,}.",
            limit=_MAX_STRIPS,
            actual=strips,
        )
    if tags.get(_COMPRESSION, (1, 1))[0] not in _DECODED:
        raise unsupported("The TIFF's compression is not supported; export it as JPEG.")
    width, height = _value(tags, _WIDTH), _value(tags, _HEIGHT)
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
        frames=len(directories),
    )


def _value(tags: Directory, tag: int) -> int:
    return tags.get(tag, (0, 0))[0]


type Values = dict[int, tuple[int, ...]]
# Types of integers -> layout: BYTE, SHORT, LONG and LONG8.
_INTEGERS = {1: "B", 3: "H", 4: "I", 16: "Q"}
_MAX_ENTRIES = 1000


def read_values(content: bytes, wanted: Collection[int]) -> Values:
    """Reads the integers of the first directory's tags; those outside the file or too many are left out."""
    layout = layout_of(content)
    (start,) = numbers(layout.offset, content, layout.first)
    (entries,) = numbers(layout.entries, content, start)
    start += calcsize(layout.entries)
    found: Values = {}
    for at in range(start, start + layout.entry_bytes * min(entries, _MAX_ENTRIES), layout.entry_bytes):
        tag, kind, count = numbers(layout.entry, content, at)
        if tag not in wanted or tag in found or kind not in _INTEGERS or count > _MAX_STRIPS:
            continue
        values, place = f"{layout.order}{count}{_INTEGERS[kind]}", at + calcsize(layout.entry)
        if calcsize(values) > calcsize(layout.offset):
            (place,) = numbers(layout.offset, content, place)
        found[tag] = numbers(values, content, place)
    return found


def _is_camera_raw(content: bytes, directories: list[Directory]) -> bool:
    first = directories[0]
    is_reduced = bool(_value(first, _SUBFILE) & _REDUCED)
    by_sensor = any(_value(tags, _PHOTOMETRIC) in _SENSOR for tags in directories)
    return content[8:10] == b"CR" or _DNG_VERSION in first or is_reduced or by_sensor


def _camera_raw(content: bytes, layout: Layout, directories: list[Directory]) -> Header:
    """Returns the header of the largest JPEG in the file. Raises RejectedPicture if there is none."""
    found: list[Header] = []
    every = (*directories, *_sub_directories(content, layout, directories))
    previews = {preview for tags in every for preview in _previews(tags)}
    # Those of the most bytes: a hostile file of 1 MB can have hundreds that each take 0.2 s to read.
    for start, size in sorted(previews, key=lambda preview: preview[1])[-MAX_READ:]:
        try:
            found.append(read_jpeg(content[start : start + size]))
        except (Damaged, IndexError, ValueError, RejectedPicture):
            continue  # the sensor's data is lossless JPEG
    if not found:
        raise unsupported(RAW_SENTENCE)
    largest = max(found, key=lambda header: header.width * header.height)
    orientation = _value(directories[0], ORIENTATION)
    if largest.orientation == 1 and 1 <= orientation <= 8:
        largest = replace(largest, orientation=orientation)
    return replace(largest, camera_raw=True)


RAW_SENTENCE = "The file is a camera raw without a preview of full size; export it as JPEG."


def _sub_directories(content: bytes, layout: Layout, directories: list[Directory]) -> Iterator[Directory]:
    for tags in directories:
        offset, count = tags.get(_SUB_DIRECTORIES, (0, 0))
        for number in range(min(count, MAX_READ)):
            try:
                if count == 1:
                    start = offset
                else:
                    (start,) = numbers(layout.order + "I", content, offset + 4 * number)
                yield directory_at(content, layout, start)[0]
            except Damaged:
                continue


def _previews(tags: Directory) -> Iterator[tuple[int, int]]:
    """Yields offset and size of the JPEGs of a directory."""
    if _PREVIEW in tags and _PREVIEW_BYTES in tags:
        yield tags[_PREVIEW][0], tags[_PREVIEW_BYTES][0]
    is_one_strip = tags.get(_STRIPS, (0, 0))[1] == 1 and _STRIP_BYTES in tags
    if is_one_strip and _value(tags, _COMPRESSION) in _JPEG and _value(tags, _PHOTOMETRIC) not in _SENSOR:
        yield tags[_STRIPS][0], tags[_STRIP_BYTES][0]
