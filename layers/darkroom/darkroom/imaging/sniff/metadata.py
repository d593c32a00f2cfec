"""Finds the blocks of metadata in a file: XMP, IPTC, EXIF, and content credentials (C2PA).

Only called for what is asked: the header pass itself reads no more of them than the orientation.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from struct import calcsize

from darkroom.imaging.sniff import kind_of
from darkroom.imaging.sniff.directories import directories_of, layout_of
from darkroom.imaging.sniff.exif import EXIF_NAME, TIFF_MAGICS
from darkroom.imaging.sniff.header import MAX_METADATA_BYTES, MAX_PARTS, Damaged, numbers
from darkroom.imaging.sniff.iim import PHOTOSHOP_NAME, as_text, iim_of_photoshop
from darkroom.imaging.sniff.jpeg import APP1, SCAN, jpeg_segments

XMP_NAME = b"http://ns.adobe.com/xap/1.0/\0"
_APP11, _APP13 = 0xEB, 0xED
_ARTIST, _XMP, _COPYRIGHT, _IPTC, _CREDENTIALS = 315, 700, 33432, 33723, 0xCD41
# Names of content credentials: C2PA's specification 2.2, annex A.
_JUMBF, _LABEL = b"JP", b"c2pa"
_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


class Metadata:
    """The blocks of metadata in a file; empty if it has none.

    `copyright` and `artist` are those of EXIF or of a PNG's texts. `credentials`: the file has some.
    """

    def __init__(self, xmp: bytes = b"", iim: bytes = b"") -> None:
        self.xmp = xmp
        self.iim = iim
        self.copyright = ""
        self.artist = ""
        self.credentials = False
        self.photoshop: list[bytes] = []


def has_credentials(content: bytes) -> bool:
    """True if the file has content credentials."""
    # C2PA's label is in all of them. A JPEG's are before its pixels: reading them is quicker than a search.
    may_have_some = kind_of(content) == "jpeg" or _LABEL in content
    return may_have_some and find_metadata(content).credentials


def find_metadata(content: bytes) -> Metadata:
    """Finds the blocks, up to the first damage: metadata never causes a rejection."""
    found = Metadata()
    if read := _READERS.get(kind_of(content)):
        try:
            read(content, found)
            found.iim = found.iim or iim_of_photoshop(b"".join(found.photoshop))
        except (Damaged, IndexError, ValueError):
            pass
    return found


def _in_jpeg(content: bytes, found: Metadata) -> None:
    for marker, start, end in jpeg_segments(content):
        if marker == SCAN:
            return
        body = content[start + 4 : end]
        if marker == APP1 and body.startswith(XMP_NAME):
            found.xmp = found.xmp or body[len(XMP_NAME) :]
        elif marker == APP1 and body.startswith(EXIF_NAME):
            _read_exif(body, found)
        elif marker == _APP13 and body.startswith(PHOTOSHOP_NAME):
            found.photoshop.append(body[len(PHOTOSHOP_NAME) :])
        elif marker == _APP11 and body.startswith(_JUMBF) and _LABEL in body:
            found.credentials = True


def _in_png(content: bytes, found: Metadata) -> None:
    from darkroom.imaging.sniff.png import png_chunks  # imported only when needed

    for kind, start, end in png_chunks(content):
        body = content[start : min(end, start + MAX_METADATA_BYTES)] if kind in _PNG_METADATA else b""
        keyword, _, text = body.partition(b"\0")
        if kind == b"caBX":
            found.credentials = True
        elif kind == b"eXIf":
            _read_exif(body, found)
        elif kind == b"iTXt" and text.startswith(b"\0\0"):  # not compressed
            text = text[2:].partition(b"\0")[2].partition(b"\0")[2]
        if keyword == b"XML:com.adobe.xmp":
            found.xmp = found.xmp or text
        elif keyword == b"Copyright":
            found.copyright = found.copyright or as_text(text)
        elif keyword == b"Author":
            found.artist = found.artist or as_text(text)


_PNG_METADATA = (b"eXIf", b"iTXt", b"tEXt")


def _in_webp(content: bytes, found: Metadata) -> None:
    from darkroom.imaging.sniff.webp import webp_chunks  # imported only when needed

    for kind, start, end in webp_chunks(content, numbers("<I", content, 4)[0] + 8):
        body = content[start : min(end, start + MAX_METADATA_BYTES)] if kind in (b"EXIF", b"XMP ") else b""
        if kind == b"C2PA":
            found.credentials = True
        elif kind == b"EXIF":
            _read_exif(body, found)
        elif kind == b"XMP ":
            found.xmp = found.xmp or body


def _in_gif(content: bytes, found: Metadata) -> None:
    if not (b"XMP DataXMP" in content or b"C2PA_GIF" in content):
        return
    from darkroom.imaging.sniff.gif import gif_blocks  # imported only when needed

    for start, end in gif_blocks(content):
        name = content[start + 3 : start + 14]
        if name.startswith(b"C2PA_GIF"):
            found.credentials = True
        elif name == b"XMP DataXMP":
            # XMP is stored as it is, followed by bytes that lead a reader of sub-blocks to its end.
            found.xmp = found.xmp or content[start + 14 : end - _GIF_TRAILER_BYTES]


# ISO 16684-3, 1.1.2.
_GIF_TRAILER_BYTES = 258


def _in_tiff(content: bytes, found: Metadata) -> None:
    layout = layout_of(content)
    tags = next(directories_of(content, layout), {})
    found.credentials = _CREDENTIALS in tags

    def block(tag: int, unit: int = 1) -> bytes:
        value, count = tags.get(tag, (0, 0))
        inline = calcsize(layout.offset)
        if count <= inline:
            return value.to_bytes(inline, "little" if layout.order == "<" else "big")[:count]
        return content[value : value + unit * min(count, MAX_METADATA_BYTES)]

    found.xmp = found.xmp or block(_XMP)
    # Its type is often that of whole numbers of four bytes.
    found.iim = found.iim or block(_IPTC, unit=4)
    # A photographer's copyright, a zero, and an editor's.
    found.copyright = found.copyright or as_text(block(_COPYRIGHT).partition(b"\0")[0])
    found.artist = found.artist or as_text(block(_ARTIST).partition(b"\0")[0])


def _read_exif(exif: bytes, found: Metadata) -> None:
    """Reads EXIF, a TIFF within another file; a damaged one must not hide other blocks."""
    tiff = exif[len(EXIF_NAME) + 1 :] if exif.startswith(EXIF_NAME) else exif
    if tiff[:4] in TIFF_MAGICS:
        in_exif = Metadata()
        try:
            _in_tiff(tiff, in_exif)
        except (Damaged, IndexError, ValueError):
            return
        found.copyright = found.copyright or in_exif.copyright
        found.artist = found.artist or in_exif.artist


def _in_avif(content: bytes, found: Metadata) -> None:
    from darkroom.imaging.sniff.avif import boxes_within  # imported only when needed

    boxes = list(islice(boxes_within(content, 0, len(content), 0), MAX_PARTS))
    found.credentials = any(
        kind == b"uuid" and content[start : start + len(_UUID)] == _UUID for kind, start, _ in boxes
    )
    of_kind = {kind: (start, end) for kind, start, end in reversed(boxes)}
    if not {b"meta", b"iinf", b"iloc"} <= of_kind.keys():
        return
    data = of_kind.get(b"idat", (0, 0))[0]
    places = _item_places(content, of_kind[b"iloc"][0], data)
    for item, kind, content_type in _items(content, *of_kind[b"iinf"]):
        if kind == b"mime" and content_type == b"application/rdf+xml":
            found.xmp = found.xmp or _item(content, places, item)
        elif kind == b"Exif":
            exif = _item(content, places, item)
            _read_exif(exif[4 + int.from_bytes(exif[:4]) :], found)


def _items(content: bytes, start: int, end: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Yields the number, kind and content type of each item. ISO/IEC 14496-12, 8.11.6."""
    from darkroom.imaging.sniff.avif import boxes_within  # imported only when needed

    start += 8 if content[start] else 6
    for kind, at, stop in islice(boxes_within(content, start, end, 1), MAX_PARTS):
        version = content[at]
        if kind == b"infe" and version >= 2:
            (item,) = numbers(">H" if version == 2 else ">I", content, at + 4)
            at += 8 if version == 2 else 10
            names = content[at + 4 : stop].split(b"\0", 2)
            yield item, content[at : at + 4], names[1] if len(names) > 1 else b""


