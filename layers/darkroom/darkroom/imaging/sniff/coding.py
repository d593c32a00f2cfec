"""Colour spaces by number: ITU-T H.273's primaries and transfer functions, in PNG, AVIF and ICC profiles."""

from typing import NamedTuple

SRGB, LINEAR, PQ, HLG = 13, 8, 16, 18
# One curve for all of broadcasting.
BT_709 = (1, 6, 14, 15)
TRANSFERS = (4, 5, 7, LINEAR, 11, SRGB, PQ, 17, HLG, *BT_709)
_UNSPECIFIED, _RESERVED = 2, (0, 3)

# Red, green, blue and white as CIE x and y. H.273, table 2.
_C, _D65 = (0.310, 0.316), (0.3127, 0.3290)
PRIMARIES: dict[int, tuple[tuple[float, float], ...]] = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65),
    4: ((0.670, 0.330), (0.210, 0.710), (0.140, 0.080), _C),
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060), _D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    10: ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (1 / 3, 1 / 3)),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}

# Without a stated peak, and HLG's nominal one: ITU-R BT.2408.
_PEAK_NITS = 1000.0


class Coding(NamedTuple):
    """Primaries and transfer function by H.273's numbers.

    `peak_nits` is the brightest level of a picture in PQ or HLG.
    """

    primaries: int
    transfer: int
    peak_nits: float = _PEAK_NITS

    @property
    def is_known(self) -> bool:
        return self.primaries in PRIMARIES and self.transfer in TRANSFERS

    @property
    def is_srgb(self) -> bool:
        return (self.primaries, self.transfer) == (1, SRGB)

    @property
    def has_high_dynamic_range(self) -> bool:
        return self.is_known and self.transfer in (PQ, HLG)


def peak_nits(light_level: float, mastering_peak: float) -> float:
    """Returns a picture's peak by its maximum light level, or by its mastering screen; 0 means not stated."""
    return light_level or mastering_peak or _PEAK_NITS


def video_coding(primaries: int, transfer: int, peak: float) -> Coding:
    """Returns the coding of an AVIF, by Chromium's rules.

    Numbers that are reserved or unspecified mean sRGB; so does BT.709's curve, which cameras write for
    pictures that are meant for sRGB.
    """
    if primaries == 0 or transfer in _RESERVED:
        return Coding(1, SRGB)
    known_primaries = 1 if primaries in (_UNSPECIFIED, *_RESERVED) else primaries
    known_transfer = SRGB if transfer in (_UNSPECIFIED, *BT_709) else transfer
    return Coding(known_primaries, known_transfer, peak)


def profile_coding(icc: bytes) -> Coding | None:
    """Reads an RGB profile's `cicp` tag; None without one that is known. ICC.1:2022, 9.2.17.

    As in Chromium, BT.709's curve means sRGB's here.
    """
    if icc[16:20] != b"RGB " or icc[36:40] != b"acsp":
        return None
    start = profile_tags(icc).get(b"cicp")
    if start is None or len(icc) < start + 12:
        return None
    primaries, transfer, matrix, full_range = icc[start + 8 : start + 12]
    coding = Coding(primaries, SRGB if transfer in (*BT_709, 11) else transfer)
    return coding if coding.is_known and not matrix and full_range == 1 else None


def profile_tags(icc: bytes) -> dict[bytes, int]:
    """Returns the offsets of an ICC profile's tags, the first of each name. ICC.1:2022, 7.3."""
    found: dict[bytes, int] = {}
    for at in range(132, min(132 + 12 * int.from_bytes(icc[128:132]), len(icc) - 11), 12)[:_MAX_TAGS]:
        found.setdefault(icc[at : at + 4], int.from_bytes(icc[at + 4 : at + 8]))
    return found


_MAX_TAGS = 100
