"""Look before you decode: what a file says of itself, read without any decoder.

Every read is bounds-checked, so that hostile bytes end in RejectedPicture and in nothing else.
"""

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from struct import unpack_from

from darkroom.errors import RejectedPicture

# jpegtran's own scripts write at most 14 scans. 22,000 scans on 16 megapixels decode for over 20 s.
MAX_SCANS = 100

# Segments, chunks or boxes of one file. The most in earnest: 100 MB of PNG in chunks of 8 kB, 12,000.
_MAX_PARTS = 100_000

# Profiles are 0.5 to 4 kB for displays and up to 2 MB for presses; PNG deflates them.
MAX_PROFILE_BYTES = 16_000_000
MAX_METADATA_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Animation:
    """How the pictures of one file follow one another.

    `durations` in milliseconds, one per frame. It is played `loops` times, 0 is for ever. The frames begin
    with picture number `first` of what the decoder finds in `stream`.
    """

    durations: tuple[int, ...]
    loops: int
    stream: bytes
    first: int = 0


@dataclass(frozen=True, slots=True)
class Header:
    """What the header pass found.

    `width` and `height` are as stored, `orientation` (EXIF, 1 to 8) makes them upright. `largest_pixels`
    is the largest canvas or frame that a decoder may have to hold. `icc` is empty without a profile;
    `primaries` is the number that ITU-T H.273 has for the colour space, 0 if the file names none.
    `starved` means that there are fewer bytes than so many pixels can be coded in, `uninverted` that a
    JPEG in CMYK stores its inks as they are, where all that Adobe's mark is on store them inverted.
    `stream` is what the decoder gets: the upload without the metadata that a decoder could stumble over.
    `animation` is there for what can be made to move again: GIF, WebP and PNG of two frames or more.
    """

    format: str
    width: int
    height: int
    stream: bytes
    orientation: int = 1
    icc: bytes = b""
    primaries: int = 0
    frames: int = 1
    largest_pixels: int = 0
    starved: bool = False
    uninverted: bool = False
    animation: Animation | None = None

    @property
    def pixels(self) -> int:
        return max(self.width * self.height, self.largest_pixels)

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height after orientation."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def read_header(content: bytes) -> Header:
    """The header of a picture, by its content and never by its name.

    Raises RejectedPicture: empty_file, unsupported_format, corrupt_image or too_many_scans.
    """
    if not content:
        raise RejectedPicture("empty_file", "The file is empty.")
    reader = _reader_for(content)
    try:
        header = reader(content)
    except (_Damaged, IndexError, ValueError) as fault:
        raise corrupt() from fault
    if header.width < 1 or header.height < 1:
        raise corrupt()
    return header


def corrupt() -> RejectedPicture:
    return RejectedPicture("corrupt_image", "The picture is damaged or incomplete.")


class _Damaged(Exception):
    """The bytes contradict their own format."""


def _reader_for(content: bytes) -> Callable[[bytes], Header]:
    if content.startswith(b"\xff\xd8"):
        return _jpeg
    if content.startswith(_PNG_MAGIC):
        return _png
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return _webp
    if content.startswith((b"GIF87a", b"GIF89a")):
        return _gif
    if content[4:8] == b"ftyp":
        return _avif
    if content.startswith((b"II*\0", b"MM\0*")):
        return _tiff
    if content.startswith(b"BM"):
        return _bmp
    raise _unsupported("It is not a JPEG, PNG, WebP, GIF, AVIF, TIFF or BMP picture.")


def _unsupported(sentence: str) -> RejectedPicture:
    return RejectedPicture("unsupported_format", sentence)


def _numbers(layout: str, content: bytes, offset: int) -> tuple[int, ...]:
    """unpack_from that a short file can't surprise."""
    try:
        return unpack_from(layout, content, offset)
    except Exception as fault:
        raise _Damaged("the file ends early") from fault


# --- JPEG: ISO/IEC 10918-1, annex B

