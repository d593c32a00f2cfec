"""Pictures whose colour space is named by ITU-T H.273's numbers look as in Chromium.

The expected colours are what Chromium 156 draws, with the sRGB profile forced.
"""

import struct
from collections.abc import Callable

import pytest
from PIL import Image

from darkroom.domain.renditions import Format
from darkroom.imaging import render
from tests.unit.imaging.pictures import (
    Colour,
    a_profile,
    codes,
    distance,
    encoded,
    middle_of,
    numbered_icc,
    only,
    opened,
    png_chunk,
)

PIXELS = 16
LEVELS = (20, 60, 100, 150, 200, 250)
PQ, HLG = 16, 18
# Transfer function -> what is shown for the levels, with sRGB's primaries.
SHOWN = {
    4: (12, 57, 100, 151, 201, 250),
    5: (3, 36, 76, 131, 189, 249),
    7: (38, 77, 115, 161, 206, 251),
    8: (79, 133, 168, 202, 229, 253),
    13: (20, 60, 100, 150, 200, 250),
    PQ: (1, 26, 76, 193, 255, 255),
    17: (5, 44, 87, 143, 200, 255),
    HLG: (5, 39, 75, 122, 202, 251),
}
BROADCAST = (7, 49, 91, 144, 197, 250)
# Primaries -> what is shown for (130, 110, 105) in sRGB's curve, PQ and HLG.
WARM = (130, 110, 105)
WARM_SHOWN = {
    1: ((130, 110, 105), (137, 94, 85), (99, 84, 80)),
    4: ((139, 109, 104), (153, 92, 83), (106, 84, 80)),
    5: ((131, 110, 105), (139, 94, 85), (99, 84, 80)),
    6: ((129, 110, 105), (135, 95, 85), (98, 84, 80)),
    7: ((129, 110, 105), (135, 95, 85), (98, 84, 80)),
    8: ((136, 109, 104), (149, 92, 83), (103, 84, 80)),
    9: ((142, 107, 104), (158, 87, 83), (108, 82, 80)),
    10: ((165, 84, 106), (197, 0, 87), (124, 65, 80)),
    11: ((133, 109, 104), (142, 92, 83), (101, 83, 80)),
    12: ((134, 109, 104), (145, 92, 83), (102, 83, 80)),
    22: ((130, 110, 105), (138, 95, 85), (99, 84, 80)),
}


def patches(colours: tuple[Colour, ...], mode: str = "RGB") -> Image.Image:
    image = Image.new("RGB", (PIXELS * len(colours), PIXELS))
    for number, colour in enumerate(colours):
        image.paste(colour, (number * PIXELS, 0, (number + 1) * PIXELS, PIXELS))
    return image.quantize(len(colours)) if mode == "P" else image.convert(mode)


def in_png(image: Image.Image, primaries: int, transfer: int, more: bytes = b"") -> bytes:
    content = encoded(image, "PNG")
    return content[:33] + png_chunk(b"cICP", bytes((primaries, transfer, 0, 1))) + more + content[33:]


def in_avif(image: Image.Image, primaries: int, transfer: int) -> bytes:
    content = encoded(image, "AVIF", quality=100, subsampling="4:4:4")
    at = content.index(b"colrnclx") + 8
    return content[:at] + struct.pack(">HH", primaries, transfer) + content[at + 4 :]


def in_profile(image: Image.Image, primaries: int, transfer: int) -> bytes:
    return encoded(image, "WEBP", lossless=True, icc_profile=numbered_icc(primaries, transfer))


CARRIERS: dict[str, Callable[[Image.Image, int, int], bytes]] = {
    "cICP in PNG": in_png,
    "nclx in AVIF": in_avif,
    "cicp in a profile": in_profile,
}