def _item(content: bytes, places: dict[int, list[tuple[int, int]]], item: int) -> bytes:
    parts = [content[start : start + min(size, MAX_METADATA_BYTES)] for start, size in places.get(item, [])]
    return b"".join(parts)


def _item_places(content: bytes, position: int, data: int) -> dict[int, list[tuple[int, int]]]:
    """Maps each item to the start and size of its parts. ISO/IEC 14496-12, 8.11.3.

    `data` is the start of the data within the metadata.
    """
    version, sizes, more_sizes = numbers(">B3xBB", content, position)
    offset_bytes, length_bytes, base_bytes = sizes >> 4, sizes & 15, more_sizes >> 4
    index_bytes = more_sizes & 15 if version else 0
    reader = _Numbers(content, position + 6)
    places: dict[int, list[tuple[int, int]]] = {}
    for _ in range(min(reader.next(4 if version == 2 else 2), MAX_PARTS)):
        item = reader.next(4 if version == 2 else 2)
        in_data = bool(version and reader.next(2) & 15)
        reader.next(2)
        base = reader.next(base_bytes) + (data if in_data else 0)
        parts = places.setdefault(item, [])
        count = reader.next(2)
        for _ in range(min(count, _MAX_ITEM_PARTS)):
            reader.next(index_bytes)
            parts.append((base + reader.next(offset_bytes), reader.next(length_bytes)))
        # Without a loop: parts can take no bytes.
        reader.next(max(0, count - _MAX_ITEM_PARTS) * (index_bytes + offset_bytes + length_bytes))
    return places


_MAX_ITEM_PARTS = 16


class _Numbers:
    """Reads whole numbers of given sizes, one after another."""

    def __init__(self, content: bytes, position: int) -> None:
        self._content = content
        self._position = position

    def next(self, size: int) -> int:
        self._position += size
        if self._position > len(self._content):
            raise Damaged("the file ends early")
        return int.from_bytes(self._content[self._position - size : self._position])


_READERS: dict[str, Callable[[bytes, Metadata], None]] = {
    "jpeg": _in_jpeg,
    "png": _in_png,
    "webp": _in_webp,
    "gif": _in_gif,
    "avif": _in_avif,
    "tiff": _in_tiff,
}
