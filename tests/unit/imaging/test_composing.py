"""Frames are composed as browsers do: the expected canvases are computed by hand."""

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import ImageCms

from darkroom.domain.renditions import Format
from darkroom.imaging import render
from tests.unit.imaging.pictures import (
    PROPHOTO,
    a_profile,
    codes,
    encoded,
    only,
    opened,
    plain,
    png_chunk,
    png_header,
)

KEEP, BACKGROUND, PREVIOUS = 0, 1, 2
SOURCE, OVER = 0, 1
SIZE = (16, 16)
Pixel = tuple[int, int, int, int]
CLEAR: Pixel = (0, 0, 0, 0)
RED, BLUE, GREEN = (255, 0, 0, 255), (0, 0, 255, 255), (0, 255, 0, 255)


@dataclass(frozen=True)
class Part:
    """A frame of one colour, with samples as stored: a place, disposal and blending."""

    samples: bytes
    box: tuple[int, int, int, int] = (0, 0, 16, 16)
    dispose: int = KEEP
    blend: int = SOURCE
    milliseconds: int = 100

    @property
    def control(self) -> bytes:
        left, top, right, bottom = self.box
        place = struct.pack(">IIII", right - left, bottom - top, left, top)
        return place + struct.pack(">HHBB", self.milliseconds, 1000, self.dispose, self.blend)

    @property
    def pixels(self) -> bytes:
        left, top, right, bottom = self.box
        return zlib.compress((b"\0" + self.samples * (right - left)) * (bottom - top))


def apng(
    *parts: Part, colour_type: int = 6, bits: int = 8, before: bytes = b"", default: bytes = b""
) -> bytes:
    """Builds an animated PNG; `default` are the samples of a default image that is not part of it."""
    content = png_header(*SIZE, bits=bits, colour_type=colour_type)
    content += png_chunk(b"acTL", struct.pack(">II", len(parts), 0)) + before
    if default:
        content += png_chunk(b"IDAT", Part(default).pixels)
    number = 0
    for part in parts:
        content += png_chunk(b"fcTL", struct.pack(">I", number) + part.control)
        number += 1
        if b"IDAT" in content:
            content += png_chunk(b"fdAT", struct.pack(">I", number) + part.pixels)
            number += 1
        else:
            content += png_chunk(b"IDAT", part.pixels)
    return content + png_chunk(b"IEND", b"")


def gif(
    *parts: tuple[int, tuple[int, int, int, int], int], key: int | None = None, background: int = 0
) -> bytes:
    """Builds a GIF of parts: palette index, box and disposal. The palette is red, blue, green, black."""
    content = b"GIF89a" + struct.pack("<HHBBB", *SIZE, 0x81, background, 0)
    content += bytes((255, 0, 0, 0, 0, 255, 0, 255, 0, 0, 0, 0))
    for index, (left, top, right, bottom), disposal in parts:
        control = disposal << 2 | (key is not None)
        content += b"!\xf9\4" + struct.pack("<BHBB", control, 10, key or 0, 0)
        content += b"," + struct.pack("<HHHHB", left, top, right - left, bottom - top, 0)
        content += b"\2" + _uncompressed((right - left) * (bottom - top), index)
    return content + b";"


