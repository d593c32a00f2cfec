"""BMPs with unusual masks are rendered, or rejected with a true sentence."""

import struct

import pytest

from darkroom.domain.errors import RejectedPicture
from darkroom.domain.renditions import Format
from darkroom.imaging import render
from tests.unit.imaging.pictures import GREEN, RED, Colour, a_profile, distance, encoded, only, opened, plain

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


@pytest.mark.parametrize(
    ("masks", "bits"), [((0x3FF00000, 0xFFC00, 0x3FF), 32), ((0xF00, 0xF0, 0), 16), ((0xF00, 0xF0, 0xF), 8)]
)
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