# A marker that is neither stuffing, nor fill, nor a restart within entropy-coded bytes.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_HUFFMAN = (0xC0, 0xC1, 0xC2)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START, _END, _SCAN, _APP1, _APP2, _APP14, _TEMPORARY = 0xD8, 0xD9, 0xDA, 0xE1, 0xE2, 0xEE, 0x01
_WITHOUT_BODY = (_START, _END, _TEMPORARY)
# JFIF and Adobe say how the channels are coded; every other application segment and comment is metadata.
_METADATA = (frozenset(range(0xE0, 0xF0)) | {0xFE}) - {0xE0, 0xEE}


def _jpeg(content: bytes) -> Header:
    segments = list(_jpeg_segments(content))
    frames = [content[start:stop] for marker, start, stop in segments if marker in _FRAMES]
    scans = [start for marker, start, _ in segments if marker == _SCAN]
    if len(frames) != 1 or not scans:
        raise _Damaged("not one frame with its scans")
    _check_frame(frames[0])
    if len(scans) > MAX_SCANS:
        raise RejectedPicture(
            "too_many_scans",
            f"It has {len(scans):,} progressive scans; the limit is {MAX_SCANS}.",
            limit=MAX_SCANS,
            actual=len(scans),
        )
    kept = [
        content[start:stop]
        for marker, start, stop in segments
        if start < scans[0] and marker not in _METADATA
    ]
    end = segments[-1][2] if segments[-1][0] == _END else len(content)
    height, width = _numbers(">HH", frames[0], 5)
    orientations = (
        exif_orientation(content[start + 10 : stop])
        for marker, start, stop in segments
        if marker == _APP1 and content[start + 4 : start + 10] == b"Exif\0\0"
    )
    return Header(
        format="jpeg",
        width=width,
        height=height,
        stream=b"".join([b"\xff\xd8", *kept, memoryview(content)[scans[0] : end]]),
        orientation=next(filter(None, orientations), 1),
        icc=_jpeg_profile(content, segments),
        # A Huffman code takes a bit per block at least. libjpeg fills what is missing with grey, silently.
        uninverted=not any(
            marker == _APP14 and content[start + 4 : start + 9] == b"Adobe" for marker, start, _ in segments
        ),
        starved=frames[0][1] in _HUFFMAN and 8 * (end - scans[0]) < width * height // 64,
    )


def _jpeg_segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Each segment's marker and where it starts and ends, up to the end of the first picture."""
    position = 2
    for _ in range(_MAX_PARTS):
        found = _MARKER.search(content, position)
        if not found:
            return
        marker, position = content[found.end() - 1], found.end()
        if marker not in _WITHOUT_BODY:
            (length,) = _numbers(">H", content, position)
            position += length
            if length < 2 or position > len(content):
                raise _Damaged("a segment is longer than the file")
        yield marker, found.start(), position
        if marker == _END:
            return
    raise _Damaged("too many segments")


def _jpeg_profile(content: bytes, segments: list[tuple[int, int, int]]) -> bytes:
    """The ICC profile, put together from its numbered parts."""
    parts = {
        content[start + 16]: content[start + 18 : stop]
        for marker, start, stop in segments
        if marker == _APP2 and content[start + 4 : start + 16] == b"ICC_PROFILE\0" and stop > start + 18
    }
    return b"".join(parts[number] for number in sorted(parts))


def _check_frame(frame: bytes) -> None:
    _, kind, _, bits = _numbers(">BBHB", frame, 0)
    if bits != 8:
        raise _unsupported(f"It is a JPEG of {bits} bits per channel; only those of 8 bits can be used.")
    if kind not in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA):
        raise _unsupported("It is a lossless or hierarchical JPEG, which browsers do not show either.")


# --- PNG: W3C, third edition

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_ANIMATION_CHUNKS = (b"acTL", b"fcTL", b"fdAT")


