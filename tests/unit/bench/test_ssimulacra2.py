"""Compares the metric with scores of the reference tool of libjxl 0.11.2 for the same pixels."""

import pytest
from PIL import Image

from bench.ssimulacra2 import Reference


def a_picture(width: int, height: int) -> Image.Image:
    """Draws gradients and a fractal, the same everywhere, with edges and flat parts in every channel."""
    size = (width, height)
    red = Image.linear_gradient("L").resize(size, Image.Resampling.NEAREST)
    green = Image.radial_gradient("L").resize(size, Image.Resampling.NEAREST)
    blue = Image.effect_mandelbrot(size, (-2.0, -1.2, 1.0, 1.2), 60)
    return Image.merge("RGB", (red, green, blue))


def in_blocks(picture: Image.Image, side: int) -> Image.Image:
    small = picture.resize((picture.width // side, picture.height // side), Image.Resampling.NEAREST)
    return small.resize(picture.size, Image.Resampling.NEAREST)


def with_fewer_levels(picture: Image.Image, step: int) -> Image.Image:
    return picture.point(lambda level: level // step * step)


@pytest.mark.parametrize(
    ("size", "change", "amount", "printed"),
    [
        ((640, 427), "levels", 4, 89.02),
        ((640, 427), "levels", 12, 23.95),
        ((640, 427), "blocks", 2, 56.83),
        ((100, 67), "levels", 4, 93.81),
        ((100, 67), "levels", 12, 82.18),
        ((100, 67), "blocks", 2, 14.30),
        ((61, 200), "levels", 4, 94.22),
        ((61, 200), "levels", 12, 80.39),
        ((61, 200), "blocks", 2, 14.46),
    ],
)
def test_scores_match_the_reference_tool(
    size: tuple[int, int], change: str, amount: int, printed: float
) -> None:
    picture = a_picture(*size)
    changed = {"blocks": in_blocks, "levels": with_fewer_levels}[change](picture, amount)

    assert Reference(picture).score(changed) == pytest.approx(printed, abs=0.3)


def test_an_identical_picture_scores_100() -> None:
    picture = a_picture(100, 67)

    assert Reference(picture).score(picture) == pytest.approx(100, abs=0.1)


def test_pictures_of_different_sizes_raise_an_error() -> None:
    with pytest.raises(ValueError, match="compared"):
        Reference(a_picture(64, 64)).score(a_picture(64, 63))
