"""Renditions show what Chromium shows for the original: drawn pictures of many kinds, frame by frame."""

from collections.abc import Iterator

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Browser

from bench.chromium import Chromium
from bench.fidelity import compared, profile
from darkroom.imaging import jxl, render
from tests.browser.drawings import CASES, SIZE, scene
from tests.unit.imaging.pictures import DISPLAY_P3, encoded

# `make test` compares one of so many.
_STEP = 12


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
    frames = oracle.frames(content, "jxl")
    assert frames, "This Chromium does not show JPEG XL; version 156 does."
    [shown] = frames
    rgba = wanted.convert("RGBA")
    assert shown.image.size == rgba.size
    for background in ("white", "black"):
        layers = [Image.new("RGBA", rgba.size, background) for _ in range(2)]
        for layer, image in zip(layers, (shown.image, rgba), strict=True):
            layer.alpha_composite(image)
        means = ImageStat.Stat(ImageChops.difference(*layers)).mean
        assert max(means) < 2  # Chromium decodes grey with three channels


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.full] * bool(at % _STEP)) for at, name in enumerate(CASES)]
)
def test_renditions_show_what_chromium_shows(oracle: Chromium, name: str) -> None:
    extension, draw = CASES[name]
    content = draw()

    originals = oracle.frames(content, extension)
    for rendition in render(content, profile()).renditions:
        difference = compared(originals, rendition)
        assert difference.is_small, f"{rendition.format}: {difference}"
