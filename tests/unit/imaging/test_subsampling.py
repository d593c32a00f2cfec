"""The native code for 4:2:0, compared with Pillow's operations."""

import random

import darkroom_native
import pytest
from PIL import Image, ImageChops

from darkroom.imaging.planes import planes_of, subsampled
from darkroom_cli.local.samples import photograph

_STEP = 48


def noise(mode: str, size: tuple[int, int]) -> Image.Image:
    chance = random.Random(size[0])  # noqa: S311 - reproducible noise
    return Image.frombytes(mode, size, chance.randbytes(3 * size[0] * size[1]))


def by_pillow(picture: Image.Image) -> int:
    """Counts the samples of colour that change when they are halved and doubled."""
    changed = 0
    for colour in (picture.getchannel("Cb"), picture.getchannel("Cr")):
        halved = colour.reduce(2).resize(colour.size, Image.Resampling.BILINEAR)
        changed += sum(ImageChops.difference(colour, halved).histogram()[_STEP:])
    return changed


@pytest.mark.parametrize("size", [(2, 2), (100, 2), (640, 6), (64, 64)])
def test_steps_of_colour_are_counted_as_by_pillow(size: tuple[int, int]) -> None:
    picture = noise("YCbCr", size)

    assert darkroom_native.colour_steps(picture, *size, _STEP) == by_pillow(picture)


def test_a_last_odd_column_and_row_are_left_out() -> None:
    picture = noise("YCbCr", (65, 33))
    even = picture.crop((0, 0, 64, 32))

    found, expected = (darkroom_native.colour_steps(each, *each.size, _STEP) for each in (picture, even))
    assert found == expected


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (64, 64), (333, 250)])
@pytest.mark.parametrize("is_noise", [True, False])
def test_subsampled_planes_are_shown_as_by_pillow(size: tuple[int, int], *, is_noise: bool) -> None:
    picture = noise("RGB", size) if is_noise else photograph(400, 300).resize(size)
    planes = planes_of(picture, "4:2:0")
    halves = (size[0] + 1) // 2, (size[1] + 1) // 2
    luma, rest = planes.colours[: size[0] * size[1]], planes.colours[size[0] * size[1] :]
    chroma = [Image.frombytes("L", halves, part) for part in (rest[: len(rest) // 2], rest[len(rest) // 2 :])]
    doubled = [part.resize((2 * halves[0], 2 * halves[1]), Image.Resampling.BILINEAR) for part in chroma]
    channels = Image.frombytes("L", size, luma), *(part.crop((0, 0, *size)) for part in doubled)

    assert subsampled(picture).tobytes() == Image.merge("YCbCr", channels).convert("RGB").tobytes()


@pytest.mark.parametrize(("width", "height"), [(0, 4), (4, 0), (5, 4), (1 << 17, 1)])
def test_other_sizes_are_errors(width: int, height: int) -> None:
    with pytest.raises(ValueError, match="pixels"):
        darkroom_native.colour_steps(bytes(64), width, height, _STEP)
    with pytest.raises(ValueError, match="pixels"):
        darkroom_native.shown_subsampled(bytes(64), width, height)
