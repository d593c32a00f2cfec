"""BMPs of every kind look as in browsers, or are rejected with a true sentence."""

import struct

import pytest

from darkroom.domain.errors import RejectedPicture
from darkroom.domain.renditions import Format
from darkroom.imaging import render
from darkroom.imaging.bmp import decoded
from tests.unit.imaging.pictures import (
    BLUE,
    GREEN,
    RED,
    Colour,
    a_profile,
    distance,
    encoded,
    only,
    opened,
    plain,
    red_and_green_swapped,
)

SIDE = 18  # a row of 16 bits is padded


def bmp(
    above: int, below: int, masks: tuple[int, ...], *, bits: int, header_bytes: int = 40, flip: bool = False
) -> bytes:
    """Builds a BMP of two halves, each of one stored word; `flip` stores the upper row first."""
    rows = [struct.pack("<I" if bits == 32 else "<H", word) * SIDE for word in (above, below)]
    rows = [row + bytes(-len(row) % 4) for row in rows]
    halves = [rows[0]] * (SIDE // 2) + [rows[1]] * (SIDE // 2)
    stored = halves if flip else halves[::-1]
    fields = struct.pack("<iiHHII", SIDE, -SIDE if flip else SIDE, 1, bits, 3, 0) + bytes(16)
    body = (struct.pack("<I", header_bytes) + fields).ljust(40, b"\0") + struct.pack(
        f"<{len(masks)}I", *masks
    )
    body = body.ljust(header_bytes, b"\0")
    start = 14 + len(body)
    return b"BM" + struct.pack("<IHHI", start + sum(map(len, stored)), 0, 0, start) + body + b"".join(stored)


def halves_of(content: bytes) -> tuple[Colour, Colour]:
    image = opened(only(render(content, a_profile(SIDE, quality=100)))).convert("RGB")
    return image.getpixel((9, 3)), image.getpixel((9, 14))  # type: ignore[return-value]


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(
    ("masks", "red", "green", "bits"),
    [
        ((0xF00, 0xF0, 0xF), 0xF00, 0xF0, 16),
        ((0x1F, 0x3E0, 0x7C00), 0x1F, 0x3E0, 16),
        ((0xE0, 0x1C, 0x3), 0xE0, 0x1C, 16),
        ((0xF800, 0x7E0, 0x1F), 0xF800, 0x7E0, 16),
        ((0xFF, 0xFF00, 0xFF0000), 0xFF, 0xFF00, 32),
        ((0xFF00, 0xFF0000, 0xFF000000), 0xFF00, 0xFF0000, 32),
        ((0xFF0000, 0xFF00, 0xFF), 0xFF0000, 0xFF00, 32),
        ((0x3FF00000, 0xFFC00, 0x3FF), 0x3FF00000, 0xFFC00, 32),
        ((0xF800, 0x7E0, 0x1F), 0xF800, 0x7E0, 32),
    ],
)
def test_channels_are_found_by_their_masks(
    masks: tuple[int, ...], red: int, green: int, bits: int, flip: bool
) -> None:
    above, below = halves_of(bmp(red, green, masks, bits=bits, flip=flip))

    assert distance(above, RED) <= 12
    assert distance(below, GREEN) <= 12


def test_a_channel_of_few_bits_has_its_whole_range() -> None:
    above, below = halves_of(bmp(0x777, 0xFFF, (0xF00, 0xF0, 0xF), bits=16))

    assert distance(above, (119, 119, 119)) <= 3
    assert distance(below, (255, 255, 255)) <= 3


def test_the_mask_of_alpha_makes_pixels_transparent() -> None:
    content = bmp(0x0F00, 0xF0F0, (0xF00, 0xF0, 0xF, 0xF000), bits=16, header_bytes=108)

    image = opened(only(render(content, a_profile(SIDE, formats=(Format.WEBP,))), Format.WEBP))
    assert [image.getchannel("A").getpixel((9, top)) for top in (3, 14)] == [0, 255]


@pytest.mark.parametrize(("bits", "clear", "opaque"), [(16, 0x7C00, 0x83E0), (32, 0xFF0000, 0xFF00FF00)])
@pytest.mark.parametrize(("header_bytes", "compression"), [(40, 6), (56, 3), (108, 3), (124, 0)])
def test_alpha_beside_usual_masks_makes_pixels_transparent(
    bits: int, clear: int, opaque: int, header_bytes: int, compression: int
) -> None:
    masks = USUAL[bits]
    content = bytearray(bmp(clear, opaque, masks, bits=bits, header_bytes=header_bytes))
    content[30] = compression

    assert pixels_of(bytes(content), (9, 3), (9, 14)) == [(*RED, 0), (*GREEN, 255)]


def test_masks_without_a_kind_of_pixels_that_has_them_are_ignored() -> None:
    content = bytearray(bmp(0xFF0000, 0xFF00FF00, USUAL[32], bits=32, header_bytes=56))
    content[30] = 0

    assert pixels_of(bytes(content), (9, 3), (9, 14)) == [(*RED, 255), (*GREEN, 255)]


@pytest.mark.parametrize("bits", [16, 32])
def test_alpha_that_is_empty_everywhere_is_ignored(bits: int) -> None:
    red, green, *_ = USUAL[bits]

    above, below = halves_of(bmp(red, green, USUAL[bits], bits=bits, header_bytes=124))

    assert distance(above, RED) <= 12
    assert distance(below, GREEN) <= 12


USUAL = {
    16: (0x7C00, 0x3E0, 0x1F, 0x8000),
    32: (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
}
PALETTE = bytes((0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 9, 99, 199, 0))  # red, green, blue, brown


def indexed(
    data: bytes, size: tuple[int, int], bits: int, *, compression: int = 0, colours: int = 4
) -> bytes:
    header = struct.pack("<IiiHHII8xII", 40, *size, 1, bits, compression, 0, colours, 0)
    start = 14 + len(header) + len(PALETTE)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + header + PALETTE + data


def pixels_of(content: bytes, *places: tuple[int, int]) -> list[tuple[int, ...]]:
    """Returns the decoded pixels, RGBA, at these places."""
    image = decoded(content).convert("RGBA")
    return [image.getpixel(place) for place in places]  # type: ignore[misc]


BROWN = (199, 99, 9, 255)


@pytest.mark.parametrize("colours", [0, 4, 300])
@pytest.mark.parametrize(("bits", "row"), [(2, 0b00011011), (4, 0x0123), (8, 0x00010203)])
def test_a_palette_of_any_depth_and_stated_size(bits: int, row: int, colours: int) -> None:
    data = row.to_bytes(bits // 2).ljust(4, b"\0")

    content = indexed(data, (4, 1), bits, colours=4 if colours == 0 and bits > 2 else colours)

    found = pixels_of(content, (0, 0), (1, 0), (2, 0), (3, 0))
    assert found == [(*RED, 255), (*GREEN, 255), (*BLUE, 255), BROWN]


@pytest.mark.parametrize(("bits", "compression"), [(8, 1), (4, 2)])
def test_thousands_of_runs_in_a_row_end_with_it(bits: int, compression: int) -> None:
    green, blue = (bytes((1, 1)), bytes((1, 2))) if bits == 8 else (bytes((1, 0x11)), bytes((1, 0x22)))
    data = green * 2999 + blue * 2000 + b"\0\0" + blue * 3000

    found = pixels_of(indexed(data, (3000, 2), bits, compression=compression), (2998, 1), (2999, 1), (0, 0))
    assert found == [(*GREEN, 255), (*BLUE, 255), (*BLUE, 255)]


@pytest.mark.parametrize(
    ("bits", "compression", "data"),
    [
        # Green, then one row up and one pixel to the right blue, the end.
        (8, 1, bytes((1, 1, 0, 2, 1, 1, 1, 2, 0, 1))),
        (4, 2, bytes((1, 0x10, 0, 2, 1, 1, 1, 0x20, 0, 1))),
    ],
)
def test_pixels_that_runs_leave_out_are_transparent(bits: int, compression: int, data: bytes) -> None:
    content = indexed(data, (3, 2), bits, compression=compression)

    found = pixels_of(content, (0, 1), (1, 1), (1, 0), (2, 0))
    assert [pixel[3] for pixel in found] == [255, 0, 0, 255]
    assert (found[0], found[3]) == ((*GREEN, 255), (*BLUE, 255))


@pytest.mark.parametrize(
    "data", [bytes((3, 1, 0, 0, 0, 3, 0, 1, 2, 0)), bytes((9, 1, 0, 0, 1, 0, 1, 1, 1, 2))]
)
def test_runs_may_end_with_the_last_row(data: bytes) -> None:
    found = pixels_of(indexed(data, (3, 2), 8, compression=1), (0, 1), (2, 1), (0, 0), (1, 0), (2, 0))

    assert found == [(*GREEN, 255)] * 2 + [(*RED, 255), (*GREEN, 255), (*BLUE, 255)]


def test_runs_that_end_early_are_damage() -> None:
    with pytest.raises(RejectedPicture):
        render(indexed(bytes((3, 1, 0, 0, 2, 1)), (3, 2), 8, compression=1), a_profile(3))


def test_the_profile_of_the_newest_header_is_applied() -> None:
    content = bytearray(bmp(0xFF0000, 0xFF00, USUAL[32], bits=32, header_bytes=124))
    content[70:74] = b"DEBM"
    content[126:134] = struct.pack("<II", len(content) - 14, len(red_and_green_swapped()))

    above, below = halves_of(bytes(content) + red_and_green_swapped())

    assert distance(above, GREEN) <= 12
    assert distance(below, RED) <= 12


def test_a_header_of_16_bytes_and_a_last_row_without_padding() -> None:
    header = struct.pack("<IiiHH", 16, 2, 1, 1, 24)

    content = b"BM" + struct.pack("<IHHI", 36, 0, 0, 30) + header + bytes((0, 0, 255, 0, 255, 0))

    assert pixels_of(content, (0, 0), (1, 0)) == [(*RED, 255), (*GREEN, 255)]


@pytest.mark.parametrize(("masks", "bits"), [((0xF00, 0xF0, 0), 16), ((0xF00, 0xF0, 0xF), 8)])
def test_other_masks_are_not_told_as_damaged(masks: tuple[int, ...], bits: int) -> None:
    content = bytearray(bmp(0, 0, masks, bits=max(16, bits)))
    content[28] = bits

    with pytest.raises(RejectedPicture) as caught:
        render(bytes(content), a_profile(SIDE))
    assert (caught.value.reason, "pixels" in caught.value.sentence) == ("unsupported_format", True)


@pytest.mark.parametrize("compression", [4, 5])
def test_a_bmp_around_another_picture_is_rejected_as_such(compression: int) -> None:
    content = bytearray(encoded(plain((SIDE, SIDE)), "BMP"))
    content[30] = compression

    with pytest.raises(RejectedPicture) as caught:
        render(bytes(content), a_profile(SIDE))
    assert (caught.value.reason, "JPEG or PNG" in caught.value.sentence) == ("unsupported_format", True)


@pytest.mark.parametrize("end", [-10, 69])
def test_a_truncated_bmp_with_masks_is_rejected(end: int) -> None:
    with pytest.raises(RejectedPicture) as caught:
        render(bmp(0, 0, (0xF00, 0xF0, 0xF), bits=16)[:end], a_profile(SIDE))
    assert caught.value.reason == "corrupt_image"
