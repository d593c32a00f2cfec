"""MS-SSIM of pictures with a known score."""

from math import log10

import pytest
from PIL import Image

from bench.ms_ssim import MsSsim

GREY = Image.new("RGB", (200, 180), (128, 128, 128))


def test_identical_pictures_have_the_highest_score() -> None:
    assert MsSsim(GREY).score(GREY) == 1000


def test_flat_pictures_are_scored_by_luminance_at_the_coarsest_scale() -> None:
    other = Image.new("RGB", GREY.size, (64, 64, 64))
    x, y = 128 / 255, 64 / 255

    luminance = (2 * x * y + 0.01**2) / (x * x + y * y + 0.01**2)
    assert MsSsim(GREY).score(other) == pytest.approx(-100 * log10(1 - luminance**0.1333), abs=0.1)


def test_a_picture_too_small_for_all_scales_raises_an_error() -> None:
    with pytest.raises(ValueError, match="can't be compared"):
        MsSsim(GREY.resize((100, 100))).score(GREY.resize((100, 100)))
