"""WebP headers: RFC 9649."""

from collections.abc import Iterator

from darkroom.imaging.sniff.exif import exif_orientation, xmp_orientation
from darkroom.imaging.sniff.header import (
    MAX_PARTS,
    MAX_PROFILE_BYTES,
    Animation,
    Damaged,
    Header,
    numbers,
    played,
)

# In the first byte of an extended file's first chunk, and in the fifth of a lossless picture.
ALPHA_FLAG = 0x10


def read_webp(content: bytes) -> Header:
    (riff_bytes,) = numbers("<I", content, 4)
    if riff_bytes + 8 > len(content):
        raise Damaged("the file ends early")
    width = height = frames = largest = 0
    durations: list[int] = []
    partial = False
    bodies: dict[bytes, bytes] = {}
    for kind, start, end in webp_chunks(content, riff_bytes + 8):
        if kind == b"VP8X" and not width:
            width, height = _three_bytes(content, start + 4) + 1, _three_bytes(content, start + 7) + 1
        elif kind in (b"VP8 ", b"VP8L"):
            frames += 1
            coded = bitstream_size(kind, content, start)
            largest = max(largest, coded[0] * coded[1])
            width, height = (width, height) if width else coded
        elif kind == b"ANMF":
            frames += 1
            durations.append(played(_three_bytes(content, start + 12)))
            size = _three_bytes(content, start + 6) + 1, _three_bytes(content, start + 9) + 1
            largest = max(largest, size[0] * size[1])
            partial = partial or size != (width, height)
        elif kind in (b"ICCP", b"EXIF", b"XMP ", b"ANIM"):
            bodies.setdefault(kind, content[start : min(end, start + MAX_PROFILE_BYTES)])
    if not frames:
        raise Damaged("no picture in it")
    exif, xmp = bodies.get(b"EXIF", b""), bodies.get(b"XMP ", b"")
    loops = numbers("<H", bodies[b"ANIM"], 4)[0] if b"ANIM" in bodies else 0
    stream = webp_with_alpha(content) if partial and content[12:16] == b"VP8X" else content
    return Header(
        format="webp",
        width=width,
        height=height,
        stream=stream,
        orientation=exif_orientation(exif) or xmp_orientation(xmp) or 1,
        icc=bodies.get(b"ICCP", b"") if _has_profile(content) else b"",
        frames=frames,
        largest_pixels=largest,
        animation=Animation(tuple(durations), loops, stream) if len(durations) > 1 else None,
    )


def _has_profile(content: bytes) -> bool:
    """Reads the profile's flag: without it, browsers ignore the profile."""
    return content[12:16] == b"VP8X" and bool(content[20] & 0x20)


def webp_with_alpha(content: bytes) -> bytes:
    """Sets the alpha flag of an extended WebP.

    libwebp omits the flag if it crops every frame to its opaque part, and decoders then show the canvas
    around it in black. Source: RFC 9649, 2.7.
    """
    return content[:20] + bytes([content[20] | ALPHA_FLAG]) + content[21:]


def webp_chunks(content: bytes, end_of_riff: int) -> Iterator[tuple[bytes, int, int]]:
    position = 12
    for _ in range(MAX_PARTS):
        if position + 8 > end_of_riff:
            return
        (length,) = numbers("<I", content, position + 4)
        start = position + 8
        if start + length > end_of_riff:
            raise Damaged("a chunk is longer than the file")
        yield content[position : position + 4], start, start + length
        position = start + length + (length & 1)
    raise Damaged("too many chunks")


def bitstream_size(kind: bytes, content: bytes, start: int) -> tuple[int, int]:
    """Reads width and height of a chunk `VP8 ` or `VP8L`. Raises Damaged."""
    if kind == b"VP8 ":
        if content[start + 3 : start + 6] != b"\x9d\x01\x2a":
            raise Damaged("no key frame")
        width, height = numbers("<HH", content, start + 6)
        return width & 0x3FFF, height & 0x3FFF
    if content[start : start + 1] != b"\x2f":
        raise Damaged("no lossless signature")
    (bits,) = numbers("<I", content, start + 1)
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _three_bytes(content: bytes, offset: int) -> int:
    low, high = numbers("<HB", content, offset)
    return low | high << 16
