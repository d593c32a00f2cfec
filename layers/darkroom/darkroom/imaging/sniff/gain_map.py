"""Finds the gain map of a JPEG: a second picture after the first, which brightens it on HDR screens.

Sources: ISO 21496-1:2025; Android's Ultra HDR image format 1.1; Apple's HDR gain maps; CIPA DC-007.
"""

from collections.abc import Iterator
from math import isfinite, log2
from typing import NamedTuple

from darkroom.domain.errors import RejectedPicture
from darkroom.imaging.sniff.directories import directories_of, directory_at, layout_of
from darkroom.imaging.sniff.exif import EXIF_NAME, TIFF_MAGICS
from darkroom.imaging.sniff.header import Damaged, Header, numbers
from darkroom.imaging.sniff.jpeg import APP1, APP2, JPEG_MAGIC, SCAN, jpeg_segments, read_jpeg
from darkroom.imaging.sniff.metadata import XMP_NAME

ISO_NAME = b"urn:iso:std:iso:ts:21496:-1\0"
MPF_NAME = b"MPF\0"
MPF_ENTRIES = 0xB002
MANY_CHANNELS, BASE_COLOURS, BACKWARD, COMMON_DENOMINATOR = 0x80, 0x40, 4, 8
_START_OF_PICTURE = JPEG_MAGIC + b"\xff"
_HINTS = (ISO_NAME, b"hdrgm", b"HDRGainMap")
# A camera writes four; every one is walked through.
_MAX_PICTURES = 8
_ENTRY_BYTES = 16
# In powers of 2: no screen is a thousand times as bright as its white.
_MOST_STOPS = 10.0


class GainMap(NamedTuple):
    """A gain map; gains and headroom are powers of 2, values are one for all channels or three.

    - `picture`: the header of the map itself.
    - `low`, `high`: the gains of its darkest and lightest level. `gamma`: the exponent of levels between.
    - `offset_sdr`, `offset_hdr`: added to light before the gain, and subtracted after it.
    - `headroom`: of the screens on which the gain begins, and on which all of it is applied.
    - `apple`: levels are light by Apple's formula, not powers.
    """

    picture: Header
    low: tuple[float, ...]
    high: tuple[float, ...]
    gamma: tuple[float, ...] = (1.0,)
    offset_sdr: tuple[float, ...] = (0.0,)
    offset_hdr: tuple[float, ...] = (0.0,)
    headroom: tuple[float, float] = (0.0, 1.0)
    apple: bool = False

    @property
    def is_valid(self) -> bool:
        """True if it has pixels, and every value is one that a screen can apply."""
        groups = (self.low, self.high, self.gamma, self.offset_sdr, self.offset_hdr)
        gains, offsets = (*self.low, *self.high, *self.headroom), (*self.offset_sdr, *self.offset_hdr)
        ranges = zip(self.low, self.high, strict=False)
        return (
            min(self.picture.width, self.picture.height) > 0
            and {len(values) for values in groups} <= {1, 3}
            and all(isfinite(number) for number in (*gains, *offsets, *self.gamma))
            and max(map(abs, gains)) <= _MOST_STOPS
            and all(0.01 <= gamma <= 100 for gamma in self.gamma)
            and all(0 <= offset <= 1 for offset in offsets)
            and all(low <= high for low, high in ranges)
            and 0 <= self.headroom[0] < self.headroom[1]
        )


def read_gain_map(content: bytes) -> GainMap | None:
    """Reads the gain map; None if the file is no JPEG, or has none that can be applied to it."""
    if not content.startswith(JPEG_MAGIC):
        return None
    try:
        first = _Parts(content)
        # Searches take a millisecond for each 2 MB, so most files get only one.
        if not first.may_have_others or not any(hint in content for hint in _HINTS):
            return None
        for start, end in first.other_pictures():
            try:
                found = _gain_map(content[start:end], first)
            except (Damaged, IndexError, ValueError, ArithmeticError, RejectedPicture):
                continue
            if found and found.is_valid:
                return found
    except (Damaged, IndexError, ValueError):
        pass
    return None