def _uncompressed(pixels: int, index: int) -> bytes:
    """Packs pixels as LZW codes of 3 bits, each after a clear code (4), ended by 5."""
    codes = [code for _ in range(pixels) for code in (4, index)] + [5]
    bits = sum(code << 3 * at for at, code in enumerate(codes))
    data = bits.to_bytes((3 * len(codes) + 7) // 8, "little")
    blocks = [data[at : at + 255] for at in range(0, len(data), 255)]
    return b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


def shown(content: bytes, *places: tuple[int, int]) -> list[list[Pixel]]:
    """Returns the pixels at these places in each frame of the WebP."""
    rendered = render(content, a_profile(16, formats=(Format.WEBP,), quality=100))
    image = opened(only(rendered, Format.WEBP))
    found = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        frame = image.convert("RGBA")
        found.append([frame.getpixel(place) for place in places])
    return found  # type: ignore[return-value]


def close(found: list[list[Pixel]], expected: list[list[Pixel]]) -> bool:
    """True if alpha differs by 3 at most, and colours by 12, weighted by alpha: WebP halves the chroma."""
    return len(found) == len(expected) and all(
        abs(a[3] - b[3]) <= 3 and all(abs(x - y) * b[3] <= 12 * 255 for x, y in zip(a, b, strict=True))
        for before, after in zip(found, expected, strict=True)
        for a, b in zip(before, after, strict=True)
    )


HALF_BLUE = bytes((0, 0, 255, 128))


@pytest.mark.parametrize(("blend", "expected"), [(SOURCE, (0, 0, 255, 128)), (OVER, (127, 0, 128, 255))])
def test_a_half_transparent_frame_replaces_or_is_blended(blend: int, expected: Pixel) -> None:
    content = apng(Part(bytes(RED)), Part(HALF_BLUE, blend=blend))

    assert close(shown(content, (8, 8)), [[RED], [expected]])


def test_half_transparent_frames_add_up_on_a_transparent_canvas() -> None:
    content = apng(Part(HALF_BLUE), Part(HALF_BLUE, blend=OVER))

    assert close(shown(content, (8, 8)), [[(0, 0, 255, 128)], [(0, 0, 255, 192)]])


@pytest.mark.parametrize(("dispose", "after"), [(KEEP, BLUE), (BACKGROUND, CLEAR), (PREVIOUS, RED)])
def test_a_frame_is_disposed_before_the_next_is_blended(dispose: int, after: Pixel) -> None:
    corner = (0, 0, 8, 8)
    content = apng(
        Part(bytes(RED)),
        Part(bytes(BLUE), corner, dispose=dispose, blend=OVER),
        Part(bytes(GREEN), (12, 12, 16, 16), blend=OVER),
    )

    assert close(shown(content, (3, 3), (10, 4)), [[RED, RED], [BLUE, RED], [after, RED]])


@pytest.mark.parametrize("dispose", [BACKGROUND, PREVIOUS])
def test_nothing_is_left_of_a_first_frame_that_is_disposed(dispose: int) -> None:
    content = apng(Part(bytes(RED), dispose=dispose), Part(bytes(BLUE), (0, 0, 8, 8)))

    assert close(shown(content, (3, 3), (12, 12)), [[RED, RED], [BLUE, CLEAR]])


def test_palettes_with_alpha_and_grey_keys_are_blended_as_colours() -> None:
    palette = png_chunk(b"PLTE", bytes((255, 0, 0, 0, 0, 255))) + png_chunk(b"tRNS", bytes((255, 128)))
    colours = apng(Part(b"\0"), Part(b"\1", blend=OVER), colour_type=3, before=palette)
    assert close(shown(colours, (8, 8)), [[RED], [(127, 0, 128, 255)]])

    key = png_chunk(b"tRNS", struct.pack(">H", 70))
    greys = apng(Part(b"\xc8"), Part(b"\x46", (0, 0, 8, 8), blend=OVER), colour_type=0, before=key)
    assert close(shown(greys, (3, 3)), [[(200, 200, 200, 255)]])  # nothing was drawn: one frame


def test_frames_of_16_bits_are_composed() -> None:
    sample = struct.pack(">4H", 0, 0, 0xFFFF, 0x8000)
    content = apng(Part(struct.pack(">4H", 0xFFFF, 0, 0, 0xFFFF)), Part(sample, blend=OVER), bits=16)

    assert close(shown(content, (8, 8)), [[RED], [(127, 0, 128, 255)]])


def test_what_a_frame_of_rgb_does_not_cover_is_transparent() -> None:
    content = apng(
        Part(bytes(RED[:3]), dispose=BACKGROUND), Part(bytes(BLUE[:3]), (0, 0, 8, 8)), colour_type=2
    )

    assert close(shown(content, (3, 3), (12, 12)), [[RED, RED], [BLUE, CLEAR]])


def test_a_single_frame_behind_a_default_image_is_the_picture() -> None:
    content = apng(Part(bytes(BLUE)), default=bytes(RED))

    assert close(shown(content, (8, 8)), [[BLUE]])
    assert codes(render(content, a_profile(16))) == ["original_smaller"]


@pytest.mark.parametrize(
    "second",
    [
        Part(bytes(BLUE), (8, 8, 17, 16)),
        Part(bytes(BLUE), (8, 8, 16, 17)),
        Part(bytes(BLUE), dispose=3),
        Part(bytes(BLUE), blend=2),
    ],
)
def test_a_frame_against_the_rules_makes_the_png_a_still(second: Part) -> None:
    assert close(shown(apng(Part(bytes(RED)), second), (12, 12)), [[RED]])


@pytest.mark.parametrize(("stated", "played"), [(1, 1), (2, 2), (3, 3), (4, 3), (2**31, 3)])
def test_as_many_frames_are_played_as_are_stated_and_there(stated: int, played: int) -> None:
    """As in Chromium."""
    content = apng(Part(bytes(RED)), Part(bytes(BLUE)), Part(bytes(GREEN)))
    count = content.index(b"acTL")
    chunk = png_chunk(b"acTL", struct.pack(">II", stated, 0))

    found = shown(content[: count - 4] + chunk + content[count + 16 :], (8, 8))

    assert close(found, [[RED], [BLUE], [GREEN]][:played])


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("fRfBf", [RED, BLUE]),
        ("fRfBff", [RED, BLUE]),
        ("fRffB", [RED, BLUE]),
        ("ffRfB", [RED, BLUE]),
        ("fRf", [RED]),
        ("RffB", [BLUE]),
        ("Rf", [RED]),
    ],
)
def test_frames_without_data_are_left_out(order: str, expected: list[Pixel]) -> None:
    """As in Chromium; `f` is an fcTL, the others are data of one colour."""
    content = png_header(*SIZE, colour_type=6)
    content += png_chunk(b"acTL", struct.pack(">II", order.count("f"), 0))
    number = 0
    for letter in order:
        if letter == "R":
            content += png_chunk(b"IDAT", Part(bytes(RED)).pixels)
            continue
        body = Part(b"").control if letter == "f" else Part(bytes(BLUE)).pixels
        content += png_chunk(b"fcTL" if letter == "f" else b"fdAT", struct.pack(">I", number) + body)
        number += 1

    found = shown(content + png_chunk(b"IEND", b""), (8, 8))

    assert close(found, [[colour] for colour in expected])