def _png(content: bytes) -> Header:
    if content[12:16] != b"IHDR":
        raise _Damaged("no IHDR")
    width, height = _numbers(">II", content, 16)
    view = memoryview(content)
    kept: list[bytes | memoryview] = [_PNG_MAGIC]
    moving: list[tuple[bytes, int, int]] = []
    orientations: dict[bytes, int] = {}
    icc, primaries, frames = b"", 0, 0
    for kind, start, end in _png_chunks(content):
        if kind in _PIXEL_CHUNKS:
            if zlib.crc32(view[start - 4 : end]) != _numbers(">I", content, end)[0]:
                raise _Damaged("a checksum is wrong")
            kept.append(view[start - 8 : end + 4])
        if kind in _PIXEL_CHUNKS or kind in _ANIMATION_CHUNKS:
            moving.append((kind, start, end))
        elif kind == b"cICP":
            primaries = _primaries(*_numbers(">BB", content, start))
        elif kind == b"iCCP":
            icc = _inflated(content[start:end].partition(b"\0")[2][1:], MAX_PROFILE_BYTES)
        if kind == b"fcTL":
            frames += 1
        elif kind in _PNG_ORIENTATIONS:
            orientations[kind] = orientations.get(kind) or _PNG_ORIENTATIONS[kind](content[start:end])
    return Header(
        format="png",
        width=width,
        height=height,
        # As it is where nothing was left out: a copy of a large one counts.
        stream=content if sum(map(len, kept)) == len(content) else b"".join(kept),
        orientation=next((o for kind in _PNG_ORIENTATIONS if (o := orientations.get(kind))), 1),
        icc=b"" if primaries else icc,  # third edition, 4.3: cICP comes first
        primaries=primaries,
        frames=max(1, frames),
        animation=_png_animation(content, moving) if frames > 1 else None,
    )


def _primaries(primaries: int, transfer: int) -> int:
    """The primaries of a picture for screens of ordinary brightness; 0 for one in PQ or HLG."""
    return 0 if transfer in (16, 18) else primaries


def _png_animation(content: bytes, chunks: list[tuple[bytes, int, int]]) -> Animation | None:
    """What moves in a PNG; None where it breaks a rule, since a viewer then shows the still.

    Source: W3C PNG, third edition, 11.3.5.
    """
    kinds = [kind for kind, _, _ in chunks]
    if b"acTL" not in kinds[: kinds.index(b"IDAT") if b"IDAT" in kinds else 0] or kinds.count(b"acTL") > 1:
        return None
    frames, plays = _numbers(">II", content, chunks[kinds.index(b"acTL")][1])
    controls = [start for kind, start, _ in chunks if kind == b"fcTL"]
    numbered = [_numbers(">I", content, start)[0] for kind, start, _ in chunks if kind in (b"fcTL", b"fdAT")]
    view = memoryview(content)
    sound = all(
        zlib.crc32(view[start - 4 : end]) == _numbers(">I", content, end)[0] for _, start, end in chunks
    )
    if frames != len(controls) or numbered != list(range(len(numbered))) or not sound:
        return None
    delays = (_numbers(">HH", content, start + 20) for start in controls)
    return Animation(
        durations=tuple(round(1000 * delay / (of or 100)) for delay, of in delays),
        loops=plays,
        stream=b"".join([_PNG_MAGIC, *(view[start - 8 : end + 4] for _, start, end in chunks)]),
        # A still without a frame control is for viewers that know no animation.
        first=0 if kinds.index(b"fcTL") < kinds.index(b"IDAT") else 1,
    )


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Each chunk's kind and where its body starts and ends, up to IEND."""
    position = 8
    for _ in range(_MAX_PARTS):
        (length,) = _numbers(">I", content, position)
        kind = content[position + 4 : position + 8]
        start, end = position + 8, position + 8 + length
        position = end + 4
        if position > len(content):
            raise _Damaged("a chunk is longer than the file")
        yield kind, start, end
        if kind == b"IEND":
            return
    raise _Damaged("too many chunks")


def _inflated(deflated: bytes, limit_bytes: int) -> bytes:
    """What a metadata chunk inflates to; nothing if it is broken or over the limit."""
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(deflated, limit_bytes)
    except zlib.error:
        return b""
    return b"" if inflater.unconsumed_tail else inflated


