"""Draws JPEGs with gain maps, as phones and editors write them."""

import struct
from dataclasses import dataclass

from PIL import Image, ImageDraw

from darkroom_cli.local.samples import photograph
from tests.unit.imaging.pictures import encoded

ISO = b"urn:iso:std:iso:ts:21496:-1\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"


@dataclass(frozen=True)
class Facts:
    """What a gain map says of itself; gains and headroom in powers of 2."""

    low: tuple[float, ...] = (0.0,)
    high: tuple[float, ...] = (2.0,)
    gamma: tuple[float, ...] = (1.0,)
    offset: float = 1 / 64
    headroom: float = 2.0


FACTS = Facts()
THREE_CHANNELS = Facts((-0.5, -0.25, 0.0), (1.0, 1.5, 2.0), (1.0, 0.9, 0.8))


def scene(width: int = 480, height: int = 320) -> tuple[Image.Image, Image.Image]:
    """Draws a photograph with a lamp in its upper left, and a map of a quarter of its pixels."""
    base, gain = photograph(width, height), Image.new("L", (width // 2, height // 2), 20)
    lamp = (width // 16, height // 16, width // 4, height // 4)
    ImageDraw.Draw(base).ellipse(lamp, (250, 245, 230))
    ImageDraw.Draw(gain).ellipse([side // 2 for side in lamp], 255)
    return base, gain


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def iso_metadata(facts: Facts, *, common_denominator: bool = False, backward: bool = False) -> bytes:
    """ISO 21496-1, annex C."""
    channels = range(len(facts.high))
    numbers = [0.0, facts.headroom]
    for channel in channels:
        numbers += [facts.low[channel], facts.high[channel], facts.gamma[channel], facts.offset, facts.offset]
    flags = 0x40 | 0x80 * (len(channels) > 1) | 8 * common_denominator | 4 * backward
    if common_denominator:
        body = struct.pack(">I", 1000) + b"".join(struct.pack(">i", round(1000 * n)) for n in numbers)
    else:
        body = b"".join(struct.pack(">iI", round(100_000 * n), 100_000) for n in numbers)
    return struct.pack(">HHB", 0, 0, flags) + body


def hdrgm(facts: Facts, *, base_is_hdr: bool = False) -> bytes:
    """Adobe's and Android's properties, as attributes, or as lists of three."""
    values = {"GainMapMin": facts.low, "GainMapMax": facts.high, "Gamma": facts.gamma}
    values |= {"OffsetSDR": (facts.offset,), "OffsetHDR": (facts.offset,)}
    values |= {"HDRCapacityMin": (0.0,), "HDRCapacityMax": (facts.headroom,)}
    attributes = "".join(f' hdrgm:{name}="{v[0]}"' for name, v in values.items() if len(v) == 1)
    lists = "".join(
        f"<hdrgm:{name}><rdf:Seq>{''.join(f'<rdf:li>{n}</rdf:li>' for n in v)}</rdf:Seq></hdrgm:{name}>"
        for name, v in values.items()
        if len(v) > 1
    )
    return rdf(
        f'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"{attributes}'
        f' hdrgm:BaseRenditionIsHDR="{base_is_hdr}"',
        lists,
    )


def apple(headroom: float | None) -> bytes:
    """Apple's properties; older files state no headroom here."""
    stated = "" if headroom is None else f' HDRGainMap:HDRGainMapHeadroom="{headroom}"'
    version = 65536 if headroom is None else 131072
    name = 'xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/"'
    return rdf(f'{name} HDRGainMap:HDRGainMapVersion="{version}"{stated}')


def rdf(attributes: str, elements: str = "") -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def maker_note(headroom: float, gain: float) -> bytes:
    """Builds the EXIF of an older iPhone: Apple's note with tags 33 and 48."""
    note = b"Apple iOS\0\0\1MM" + struct.pack(">H", 2)
    values = 14 + 2 + 2 * 12 + 4
    for number, tag in enumerate((33, 48)):
        note += struct.pack(">HHII", tag, 10, 1, values + 8 * number)
    note += bytes(4) + b"".join(struct.pack(">iI", round(v * 10_000), 10_000) for v in (headroom, gain))
    exif = b"MM\0*\0\0\0\x08" + struct.pack(">HHHII", 1, 0x8769, 4, 1, 26) + bytes(4)
    exif += struct.pack(">HHHII", 1, 0x927C, 7, len(note), 44) + bytes(4) + note
    return b"Exif\0\0" + exif


def joined(
    base: bytes, gain: bytes, *, index: str = ">", first: bytes = b"", second: bytes = b"", between: int = 0
) -> bytes:
    """Joins two JPEGs: `first` and `second` are their segments, `between` the bytes of padding.

    `index` is the byte order of the index of pictures (CIPA DC-007); empty leaves it out.
    """
    gain = gain[:2] + second + gain[2:]
    base = base[:2] + first + base[2:]
    if not index:
        return base + bytes(between) + gain
    order = b"MM\0*" if index == ">" else b"II*\0"
    size = 4 + 4 + 4 + 4 + 2 + 3 * 12 + 4 + 32
    offset = len(base) + size - 10 + between  # from the byte order on: after the segment's first 8, and SOI
    ifd = struct.pack(index + "IH", 8, 3)
    ifd += struct.pack(index + "HHI4s", 0xB000, 7, 4, b"0100")
    ifd += struct.pack(index + "HHII", 0xB001, 4, 1, 2)
    ifd += struct.pack(index + "HHII", 0xB002, 7, 32, 50) + bytes(4)
    entries = struct.pack(index + "IIIHH", 0x30000, len(base) + size, 0, 0, 0)
    entries += struct.pack(index + "IIIHH", 0, len(gain), offset, 0, 0)
    mpf = segment(0xE2, b"MPF\0" + order + ifd + entries)
    assert len(mpf) == size
    return base[:2] + mpf + base[2:] + bytes(between) + gain


def ultra_hdr(
    base: Image.Image | bytes,
    gain: Image.Image | bytes,
    kind: str = "xmp",
    facts: Facts = FACTS,
    **options: object,
) -> bytes:
    """Draws a JPEG with a gain map of a kind: `xmp`, `iso`, `container` (without an index) or `apple`.

    `options` are those of Pillow for the picture.
    """
    picture = base if isinstance(base, bytes) else encoded(base, "JPEG", **options)
    second = gain if isinstance(gain, bytes) else encoded(gain, "JPEG")
    length = len(second) + len(segment(0xE1, XMP + hdrgm(facts)))
    container = rdf(
        'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
        ' xmlns:Container="http://ns.google.com/photos/1.0/container/"'
        ' xmlns:Item="http://ns.google.com/photos/1.0/container/item/"',
        '<Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource"><Container:Item'
        ' Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li><rdf:li rdf:parseType="Resource">'
        f'<Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="{length}"/>'
        "</rdf:li></rdf:Seq></Container:Directory>",
    )
    if kind == "iso":
        version = segment(0xE2, ISO + bytes(4))
        return joined(picture, second, first=version, second=segment(0xE2, ISO + iso_metadata(facts)))
    if kind == "apple":
        return joined(picture, second, second=segment(0xE1, XMP + apple(2**facts.headroom)))
    return joined(
        picture,
        second,
        index="" if kind == "container" else "<",
        first=segment(0xE1, XMP + container),
        second=segment(0xE1, XMP + hdrgm(facts)),
    )
