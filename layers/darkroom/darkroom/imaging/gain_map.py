"""Keeps a gain map: resizes it with its picture, and joins both in one JPEG.

Both kinds of metadata are written, ISO 21496-1 and Ultra HDR's XMP: some programs read only one of them.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log2

from PIL import Image

from darkroom.domain.renditions import Format
from darkroom.imaging import embed, encode
from darkroom.imaging.ladders import Plan
from darkroom.imaging.resize import resized
from darkroom.imaging.rights import packet
from darkroom.imaging.sniff.gain_map import (
    BASE_COLOURS,
    ISO_NAME,
    MANY_CHANNELS,
    MPF_ENTRIES,
    MPF_NAME,
    GainMap,
)
from darkroom.imaging.sniff.jpeg import APP2
from darkroom.imaging.sniff.xmp import NAMESPACES

# The map has half the sides of its picture at most: gains are smooth, and screens interpolate them.
LARGEST_SHARE = 0.5
# Qualities to try, until all that is added takes at most half of the picture's bytes; its metadata alone
# take 1,700. At 80, skies of photographs show blocks on HDR screens.
_QUALITIES = (90, 75, 60)
_MOST_BYTES_SHARE, _ALWAYS_ALLOWED_BYTES = 0.5, 4_000
# Exponent from levels to light in Apple's maps, as in Chromium.
_APPLE_GAMMA = 1.961
_WEIGHTS = (0.2126, 0.7152, 0.0722)


@dataclass(frozen=True, slots=True)
class DecodedMap:
    """A gain map with its upright pixels, L or RGB."""

    facts: GainMap
    image: Image.Image


def prepared(facts: GainMap, image: Image.Image, *, in_one_channel: bool) -> DecodedMap:
    """Returns the map with levels that are powers of 2, in one channel if asked for.

    Gains of three channels hold for their picture's primaries only; the mean gain holds for any.
    """
    if facts.apple:
        stops, levels = facts.high[0], [level / 255 for level in range(256)]
        table = [255 * log2(1 + (2**stops - 1) * level**_APPLE_GAMMA) / stops for level in levels]
        return DecodedMap(facts, image.convert("L").point([round(level) for level in table]))
    if image.mode == "L" or not in_one_channel:
        return DecodedMap(facts, image)
    low, high = min(facts.low), max(facts.high)
    tables: list[int] = []
    for channel in range(3):
        first, last, gamma = (_of(values, channel) for values in (facts.low, facts.high, facts.gamma))
        gains = (first + (last - first) * (level / 255) ** (1 / gamma) for level in range(256))
        tables += [round(255 * (gain - low) / ((high - low) or 1)) for gain in gains]
    mean = image.point(tables).convert("L", (*_WEIGHTS, 0))
    single = GainMap(
        facts.picture,
        (low,),
        (high,),
        offset_sdr=(sum(facts.offset_sdr) / len(facts.offset_sdr),),
        offset_hdr=(sum(facts.offset_hdr) / len(facts.offset_hdr),),
        headroom=facts.headroom,
    )
    return DecodedMap(single, mean)


def _of(values: tuple[float, ...], channel: int) -> float:
    return values[channel] if len(values) > 1 else values[0]


def with_gain_map(
    content: bytes, gain_map: DecodedMap, plan: Plan, size: tuple[int, int], descriptions: Sequence[str]
) -> bytes | None:
    """Returns a JPEG of the plan with its part of the gain map, or None if that would take too many bytes.

    `descriptions` are further parts of its XMP packet.
    """
    window = plan.window_in(gain_map.image.size)
    left, _, right, _ = window or (0, 0, *gain_map.image.size)
    share = min(LARGEST_SHARE, (right - left) / size[0])
    image = resized(gain_map.image, (ceil(size[0] * share), ceil(size[1] * share)), window)
    for quality in _QUALITIES:
        joined = _joined(content, encode.jpeg(image, quality, "4:4:4"), gain_map.facts, descriptions)
        most_bytes = max(_ALWAYS_ALLOWED_BYTES, _MOST_BYTES_SHARE * len(content))
        if len(joined) - len(content) <= most_bytes:
            return joined
    return None


def _joined(content: bytes, gain_map: bytes, facts: GainMap, descriptions: Sequence[str]) -> bytes:
    """Joins the picture and its map. Source: Android's Ultra HDR image format 1.1."""
    gain_map = embed.with_xmp(Format.JPEG, gain_map, packet([_description(facts)]))
    gain_map = embed.with_segments(gain_map, embed.segment(APP2, ISO_NAME + _iso(facts)))
    listed = packet([_directory(len(gain_map)), *descriptions])
    version = embed.segment(APP2, ISO_NAME + bytes(4))
    # The index states the place of the map from the index on, which does not depend on what it states.
    without_places = _index(0, 0, 0)
    first = embed.with_xmp(Format.JPEG, embed.with_segments(content, without_places + version), listed)
    at = first.index(without_places) + _INDEX_START
    index = _index(len(first), len(gain_map), len(first) - at)
    return first.replace(without_places, index, 1) + gain_map


