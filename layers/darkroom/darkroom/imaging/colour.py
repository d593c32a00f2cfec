"""Converts colours to sRGB: ICC profiles and named colour spaces with Little CMS."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from io import BytesIO

from PIL import Image, ImageCms

from darkroom.imaging.primaries import WHITE, as_xyz
from darkroom.imaging.sniff import Header, Screen
from darkroom.imaging.sniff.coding import BT_709, LINEAR, PRIMARIES, Coding, profile_tags

# A profile's colour space -> the mode of its pixels, and the modes that can be converted to it.
_SPACES = {
    "RGB": ("RGB", ("RGB", "RGBA", "L", "LA")),
    "GRAY": ("L", ("L", "LA")),
    "CMYK": ("CMYK", ("CMYK",)),
}


def in_srgb(image: Image.Image, header: Header) -> Image.Image | None:
    """Converts to sRGB, CMYK as RGB; None if the picture's description of its colours can't be used."""
    if header.coding and header.coding.has_high_dynamic_range and image.mode != "CMYK":
        from darkroom.imaging import hdr  # imported only when needed

        return _with_mode_of(image, hdr.reduced(image.convert("RGB"), header.coding))
    if header.icc:
        return converted(image, header.icc)
    if header.coding:
        return converted(image, icc_of_coding(header.coding))
    return converted(image, icc_of_screen(header.screen) if header.screen else b"")


def converted(image: Image.Image, icc: bytes) -> Image.Image | None:
    """Returns the picture in sRGB, CMYK as RGB; None if the ICC profile can't be used."""
    found = _transform(icc)
    if found is None or image.mode not in found.modes:
        return None
    try:
        in_srgb = ImageCms.applyTransform(image.convert(found.mode), found.transform)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    if in_srgb is None:
        return None
    in_srgb.info = {}
    return _with_mode_of(image, in_srgb)


def _with_mode_of(image: Image.Image, rgb: Image.Image) -> Image.Image:
    """Returns RGB pixels as grey if a picture is, and with its alpha."""
    result = rgb.convert("L") if image.mode in ("L", "LA") else rgb
    if image.mode in ("LA", "RGBA"):
        result.putalpha(image.getchannel("A"))
    return result


@dataclass(frozen=True, slots=True)
class _Transform:
    """A transform to sRGB from pixels of `mode`; pictures of `modes` can be converted to it."""

    transform: ImageCms.ImageCmsTransform
    mode: str
    modes: tuple[str, ...]


# Cached: an animation applies it to every frame of every width, and a profile of 6 MB takes 40 ms to read.
@lru_cache(maxsize=1)
def _transform(icc: bytes) -> _Transform | None:
    tags = profile_tags(icc)
    if not _is_plausible(icc, tags):
        return None
    # Little CMS reads the table of an intent, or of the first; browsers use any.
    intent = next((number for number, name in enumerate(_TABLES) if name in tags), 0)
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        mode, modes = _SPACES.get(profile.profile.xcolor_space.strip(), ("", ()))
        if not modes:
            return None
        transform = ImageCms.buildTransform(profile, _srgb(), mode, "RGB", ImageCms.Intent(intent))
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    return _Transform(transform, mode, modes)


def _is_plausible(icc: bytes, tags: dict[bytes, int]) -> bool:
    """False for a profile without a class, or with a black primary, which would make pictures black."""
    primaries = [icc[start : start + len(_BLACK)] for name, start in tags.items() if name in _PRIMARIES]
    return any(icc[12:16]) and (_BLACK not in primaries or any(name in tags for name in _TABLES))


_TABLES = (b"A2B0", b"A2B1", b"A2B2")
_PRIMARIES = (b"rXYZ", b"gXYZ", b"bXYZ")
_BLACK = b"XYZ ".ljust(20, b"\0")


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    """Returns sRGB, labelled as version 2.

    To version 4, Little CMS scales every profile's darkest colour to black; browsers show it as it is.
    """
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return ImageCms.ImageCmsProfile(BytesIO(made[:8] + b"\2\x40\0\0" + made[12:]))


def icc_of_coding(coding: Coding) -> bytes:
    """Returns the ICC profile of primaries and a transfer function; empty for unknown numbers."""
    if not coding.is_known:
        return b""
    return _profile(PRIMARIES[coding.primaries], _curve(coding.transfer))


def icc_of_screen(screen: Screen) -> bytes:
    """Returns the ICC profile of a screen; empty if its primaries span no colour space."""
    return _profile(screen.points, _parametric(0, 1 / screen.gamma))


# Broadcasting's pictures are shown with the gamma of its screens: ITU-R BT.1886.
_GAMMAS = {4: 2.2, 5: 2.8, LINEAR: 1.0, 11: 2.4} | dict.fromkeys(BT_709, 2.4)


def _curve(transfer: int) -> bytes:
    """Returns ICC's parametric curve of a transfer function. ITU-T H.273, table 3."""
    if transfer in _GAMMAS:
        return _parametric(0, _GAMMAS[transfer])
    if transfer == 7:
        return _parametric(3, 1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0912)
    if transfer == 17:  # SMPTE ST 428-1: white is 48 of 52.37 units
        return _parametric(1, 2.6, (52.37 / 48) ** (1 / 2.6), 0.0)
    return _parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # IEC 61966-2-1


def _parametric(kind: int, *numbers: float) -> bytes:
    """Packs ICC's parametricCurveType. ICC.1:2022, 10.18."""
    return b"para" + struct.pack(">4xHxx", kind) + _fixed(*numbers)


def _profile(points: Sequence[tuple[float, float]], curve: bytes) -> bytes:
    """Builds a matrix profile of red, green, blue and white as CIE x and y; empty if they span no space.

    Source: ICC.1:2022, 7.2 and 9.2.
    """
    primaries = as_xyz(points)
    if primaries is None:
        return b""
    tags = {b"wtpt": b"XYZ \0\0\0\0" + _fixed(*WHITE)}
    for channel, xyz in zip((b"r", b"g", b"b"), primaries, strict=True):
        tags |= {channel + b"XYZ": b"XYZ \0\0\0\0" + _fixed(*xyz), channel + b"TRC": curve}
    start = 132 + 12 * len(tags)
    table, bodies = struct.pack(">I", len(tags)), b""
    for name, body in tags.items():
        table += name + struct.pack(">II", start + len(bodies), len(body))
        bodies += body
    header = struct.pack(">I4xI", start + len(bodies), 0x04300000) + b"mntrRGB XYZ " + bytes(12) + b"acsp"
    return (header + bytes(28) + _fixed(*WHITE)).ljust(128, b"\0") + table + bodies


def _fixed(*numbers: float) -> bytes:
    """Packs numbers as ICC's s15Fixed16Number."""
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)
