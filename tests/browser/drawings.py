"""Pictures drawn by code: every format, depth, colour space, alpha, orientation and animation."""

import random
import struct
import zlib
from collections.abc import Callable
from functools import partial
from itertools import product

from PIL import Image

from darkroom_cli.local.samples import photograph
from tests.unit.imaging.pictures import (
    ADOBE_RGB,
    DISPLAY_P3,
    PROPHOTO,
    cmyk_press,
    cornered,
    encoded,
    grey_gamma,
    numbered_icc,
    oriented,
    png_chunk,
    png_header,
)
from tests.unit.imaging.test_bmp import bmp
from tests.unit.imaging.test_colours import INKS
from tests.unit.imaging.test_composing import BACKGROUND, BLUE, GREEN, OVER, PREVIOUS, RED, Part, apng, gif
from tests.unit.imaging.test_transfer import in_avif, in_png, in_profile

SIZE = (96, 64)
HALF = bytes((0, 0, 255, 128))
CORNER = (0, 0, 8, 8)


def scene(mode: str = "RGB") -> Image.Image:
    picture = photograph(*SIZE)
    if mode in ("LA", "RGBA"):
        picture.putalpha(Image.linear_gradient("L").resize(SIZE))
    return picture.quantize(64) if mode == "P" else picture.convert(mode)


def cut_out() -> Image.Image:
    """Draws a picture with a hard edge: Chromium reads AVIF's partial alpha in another way."""
    picture = scene("RGBA")
    picture.putalpha(picture.getchannel("A").point(lambda alpha: 255 * (alpha > 127)))
    return picture


def moving(plugin: str, **options: object) -> bytes:
    first, *rest = [scene("RGBA").rotate(90 * turn) for turn in range(3)]
    return encoded(first, plugin, save_all=True, append_images=rest, duration=[20, 10, 300], **options)


def light(nits: int) -> bytes:
    return png_chunk(b"cLLI", struct.pack(">II", 10_000 * nits, 0))


type Draw = Callable[[], bytes]
CASES: dict[str, tuple[str, Draw]] = {
    f"png {mode}": ("png", partial(lambda mode: encoded(scene(mode), "PNG"), mode))
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA")
}
CASES |= {
    f"jpeg {mode} progressive {progressive}": (
        "jpg",
        partial(lambda mode, it: encoded(scene(mode), "JPEG", progressive=it), mode, progressive),
    )
    for mode, progressive in product(("L", "RGB", "CMYK"), (False, True))
}
CASES |= {
    f"{plugin} orientation {orientation}": (
        plugin.lower(),
        partial(oriented, orientation, cornered(*SIZE), plugin),
    )
    for orientation, plugin in product(range(1, 9), ("JPEG", "AVIF"))
}
CASES |= {
    f"{plugin} {name}": (plugin.lower(), partial(encoded, scene(), plugin, icc_profile=space.profile))
    for (name, space), plugin in product(
        {"P3": DISPLAY_P3, "Adobe": ADOBE_RGB, "ProPhoto": PROPHOTO}.items(), ("JPEG", "PNG", "WEBP", "AVIF")
    )
}
CASES |= {
    f"{name} {primaries}, {transfer}": (extension, partial(carrier, scene(), primaries, transfer))
    for (name, extension, carrier), primaries, transfer in product(
        (("cICP", "png", in_png), ("nclx", "avif", in_avif), ("profile", "webp", in_profile)),
        (1, 9, 11, 12),
        (1, 4, 5, 7, 8, 13, 16, 17, 18),
    )
}
CASES |= {
    f"PQ, {nits} nits": ("png", partial(in_png, scene(), 9, 16, light(nits))) for nits in (100, 400, 4000)
}
CASES |= {
    f"apng dispose {dispose} blend {blend}": (
        "png",
        partial(
            apng,
            Part(bytes(RED)),
            Part(HALF, CORNER, dispose=dispose, blend=blend),
            Part(bytes(GREEN), (4, 4, 12, 12), blend=blend, dispose=dispose),
            Part(HALF, (2, 2, 14, 14), blend=OVER),
        ),
    )
    for dispose, blend in product((0, BACKGROUND, PREVIOUS), (0, OVER))
}
CASES |= {
    f"gif disposal {disposal}": (
        "gif",
        partial(
            gif,
            (0, (0, 0, 12, 16), 1),
            (1, CORNER, disposal),
            (2, (4, 4, 20, 12), disposal),
            (3, CORNER, 1),
            key=3,
        ),
    )
    for disposal in range(4)
}
CASES |= {
    "apng behind a default image": ("png", lambda: apng(Part(bytes(BLUE)), default=bytes(RED))),
    "apng against the rules": ("png", lambda: apng(Part(bytes(RED)), Part(bytes(BLUE), (8, 8, 17, 16)))),
    "apng of RGB": (
        "png",
        lambda: apng(Part(bytes(RED[:3]), dispose=1), Part(HALF[:3], CORNER), colour_type=2),
    ),
    "moving gif": ("gif", lambda: moving("GIF", disposal=2)),
    "moving webp": ("webp", lambda: moving("WEBP", lossless=True)),
    "moving png": ("png", lambda: moving("PNG", blend=1)),
    "bmp 4:4:4": ("bmp", lambda: bmp(0xF00, 0xFA3, (0xF00, 0xF0, 0xF), bits=16)),
    "bmp": ("bmp", lambda: encoded(scene(), "BMP")),
    "P3 by a profile's numbers": (
        "jpg",
        lambda: encoded(scene(), "JPEG", icc_profile=numbered_icc(12, 13)),
    ),
}