_INDEX_START = 4 + len(MPF_NAME)
_VERSION, _COUNT = 0xB000, 0xB001
_UNDEFINED, _LONG = 7, 4
_PRIMARY = 0x030000


def _index(picture_bytes: int, map_bytes: int, map_offset: int) -> bytes:
    """Returns the index of both pictures. CIPA DC-007, 5.2."""
    directory = struct.pack(">4sIH", b"MM\0*", 8, 3)
    directory += struct.pack(">HHI4s", _VERSION, _UNDEFINED, 4, b"0100")
    directory += struct.pack(">HHII", _COUNT, _LONG, 1, 2)
    directory += struct.pack(">HHII", MPF_ENTRIES, _UNDEFINED, 32, len(directory) + 16)
    entries = struct.pack(">IIIHH", _PRIMARY, picture_bytes, 0, 0, 0)
    entries += struct.pack(">IIIHH", 0, map_bytes, map_offset, 0, 0)
    return embed.segment(APP2, MPF_NAME + directory + bytes(4) + entries)


_DENOMINATOR = 1_000_000


def _iso(facts: GainMap) -> bytes:
    """ISO 21496-1, annex C: each number as a fraction."""
    groups = (facts.low, facts.high, facts.gamma, facts.offset_sdr, facts.offset_hdr)
    channels = max(map(len, groups))
    values = [*facts.headroom, *(_of(group, channel) for channel in range(channels) for group in groups)]
    flags = BASE_COLOURS | (MANY_CHANNELS if channels > 1 else 0)
    fractions = b"".join(struct.pack(">iI", round(value * _DENOMINATOR), _DENOMINATOR) for value in values)
    return struct.pack(">HHB", 0, 0, flags) + fractions


def _description(facts: GainMap) -> str:
    """Returns the map's part of XMP."""
    values = {
        "GainMapMin": facts.low,
        "GainMapMax": facts.high,
        "Gamma": facts.gamma,
        "OffsetSDR": facts.offset_sdr,
        "OffsetHDR": facts.offset_hdr,
        "HDRCapacityMin": facts.headroom[:1],
        "HDRCapacityMax": facts.headroom[1:],
    }
    single = "".join(f' hdrgm:{name}="{value[0]:.6g}"' for name, value in values.items() if len(value) == 1)
    lists = "".join(_sequence(name, value) for name, value in values.items() if len(value) > 1)
    return (
        f'<rdf:Description rdf:about="" xmlns:hdrgm="{NAMESPACES["hdrgm"]}" hdrgm:Version="1.0"{single}'
        f' hdrgm:BaseRenditionIsHDR="False">{lists}</rdf:Description>'
    )


def _sequence(name: str, values: tuple[float, ...]) -> str:
    items = "".join(f"<rdf:li>{value:.6g}</rdf:li>" for value in values)
    return f"<hdrgm:{name}><rdf:Seq>{items}</rdf:Seq></hdrgm:{name}>"


_CONTAINER = "http://ns.google.com/photos/1.0/container/"


def _directory(map_bytes: int) -> str:
    """Returns the picture's part of XMP: the directory of both pictures."""
    items = "".join(
        f'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="{semantic}"'
        f' Item:Mime="image/jpeg"{length}/></rdf:li>'
        for semantic, length in (("Primary", ""), ("GainMap", f' Item:Length="{map_bytes}"'))
    )
    return (
        f'<rdf:Description rdf:about="" xmlns:hdrgm="{NAMESPACES["hdrgm"]}" xmlns:Container="{_CONTAINER}"'
        f' xmlns:Item="{_CONTAINER}item/" hdrgm:Version="1.0"><Container:Directory><rdf:Seq>{items}'
        "</rdf:Seq></Container:Directory></rdf:Description>"
    )
