"""Draws and encodes pictures for the tests, and reads renditions."""

import struct
import zlib
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import product

from PIL import Image, ImageCms, ImageDraw, TiffImagePlugin

from darkroom.domain.profile import Crop, FormatChoice, Ladder, Limits, Profile
from darkroom.domain.receipts import Rendered
from darkroom.domain.renditions import Encoded, Format
from darkroom.imaging import jxl
from darkroom_cli.local.samples import photograph

Colour = tuple[int, int, int]

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
CORNERS = (RED, GREEN, BLUE, WHITE)
CANARY = b"CANARY-in-the-metadata"


def a_profile(
    *widths: int,
    formats: tuple[Format, ...] = (Format.JPEG,),
    quality: int = 90,
    background: str = "#ffffff",
    animation: bool = True,
    crop: Crop | None = None,
    linear_light: bool = False,
    reference: bool = False,
    **limits: float,
) -> Profile:
    choices = tuple(FormatChoice(wanted, quality) for wanted in formats)
    main = Ladder("main", widths or (64,), choices, background, animation, crop)
    return Profile(
        "test",
        (main,),
        Limits(**limits),  # type: ignore[arg-type]
        linear_light=linear_light,
        reference=reference,
    )


def scene(mode: str = "RGB") -> Image.Image:
    picture = photograph(120, 81)
    if "A" in mode:
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return picture.convert(mode)


def plain(size: tuple[int, int], colour: Colour = (120, 80, 200), mode: str = "RGB") -> Image.Image:
    return Image.new("RGB", size, colour).convert(mode)