class _Parts:
    """The metadata in one JPEG that concern gain maps."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.xmp = self.iso = self.exif = b""
        self._index = range(0)
        self._segments = jpeg_segments(content)
        self._scans = len(content)
        for marker, start, end in self._segments:
            if marker == SCAN:
                self._scans = start
                break
            if marker == APP1 and content.startswith(XMP_NAME, start + 4):
                self.xmp = self.xmp or content[start + 4 + len(XMP_NAME) : end]
            elif marker == APP1 and content.startswith(EXIF_NAME, start + 4):
                self.exif = self.exif or content[start + 4 + len(EXIF_NAME) + 1 : end]
            elif marker == APP2 and content.startswith(ISO_NAME, start + 4):
                self.iso = self.iso or content[start + 4 + len(ISO_NAME) : end]
            elif marker == APP2 and content.startswith(MPF_NAME, start + 4):
                self._index = range(start + 4 + len(MPF_NAME), end)

    @property
    def may_have_others(self) -> bool:
        """False if no picture begins after the metadata, where cameras put small ones."""
        return self._content.find(_START_OF_PICTURE, self._scans) >= 0

    def other_pictures(self) -> Iterator[tuple[int, int]]:
        """Yields start and end of the pictures after the first: those in the index, or the next one."""
        found = dict(self._indexed())
        yield from found.items()
        last_end = max((end for _, _, end in self._segments), default=2)
        following = self._content.find(_START_OF_PICTURE, last_end)
        if following >= 0 and following not in found:
            yield following, len(self._content)

    def _indexed(self) -> Iterator[tuple[int, int]]:
        """Reads the index of pictures. CIPA DC-007, 5.2.3."""
        index = self._content[self._index.start : self._index.stop]
        if index[:4] not in TIFF_MAGICS:
            return
        layout = layout_of(index)
        at, size = next(directories_of(index, layout), {}).get(MPF_ENTRIES, (0, 0))
        for number in range(1, min(size // _ENTRY_BYTES, _MAX_PICTURES)):
            length, offset = numbers(layout.order + "II", index, at + _ENTRY_BYTES * number + 4)
            start = self._index.start + offset
            if offset and self._content.startswith(JPEG_MAGIC, start):
                yield start, start + length


def _gain_map(content: bytes, first: _Parts) -> GainMap | None:
    parts = _Parts(content)
    if parts.iso:
        return _by_iso(read_jpeg(content), parts.iso)
    from darkroom.imaging.sniff.xmp import properties  # imported only when needed

    xmp = properties(parts.xmp, _WANTED)
    if "hdrgm:GainMapMax" in xmp:
        return _by_xmp(read_jpeg(content), xmp)
    if "HDRGainMap:HDRGainMapVersion" in xmp:
        stated = xmp.get("HDRGainMap:HDRGainMapHeadroom")
        stops = log2(float(stated[0])) if stated else _apple_stops(first.exif)
        return GainMap(read_jpeg(content), (0.0,), (stops,), headroom=(0.0, stops), apple=True)
    return None


_WANTED = (
    "hdrgm:GainMapMin",
    "hdrgm:GainMapMax",
    "hdrgm:Gamma",
    "hdrgm:OffsetSDR",
    "hdrgm:OffsetHDR",
    "hdrgm:HDRCapacityMin",
    "hdrgm:HDRCapacityMax",
    "hdrgm:BaseRenditionIsHDR",
    "HDRGainMap:HDRGainMapVersion",
    "HDRGainMap:HDRGainMapHeadroom",
)


def _by_xmp(picture: Header, xmp: dict[str, list[str]]) -> GainMap | None:
    def values(name: str, default: float | None = None) -> tuple[float, ...]:
        texts = xmp.get(f"hdrgm:{name}")
        if texts is None and default is not None:
            return (default,)
        return tuple(map(float, texts or ()))

    if xmp.get("hdrgm:BaseRenditionIsHDR", [""])[0].strip().lower() == "true":
        return None
    return GainMap(
        picture,
        low=values("GainMapMin", 0.0),
        high=values("GainMapMax"),
        gamma=values("Gamma", 1.0),
        offset_sdr=values("OffsetSDR", 1 / 64),
        offset_hdr=values("OffsetHDR", 1 / 64),
        headroom=(values("HDRCapacityMin", 0.0)[0], values("HDRCapacityMax")[0]),
    )


def _by_iso(picture: Header, body: bytes) -> GainMap | None:
    """Reads ISO 21496-1, annex C: fractions, either each with its denominator or all with one."""
    version, flags = numbers(">HxxB", body, 0)
    channels = 3 if flags & MANY_CHANNELS else 1
    if version or flags & BACKWARD:
        return None
    layout = "II" + "iiIii" * channels
    if flags & COMMON_DENOMINATOR:
        (denominator,) = numbers(">I", body, 5)
        values = [number / denominator for number in numbers(">" + layout, body, 9)]
    else:
        fractions = numbers(">" + "".join(kind + "I" for kind in layout), body, 5)
        values = [top / bottom for top, bottom in zip(fractions[::2], fractions[1::2], strict=True)]
    low, high, gamma, offset_sdr, offset_hdr = (tuple(values[2 + at :: 5]) for at in range(5))
    return GainMap(picture, low, high, gamma, offset_sdr, offset_hdr, (values[0], values[1]))


_EXIF_DIRECTORY, _MAKER_NOTE, _APPLE = 0x8769, 0x927C, b"Apple iOS\0\0\1MM"
_HEADROOM, _GAIN = 33, 48


def _apple_stops(exif: bytes) -> float:
    """Computes the headroom of Apple's older files from two numbers in the maker's note.

    Source: Apple, "Applying Apple HDR effect to your photos". Raises Damaged if they are missing.
    """
    layout = layout_of(exif)
    (at, _) = next(directories_of(exif, layout), {}).get(_EXIF_DIRECTORY, (0, 0))
    start, size = directory_at(exif, layout, at)[0].get(_MAKER_NOTE, (0, 0))
    note = exif[start : start + size]
    if not note.startswith(_APPLE):
        raise Damaged("no note of Apple's")
    tags, _ = directory_at(note, layout_of(b"MM\0*"), len(_APPLE))

    def fraction(tag: int) -> float:
        top, bottom = numbers(">iI", note, tags[tag][0]) if tag in tags else (0, 1)
        return top / bottom if bottom else 0.0

    headroom, gain = fraction(_HEADROOM), fraction(_GAIN)
    if headroom < 1:
        return 1.8 - 20 * gain if gain <= 0.01 else 1.601 - 0.101 * gain
    return 3.0 - 70 * gain if gain <= 0.01 else 2.303 - 0.303 * gain
