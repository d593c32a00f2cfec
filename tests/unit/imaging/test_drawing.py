"""Checking and drawing a JPEG in one pass, compared with Pillow's decoder."""

from io import BytesIO
from typing import Any

import pytest
from darkroom_native import draw_jpeg, jpeg_fault
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from darkroom.imaging.jpeg_damage import drawn
from darkroom_cli.local.samples import photograph
from tests.unit.imaging.pictures import encoded
from tests.unit.imaging.test_jpeg import pictures

ONLY_BY_LIBJPEG = "only libjpeg can draw it"


def by_pillow(content: bytes, *, halved: bool) -> Image.Image:
    picture = Image.open(BytesIO(content))
    if halved:
        picture.draft(None, (picture.width // 2, picture.height // 2))
    picture.load()
    return picture


@settings(max_examples=150, deadline=None)
@given(
    pictures(),
    st.integers(1, 100),
    st.sampled_from(["4:4:4", "4:2:2", "4:2:0"]),
    st.integers(0, 5),
    st.booleans(),
)
def test_the_pixels_are_those_of_libjpeg_turbo(
    picture: Image.Image, quality: int, subsampling: str, restarts: int, halved: bool
) -> None:
    wide = picture.resize((picture.width + 8, picture.height + 1), Image.Resampling.NEAREST)
    content = encoded(wide, "JPEG", quality=quality, subsampling=subsampling, restart_marker_blocks=restarts)
    expected = by_pillow(content, halved=halved)

    found = drawn(content, wide.mode, expected.size, halved=halved)

    assert found is not None
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("halved", [True, False])
@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {"progressive": True}),
        ("RGB", {"keep_rgb": True}),
        ("CMYK", {}),
        ("L", {"progressive": True}),
    ],
)
def test_other_kinds_are_left_to_libjpeg(mode: str, options: dict[str, Any], *, halved: bool) -> None:
    content = encoded(photograph(200, 150).convert(mode), "JPEG", **options)
    size = (100, 75) if halved else (200, 150)

    assert drawn(content, "L" if mode == "L" else "RGB", size, halved=halved) is None


@pytest.mark.parametrize("size", [(4, 30), (8, 30)])
def test_chroma_that_libjpeg_does_not_interpolate_is_left_to_it(size: tuple[int, int]) -> None:
    content = encoded(photograph(200, 150).resize(size), "JPEG", subsampling="4:2:2")

    assert draw_jpeg(content, 4, Image.new("RGB", (size[0] // 2, 15))) == ONLY_BY_LIBJPEG


def test_a_picture_of_another_size_is_not_drawn_into() -> None:
    content = encoded(photograph(200, 150), "JPEG")

    assert draw_jpeg(content, 8, Image.new("RGB", (200, 149))) == ONLY_BY_LIBJPEG
    assert draw_jpeg(content, 8, Image.new("L", (200, 150))) == ONLY_BY_LIBJPEG


@pytest.mark.parametrize("cut", [300, 900, -20])
def test_faults_are_those_of_the_check(cut: int) -> None:
    content = encoded(photograph(200, 150), "JPEG")
    damaged = content[:cut] + content[cut + 5 :]

    found = draw_jpeg(damaged, 8, Image.new("RGB", (200, 150)))

    assert found
    assert found in (jpeg_fault(damaged), ONLY_BY_LIBJPEG)


@pytest.mark.parametrize(("eighths", "pixels"), [(3, bytearray(64)), (8, bytes(64))])
def test_other_scales_and_pixels_that_may_not_change_are_errors(
    eighths: int, pixels: bytes | bytearray
) -> None:
    content = encoded(Image.new("L", (8, 8)), "JPEG")

    with pytest.raises(ValueError, match="may change"):
        draw_jpeg(content, eighths, pixels)