def _raw_profile_orientation(text: bytes) -> int:
    """ImageMagick's way to put EXIF into a PNG: hex digits in a text chunk."""
    keyword, _, body = text.partition(b"\0")
    if keyword not in (b"Raw profile type exif", b"Raw profile type APP1"):
        return 0
    try:
        raw = bytes.fromhex(b"".join(body.split()[2:]).decode("ascii"))
    except ValueError:
        return 0
    return exif_orientation(raw.removeprefix(b"Exif\0\0"))


def _deflated_raw_profile_orientation(text: bytes) -> int:
    keyword, _, body = text.partition(b"\0")
    return _raw_profile_orientation(keyword + b"\0" + _inflated(body[1:], MAX_METADATA_BYTES))


# --- WebP: RFC 9649


def _webp(content: bytes) -> Header:
    (riff_bytes,) = _numbers("<I", content, 4)
    if riff_bytes + 8 > len(content):
        raise _Damaged("the file ends early")
    width = height = frames = largest = 0
    durations: list[int] = []
    partial = False
    bodies: dict[bytes, bytes] = {}
    for kind, start, end in _webp_chunks(content, riff_bytes + 8):
        if kind == b"VP8X" and not width:
            width, height = _three_bytes(content, start + 4) + 1, _three_bytes(content, start + 7) + 1
        elif kind in (b"VP8 ", b"VP8L"):
            frames += 1
            coded = _webp_bitstream(kind, content, start)
            largest = max(largest, coded[0] * coded[1])
            width, height = (width, height) if width else coded
        elif kind == b"ANMF":
            frames += 1
            durations.append(_three_bytes(content, start + 12))
            size = _three_bytes(content, start + 6) + 1, _three_bytes(content, start + 9) + 1
            largest = max(largest, size[0] * size[1])
            partial = partial or size != (width, height)
        elif kind in (b"ICCP", b"EXIF", b"XMP ", b"ANIM"):
            bodies[kind] = content[start : min(end, start + MAX_PROFILE_BYTES)]
    if not frames:
        raise _Damaged("no picture in it")
    exif, xmp = bodies.get(b"EXIF", b""), bodies.get(b"XMP ", b"")
    loops = _numbers("<H", bodies[b"ANIM"], 4)[0] if b"ANIM" in bodies else 0
    stream = webp_with_alpha(content) if partial and content[12:16] == b"VP8X" else content
    return Header(
        format="webp",
        width=width,
        height=height,
        stream=stream,
        orientation=exif_orientation(exif.removeprefix(b"Exif\0\0")) or _xmp_orientation(xmp) or 1,
        icc=bodies.get(b"ICCP", b""),
        frames=frames,
        largest_pixels=largest,
        animation=Animation(tuple(durations), loops, stream) if len(durations) > 1 else None,
    )


def webp_with_alpha(content: bytes) -> bytes:
    """An extended WebP marked as transparent.

    libwebp leaves the mark out where each frame is cut down to what is opaque in it, and then takes the
    canvas around it for black. Source: RFC 9649, 2.7.
    """
    return content[:20] + bytes([content[20] | 0x10]) + content[21:]


def _webp_chunks(content: bytes, end_of_riff: int) -> Iterator[tuple[bytes, int, int]]:
    position = 12
    for _ in range(_MAX_PARTS):
        if position + 8 > end_of_riff:
            return
        (length,) = _numbers("<I", content, position + 4)
        start = position + 8
        if start + length > end_of_riff:
            raise _Damaged("a chunk is longer than the file")
        yield content[position : position + 4], start, start + length
        position = start + length + (length & 1)
    raise _Damaged("too many chunks")


