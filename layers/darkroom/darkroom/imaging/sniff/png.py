"""PNG headers: W3C, third edition."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from struct import calcsize, pack

from darkroom.imaging.sniff.coding import PRIMARIES, Coding, peak_nits
from darkroom.imaging.sniff.exif import exif_orientation, xmp_orientation
from darkroom.imaging.sniff.header import (
    MAX_METADATA_BYTES,
    MAX_PARTS,
    MAX_PROFILE_BYTES,
    PNG_MAGIC,
    Animation,
    Damaged,
    Header,
    Screen,
    numbers,
    played,
)

_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_ANIMATION_CHUNKS = (b"acTL", b"fcTL", b"fdAT")
_COLOUR_CHUNKS = (b"cICP", b"iCCP", b"sRGB", b"cHRM", b"gAMA", b"cLLI", b"mDCV")
DISPOSE_BACKGROUND, DISPOSE_PREVIOUS, BLEND_OVER = 1, 2, 1
_NAME_BYTES = 80  # a text chunk's keyword and the zero after it


def read_png(content: bytes) -> Header:
    if content[12:16] != b"IHDR":
        raise Damaged("no IHDR")
    width, height = numbers(">II", content, 16)
    content = _with_transparent_grey_in_eight_bits(content)
    view = memoryview(content)
    kept: list[bytes | memoryview] = [PNG_MAGIC]
    animation_chunks: list[tuple[bytes, int, int]] = []
    # Only the first chunk of each name: inflating one can yield a thousand times its size.
    metadata: dict[tuple[bytes, bytes], bytes] = {}
    frames = 0
    for kind, start, end in _chunks_that_count(content):
        if kind in _PIXEL_CHUNKS:
            if not _is_sound(content, start, end):
                raise Damaged("a checksum is wrong")
            kept.append(view[start - 8 : end + 4])
        if kind in _PIXEL_CHUNKS or kind in _ANIMATION_CHUNKS:
            animation_chunks.append((kind, start, end))
        elif kind in _COLOUR_CHUNKS:
            if _is_sound(content, start, end):
                metadata.setdefault((kind, b""), content[start:end])
        elif kind in _PNG_ORIENTATIONS:
            name = content[start : min(end, start + _NAME_BYTES)].partition(b"\0")[0]
            metadata.setdefault((kind, name), content[start:end])
        if kind == b"fcTL":
            frames += 1
    icc, coding, screen = _png_colour(metadata)
    composed = _png_animation(content, animation_chunks) if frames else None
    shown_frames = len(composed.durations) if composed else frames
    return Header(
        format="png",
        width=width,
        height=height,
        # Not copied if nothing was removed: a copy of a large file takes memory.
        stream=content if sum(map(len, kept)) == len(content) else b"".join(kept),
        orientation=_png_orientation(metadata),
        icc=icc,
        coding=coding,
        screen=screen,
        frames=max(1, shown_frames),
        composed=composed,
        animation=composed if shown_frames > 1 else None,
    )


def _chunks_that_count(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yields the chunks without those that browsers ignore for their place or length."""
    before = set[bytes]()
    for kind, start, end in png_chunks(content):
        is_late = kind in _COLOUR_CHUNKS and b"IDAT" in before
        if not is_late and (kind != b"tRNS" or _is_transparency(content, start, end, before)):
            before.add(kind)
            yield kind, start, end


def _is_transparency(content: bytes, start: int, end: int, before: set[bytes]) -> bool:
    """True if a tRNS has its place and length."""
    (colour_type,) = numbers(">B", content, 25)
    if before & {b"IDAT", b"tRNS"} or (colour_type == _INDEXED and b"PLTE" not in before):
        return False
    if colour_type == _INDEXED:
        return 0 < end - start <= _MOST_COLOURS
    return end - start == _KEY_BYTES.get(colour_type)


_INDEXED, _MOST_COLOURS = 3, 256
# Of the transparent colour of grey and of RGB.
_KEY_BYTES = {0: 2, 2: 6}


