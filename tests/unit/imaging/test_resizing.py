"""The resize of the native module, compared with Pillow's."""

import re
import subprocess
import sys
from pathlib import Path

import darkroom_native
import pytest
from PIL import Image, ImageChops

from darkroom.imaging.resize import Box, resized
from darkroom_cli.local.samples import photograph

WHOLE = (0.0, 0.0, 4.0, 4.0)


def a_picture(mode: str) -> Image.Image:
    picture = photograph(600, 800)
    if not mode.endswith("A"):
        return picture.convert(mode)
    picture = picture.convert(mode)
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return picture


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("size", [(300, 400), (450, 700), (70, 150), (1, 1), (600, 5)])
@pytest.mark.parametrize("box", [None, (0.5, 3.25, 599.0, 797.5), (100.0, 200.0, 300.5, 400.25)])
def test_a_picture_looks_as_resized_by_pillow(mode: str, size: tuple[int, int], box: Box | None) -> None:
    picture = a_picture(mode)

    found = resized(picture, size, box)

    expected = picture.resize(size, Image.Resampling.LANCZOS, box)
    assert (found.mode, found.size) == (mode, size)
    premultiplied = {"LA": "La", "RGBA": "RGBa"}.get(mode, mode)
    difference = ImageChops.difference(found.convert(premultiplied), expected.convert(premultiplied))
    assert all(sum(channel.histogram()[4:]) == 0 for channel in difference.split())


def test_one_colour_stays_the_same() -> None:
    picture = Image.new("RGB", (333, 222), (1, 128, 254))

    assert resized(picture, (100, 67)).getcolors() == [(6700, (1, 128, 254))]


@pytest.mark.parametrize(
    ("pixels", "channels", "sides", "box"),
    [
        (15, 1, (4, 4, 2, 2), WHOLE),
        (16, 1, (4, 4, 0, 2), WHOLE),
        (16, 1, (4, 4, 2, 1 << 21), WHOLE),
        (0, 0, (4, 4, 2, 2), WHOLE),
        (80, 5, (4, 4, 2, 2), WHOLE),
        (16, 1, (4, 4, 2, 2), (0, 0, 4.1, 4)),
        (16, 1, (4, 4, 2, 2), (-1, 0, 4, 4)),
        (16, 1, (4, 4, 2, 2), (2, 0, 2, 4)),
        (16, 1, (4, 4, 2, 2), (0, float("nan"), 4, 4)),
    ],
)
def test_other_sizes_channels_and_boxes_are_errors(
    pixels: int, channels: int, sides: tuple[int, int, int, int], box: Box
) -> None:
    width, height, new_width, new_height = sides
    result = new_width * new_height * channels

    with pytest.raises(ValueError, match=r"side|channels|box"):
        darkroom_native.resize(
            bytes(pixels), width, height, channels, bytearray(result), new_width, new_height, box
        )


@pytest.mark.parametrize("result", [bytes(4), bytearray(5)])
def test_a_result_of_another_size_or_that_may_not_change_is_an_error(result: bytes | bytearray) -> None:
    with pytest.raises(ValueError, match=r"may not change|number of bytes"):
        darkroom_native.resize(bytes(16), 4, 4, 1, result, 2, 2, WHOLE)


_LARGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage")
_IN_LARGE_PAGES = r"^VmFlags:.* hg\b"  # proc(5), of /proc/pid/smaps


@pytest.mark.skipif(not _LARGE_PAGES.exists(), reason="this system has no large pages")
@pytest.mark.parametrize(("width", "expected"), [(3000, True), (300, False)])
def test_a_large_result_is_written_to_large_pages(width: int, *, expected: bool) -> None:
    program = (
        "from PIL import Image; from darkroom.imaging.resize import resized;"
        f"result = resized(Image.new('RGB', (100, 100)), ({width}, {width}));"
        "print(open('/proc/self/smaps').read())"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert bool(re.search(_IN_LARGE_PAGES, printed, re.MULTILINE)) == expected