def cornered(width: int = 96, height: int = 64) -> Image.Image:
    """Draws four quarters: red and green above, blue and white below."""
    image = Image.new("RGB", (width, height), WHITE)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 2 - 1, height // 2 - 1), RED)
    draw.rectangle((width // 2, 0, width, height // 2 - 1), GREEN)
    draw.rectangle((0, height // 2, width // 2 - 1, height), BLUE)
    return image


# EXIF orientation -> the transposition of an upright picture when it is stored.
_AS_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def oriented(orientation: int, image: Image.Image, plugin: str) -> bytes:
    """Stores an upright picture as a camera does, turned and with an EXIF orientation."""
    stored = image.transpose(_AS_STORED[orientation]) if orientation in _AS_STORED else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(stored, plugin, exif=exif)


def encoded(image: Image.Image, plugin: str, **options: object) -> bytes:
    if plugin in ("JPEG", "WEBP", "AVIF"):
        options.setdefault("quality", 95)
    buffer = BytesIO()
    image.save(buffer, plugin, **options)
    return buffer.getvalue()


def opened(rendition: Encoded | bytes) -> Image.Image:
    content = rendition if isinstance(rendition, bytes) else rendition.data
    if content[:2] == b"\xff\x0a":
        return jxl.decode(content)
    image = Image.open(BytesIO(content))
    image.load()
    return image


def only(rendered: Rendered, wanted: Format = Format.JPEG) -> Encoded:
    """Returns the single rendition of a format."""
    (found,) = [rendition for rendition in rendered.renditions if rendition.format is wanted]
    return found


def corners_of(image: Image.Image) -> tuple[Colour, ...]:
    """Returns the pixels a tenth of a side away from each corner."""
    rgb = image.convert("RGB")
    left, top = rgb.width // 10, rgb.height // 10
    right, bottom = rgb.width - 1 - left, rgb.height - 1 - top
    found = [rgb.getpixel(at) for at in ((left, top), (right, top), (left, bottom), (right, bottom))]
    return tuple(found)  # type: ignore[arg-type]


def middle_of(image: Image.Image) -> Colour:
    return image.convert("RGB").getpixel((image.width // 2, image.height // 2))  # type: ignore[return-value]


def distance(left: Colour, right: Colour) -> int:
    """Returns the largest difference in one channel, 0 to 255."""
    return max(abs(a - b) for a, b in zip(left, right, strict=True))


def codes(rendered: Rendered) -> list[str]:
    return [decision.code for decision in rendered.decisions]


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


# Primaries (red, green, blue) as XYZ under D50; Lindbloom's tables, Bradford.
_DISPLAY_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
_RED_AND_GREEN_SWAPPED = (
    (0.38515, 0.71687, 0.09708),
    (0.43607, 0.22249, 0.01392),
    (0.14307, 0.06061, 0.71410),
)


_SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
_ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
_PROPHOTO = ((0.79767, 0.28804, 0.0), (0.13519, 0.71187, 0.0), (0.03135, 0.00009, 0.82521))


@dataclass(frozen=True)
class Space:
    """A colour space of three primaries, with one gamma or sRGB's curve."""

    primaries: tuple[tuple[float, float, float], ...]
    gamma: float | None = None

    @property
    def profile(self) -> bytes:
        return _matrix_profile(self.primaries, self.gamma)

    def in_srgb(self, colour: Colour) -> Colour:
        """Converts a colour of this space to sRGB, without Little CMS."""
        light = [self._light(level / 255) for level in colour]
        xyz = [sum(light[c] * self.primaries[c][axis] for c in range(3)) for axis in range(3)]
        shares = _solved(_SRGB, xyz)
        red, green, blue = (round(255 * _srgb_stored(min(1.0, max(0.0, share)))) for share in shares)
        return red, green, blue

    def _light(self, level: float) -> float:
        if self.gamma is not None:
            return float(level**self.gamma)
        return level / 12.92 if level <= 0.04045 else float(((level + 0.055) / 1.055) ** 2.4)


SRGB = Space(_SRGB)
DISPLAY_P3 = Space(_DISPLAY_P3)
BT_2020 = Space(((0.67349, 0.27903, -0.00194), (0.16566, 0.67534, 0.02998), (0.12506, 0.04563, 0.79681)))
ADOBE_RGB = Space(_ADOBE, 2.19921875)
PROPHOTO = Space(_PROPHOTO, 1.8)


def _srgb_stored(light: float) -> float:
    return 12.92 * light if light <= 0.0031308 else float(1.055 * light ** (1 / 2.4) - 0.055)


def _solved(columns: tuple[tuple[float, float, float], ...], wanted: list[float]) -> list[float]:
    """Solves a linear system by Cramer's rule."""

    def determinant(a: Sequence[float], b: Sequence[float], c: Sequence[float]) -> float:
        return (
            a[0] * (b[1] * c[2] - b[2] * c[1])
            - b[0] * (a[1] * c[2] - a[2] * c[1])
            + c[0] * (a[1] * b[2] - a[2] * b[1])
        )

    whole = determinant(*columns)
    return [determinant(*(wanted if at == n else columns[at] for at in range(3))) / whole for n in range(3)]


def display_p3() -> bytes:
    return DISPLAY_P3.profile


def red_and_green_swapped() -> bytes:
    """Returns a profile of sRGB with the first two primaries exchanged."""
    return _matrix_profile(_RED_AND_GREEN_SWAPPED)


def cmyk_press(inks: Mapping[tuple[int, ...], tuple[int, int, int]], darkest: int = 0) -> bytes:
    """Builds a CMYK profile with Lab values for combinations of full inks (0 or 1 each).

    Others have the lightness `darkest`.

    ICC.1, 10.11: a lut8Type of two grid points per ink, its outputs L, a + 128 and b + 128.
    """
    identity = b"".join(_fixed(number) for number in (1, 0, 0, 0, 1, 0, 0, 0, 1))
    straight = bytes(range(256))
    grid = b""
    for corner in product((0, 1), repeat=4):
        lightness, a, b = inks.get(corner, (darkest, 0, 0))
        grid += bytes((round(lightness * 2.55), a + 128, b + 128))
    lut = b"mft1\0\0\0\0\4\3\2\0" + identity + 4 * straight + grid + 3 * straight
    return _icc(
        b"CMYK", {b"wtpt": _xyz(0.9642, 1.0, 0.8249), b"A2B0": lut}, kind=b"prtr", between=b"Lab ", version=2
    )


def lab_in_srgb(lightness: float, a: float, b: float) -> Colour:
    """Converts CIE Lab under D50 to sRGB."""

    def unfolded(t: float) -> float:
        return float(t**3) if t > 6 / 29 else 3 * (6 / 29) ** 2 * (t - 4 / 29)

    y = (lightness + 16) / 116
    xyz = [0.9642 * unfolded(y + a / 500), unfolded(y), 0.8249 * unfolded(y - b / 200)]
    shares = _solved(_SRGB, xyz)
    red, green, blue = (round(255 * _srgb_stored(min(1.0, max(0.0, share)))) for share in shares)
    return red, green, blue


def grey_gamma(gamma: float) -> bytes:
    """Builds a grey profile of one gamma."""
    return _icc(b"GRAY", {b"wtpt": _xyz(0.9642, 1.0, 0.8249), b"kTRC": _curve(gamma)})


def _matrix_profile(
    primaries: tuple[tuple[float, float, float], ...],
    gamma: float | None = None,
    more: Mapping[bytes, bytes] | None = None,
) -> bytes:
    tags = {b"wtpt": _xyz(0.9642, 1.0, 0.8249)} | dict(more or {})
    for channel, primary in zip((b"r", b"g", b"b"), primaries, strict=True):
        tags[channel + b"XYZ"] = _xyz(*primary)
        # sRGB's curve: IEC 61966-2-1 as an ICC parametric curve of type 3.
        numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
        tags[channel + b"TRC"] = (
            _curve(gamma) if gamma else b"para\0\0\0\0\0\3\0\0" + b"".join(map(_fixed, numbers))
        )
    return _icc(b"RGB ", tags)


def numbered_icc(primaries: int, transfer: int) -> bytes:
    """Builds a profile of sRGB with other numbers in its `cicp` tag, as converters write for PQ and HLG."""
    numbers = b"cicp\0\0\0\0" + bytes((primaries, transfer, 0, 1))
    return _matrix_profile(_SRGB, more={b"cicp": numbers})


def _icc(
    space: bytes,
    tags: dict[bytes, bytes],
    *,
    kind: bytes = b"mntr",
    between: bytes = b"XYZ ",
    version: int = 4,
) -> bytes:
    """Builds a profile of these tags (ICC.1), for a display by default."""
    table, bodies = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, body in tags.items():
        table += name + struct.pack(">II", start + len(bodies), len(body))
        bodies += body + b"\0" * (-len(body) % 4)
    size = start + len(bodies)
    header = struct.pack(">IIBBH", size, 0, version, 0, 0) + kind + space + between + bytes(12) + b"acsp"
    header += bytes(28) + _fixed(0.9642) + _fixed(1.0) + _fixed(0.8249)
    return header.ljust(128, b"\0") + table + bodies


def _fixed(number: float) -> bytes:
    return struct.pack(">i", round(number * 65536))


def _xyz(*numbers: float) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, numbers))


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0\0\0\0\1" + struct.pack(">H", round(gamma * 256)) + b"\0\0"


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(
    width: int, height: int, *, bits: int = 8, colour_type: int = 2, interlaced: bool = False
) -> bytes:
    ihdr = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", ihdr)


def png_claiming(width: int, height: int) -> bytes:
    """Builds a PNG with a large canvas in its header, and no pixels."""
    return png_header(width, height) + png_chunk(b"IDAT", zlib.compress(b"")) + png_chunk(b"IEND", b"")


def rgb16_png(levels: Colour, size: int = 40, icc: bytes = b"") -> bytes:
    """Builds a 16-bit RGB PNG of one colour; levels up to 65535."""
    profile = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(icc)) if icc else b""
    rows = (b"\0" + struct.pack(">HHH", *levels) * size) * size
    idat = png_chunk(b"IDAT", zlib.compress(rows))
    return png_header(size, size, bits=16) + profile + idat + png_chunk(b"IEND", b"")


def webp_claiming(width: int, height: int) -> bytes:
    """Builds an animated WebP of one 1 x 1 frame on a huge canvas."""
    canvas = b"\x02\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    still = encoded(plain((1, 1)), "WEBP", lossless=True)[12:]
    frame = bytes(16) + still
    chunks = b"VP8X" + struct.pack("<I", 10) + canvas
    chunks += b"ANIM" + struct.pack("<I", 6) + bytes(6)
    chunks += b"ANMF" + struct.pack("<I", len(frame)) + frame + b"\0" * (len(frame) & 1)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def gif_claiming(width: int, height: int) -> bytes:
    content = bytearray(encoded(plain((8, 8)), "GIF"))
    content[6:10] = struct.pack("<HH", width, height)
    return bytes(content)


def gif_with_a_frame_beyond_its_canvas(width: int, height: int) -> bytes:
    content = bytearray(encoded(plain((8, 8)), "GIF"))
    at = content.index(b"\x2c\0\0\0\0\x08\0\x08\0")
    content[at + 5 : at + 9] = struct.pack("<HH", width, height)
    return bytes(content)


def jpeg_claiming(width: int, height: int) -> bytes:
    content = bytearray(encoded(plain((8, 8)), "JPEG"))
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def jpeg_of_many_scans(scans: int) -> bytes:
    """Builds a progressive JPEG with its last scan repeated."""
    content = encoded(plain((16, 16)), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last:-2] * scans + b"\xff\xd9"


# 32 x 16 pixels in two colours (200, 100, 50 and 40, 100, 180), written by libjpeg-turbo with arith_code:
# Pillow can't write arithmetic coding.
ARITHMETIC_JPEG = b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQ"
    "ERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU"
    "FBQUFBQUFBQUFBQUFBT/yQARCAAQACADAREAAhEBAxEB/8wACgAQEAUBEBEF/9oADAMBAAIRAxEAPwD9408Glco6aX2FJslz"
    "uFpuhzuwwP/Z"
)


def avif_with_clean_aperture(image: Image.Image, aperture: tuple[int, ...]) -> bytes:
    """Adds `clap` to an AVIF's only item: width, height, and offsets across and down, each as a fraction."""
    content = encoded(image, "AVIF", quality=100, subsampling="4:4:4")
    pixels = content.index(b"mdat") + 4
    clap = struct.pack(">I4sIIIIiIiI", 40, b"clap", *aperture)
    ipco, ipma = content.index(b"ipco") - 4, content.index(b"ipma") - 4
    end = ipco + int.from_bytes(content[ipco : ipco + 4])
    number = 1
    at = ipco + 8
    while at < end:
        at += int.from_bytes(content[at : at + 4])
        number += 1
    last = ipma + int.from_bytes(content[ipma : ipma + 4])
    associations = bytearray(content[ipma:last]) + bytes([0x80 | number])
    associations[18] += 1
    grown = {b"ipco": 40, b"iprp": 41, b"meta": 41}
    made = bytearray(content[:end] + clap + content[end:ipma] + associations + content[last:])
    for kind, more in (*grown.items(), (b"ipma", 1)):
        at = made.index(kind) - 4
        made[at : at + 4] = struct.pack(">I", int.from_bytes(made[at : at + 4]) + more)
    return bytes(made).replace(struct.pack(">I", pixels), struct.pack(">I", pixels + 41), 1)


def multi_picture_jpeg(first: Image.Image, second: Image.Image) -> bytes:
    """Builds a CIPA DC-007 file: a second JPEG after the first, as for stereo pairs and previews."""
    return encoded(first, "MPO", save_all=True, append_images=[second], quality=95)


def bmp_claiming(width: int, height: int) -> bytes:
    content = bytearray(encoded(plain((8, 8)), "BMP"))
    content[18:26] = struct.pack("<ii", width, height)
    return bytes(content)


def tiff_claiming(width: int, height: int) -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, number in (
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (279, 1),
    ):
        tags[tag] = number
    return b"II*\0\x08\0\0\0" + tags.tobytes(8)


def animated(plugin: str, frames: int = 3) -> bytes:
    colours = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0))
    first, *rest = [plain((40, 30), colours[index % 4]) for index in range(frames)]
    return encoded(first, plugin, save_all=True, append_images=rest, duration=100)
