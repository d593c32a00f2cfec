"""The metric: scores of the reference tool of libjxl 0.11.2 for the same pixels, and its limits."""

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import darkroom_native
import pytest
from PIL import Image

from darkroom.imaging.ssimulacra2 import Ssimulacra2


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

    assert Ssimulacra2(picture).score(changed) == pytest.approx(printed, abs=0.2)


def test_wide_gradients_score_less_than_a_point_more_than_by_the_reference_tool() -> None:
    picture = a_picture(2400, 300)  # the tool's rounding errors grow along a row

    assert 93.74 <= Ssimulacra2(picture).score(with_fewer_levels(picture, 2)) < 94.74


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (7, 7), (8, 8), (15, 17), (640, 427)])
def test_an_identical_picture_scores_100(size: tuple[int, int]) -> None:
    picture = a_picture(*size)

    assert Ssimulacra2(picture).score(picture) == pytest.approx(100, abs=0.1)


def test_the_file_of_a_picture_may_be_closed_before_it_is_scored(tmp_path: Path) -> None:
    Image.effect_noise((64, 64), 50).convert("RGB").save(tmp_path / "noise.png")
    with Image.open(tmp_path / "noise.png") as stored:
        ssimulacra2, same = Ssimulacra2(stored), stored.copy()
    assert ssimulacra2.score(same) == pytest.approx(100)


def test_only_visible_pixels_are_compared() -> None:
    hidden = Image.new("L", (64, 64), 0)
    first, second = a_picture(64, 64), Image.new("RGB", (64, 64))
    for picture in (first, second):
        picture.putalpha(hidden)

    assert Ssimulacra2(first).score(second) == pytest.approx(100, abs=0.1)


def test_grey_is_scored_as_equal_red_green_and_blue() -> None:
    grey, coarse = a_picture(100, 67).convert("L"), in_blocks(a_picture(100, 67).convert("L"), 2)

    assert Ssimulacra2(grey).score(coarse) == Ssimulacra2(grey.convert("RGB")).score(coarse.convert("RGB"))


def test_threads_compute_the_same_scores() -> None:
    chance = random.Random(1)  # noqa: S311 - a drawing
    noise = [chance.randbytes(3 * 90 * 70) for _ in range(8)]
    alone = [darkroom_native.ssimulacra2(noise[0], other, 90, 70) for other in noise]

    with ThreadPoolExecutor(4) as threads:
        together = list(
            threads.map(lambda other: darkroom_native.ssimulacra2(noise[0], other, 90, 70), noise)
        )

    assert together == alone


def test_pictures_of_different_sizes_raise_an_error() -> None:
    with pytest.raises(ValueError, match="compared"):
        Ssimulacra2(a_picture(64, 64)).score(a_picture(64, 63))


@pytest.mark.parametrize(
    ("width", "height"), [(0, 1), (1, 0), (-1, 1), (65_536, 1), (1, 65_536), (2, 1), (1, 2)]
)
def test_buffers_of_another_size_raise_an_error(width: int, height: int) -> None:
    with pytest.raises(ValueError, match="pixels"):
        darkroom_native.ssimulacra2(b"RGB", b"RGB", width, height)


def test_any_buffer_is_accepted() -> None:
    pixels = a_picture(9, 9).tobytes()

    scores = [
        darkroom_native.ssimulacra2(kind(pixels), pixels, 9, 9) for kind in (bytes, bytearray, memoryview)
    ]

    assert scores == [scores[0]] * 3


def test_a_text_is_not_a_buffer() -> None:
    with pytest.raises(TypeError):
        darkroom_native.ssimulacra2("RGB", b"RGB", 1, 1)  # type: ignore[arg-type]