def _webp_bitstream(kind: bytes, content: bytes, start: int) -> tuple[int, int]:
    if kind == b"VP8 ":
        if content[start + 3 : start + 6] != b"\x9d\x01\x2a":
            raise _Damaged("no key frame")
        width, height = _numbers("<HH", content, start + 6)
        return width & 0x3FFF, height & 0x3FFF
    if content[start : start + 1] != b"\x2f":
        raise _Damaged("no lossless signature")
    (bits,) = _numbers("<I", content, start + 1)
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _three_bytes(content: bytes, offset: int) -> int:
    low, high = _numbers("<HB", content, offset)
    return low | high << 16


# --- GIF: CompuServe, version 89a


_GIF_BLOCK = re.compile(rb"[!,;]")
_GIF_CONTROL = 0xF9
_GIF_LOOPING = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


def _gif(content: bytes) -> Header:
    width, height, flags = _numbers("<HHB", content, 6)
    position = 13 + _gif_palette_bytes(flags)
    largest = right = bottom = 0
    durations: list[int] = []
    duration, loops = 0, 1
    while position < len(content):
        # Browsers and Pillow skip bytes that start no block.
        found = _GIF_BLOCK.search(content, position)
        if not found or found[0] == b";":
            break
        position, introducer = found.start(), content[found.start()]
        if introducer == 0x21:
            label, body = content[position + 1], content[position + 3 : position + 19]
            if label == _GIF_CONTROL:
                duration = 10 * _numbers("<H", body, 1)[0]
            elif body[:11] in _GIF_LOOPING and body[11:13] == b"\x03\x01":
                # It counts the repetitions: one more than it is played.
                (repeated,) = _numbers("<H", body, 13)
                loops = repeated + 1 if repeated else 0
            position = _past_sub_blocks(content, position + 2)
        else:
            left, top, frame_width, frame_height, flags = _numbers("<HHHHB", content, position + 1)
            position = _past_sub_blocks(content, position + 11 + _gif_palette_bytes(flags))
            largest = max(largest, (left + frame_width) * (top + frame_height))
            if not durations:
                right, bottom = left + frame_width, top + frame_height
            durations.append(duration)
            duration = 0
    if not durations:
        raise _Damaged("no picture in it")
    return Header(
        format="gif",
        # A first frame that reaches beyond the canvas widens it, as browsers and Pillow do.
        width=max(width, right),
        height=max(height, bottom),
        stream=content,
        frames=len(durations),
        largest_pixels=largest,
        animation=Animation(tuple(durations), min(loops, 65_535), content) if len(durations) > 1 else None,
    )


def _gif_palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _past_sub_blocks(content: bytes, position: int) -> int:
    while position < len(content):
        length = content[position]
        position += length + 1
        if not length:
            return position
    raise _Damaged("a block is longer than the file")


# --- AVIF: AOM, over ISO/IEC 23008-12 and 14496-12

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif"}
_BOXES = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0}

_MAX_DEPTH = 8


def _avif(content: bytes) -> Header:
    (length,) = _numbers(">I", content, 0)
    brands = {content[8:12]} | {content[at : at + 4] for at in range(16, min(length, 1024, len(content)), 4)}
    if not brands & {b"avif", b"avis"}:
        if brands & _HEIC_BRANDS:
            raise _unsupported(
                "It is a HEIC picture, which can't be read here: export it as JPEG"
                " (on an iPhone: Settings, Camera, Formats, Most Compatible)."
            )
        raise _unsupported("It is a video or another kind of media file, not a picture.")
    boxes = list(islice(_boxes(content, 0, len(content), 0), _MAX_PARTS))
    sizes = [_box_size(content, start) for kind, start, _ in boxes if kind == b"ispe"]
    if not sizes:
        raise _Damaged("no picture in it")
    largest = max(sizes, key=lambda size: size[0] * size[1])
    properties = _primary_properties(content, boxes)
    of_primary = {kind: start for kind, start, _ in properties}
    icc, primaries = _avif_colour(content, properties)
    width, height = _box_size(content, of_primary[b"ispe"]) if b"ispe" in of_primary else largest
    return Header(
        format="avif",
        width=width,
        height=height,
        stream=content,
        orientation=_avif_orientation(content, of_primary),
        icc=icc,
        primaries=primaries,
        frames=_avif_frames(content, boxes),
        largest_pixels=largest[0] * largest[1],
    )


