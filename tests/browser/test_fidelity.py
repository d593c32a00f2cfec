"""Renditions show what Chromium shows for the original: drawn pictures of many kinds, frame by frame."""

import struct
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Browser

from bench.chromium import Chromium
from bench.fidelity import compared, profile
from darkroom.imaging import jxl, render
from darkroom_cli.local.samples import photograph
from tests.unit.imaging.pictures import (
    ADOBE_RGB,
    DISPLAY_P3,
    PROPHOTO,
    cornered,
    encoded,
    numbered_icc,
    oriented,
    png_chunk,
)
from tests.unit.imaging.test_bmp import bmp
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


@pytest.fixture(scope="module")
def oracle(browser: Browser) -> Iterator[Chromium]:
    page = browser.new_page()
    yield Chromium(page)
    page.close()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_chromium_shows_a_jpeg_xl_as_it_is_decoded(oracle: Chromium, mode: str) -> None:
    content = jxl.encode(scene(mode), 90)

    assert_shown(oracle, content, jxl.decode(content))


def test_chromium_shows_a_jpeg_that_is_kept_without_loss(oracle: Chromium) -> None:
    """With the profile of the JPEG, and upright."""
    jpeg = encoded(scene(), "JPEG", icc_profile=DISPLAY_P3.profile)

    content = jxl.from_jpeg(jpeg, SIZE, 3, orientation=6)

    [shown] = oracle.frames(jpeg, "jpg")
    assert_shown(oracle, content, shown.image.transpose(Image.Transpose.ROTATE_270))


def assert_shown(oracle: Chromium, content: bytes, wanted: Image.Image) -> None:
    [shown] = oracle.frames(content, "jxl")
    rgba = wanted.convert("RGBA")
    assert shown.image.size == rgba.size
    for background in ("white", "black"):
        layers = [Image.new("RGBA", rgba.size, background) for _ in range(2)]
        for layer, image in zip(layers, (shown.image, rgba), strict=True):
            layer.alpha_composite(image)
        means = ImageStat.Stat(ImageChops.difference(*layers)).mean
        assert max(means) < 2  # Chromium decodes grey with three channels


@pytest.mark.parametrize("name", CASES)
def test_renditions_show_what_chromium_shows(oracle: Chromium, name: str) -> None:
    extension, draw = CASES[name]
    content = draw()

    originals = oracle.frames(content, extension)
    for rendition in render(content, profile()).renditions:
        difference = compared(originals, rendition)
        assert difference.is_small, f"{rendition.format}: {difference}"
