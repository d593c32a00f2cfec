"""AVIF headers: AOM's AV1 Image File Format, based on ISO/IEC 23008-12 and 14496-12."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice

from darkroom.imaging.sniff.coding import Coding, peak_nits, video_coding
from darkroom.imaging.sniff.header import (
    MAX_PARTS,
    MAX_PROFILE_BYTES,
    Damaged,
    Header,
    numbers,
    unsupported,
)

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif"}
_BOXES = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0}

MAX_DEPTH = 8


def read_avif(content: bytes) -> Header:
    (length,) = numbers(">I", content, 0)
    brands = {content[8:12]} | {content[at : at + 4] for at in range(16, min(length, 1024, len(content)), 4)}
    if not brands & {b"avif", b"avis"}:
        if brands & _HEIC_BRANDS:
            raise unsupported("HEIC is not supported; open the picture in a photo app and export it as JPEG.")
        raise unsupported("The file is a video or another kind of media, not a picture.")
    boxes = list(islice(boxes_within(content, 0, len(content), 0), MAX_PARTS))
    sizes = [_box_size(content, start) for kind, start, _ in boxes if kind == b"ispe"]
    if not sizes:
        raise Damaged("no picture in it")
    largest = max(sizes, key=lambda size: size[0] * size[1])
    properties = _primary_properties(content, boxes)
    of_primary = {kind: start for kind, start, _ in properties}
    icc, coding = _avif_colour(content, properties)
    width, height = _box_size(content, of_primary[b"ispe"]) if b"ispe" in of_primary else largest
    aperture = _clean_aperture(content, of_primary.get(b"clap"), (width, height))
    if aperture:
        width, height = aperture[2] - aperture[0], aperture[3] - aperture[1]
    return Header(
        format="avif",
        width=width,
        height=height,
        stream=content,
        orientation=_avif_orientation(content, of_primary),
        aperture=aperture,
        icc=icc,
        coding=coding,
        frames=_avif_frames(content, boxes),
        largest_pixels=largest[0] * largest[1],
    )


def _avif_frames(content: bytes, boxes: list[tuple[bytes, int, int]]) -> int:
    """Counts the samples of the longest picture track; 1 for a still, which has no track."""
    frames, handler = 1, b""
    for kind, start, _ in boxes:
        if kind == b"hdlr":
            handler = content[start + 8 : start + 12]
        elif kind == b"stsz" and handler == b"pict":
            frames = max(frames, numbers(">I", content, start + 8)[0])
    return frames


def _box_size(content: bytes, start: int) -> tuple[int, int]:
    width, height = numbers(">II", content, start + 4)
    return width, height


def _clean_aperture(
    content: bytes, start: int | None, size: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """Reads the part to show; None if it is not stated, empty, outside, or not in whole pixels.

    Source: ISO/IEC 14496-12, 12.1.4.
    """
    if start is None:
        return None
    fields = numbers(">IIIIiIiI", content, start)
    if not all(fields[1::2]):
        return None
    sides = [Fraction(*fields[0:2]), Fraction(*fields[2:4])]
    # Offsets are those of the part's centre from the picture's.
    offsets = [Fraction(*fields[4:6]), Fraction(*fields[6:8])]
    corners = [offset + (whole - side) / 2 for whole, side, offset in zip(size, sides, offsets, strict=True)]
    if not all(number.denominator == 1 for number in (*sides, *corners)):
        return None
    left, top, width, height = (int(number) for number in (*corners, *sides))
    inside = 0 <= left < left + width <= size[0] and 0 <= top < top + height <= size[1]
    return (left, top, left + width, top + height) if inside else None


def _primary_properties(content: bytes, boxes: list[tuple[bytes, int, int]]) -> list[tuple[bytes, int, int]]:
    """Lists the primary item's properties: kind, start and end of the body."""
    found = {kind: (start, end) for kind, start, end in reversed(boxes)}
    if not {b"pitm", b"ipco", b"ipma"} <= found.keys():
        return []
    start, _ = found[b"pitm"]
    (primary,) = numbers(">I" if content[start] else ">H", content, start + 4)
    properties = list(islice(boxes_within(content, *found[b"ipco"], MAX_DEPTH), MAX_PARTS))
    indices = _associations(content, found[b"ipma"][0]).get(primary, [])
    return [properties[index - 1] for index in indices if 1 <= index <= len(properties)]


def _avif_colour(content: bytes, properties: list[tuple[bytes, int, int]]) -> tuple[bytes, Coding | None]:
    """Reads the primary item's ICC profile, or else its colour space by number."""
    icc, named, light, mastering = b"", tuple[int, ...](), 0, 0.0
    for kind, start, end in properties:
        if kind == b"colr" and content[start : start + 4] in (b"prof", b"rICC"):
            icc = content[start + 4 : min(end, start + MAX_PROFILE_BYTES)]
        elif kind == b"colr" and content[start : start + 4] == b"nclx":
            named = numbers(">HH", content, start + 4)
        elif kind == b"clli":
            (light,) = numbers(">H", content, start)
        elif kind == b"mdcv":
            mastering = numbers(">I", content, start + 16)[0] / _PER_NIT
    if icc or not named:
        return icc, None
    return b"", video_coding(named[0], named[1], peak_nits(light, mastering))


# mdcv's unit. ISO/IEC 23008-2, D.3.28.
_PER_NIT = 10_000


def _associations(content: bytes, position: int) -> dict[int, list[int]]:
    """Maps each item to the numbers of its properties in ipco, counted from 1."""
    version, flags, entries = numbers(">B2xBI", content, position)
    position += 8
    item_layout, item_bytes = (">I", 4) if version else (">H", 2)
    index_layout, index_bytes, index_mask = (">H", 2, 0x7FFF) if flags & 1 else (">B", 1, 0x7F)
    found: dict[int, list[int]] = {}
    for _ in range(min(entries, MAX_PARTS)):
        (item,) = numbers(item_layout, content, position)
        (count,) = numbers(">B", content, position + item_bytes)
        position += item_bytes + 1
        found[item] = [
            numbers(index_layout, content, position + index_bytes * number)[0] & index_mask
            for number in range(count)
        ]
        position += index_bytes * count
    return found


# EXIF's orientation after 0 to 3 anti-clockwise quarter turns, without a mirror (None), with one of top and
# bottom (0), or of left and right (1).
_ORIENTATIONS = {None: (1, 8, 3, 6), 0: (4, 5, 2, 7), 1: (2, 7, 4, 5)}


def _avif_orientation(content: bytes, properties: dict[bytes, int]) -> int:
    """Reads the orientation from the item's properties; AVIF says to ignore EXIF's."""
    turns = content[properties[b"irot"]] & 3 if b"irot" in properties else 0
    mirror = content[properties[b"imir"]] & 1 if b"imir" in properties else None
    return _ORIENTATIONS[mirror][turns]


def boxes_within(content: bytes, position: int, limit: int, depth: int) -> Iterator[tuple[bytes, int, int]]:
    """Yields each box's kind, start and end of its body; a container before its contents."""
    while position + 8 <= limit:
        (length,) = numbers(">I", content, position)
        kind, start = content[position + 4 : position + 8], position + 8
        if length == 1:
            (length,) = numbers(">Q", content, start)
            start += 8
        end = position + length if length else limit
        if end > limit or end < start:
            if not depth:
                return  # trailing bytes or a truncated file: left to the decoder
            raise Damaged("a box is longer than its container")
        yield kind, start, end
        if kind in _BOXES and depth < MAX_DEPTH:
            yield from boxes_within(content, start + _BOXES[kind], end, depth + 1)
        position = end
