"""Converts colours from ICC profiles to sRGB, with Little CMS."""

import struct
from collections.abc import Sequence
from io import BytesIO

from PIL import Image, ImageCms

from darkroom.imaging.sniff import Screen

# A profile's colour space -> the mode of its pixels, and the modes that can be converted to it.
_SPACES = {
    "RGB": ("RGB", ("RGB", "RGBA", "L", "LA")),
    "GRAY": ("L", ("L", "LA")),
    "CMYK": ("CMYK", ("CMYK",)),
}


def converted(image: Image.Image, icc: bytes) -> Image.Image | None:
    """Returns the picture in sRGB, CMYK as RGB; None if the ICC profile can't be used."""
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        mode, convertible = _SPACES.get(profile.profile.xcolor_space.strip(), ("", ()))
        if image.mode not in convertible:
            return None
        colour = image.convert(mode)
        transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
        in_srgb = ImageCms.applyTransform(colour, transform)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    if in_srgb is None:
        return None
    if image.mode in ("L", "LA"):
        in_srgb = in_srgb.convert("L")
    if image.mode in ("LA", "RGBA"):
        in_srgb.putalpha(image.getchannel("A"))
    in_srgb.info = {}
    return in_srgb


# ITU-T H.273's number -> red, green and blue as XYZ, adapted to ICC's white (D50) with Bradford's matrix.
_PRIMARIES = {
    9: ((0.67349, 0.27903, -0.00194), (0.16566, 0.67534, 0.02998), (0.12506, 0.04563, 0.79681)),
    12: ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),
}
_WHITE = (0.9642, 1.0, 0.8249)
# IEC 61966-2-1; BT.2020's curve is nearly the same.
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def icc_of_primaries(primaries: int) -> bytes:
    """Returns the ICC profile of BT.2020 (9) or Display P3 (12), empty for other numbers."""
    return _profile(_PRIMARIES[primaries]) if primaries in _PRIMARIES else b""


def icc_of_screen(screen: Screen) -> bytes:
    """Returns the ICC profile of a screen; empty if its primaries span no colour space.

    Bradford's matrix adapts the screen's white to ICC's, so that white is shown as white.
    """
    white, *primaries = [(x / y, 1.0, (1 - x - y) / y) for x, y in screen.points]
    shares = _solve(primaries, white)
    if shares is None:
        return b""
    scales = [wanted / actual for wanted, actual in zip(_cones(_WHITE), _cones(white), strict=True)]
    adapted = []
    for primary, share in zip(primaries, shares, strict=True):
        cones = [cone * scale * share for cone, scale in zip(_cones(primary), scales, strict=True)]
        adapted.append(tuple(sum(row[n] * cones[n] for n in range(3)) for row in _FROM_CONES))
    return _profile(adapted, 1 / screen.gamma if screen.gamma else None)


_TO_CONES = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
_FROM_CONES = (
    (0.9869929, -0.1470543, 0.1599627),
    (0.4323053, 0.5183603, 0.0492912),
    (-0.0085287, 0.0400428, 0.9684867),
)


def _cones(xyz: Sequence[float]) -> list[float]:
    return [sum(row[n] * xyz[n] for n in range(3)) for row in _TO_CONES]


def _solve(columns: Sequence[Sequence[float]], wanted: Sequence[float]) -> list[float] | None:
    """Solves the linear system by Cramer's rule; None if it is singular."""
    whole = _determinant(*columns)
    if abs(whole) < _SINGULAR:
        return None
    return [_determinant(*(wanted if at == n else columns[at] for at in range(3))) / whole for n in range(3)]


_SINGULAR = 1e-4


def _determinant(a: Sequence[float], b: Sequence[float], c: Sequence[float]) -> float:
    return (
        a[0] * (b[1] * c[2] - b[2] * c[1])
        - b[0] * (a[1] * c[2] - a[2] * c[1])
        + c[0] * (a[1] * b[2] - a[2] * b[1])
    )


def _profile(primaries: Sequence[Sequence[float]], gamma: float | None = None) -> bytes:
    """Builds a matrix profile of red, green and blue as XYZ, with one gamma or sRGB's curve.

    Source: ICC.1:2022, 7.2, 9.2 and 10.18.
    """
    if gamma is None:
        curve = b"para" + struct.pack(">4xHxx", 3) + _fixed(*_SRGB_CURVE)
    else:
        curve = b"para" + struct.pack(">4xHxx", 0) + _fixed(gamma)
    tags = {b"wtpt": b"XYZ \0\0\0\0" + _fixed(*_WHITE)}
    for channel, xyz in zip((b"r", b"g", b"b"), primaries, strict=True):
        tags |= {channel + b"XYZ": b"XYZ \0\0\0\0" + _fixed(*xyz), channel + b"TRC": curve}
    start = 132 + 12 * len(tags)
    table, bodies = struct.pack(">I", len(tags)), b""
    for name, body in tags.items():
        table += name + struct.pack(">II", start + len(bodies), len(body))
        bodies += body
    header = struct.pack(">I4xI", start + len(bodies), 0x04300000) + b"mntrRGB XYZ " + bytes(12) + b"acsp"
    return (header + bytes(28) + _fixed(*_WHITE)).ljust(128, b"\0") + table + bodies


def _fixed(*numbers: float) -> bytes:
    """Packs numbers as ICC's s15Fixed16Number."""
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)