# Depths of each colour type. W3C PNG, table 11.1.
PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def samples(colour_type: int, bits: int, x: int, y: int) -> list[int]:
    """Returns the samples of a pixel: gradients across and down, in whole blocks of 8."""
    most = (1 << bits) - 1
    x, y = x // 8 * 8, y // 8 * 8
    levels = [x * most // SIZE[0], y * most // SIZE[1], (x + y) * most // sum(SIZE), (most + x) & most]
    alphas = {4: 2, 6: 4}
    found = levels[: CHANNELS[colour_type]]
    if colour_type in alphas:
        found[-1] = most if y < 16 else y * most // SIZE[1]
    return found


def drawn_png(colour_type: int, bits: int, *, interlaced: bool, keyed: bool) -> bytes:
    """Builds a PNG without a library, its rows without a filter."""
    passes = PASSES if interlaced else ((0, 0, 1, 1),)
    rows = b""
    for left, top, across, down in passes:
        for y in range(top, SIZE[1], down):
            text = "".join(
                f"{level:0{bits}b}"
                for x in range(left, SIZE[0], across)
                for level in samples(colour_type, bits, x, y)
            )
            if text:
                text += "0" * (-len(text) % 8)
                rows += b"\0" + int(text, 2).to_bytes(len(text) // 8)
    content = png_header(*SIZE, bits=bits, colour_type=colour_type, interlaced=interlaced)
    if colour_type == 3:
        colours = random.Random(bits).randbytes(3 << bits)  # noqa: S311
        content += png_chunk(b"PLTE", colours)
    if keyed:
        key = struct.pack(f">{CHANNELS[colour_type]}H", *samples(colour_type, bits, 48, 32))
        content += png_chunk(b"tRNS", bytes((0, 128, 255)[: 1 << bits]) if colour_type == 3 else key)
    return content + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")


CASES |= {
    f"png of type {kind}, {bits} bits, interlaced {interlaced}, key {keyed}": (
        "png",
        partial(drawn_png, kind, bits, interlaced=interlaced, keyed=keyed),
    )
    for kind, depths in PNG_DEPTHS.items()
    for bits, interlaced, keyed in product(depths, (False, True), (False, True) if kind < 4 else (False,))
}


def screened(gamma: float, points: tuple[float, ...]) -> bytes:
    content = encoded(scene(), "PNG")
    more = png_chunk(b"gAMA", struct.pack(">I", round(gamma * 100_000)))
    if points:
        more += png_chunk(b"cHRM", struct.pack(">8I", *(round(share * 100_000) for share in points)))
    return content[:33] + more + content[33:]


P3_POINTS = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
CASES |= {
    f"png with a gamma of {gamma}, {'P3' if points else 'sRGB'}": ("png", partial(screened, gamma, points))
    for gamma, points in product((0.3, 1 / 2.2, 0.55, 1.0), ((), P3_POINTS))
}
CASES |= {
    f"{name} {primaries}, {transfer}": (extension, partial(carrier, scene(), primaries, transfer))
    for (name, extension, carrier), primaries, transfer in product(
        (("cICP", "png", in_png), ("nclx", "avif", in_avif)), (4, 5, 6, 7, 8, 10, 22), (8, 13, 16, 18)
    )
}
CASES |= {
    f"cICP of {mode}, {transfer}": ("png", partial(in_png, scene(mode), 9, transfer))
    for mode, transfer in product(("L", "LA", "RGBA"), (8, 13, 16, 18))
}
CASES |= {
    f"jpeg {subsampling} quality {quality} progressive {progressive} restarts {restarts}": (
        "jpg",
        partial(
            encoded,
            scene(),
            "JPEG",
            subsampling=subsampling,
            quality=quality,
            progressive=progressive,
            restart_marker_blocks=restarts,
        ),
    )
    for subsampling, quality, progressive, restarts in product(
        ("4:4:4", "4:2:2", "4:2:0"), (40, 95), (False, True), (0, 3)
    )
}
PROFILES = {
    "P3": DISPLAY_P3.profile,
    "Adobe RGB": ADOBE_RGB.profile,
    "ProPhoto": PROPHOTO.profile,
    "swapped": numbered_icc(9, 8),
}
CASES |= {
    f"{plugin} {mode} {name}": (
        "jpg" if plugin == "JPEG" else plugin.lower(),
        partial(encoded, scene(mode), plugin, icc_profile=profile),
    )
    for (plugin, mode), (name, profile) in product(
        (("PNG", "RGBA"), ("PNG", "P"), ("WEBP", "RGBA"), ("AVIF", "RGB")), PROFILES.items()
    )
}
CASES |= {
    f"{plugin} L of gamma {gamma}": (
        "jpg" if plugin == "JPEG" else "png",
        partial(encoded, scene("L"), plugin, icc_profile=grey_gamma(gamma)),
    )
    for plugin, gamma in product(("JPEG", "PNG"), (1.0, 1.8, 2.2))
}


def inked() -> bytes:
    """Draws full inks: between the points of a profile's table, Chromium interpolates in another way."""
    picture = Image.new("CMYK", SIZE)
    for number, inks in enumerate(INKS):
        colour = tuple(255 * ink for ink in inks)
        picture.paste(colour, (16 * number, 0, 16 * number + 16, SIZE[1]))
    return encoded(picture, "JPEG", icc_profile=cmyk_press(INKS, 15), quality=100)


CASES |= {"CMYK with a press's profile": ("jpg", inked)}
CASES |= {
    f"PNG orientation {orientation}": ("png", partial(oriented, orientation, cornered(*SIZE), "PNG"))
    for orientation in range(1, 9)
}
CASES |= {
    f"avif {mode} {subsampling} {levels}": (
        "avif",
        partial(encoded, picture, "AVIF", subsampling=subsampling, range=levels, quality=90),
    )
    for (mode, picture), subsampling, levels in product(
        (("RGB", scene()), ("cut out", cut_out()), ("L", scene("L"))),
        ("4:4:4", "4:2:2", "4:2:0", "4:0:0"),
        ("full", "limited"),
    )
}
CASES |= {
    f"webp {mode} lossless {lossless} quality {quality}": (
        "webp",
        partial(encoded, scene(mode), "WEBP", lossless=lossless, quality=quality),
    )
    for mode, lossless, quality in product(("RGB", "RGBA", "P"), (False, True), (50, 95))
}
CASES |= {
    f"gif of {colours} colours, interlaced {interlaced}, key {key}": (
        "gif",
        partial(
            encoded,
            scene().quantize(colours),
            "GIF",
            interlace=interlaced,
            **({} if key is None else {"transparency": key}),
        ),
    )
    for colours, interlaced, key in product((2, 16, 256), (0, 1), (None, 1))
}
CASES |= {
    f"gif disposal {disposal}, then {second}": (
        "gif",
        partial(
            gif,
            (0, (0, 0, 16, 16), disposal),
            (1, CORNER, second),
            (3, (4, 4, 12, 12), disposal),
            (2, (2, 2, 6, 16), 1),
            key=3,
            background=2,
        ),
    )
    for disposal, second in product(range(4), repeat=2)
}
CASES |= {f"bmp {mode}": ("bmp", partial(encoded, scene(mode), "BMP")) for mode in ("1", "L", "P", "RGBA")}
MASKS = ((0xF00, 0xF0, 0xF), (0x1F, 0x3E0, 0x7C00), (0xE0, 0x1C, 3), (0xF800, 0x7E0, 0x1F))
WIDE_MASKS = ((0xFF, 0xFF00, 0xFF0000), (0xFF00, 0xFF0000, 0xFF000000), (0xFF0000, 0xFF00, 0xFF))
CASES |= {
    f"bmp masks {masks}, top down {flip}": (
        "bmp",
        partial(bmp, masks[0] // 2 & masks[0], sum(masks), masks, bits=bits, flip=flip),
    )
    for bits, of_bits in ((16, MASKS), (32, WIDE_MASKS))
    for masks, flip in product(of_bits, (False, True))
}


ALPHA_MASKS = {
    16: ((0x7C00, 0x3E0, 0x1F, 0x8000), (0xF00, 0xF0, 0xF, 0xF000)),
    32: ((0xFF0000, 0xFF00, 0xFF, 0xFF000000), (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000)),
}
CASES |= {
    f"bmp masks {masks} of {bits} bits, alpha in half, {header_bytes}": (
        "bmp",
        partial(bmp, masks[0], masks[1] | masks[3], masks, bits=bits, header_bytes=header_bytes),
    )
    for bits, of_bits in ALPHA_MASKS.items()
    for masks, header_bytes in product(of_bits, (56, 108, 124))
}


def blended(colour_type: int, bits: int, dispose: int, blend: int) -> bytes:
    """Builds an animation of four overlapping parts, half transparent where the type allows it."""
    most = (1 << bits) - 1
    levels = {
        0: ([most], [most // 2], [most // 3], [0]),
        2: ([most, 0, 0], [0, most, 0], [0, 0, most], [most, most, 0]),
        3: ([0], [1], [2], [3]),
        4: ([most, most], [0, most // 2], [most // 2, most // 3], [0, 0]),
        6: ([most, 0, 0, most], [0, 0, most, most // 2], [0, most, 0, most // 3], [0, 0, 0, 0]),
    }[colour_type]
    boxes = ((0, 0, 16, 16), (0, 0, 8, 8), (4, 4, 12, 12), (2, 2, 14, 14))
    layout = ">{}H" if bits == 16 else ">{}B"
    parts = [
        Part(struct.pack(layout.format(len(found)), *found), box, dispose=dispose, blend=blend)
        for found, box in zip(levels, boxes, strict=True)
    ]
    before = {
        0: png_chunk(b"tRNS", struct.pack(">H", most // 2)),
        2: png_chunk(b"tRNS", struct.pack(">3H", 0, most, 0)),
        3: png_chunk(b"PLTE", bytes((255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9)))
        + png_chunk(b"tRNS", bytes((255, 128, 40, 0))),
    }
    return apng(*parts, colour_type=colour_type, bits=bits, before=before.get(colour_type, b""))


CASES |= {
    f"apng of type {kind}, {bits} bits, dispose {dispose}, blend {blend}": (
        "png",
        partial(blended, kind, bits, dispose, blend),
    )
    for (kind, bits), dispose, blend in product(
        ((0, 8), (0, 16), (2, 8), (2, 16), (3, 8), (4, 8), (4, 16), (6, 8), (6, 16)), (0, 1, 2), (0, 1)
    )
}
CASES |= {
    f"moving webp {mode} lossless {lossless} {duration} ms": (
        "webp",
        partial(
            lambda mode, lossless, duration: encoded(
                scene(mode),
                "WEBP",
                save_all=True,
                append_images=[scene(mode).rotate(180)],
                duration=duration,
                lossless=lossless,
                method=0,
            ),
            mode,
            lossless,
            duration,
        ),
    )
    for mode, lossless, duration in product(("RGB", "RGBA"), (False, True), (0, 40))
}