def _with_transparent_grey_in_eight_bits(content: bytes) -> bytes:
    """Converts tRNS's grey to 8 bits: Pillow compares it with pixels that it has converted to 8 bits."""
    bits, colour_type = numbers(">BB", content, 24)
    if colour_type != 0 or bits not in (2, 4):
        return content
    layout = ">H"
    for kind, start, end in png_chunks(content):
        if kind == b"IDAT":
            break
        if kind == b"tRNS" and end - start == calcsize(layout) and _is_sound(content, start, end):
            # Of its low byte, as in browsers. A level that pixels can't have equals none of them afterwards.
            colour = pack(layout, content[start + 1] * 255 // ((1 << bits) - 1))
            return content[:start] + colour + pack(">I", zlib.crc32(b"tRNS" + colour)) + content[end + 4 :]
    return content


def _png_colour(metadata: dict[tuple[bytes, bytes], bytes]) -> tuple[bytes, Coding | None, Screen | None]:
    """Returns ICC profile, coding and screen: at most one, by the priority in the third edition, 4.3."""
    coding = _png_coding(metadata)
    if coding and coding.is_known:
        return b"", coding, None
    name, _, compressed = metadata.get((b"iCCP", b""), b"").partition(b"\0")
    if name and compressed.startswith(_DEFLATE):
        return _inflated(compressed[1:], MAX_PROFILE_BYTES), None, None
    if (b"sRGB", b"") in metadata:
        return b"", None, None
    screen = _png_screen(metadata.get((b"cHRM", b""), b""), metadata.get((b"gAMA", b""), b""))
    return b"", None if screen else coding, screen


_DEFLATE = b"\0"


# Units of cLLI and mDCV. Third edition, 11.3.2.7 and 11.3.2.8.
_PER_NIT = 10_000


def _png_coding(metadata: dict[tuple[bytes, bytes], bytes]) -> Coding | None:
    """Reads cICP, cLLI and mDCV; None if cICP is missing or does not describe full-range RGB."""
    named = metadata.get((b"cICP", b""), b"")
    if len(named) != 4:
        return None
    light = metadata.get((b"cLLI", b""), bytes(8)).ljust(8, b"\0")
    mastering = metadata.get((b"mDCV", b""), bytes(24)).ljust(24, b"\0")
    peak = peak_nits(numbers(">I", light, 0)[0] / _PER_NIT, numbers(">I", mastering, 16)[0] / _PER_NIT)
    primaries, transfer, matrix, full_range = named
    return None if matrix or full_range != 1 else Coding(primaries, transfer, peak)


_SRGB_GAMMA = 1 / 2.2
# Smaller differences from sRGB are rounding errors of the writer, and not visible.
_SAME_GAMMA = 0.05 * _SRGB_GAMMA


def _png_screen(chromaticities: bytes, gamma: bytes) -> Screen | None:
    """Reads gAMA and cHRM, which browsers ignore without gAMA; None if they describe sRGB or no screen.

    As in browsers, gAMA for sRGB's curve is a power of 2.2 beside primaries, and sRGB's curve without them.
    """
    if len(gamma) != calcsize(">I"):
        return None
    points, exponent = PRIMARIES[1], numbers(">I", gamma, 0)[0] / 100_000
    if len(chromaticities) == calcsize(">8I"):
        shares = [number / 100_000 for number in numbers(">8I", chromaticities, 0)]
        white, *primaries = zip(shares[::2], shares[1::2], strict=True)
        points = (*primaries, white)
    elif abs(exponent - _SRGB_GAMMA) < _SAME_GAMMA:
        return None
    is_screen = 0.1 <= exponent <= 10 and points[-1][1] > 0 and all(x + y <= 1 for x, y in points)
    return Screen(points, exponent) if is_screen else None


def _png_orientation(metadata: dict[tuple[bytes, bytes], bytes]) -> int:
    for wanted, read in _PNG_ORIENTATIONS.items():
        for (kind, _), body in metadata.items():
            if kind == wanted and (orientation := read(body)):
                return orientation
    return 1


def _png_animation(content: bytes, chunks: list[tuple[bytes, int, int]]) -> Animation | None:
    """Reads a PNG's animation; None if it breaks a rule, since viewers then show the still picture.

    Source: W3C PNG, third edition, 11.3.5.
    """
    kinds = [kind for kind, _, _ in chunks]
    before_pixels = kinds[: kinds.index(b"IDAT")] if b"IDAT" in kinds else []
    if b"acTL" not in before_pixels or kinds.count(b"acTL") > 1:
        return None
    frames, plays = numbers(">II", content, chunks[kinds.index(b"acTL")][1])
    # Browsers play as many frames as are stated and there.
    empty = _controls_without_data(chunks)
    controls = [start for kind, start, _ in chunks if kind == b"fcTL" and start not in empty][:frames]
    numbered = [numbers(">I", content, start)[0] for kind, start, _ in chunks if kind in (b"fcTL", b"fdAT")]
    in_sequence = numbered == list(range(len(numbered)))
    are_sound = all(_is_sound(content, start, end) for _, start, end in chunks)
    are_inside = all(_is_inside(content, start) for start in controls)
    if not controls or not in_sequence or not are_sound or not are_inside:
        return None
    view = memoryview(content)
    delays = (numbers(">HH", content, start + 20) for start in controls)
    kept = (view[start - 8 : end + 4] for _, start, end in chunks if start not in empty)
    return Animation(
        durations=tuple(played(round(1000 * delay / (of or 100))) for delay, of in delays),
        loops=plays,
        stream=b"".join([PNG_MAGIC, *kept]),
    )


def _controls_without_data(chunks: list[tuple[bytes, int, int]]) -> set[int]:
    """Returns where the fcTLs start that no data follows before the next."""
    empty, last = set[int](), None
    for kind, start, end in chunks:
        if kind in (b"fcTL", b"IEND"):
            if last is not None:
                empty.add(last)
            last = start
        elif kind == b"IDAT" or (kind == b"fdAT" and end - start > _NUMBER_BYTES):
            last = None
    return empty


_NUMBER_BYTES = 4  # before fdAT's data


def _is_inside(content: bytes, control: int) -> bool:
    """True if a frame lies on the canvas, and its methods exist."""
    width, height, left, top = numbers(">IIII", content, control + 4)
    dispose, blend = numbers(">BB", content, control + 24)
    canvas = numbers(">II", content, 16)
    on_canvas = 0 < width <= canvas[0] - left and 0 < height <= canvas[1] - top
    return on_canvas and dispose <= DISPOSE_PREVIOUS and blend <= BLEND_OVER


@dataclass(frozen=True, slots=True)
class PngFrame:
    """One frame of an animated PNG as a PNG of its own, and its place, disposal and blending."""

    stream: bytes
    left: int
    top: int
    dispose: int
    blend: int


def png_frames(stream: bytes) -> Iterator[PngFrame]:
    """Yields the frames of an animation's stream; a default image that is not part of it is left out."""
    before: list[bytes] = []
    control, data = b"", list[bytes]()
    for kind, start, end in png_chunks(stream):
        if kind == b"fcTL" or kind == b"IEND":
            if control:
                yield _png_frame(stream, control, before, data)
            control, data = stream[start:end], []
        elif kind == b"fdAT":
            data.append(stream[start + 4 : end])
        elif kind == b"IDAT":
            data.append(stream[start:end])
        elif kind in (b"PLTE", b"tRNS"):
            before.append(png_chunk(kind, stream[start:end]))


def _png_frame(stream: bytes, control: bytes, before: list[bytes], data: list[bytes]) -> PngFrame:
    width, height, left, top = numbers(">IIII", control, 4)
    header = png_chunk(b"IHDR", pack(">II", width, height) + stream[24:29])
    pixels = png_chunk(b"IDAT", b"".join(data))
    whole = b"".join([PNG_MAGIC, header, *before, pixels, png_chunk(b"IEND", b"")])
    return PngFrame(whole, left, top, *numbers(">BB", control, 24))


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return pack(">I", len(body)) + kind + body + pack(">I", zlib.crc32(kind + body))


def png_chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yields each chunk's kind, start and end of its body, up to IEND."""
    position = 8
    for _ in range(MAX_PARTS):
        (length,) = numbers(">I", content, position)
        kind = content[position + 4 : position + 8]
        start, end = position + 8, position + 8 + length
        position = end + 4
        if position > len(content):
            raise Damaged("a chunk is longer than the file")
        yield kind, start, end
        if kind == b"IEND":
            return
    raise Damaged("too many chunks")


# Adam7: start of each pass (across, down), and the distance between its pixels (across, down).
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_INFLATE_BYTES = 1 << 16


def holds_every_row(content: bytes) -> bool:
    """True if the data has every row. Decoders accept a valid zlib stream with too few."""
    width, height, bits, colour_type, interlaced = numbers(">IIBBxxB", content, 16)
    missing_bytes = 0
    for left, top, across, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0:
            row_bytes = 1 + -(-columns * bits * _CHANNELS[colour_type] // 8)  # with the filter's byte
            missing_bytes += max(0, rows) * row_bytes
    view, inflater = memoryview(content), zlib.decompressobj()
    for kind, start, end in png_chunks(content):
        # In slices: what is not consumed is copied.
        for at in range(start, end if kind == b"IDAT" else start, _INFLATE_BYTES):
            deflated: bytes | memoryview = view[at : min(end, at + _INFLATE_BYTES)]
            while deflated and missing_bytes > 0:
                missing_bytes -= len(inflater.decompress(deflated, 4 * _INFLATE_BYTES))
                deflated = inflater.unconsumed_tail
    return missing_bytes <= 0


def _is_sound(content: bytes, start: int, end: int) -> bool:
    """True if the chunk's checksum is right."""
    return zlib.crc32(memoryview(content)[start - 4 : end]) == numbers(">I", content, end)[0]


def _inflated(deflated: bytes, limit_bytes: int) -> bytes:
    """Inflates a metadata chunk; empty if it is broken or over the limit."""
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(deflated, limit_bytes)
    except zlib.error:
        return b""
    return inflated if inflater.eof else b""


_RAW_PROFILES = (b"Raw profile type exif", b"Raw profile type APP1")


def _raw_profile_orientation(text: bytes, *, deflated: bool = False) -> int:
    """Reads the orientation from ImageMagick's EXIF in a PNG: hex digits in a text chunk."""
    keyword, _, body = text.partition(b"\0")
    if keyword not in _RAW_PROFILES:
        return 0
    if deflated:
        body = _inflated(body[1:], MAX_METADATA_BYTES)
    try:
        raw = bytes.fromhex(b"".join(body.split()[2:]).decode("ascii"))
    except ValueError:
        return 0
    return exif_orientation(raw)


# Chunks that can hold a PNG's orientation, the most reliable first.
_PNG_ORIENTATIONS: dict[bytes, Callable[[bytes], int]] = {
    b"eXIf": exif_orientation,
    b"iTXt": xmp_orientation,
    b"zTXt": partial(_raw_profile_orientation, deflated=True),
    b"tEXt": _raw_profile_orientation,
}