def _avif_frames(content: bytes, boxes: list[tuple[bytes, int, int]]) -> int:
    """The samples of the longest track of pictures; a still has no track, and sound does not count."""
    frames, handler = 1, b""
    for kind, start, _ in boxes:
        if kind == b"hdlr":
            handler = content[start + 8 : start + 12]
        elif kind == b"stsz" and handler == b"pict":
            frames = max(frames, _numbers(">I", content, start + 8)[0])
    return frames


def _box_size(content: bytes, start: int) -> tuple[int, int]:
    width, height = _numbers(">II", content, start + 4)
    return width, height


def _primary_properties(content: bytes, boxes: list[tuple[bytes, int, int]]) -> list[tuple[bytes, int, int]]:
    """The properties of the primary item: each one's kind, and where its body starts and ends."""
    found = {kind: (start, end) for kind, start, end in reversed(boxes)}
    if not {b"pitm", b"ipco", b"ipma"} <= found.keys():
        return []
    start, _ = found[b"pitm"]
    (primary,) = _numbers(">I" if content[start] else ">H", content, start + 4)
    properties = list(islice(_boxes(content, *found[b"ipco"], _MAX_DEPTH), _MAX_PARTS))
    indices = _associations(content, found[b"ipma"][0]).get(primary, [])
    return [properties[index - 1] for index in indices if 1 <= index <= len(properties)]


def _avif_colour(content: bytes, properties: list[tuple[bytes, int, int]]) -> tuple[bytes, int]:
    """The primary item's ICC profile and its primaries; it can name either or both."""
    icc, primaries = b"", 0
    for kind, start, end in properties:
        if kind == b"colr" and content[start : start + 4] in (b"prof", b"rICC"):
            icc = content[start + 4 : min(end, start + MAX_PROFILE_BYTES)]
        elif kind == b"colr" and content[start : start + 4] == b"nclx":
            primaries = _primaries(*_numbers(">HH", content, start + 4))
    return icc, primaries


def _associations(content: bytes, position: int) -> dict[int, list[int]]:
    """Each item's properties, by their number within ipco, which begins at 1."""
    version, flags, entries = _numbers(">B2xBI", content, position)
    position += 8
    item_layout, item_bytes = (">I", 4) if version else (">H", 2)
    index_layout, index_bytes, index_mask = (">H", 2, 0x7FFF) if flags & 1 else (">B", 1, 0x7F)
    found: dict[int, list[int]] = {}
    for _ in range(min(entries, _MAX_PARTS)):
        (item,) = _numbers(item_layout, content, position)
        (count,) = _numbers(">B", content, position + item_bytes)
        position += item_bytes + 1
        found[item] = [
            _numbers(index_layout, content, position + index_bytes * number)[0] & index_mask
            for number in range(count)
        ]
        position += index_bytes * count
    return found


# Quarter turns anti-clockwise, then the mirror (None, 0: top and bottom, 1: left and right) -> EXIF's number.
_TURNED_AND_MIRRORED = {
    (0, None): 1,
    (1, None): 8,
    (2, None): 3,
    (3, None): 6,
    (0, 0): 4,
    (1, 0): 5,
    (2, 0): 2,
    (3, 0): 7,
    (0, 1): 2,
    (1, 1): 7,
    (2, 1): 4,
    (3, 1): 5,
}


def _avif_orientation(content: bytes, properties: dict[bytes, int]) -> int:
    """In AVIF only the item's own properties turn the picture; EXIF's orientation is to be ignored."""
    turns = content[properties[b"irot"]] & 3 if b"irot" in properties else 0
    mirror = content[properties[b"imir"]] & 1 if b"imir" in properties else None
    return _TURNED_AND_MIRRORED[turns, mirror]


