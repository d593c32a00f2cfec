"""Puts an XMP packet into a file from our own encoders, without encoding it again.

The parsers here trust their input: it never is an upload.
"""

import struct
from collections.abc import Callable

from darkroom.domain.renditions import Format
from darkroom.imaging.sniff.avif import MAX_DEPTH, boxes_within
from darkroom.imaging.sniff.header import PNG_MAGIC
from darkroom.imaging.sniff.jpeg import APP1, JPEG_MAGIC
from darkroom.imaging.sniff.metadata import XMP_NAME
from darkroom.imaging.sniff.png import png_chunk
from darkroom.imaging.sniff.webp import ALPHA_FLAG, bitstream_size, webp_chunks

_JFIF = b"\xff\xe0"


def with_xmp(kind: Format, content: bytes, packet: bytes) -> bytes:
    """Returns a file of this format with the packet; its pixels are the same."""
    return _EMBEDDERS[kind](content, packet)


def segment(marker: int, body: bytes) -> bytes:
    """Returns one segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def with_segments(content: bytes, segments: bytes) -> bytes:
    """Inserts segments into a JPEG, after JFIF's."""
    at = len(JPEG_MAGIC)
    if content[at : at + 2] == _JFIF:
        at += 2 + int.from_bytes(content[at + 2 : at + 4])
    return content[:at] + segments + content[at:]


def _in_jpeg(content: bytes, packet: bytes) -> bytes:
    """A JPEG has one packet: an earlier one of ours is replaced."""
    at = content.find(XMP_NAME)
    if at >= 0:
        content = content[: at - 4] + content[at - 2 + int.from_bytes(content[at - 2 : at]) :]
    return with_segments(content, segment(APP1, XMP_NAME + packet))


def _in_png(content: bytes, packet: bytes) -> bytes:
    chunk = png_chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + packet)
    end_of_header = len(PNG_MAGIC) + 25
    return content[:end_of_header] + chunk + content[end_of_header:]


_XMP_FLAG = 0x04


def _in_webp(content: bytes, packet: bytes) -> bytes:
    """RFC 9649, 2.7: an extended file says in its first chunk that it has XMP, its last."""
    kind, start, _ = next(webp_chunks(content, len(content)))
    if kind == b"VP8X":
        body = content[:start] + bytes([content[start] | _XMP_FLAG]) + content[start + 1 :]
    else:
        alpha = content[start + 4] & ALPHA_FLAG if kind == b"VP8L" else 0
        canvas = b"".join((side - 1).to_bytes(3, "little") for side in bitstream_size(kind, content, start))
        flags = bytes([_XMP_FLAG | alpha, 0, 0, 0])
        body = content[:12] + b"VP8X" + struct.pack("<I", 10) + flags + canvas + content[12:]
    body += b"XMP " + struct.pack("<I", len(packet)) + packet + b"\0" * (len(packet) & 1)
    return body[:4] + struct.pack("<I", len(body) - 8) + body[8:]


def _in_avif(content: bytes, packet: bytes) -> bytes:
    """Adds an item for the packet to libavif's metadata, and its data at the end. ISO/IEC 23008-12."""
    start, end = _boxes(content, 0, len(content))[b"meta"]
    boxes = {kind: content[first:last] for kind, (first, last) in _boxes(content, start + 4, end).items()}
    primary = boxes[b"pitm"][4:6]
    places = boxes[b"iloc"]
    if places[:6] != b"\0\0\0\0\x44\0":
        raise ValueError("not libavif's layout")
    (count,) = struct.unpack_from(">H", places, 6)
    entries = [places[8 + 14 * n : 22 + 14 * n] for n in range(count)]
    if len(places) != 8 + 14 * count:
        raise ValueError("an item in several parts")
    number = struct.pack(">H", 1 + max(int.from_bytes(entry[:2]) for entry in entries))
    item = _box(b"infe", b"\2\0\0\1" + number + b"\0\0mime\0application/rdf+xml\0")
    listed = boxes[b"iinf"]
    boxes[b"iinf"] = listed[:4] + struct.pack(">H", count + 1) + listed[6:] + item
    boxes[b"iref"] = boxes.get(b"iref", bytes(4)) + _box(b"cdsc", number + b"\0\1" + primary)
    # Twice: the places depend on the length of the metadata, which does not depend on the places.
    grown = 0
    for _ in range(2):
        moved = b"".join(_moved(entry, grown) for entry in entries)
        last = struct.pack(">HHII", 0, 1, len(content) + grown + 8, len(packet))
        boxes[b"iloc"] = places[:6] + struct.pack(">H", count + 1) + moved + number + last
        meta = _box(b"meta", bytes(4) + b"".join(_box(kind, body) for kind, body in boxes.items()))
        grown = len(meta) - (end - start + 8)
    return content[: start - 8] + meta + content[end:] + _box(b"mdat", packet)


def _moved(entry: bytes, distance: int) -> bytes:
    """Returns an item's place with its offset changed."""
    return entry[:6] + struct.pack(">I", int.from_bytes(entry[6:10]) + distance) + entry[10:]


def _boxes(content: bytes, start: int, end: int) -> dict[bytes, tuple[int, int]]:
    """Maps the kinds of the boxes directly within a part of the file to start and end of their bodies."""
    return {kind: (begin, stop) for kind, begin, stop in boxes_within(content, start, end, MAX_DEPTH)}


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


_JXL_CODESTREAM = b"\xff\x0a"


def _in_jxl(content: bytes, packet: bytes) -> bytes:
    """ISO/IEC 18181-2: a codestream becomes a container, with XMP in a box after it."""
    if content.startswith(_JXL_CODESTREAM):
        signature, brand = _box(b"JXL ", b"\r\n\x87\n"), _box(b"ftyp", b"jxl \0\0\0\0jxl ")
        content = signature + brand + _box(b"jxlc", content)
    return content + _box(b"xml ", packet)


_EMBEDDERS: dict[Format, Callable[[bytes, bytes], bytes]] = {
    Format.JPEG: _in_jpeg,
    Format.PNG: _in_png,
    Format.WEBP: _in_webp,
    Format.AVIF: _in_avif,
    Format.JXL: _in_jxl,
}