def shown(content: bytes) -> list[Colour]:
    image = opened(only(render(content, a_profile(1000, quality=100)))).convert("RGB")
    middles = range(PIXELS // 2, image.width, PIXELS)
    return [middle_of(image.crop((left, 0, left + 1, PIXELS))) for left in middles]


def greys(levels: tuple[int, ...]) -> tuple[Colour, ...]:
    return tuple((level,) * 3 for level in levels)


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("transfer", SHOWN)
@pytest.mark.parametrize("primaries", [1, 9, 12])
def test_every_transfer_function_is_applied(transfer: int, primaries: int, carrier: str) -> None:
    found = shown(CARRIERS[carrier](patches(greys(LEVELS)), primaries, transfer))

    # AVIF itself is off by 1, which the steepest curve doubles.
    for colour, expected in zip(found, greys(SHOWN[transfer]), strict=True):
        assert distance(colour, expected) <= 3


@pytest.mark.parametrize("transfer", [1, 6, 11, 14, 15])
def test_the_curve_of_broadcasting_is_a_screens_in_png_and_srgb_elsewhere(transfer: int) -> None:
    image = patches(greys(LEVELS))

    assert max(map(distance, shown(in_png(image, 1, transfer)), greys(BROADCAST))) <= 2
    assert max(map(distance, shown(in_profile(image, 1, transfer)), greys(LEVELS))) <= 2
    if transfer != 11:  # Chromium shows no AVIF with it
        assert max(map(distance, shown(in_avif(image, 1, transfer)), greys(LEVELS))) <= 2


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("primaries", WARM_SHOWN)
def test_all_primaries_are_converted_with_every_curve(primaries: int, carrier: str) -> None:
    for transfer, expected in zip((13, PQ, HLG), WARM_SHOWN[primaries], strict=True):
        (found,) = shown(CARRIERS[carrier](patches((WARM,)), primaries, transfer))
        assert distance(found, expected) <= 3 + 7 * (primaries == 10)  # AVIF's rounding, far outside sRGB


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA"])
def test_every_kind_of_png_is_reduced(mode: str) -> None:
    found = shown(in_png(patches(greys(LEVELS), mode), 9, PQ))

    assert max(map(distance, found, greys(SHOWN[PQ]))) <= 2


@pytest.mark.parametrize(
    ("nits", "expected"),
    [
        (None, (1, 26, 76, 193, 255, 255)),
        (100, (2, 40, 107, 255, 255, 255)),
        (400, (1, 34, 95, 235, 255, 255)),
        (4000, (1, 26, 76, 193, 232, 255)),
    ],
)
@pytest.mark.parametrize("chunk", [b"cLLI", b"mDCV"])
def test_the_stated_peak_of_a_png_sets_what_is_white(
    nits: int | None, expected: tuple[int, ...], chunk: bytes
) -> None:
    peak = struct.pack(">II", 10_000 * (nits or 0), 0)
    more = png_chunk(chunk, peak if chunk == b"cLLI" else bytes(16) + peak) if nits else b""

    assert max(map(distance, shown(in_png(patches(greys(LEVELS)), 9, PQ, more)), greys(expected))) <= 2


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize(("transfer", "reduced"), [(PQ, True), (HLG, True), (8, False), (13, False)])
def test_a_high_dynamic_range_is_reduced_with_a_decision(transfer: int, reduced: bool, carrier: str) -> None:
    rendered = render(CARRIERS[carrier](patches(greys(LEVELS)), 9, transfer), a_profile(96))

    assert ("hdr_reduced" in codes(rendered)) == reduced


def test_alpha_stays_when_a_high_dynamic_range_is_reduced() -> None:
    image = patches(greys((150,)), "RGBA")
    image.putalpha(128)

    kept = opened(only(render(in_png(image, 9, PQ), a_profile(16, formats=(Format.WEBP,))), Format.WEBP))
    assert kept.getchannel("A").getpixel((8, 8)) == pytest.approx(128, abs=2)
    assert distance(kept.convert("RGB").getpixel((8, 8)), (193, 193, 193)) <= 6  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "numbers", [(9, 16, 1, 1), (9, 16, 0, 0), (2, 16, 0, 1), (9, 2, 0, 1), (9, 12, 0, 1), (9, 16)]
)
def test_numbers_that_browsers_ignore_are_ignored(numbers: tuple[int, ...]) -> None:
    content = encoded(patches(greys(LEVELS)), "PNG")
    content = content[:33] + png_chunk(b"cICP", bytes(numbers)) + content[33:]

    assert max(map(distance, shown(content), greys(LEVELS))) <= 2


def test_each_frame_of_an_animation_is_reduced() -> None:
    frames = [patches(greys((level,))) for level in (100, 150)]
    content = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=100)
    content = content[:33] + png_chunk(b"cICP", bytes((9, PQ, 0, 1))) + content[33:]

    moving = opened(only(render(content, a_profile(16, formats=(Format.WEBP,))), Format.WEBP))
    for frame, level in enumerate((76, 193)):
        moving.seek(frame)
        assert distance(moving.convert("RGB").getpixel((8, 8)), (level,) * 3) <= 4  # type: ignore[arg-type]