@pytest.mark.parametrize(("disposal", "after"), [(0, BLUE), (1, BLUE), (2, CLEAR), (3, RED), (4, RED)])
@pytest.mark.parametrize("background", [0, 2])
def test_a_gif_frame_is_disposed_to_transparent_or_the_previous(
    disposal: int, after: Pixel, background: int
) -> None:
    whole, corner = (0, 0, 16, 16), (0, 0, 8, 8)
    content = gif((0, whole, 1), (1, corner, disposal), (2, (12, 12, 16, 16), 1), background=background)

    assert close(shown(content, (3, 3), (10, 4)), [[RED, RED], [BLUE, RED], [after, RED]])


@pytest.mark.parametrize("background", [0, 1])
def test_what_no_gif_frame_covers_is_transparent(background: int) -> None:
    still = gif((0, (0, 0, 8, 8), 1), background=background)
    moving = gif((0, (0, 0, 8, 8), 1), (1, (0, 0, 8, 8), 1), background=background)

    assert close(shown(still, (3, 3), (12, 12)), [[RED, CLEAR]])
    assert close(shown(moving, (3, 3), (12, 12)), [[RED, CLEAR], [BLUE, CLEAR]])


def test_the_key_of_a_gif_is_not_drawn() -> None:
    content = gif((0, (0, 0, 16, 16), 1), (1, (0, 0, 8, 8), 1), (3, (0, 0, 16, 16), 1), key=3)

    assert close(shown(content, (3, 3), (12, 12))[:2], [[RED, RED], [BLUE, RED]])


def test_an_empty_gif_frame_draws_nothing() -> None:
    content = gif((0, (0, 0, 16, 16), 1), (1, (4, 4, 4, 4), 1), (2, (0, 0, 8, 8), 1))

    # The empty frame is merged with the first.
    assert close(shown(content, (3, 3), (12, 12)), [[RED, RED], [GREEN, RED]])


def test_a_gif_frame_beyond_the_canvas_is_cut() -> None:
    content = gif((0, (0, 0, 16, 16), 1), (1, (12, 12, 40, 40), 2), (2, (30, 30, 34, 34), 1))

    assert close(shown(content, (3, 3), (14, 14)), [[RED, RED], [RED, BLUE], [RED, CLEAR]])


@pytest.mark.parametrize(("stored", "played"), [(0, 100), (10, 100), (11, 11), (20, 20), (100, 100)])
@pytest.mark.parametrize("plugin", ["PNG", "WEBP", "GIF"])
def test_frames_too_short_for_a_screen_last_as_long_as_in_browsers(
    stored: int, played: int, plugin: str
) -> None:
    frames = [plain(SIZE, (200 * (number % 2), 30, 90)) for number in range(4)]
    content = encoded(frames[0], plugin, save_all=True, append_images=frames[1:], duration=stored)

    image = opened(only(render(content, a_profile(16, formats=(Format.WEBP,))), Format.WEBP))
    durations = []
    for number in range(4):
        image.seek(number)
        image.load()
        durations.append(image.info["duration"])
    in_hundredths = plugin == "GIF" and stored == 11
    assert durations == [100 if in_hundredths else played] * 4


def test_equal_frames_too_short_for_a_screen_last_as_long_as_in_browsers() -> None:
    parts = [(0, (0, 0, 16, 16), 1)] * 3 + [(1, (0, 0, 16, 16), 1)]
    control = b"!\xf9\4\4"
    content = gif(*parts).replace(control + struct.pack("<H", 10), control + struct.pack("<H", 0))
    assert content.count(control + b"\0\0") == 4

    image = opened(only(render(content, a_profile(16, formats=(Format.WEBP,))), Format.WEBP))
    assert image.info["duration"] == 300


def test_one_colour_transform_serves_all_frames_and_widths(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[tuple[Any, ...]] = []
    build = ImageCms.buildTransform

    def counted(*arguments: Any) -> ImageCms.ImageCmsTransform:
        built.append(arguments)
        return build(*arguments)

    monkeypatch.setattr(ImageCms, "buildTransform", counted)
    frames = [plain(SIZE, (20 * number, 30, 90)) for number in range(5)]
    content = encoded(
        frames[0], "WEBP", save_all=True, append_images=frames[1:], icc_profile=PROPHOTO.profile
    )

    render(content, a_profile(16, 8, formats=(Format.JPEG, Format.WEBP)))
    assert len(built) <= 1  # none if an earlier test has used this profile