def _boxes(content: bytes, position: int, limit: int, depth: int) -> Iterator[tuple[bytes, int, int]]:
    """Each box's kind and where its body starts and ends, containers before what is in them."""
    while position + 8 <= limit:
        (length,) = _numbers(">I", content, position)
        kind, start = content[position + 4 : position + 8], position + 8
        if length == 1:
            (length,) = _numbers(">Q", content, start)
            start += 8
        end = position + length if length else limit
        if end > limit or end < start:
            raise _Damaged("a box is longer than what holds it")
        yield kind, start, end
        if kind in _BOXES and depth < _MAX_DEPTH:
            yield from _boxes(content, start + _BOXES[kind], end, depth + 1)
        position = end


# --- TIFF 6.0 and EXIF

_TIFF_LAYOUT = {b"II*\0": "<", b"MM\0*": ">"}
_WIDTH, _HEIGHT, _ORIENTATION, _ICC = 256, 257, 274, 34675


def _tiff(content: bytes) -> Header:
    tags = _first_directory(content)
    width, height = tags.get(_WIDTH, (0, 0))[0], tags.get(_HEIGHT, (0, 0))[0]
    icc_offset, icc_bytes = tags.get(_ICC, (0, 0))
    # Pillow's TIFF plugin turns pictures upright by itself.
    if tags.get(_ORIENTATION, (1, 1))[0] in (5, 6, 7, 8):
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
    """How many directories follow one another; a loop among them ends the count."""
    order = _TIFF_LAYOUT[content[:4]]
    (position,) = _numbers(order + "I", content, 4)
    seen: set[int] = set()
    while position and position not in seen and len(seen) < _MAX_PARTS:
        seen.add(position)
        try:
            (entries,) = _numbers(order + "H", content, position)
            (position,) = _numbers(order + "I", content, position + 2 + 12 * entries)
        except _Damaged:
            break
    return len(seen)


def exif_orientation(exif: bytes) -> int:
    """EXIF's orientation, 1 to 8; 0 when it is not there or not to be found in a damaged block."""
    try:
        orientation = _first_directory(exif).get(_ORIENTATION, (0, 0))[0]
    except _Damaged:
        return 0
    return orientation if 1 <= orientation <= 8 else 0


def _first_directory(content: bytes) -> dict[int, tuple[int, int]]:
    """The first directory's tags, each with its number (or the offset of its values) and its count.

    Entries that lie outside the file are left out: cameras write wrong counts.
    """
    order = _TIFF_LAYOUT.get(content[:4])
    if order is None:
        raise _Damaged("no TIFF header")
    (start,) = _numbers(order + "I", content, 4)
    if start < 8:
        raise _Damaged("the directory lies in the header")
    (entries,) = _numbers(order + "H", content, start)
    tags: dict[int, tuple[int, int]] = {}
    for at in range(start + 2, min(start + 2 + 12 * entries, len(content) - 11), 12):
        tag, kind, count = _numbers(order + "HHI", content, at)
        layout = {1: "B", 3: "H"}.get(kind, "I")
        tags.setdefault(tag, (_numbers(order + layout, content, at + 8)[0], count))
    return tags


_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=[\"']|>)([1-8])")


def _xmp_orientation(xmp: bytes) -> int:
    found = _XMP_ORIENTATION.search(xmp)
    return int(found[1]) if found else 0


# Where a PNG may say how it is oriented, the most trustworthy first.
_PNG_ORIENTATIONS = {
    b"eXIf": exif_orientation,
    b"iTXt": _xmp_orientation,
    b"zTXt": _deflated_raw_profile_orientation,
    b"tEXt": _raw_profile_orientation,
}


# --- BMP: Microsoft, versions 2 to 5


def _bmp(content: bytes) -> Header:
    (header_bytes,) = _numbers("<I", content, 14)
    if header_bytes == 12:
        width, height = _numbers("<HH", content, 18)
    elif header_bytes in (40, 52, 56, 64, 108, 124):
        width, height = _numbers("<ii", content, 18)
    else:
        raise _unsupported("It is not a BMP picture of a kind that can be read.")
    return Header(format="bmp", width=width, height=abs(height), stream=content)
