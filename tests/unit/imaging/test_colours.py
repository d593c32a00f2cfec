"""Renditions are in sRGB, within a stated distance of the colours that the picture's profile defines.

A distance is the largest difference in one channel, of 255. Expected colours are computed without Little CMS.
"""

import struct
import zlib

import pytest
from PIL import Image

from darkroom.domain.renditions import Format
from darkroom.imaging import render
from tests.unit.imaging.pictures import (
    ADOBE_RGB,
    BT_2020,
    DISPLAY_P3,
    PROPHOTO,
    SRGB,
    Colour,
    Space,
    a_profile,
    cmyk_press,
    codes,
    display_p3,
    distance,
    encoded,
    grey_gamma,
    lab_in_srgb,
    middle_of,
    only,
    opened,
    plain,
    png_chunk,
    png_header,
    red_and_green_swapped,
    rgb16_png,
    srgb,
)
from tests.unit.imaging.test_composing import Part, apng

SPACES = {"display p3": DISPLAY_P3, "adobe rgb": ADOBE_RGB, "prophoto": PROPHOTO}
# Within sRGB's gamut in each of the three spaces, so that no channel is clipped.
MILD = ((200, 120, 90), (110, 140, 110), (110, 115, 150), (128, 128, 128), (20, 20, 20), (250, 250, 250))

EXACT: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 100, "subsampling": "4:4:4"},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
}


def shown(content: bytes) -> Image.Image:
    return opened(only(render(content, a_profile(40, quality=100))))


@pytest.mark.parametrize("plugin", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
def test_a_wider_colour_space_is_converted(space: Space, plugin: str) -> None:
    for colour in MILD:
        content = encoded(plain((40, 40), colour), plugin, icc_profile=space.profile, **EXACT.get(plugin, {}))

        assert distance(middle_of(shown(content)), space.in_srgb(colour)) <= 4


def named_by_number(primaries: int, transfer: int, plugin: str, colour: Colour) -> bytes:
    """Draws a picture with the colour space named by ITU-T H.273's numbers, without a profile."""
    if plugin == "PNG":
        content = encoded(plain((40, 40), colour), "PNG")
        return content[:33] + png_chunk(b"cICP", bytes((primaries, transfer, 0, 1))) + content[33:]
    content = encoded(plain((40, 40), colour), "AVIF", quality=100, subsampling="4:4:4")
    at = content.index(b"colrnclx") + 8
    return content[:at] + struct.pack(">HH", primaries, transfer) + content[at + 4 :]


@pytest.mark.parametrize("plugin", ["PNG", "AVIF"])
@pytest.mark.parametrize(
    ("primaries", "space"), [(1, SRGB), (12, DISPLAY_P3), (9, BT_2020)], ids=["srgb", "p3", "2020"]
)
def test_a_colour_space_named_by_number_is_converted(primaries: int, space: Space, plugin: str) -> None:
    for colour in MILD:
        found = middle_of(shown(named_by_number(primaries, 13, plugin, colour)))
        assert distance(found, space.in_srgb(colour)) <= 4


@pytest.mark.parametrize("plugin", ["PNG", "AVIF"])
def test_an_unknown_colour_space_number_counts_as_srgb_with_a_decision(plugin: str) -> None:
    rendered = render(named_by_number(99, 13, plugin, (200, 120, 90)), a_profile(40))

    assert "profile_ignored" in codes(rendered)
    assert distance(middle_of(opened(only(rendered))), (200, 120, 90)) <= 6


def test_a_colour_outside_srgb_becomes_the_nearest_inside() -> None:
    content = encoded(plain((40, 40), (0, 255, 0)), "PNG", icc_profile=display_p3())

    assert distance(middle_of(shown(content)), (0, 255, 0)) <= 3


def test_colours_are_converted_by_the_profile() -> None:
    content = encoded(plain((40, 40), (255, 0, 0)), "PNG", icc_profile=red_and_green_swapped())

    assert distance(middle_of(shown(content)), (0, 255, 0)) <= 4


def test_every_format_shows_the_same_colour() -> None:
    content = encoded(plain((40, 40), (200, 120, 90)), "PNG", icc_profile=ADOBE_RGB.profile)

    rendered = render(content, a_profile(40, formats=tuple(Format), quality=95))
    for rendition in rendered.renditions:
        assert distance(middle_of(opened(rendition)), ADOBE_RGB.in_srgb((200, 120, 90))) <= 5


def test_colour_conversion_keeps_alpha() -> None:
    image = Image.new("RGBA", (40, 40), (255, 0, 0, 128))
    content = encoded(image, "PNG", icc_profile=red_and_green_swapped())

    kept = opened(only(render(content, a_profile(40, formats=(Format.WEBP,))), Format.WEBP))
    assert distance(middle_of(kept), (0, 255, 0)) < 20
    assert kept.getchannel("A").getpixel((20, 20)) == pytest.approx(128, abs=2)


def test_a_grey_profile_is_converted_and_the_picture_stays_grey() -> None:
    content = encoded(plain((40, 40), (128, 128, 128), "L"), "JPEG", icc_profile=grey_gamma(1.0))

    rendition = shown(content)
    assert rendition.mode == "L"
    # Linear 128 of 255 is 188 in sRGB.
    assert distance(middle_of(rendition), (188, 188, 188)) <= 3


@pytest.mark.parametrize("profile", [b"not a profile", srgb()[:200], b"\xff" * 3000])
def test_a_broken_profile_counts_as_srgb_with_a_decision(profile: bytes) -> None:
    content = encoded(plain((40, 40), (200, 100, 50)), "JPEG", icc_profile=profile)

    rendered = render(content, a_profile(40))
    assert codes(rendered) == ["profile_ignored"]
    assert distance(middle_of(opened(only(rendered))), (200, 100, 50)) <= 6


SWAPPED = red_and_green_swapped()


def with_tag(profile: bytes, name: bytes, body: bytes) -> bytes:
    """Overwrites the beginning of a tag."""
    entry = profile.index(name)
    (start,) = struct.unpack_from(">I", profile, entry + 4)
    return profile[:start] + body + profile[start + len(body) :]


NO_LIGHT, NO_CURVE = b"XYZ ".ljust(20, b"\0"), b"curv".ljust(12, b"\0")


@pytest.mark.parametrize(
    "profile",
    [
        *(with_tag(SWAPPED, name, NO_LIGHT) for name in (b"rXYZ", b"gXYZ", b"bXYZ")),
        SWAPPED[:12] + bytes(4) + SWAPPED[16:],
    ],
)
def test_an_implausible_profile_counts_as_srgb_with_a_decision(profile: bytes) -> None:
    """Black primaries, or no class."""
    rendered = render(encoded(plain((40, 40), (200, 100, 50)), "PNG", icc_profile=profile), a_profile(40))

    assert "profile_ignored" in codes(rendered)
    assert distance(middle_of(opened(only(rendered))), (200, 100, 50)) <= 6


def test_an_empty_curve_is_linear() -> None:
    """ICC.1:2022, 10.6."""
    profile = with_tag(grey_gamma(1.8), b"kTRC", NO_CURVE)
    content = encoded(plain((40, 40), (128, 128, 128), "L"), "PNG", icc_profile=profile)

    assert distance(middle_of(shown(content)), (188, 188, 188)) <= 2


@pytest.mark.parametrize("name", [b"A2B1", b"A2B2"])
def test_the_table_of_any_intent_is_applied(name: bytes) -> None:
    profile = cmyk_press(INKS).replace(b"A2B0", name)
    content = encoded(Image.new("CMYK", (40, 40), (255, 0, 0, 0)), "JPEG", icc_profile=profile, quality=100)

    assert distance(middle_of(shown(content)), lab_in_srgb(*INKS[1, 0, 0, 0])) <= 4


INKS: dict[tuple[int, ...], tuple[int, int, int]] = {
    (0, 0, 0, 0): (100, 0, 0),
    (1, 0, 0, 0): (60, -20, -30),
    (0, 1, 0, 0): (55, 50, 5),
    (0, 0, 1, 0): (85, 0, 60),
    (0, 0, 0, 1): (15, 0, 0),
}


@pytest.mark.parametrize("plugin", ["JPEG", "TIFF"])
@pytest.mark.parametrize("inks", INKS)
def test_cmyk_is_converted_by_its_profile(inks: tuple[int, ...], plugin: str) -> None:
    image = Image.new("CMYK", (40, 40), tuple(255 * ink for ink in inks))
    options = {"quality": 100} if plugin == "JPEG" else {}
    content = encoded(image, plugin, icc_profile=cmyk_press(INKS), **options)

    rendition = shown(content)
    assert rendition.mode == "RGB"
    assert distance(middle_of(rendition), lab_in_srgb(*INKS[inks])) <= 4


def in_jpeg(*parts: tuple[int, int, bytes]) -> bytes:
    """Returns a red JPEG with the parts of a profile: number, count and bytes."""
    content = encoded(plain((40, 40), (255, 0, 0)), "JPEG", quality=100)
    bodies = [b"ICC_PROFILE\0" + bytes((number, count)) + part for number, count, part in parts]
    segments = [b"\xff\xe2" + struct.pack(">H", 2 + len(body)) + body for body in bodies]
    return content[:2] + b"".join(segments) + content[2:]


@pytest.mark.parametrize(
    ("numbers", "is_applied"),
    [
        ([(1, 2), (2, 2)], True),
        ([(2, 2), (1, 2)], True),
        ([(1, 2)], False),
        ([(1, 3), (2, 3)], False),
        ([(1, 2), (2, 3)], False),
        ([(0, 2), (1, 2)], False),
        ([(1, 2), (1, 2), (2, 2)], False),
    ],
)
def test_a_profile_counts_if_each_of_its_parts_is_there_once(
    numbers: list[tuple[int, int]], is_applied: bool
) -> None:
    profile = red_and_green_swapped()
    half = len(profile) // 2
    halves = {0: profile[:half], 1: profile[:half], 2: profile[half:]}
    if numbers[0] == (0, 2):
        halves[1] = profile[half:]

    content = in_jpeg(*((number, count, halves[number]) for number, count in numbers))

    assert distance(middle_of(shown(content)), (0, 255, 0) if is_applied else (255, 0, 0)) <= 4


def test_the_first_of_two_whole_profiles_counts() -> None:
    content = in_jpeg((1, 1, red_and_green_swapped()), (1, 1, srgb()))

    assert distance(middle_of(shown(content)), (0, 255, 0)) <= 4


def test_a_profile_of_a_webp_without_its_flag_is_ignored() -> None:
    """As in browsers."""
    content = encoded(
        plain((40, 40), (255, 0, 0)), "WEBP", lossless=True, icc_profile=red_and_green_swapped()
    )

    assert distance(middle_of(shown(content)), (0, 255, 0)) <= 4
    without_flag = content[:20] + bytes([content[20] & ~0x20]) + content[21:]
    assert distance(middle_of(shown(without_flag)), (255, 0, 0)) <= 4


def test_the_darkest_colour_of_a_profile_stays_as_light_as_it_is() -> None:
    image = Image.new("CMYK", (40, 40), (0, 0, 0, 255))
    content = encoded(image, "JPEG", icc_profile=cmyk_press(INKS, darkest=15), quality=100)

    assert distance(middle_of(shown(content)), lab_in_srgb(15, 0, 0)) <= 4


@pytest.mark.parametrize("colour", [(200, 100, 50), (255, 255, 255), (0, 0, 0), (0, 160, 230)])
def test_cmyk_without_a_profile_becomes_rgb(colour: Colour) -> None:
    """Every browser takes a JPEG's inks as inverted, with or without Adobe's marker."""
    inks = plain((40, 40), colour, "CMYK")
    by_adobe = encoded(inks, "JPEG", quality=100)
    mark = by_adobe.index(b"\xff\xee")
    without_mark = by_adobe[:mark] + by_adobe[mark + 16 :]
    assert (by_adobe[mark + 4 : mark + 9], b"Adobe" in without_mark) == (b"Adobe", False)

    for content in (by_adobe, without_mark, encoded(inks, "TIFF")):
        rendition = shown(content)
        assert (rendition.mode, distance(middle_of(rendition), colour) <= 4) == ("RGB", True)


def test_an_rgb_profile_on_cmyk_pixels_is_ignored() -> None:
    content = encoded(plain((40, 40), (200, 100, 50), "CMYK"), "JPEG", icc_profile=display_p3())

    rendered = render(content, a_profile(40))
    assert codes(rendered) == ["profile_ignored"]
    assert distance(middle_of(opened(only(rendered))), (200, 100, 50)) <= 8


def test_16_bit_grey_becomes_8_bit() -> None:
    image = Image.new("I;16", (40, 40), 0x8000)

    assert middle_of(shown(encoded(image, "PNG"))) == (128, 128, 128)
    assert middle_of(shown(encoded(image, "TIFF"))) == (128, 128, 128)


@pytest.mark.parametrize(
    ("order", "white_is", "stored"), [("<", "most", 20_000), (">", "most", 20_000), ("<", "zero", 45_535)]
)
def test_16_bit_grey_tiff_becomes_8_bit_for_any_byte_order_and_polarity(
    order: str, white_is: str, stored: int
) -> None:
    tags = {
        256: 40,
        257: 40,
        258: 16,
        259: 1,
        262: int(white_is == "most"),
        273: 134,
        277: 1,
        278: 40,
        279: 3200,
    }
    content = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(tags))
    content += b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in tags.items())
    content = content.ljust(134, b"\0") + struct.pack(order + "H", stored) * 1600

    assert distance(middle_of(shown(content)), (78, 78, 78)) <= 2


def test_16_bit_colour_becomes_8_bit_and_its_profile_is_applied() -> None:
    assert distance(middle_of(shown(rgb16_png((0xC800, 0x6400, 0x3200)))), (200, 100, 50)) <= 4

    tagged = rgb16_png((0xC800, 0x7800, 0x5A00), icc=PROPHOTO.profile)
    assert distance(middle_of(shown(tagged)), PROPHOTO.in_srgb((200, 120, 90))) <= 4


@pytest.mark.parametrize(
    ("bits", "colour_type", "key", "other", "shown"),
    [
        (1, 0, 1, 0, 0),
        (2, 0, 1, 2, 170),
        (4, 0, 7, 8, 136),
        (8, 0, 70, 80, 80),
        (16, 0, 0x1234, 0xABCD, 0xAB),
        (16, 0, 0x80FF, 0x80FE, 0x80),
        (8, 2, 70, 80, 80),
        (16, 2, 0x8000, 0x0102, 1),
        (16, 2, 0x8000, 0x8001, 0x80),
    ],
)
def test_a_transparent_png_colour_works_at_any_bit_depth(
    bits: int, colour_type: int, key: int, other: int, shown: int
) -> None:
    channels = 1 if colour_type == 0 else 3
    samples = [key] * 8 * channels + [other] * 8 * channels
    packed = int("".join(f"{sample:0{bits}b}" for sample in samples), 2).to_bytes(len(samples) * bits // 8)
    content = png_header(16, 16, bits=bits, colour_type=colour_type)
    content += png_chunk(b"tRNS", struct.pack(f">{channels}H", *[key] * channels))
    content += png_chunk(b"IDAT", zlib.compress((b"\0" + packed) * 16)) + png_chunk(b"IEND", b"")

    half = opened(only(render(content, a_profile(16, quality=100, background="#ff0000"))))
    assert distance(half.convert("RGB").getpixel((3, 8)), (255, 0, 0)) < 12  # type: ignore[arg-type]
    assert distance(half.convert("RGB").getpixel((12, 8)), (shown,) * 3) < 12  # type: ignore[arg-type]


def small_png(colour_type: int, bits: int, *chunks: bytes, after: bytes = b"") -> bytes:
    """Builds a PNG of 8 x 8 equal pixels, of bytes 0x5A or of the third colour of a palette."""
    row_bytes = bits * {0: 1, 2: 3, 3: 1, 4: 2}[colour_type]
    row = (b"\xaa" if colour_type == 3 else b"\x5a") * row_bytes
    content = png_header(8, 8, bits=bits, colour_type=colour_type) + b"".join(chunks)
    content += png_chunk(b"IDAT", zlib.compress((b"\0" + row) * 8))
    return content + after + png_chunk(b"IEND", b"")


def first_pixel(content: bytes) -> tuple[int, ...]:
    rendered = render(content, a_profile(8, formats=(Format.WEBP,), quality=100))
    return opened(only(rendered, Format.WEBP)).convert("RGBA").getpixel((3, 3))  # type: ignore[return-value]


PALETTE = png_chunk(b"PLTE", bytes((9, 9, 9, 9, 9, 9, 90, 90, 90)))
CLEAR = png_chunk(b"tRNS", b"\0\0\0")


@pytest.mark.parametrize(
    ("content", "alpha"),
    [
        *(
            (small_png(0, 8, png_chunk(b"tRNS", b"\0\x5a"[:length])), alpha)
            for length, alpha in ((2, 0), (1, 255))
        ),
        (small_png(0, 8, png_chunk(b"tRNS", b"\xff\x5a")), 0),
        (small_png(2, 8, png_chunk(b"tRNS", b"\0\x5a" * 3)), 0),
        (small_png(2, 8, png_chunk(b"tRNS", b"\0\x5a" * 2)), 255),
        (small_png(2, 8, png_chunk(b"tRNS", b"")), 255),
        (small_png(4, 8, png_chunk(b"tRNS", b"\0\x5a")), 90),
        (small_png(3, 2, PALETTE, CLEAR), 0),
        (small_png(3, 2, CLEAR, PALETTE), 255),
        (small_png(3, 2, PALETTE, after=CLEAR), 255),
        (small_png(3, 2, PALETTE, CLEAR, png_chunk(b"tRNS", b"\xff\xff\xff")), 0),
        (small_png(3, 2, PALETTE, png_chunk(b"tRNS", bytes(300))), 255),
    ],
)
def test_a_transparent_colour_in_another_place_or_of_another_length_is_ignored(
    content: bytes, alpha: int
) -> None:
    """As in browsers; of the levels for 8 bits, only the low bytes count."""
    assert first_pixel(content)[3] == alpha


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize(("stored", "alpha"), [(b"", 255), (b"\0", 255), (b"\0\xff", 255), (b"\xff\0", 0)])
def test_indices_beyond_a_palette_have_its_last_colour(bits: int, stored: bytes, alpha: int) -> None:
    palette = png_chunk(b"PLTE", bytes((9, 9, 9, 200, 100, 50)))
    transparency = png_chunk(b"tRNS", stored) if stored else b""
    found = first_pixel(small_png(3, bits, palette, transparency))

    assert found[3] == alpha
    assert alpha == 0 or distance(found[:3], (200, 100, 50)) <= 8  # type: ignore[arg-type]


@pytest.mark.parametrize("key", [2, 4, 0x80, 0xFF00])
def test_a_transparent_level_that_pixels_cannot_have_is_ignored(key: int) -> None:
    content = png_header(8, 8, bits=2, colour_type=0) + png_chunk(b"tRNS", struct.pack(">H", key))
    content += png_chunk(b"IDAT", zlib.compress(b"\0\x55\x55" * 8)) + png_chunk(b"IEND", b"")

    assert first_pixel(content) == (85, 85, 85, 255)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_grey_profile_is_applied_beside_transparency(bits: int) -> None:
    profile = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(grey_gamma(1.0)))
    level = Space(SRGB.primaries, 1.0).in_srgb((90, 90, 90))

    for found in (
        first_pixel(small_png(4, bits, profile)),
        first_pixel(small_png(0, bits, profile, png_chunk(b"tRNS", b"\0\1"))),
        first_pixel(apng(Part(b"\x5a\x5a"), colour_type=4, before=profile)),
    ):
        assert distance(found[:3], level) <= 4  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"gAMA", struct.pack(">I", 100_000)),
        png_chunk(b"cICP", bytes((9, 16, 0, 1))),
        png_chunk(b"iCCP", b"x\0\0" + zlib.compress(grey_gamma(1.0))),
    ],
)
def test_colours_described_after_the_pixels_are_ignored(chunk: bytes) -> None:
    assert first_pixel(small_png(0, 8, chunk)) != first_pixel(small_png(0, 8))
    assert first_pixel(small_png(0, 8, after=chunk)) == first_pixel(small_png(0, 8))


P3_POINTS = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
SRGB_POINTS = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


def png_for_a_screen(colour: Colour, *, points: tuple[int, ...] = (), gamma: int | None = None) -> bytes:
    """Draws a PNG with cHRM and gAMA, both in units of 1/100,000."""
    content = encoded(plain((40, 40), colour), "PNG")
    chunks = png_chunk(b"cHRM", struct.pack(">8I", *points)) if points else b""
    chunks += b"" if gamma is None else png_chunk(b"gAMA", struct.pack(">I", gamma))
    return content[:33] + chunks + content[33:]


@pytest.mark.parametrize(
    ("points", "space"), [(P3_POINTS, DISPLAY_P3), (SRGB_POINTS, SRGB)], ids=["p3", "srgb"]
)
def test_png_primaries_are_converted_with_a_power(points: tuple[int, ...], space: Space) -> None:
    """As in browsers: beside primaries, a gamma of 1/2.2 is not sRGB's curve."""
    for colour in (*MILD, (10, 10, 10)):
        content = png_for_a_screen(colour, points=points, gamma=45_455)

        assert distance(middle_of(shown(content)), Space(space.primaries, 2.2).in_srgb(colour)) <= 4


def test_primaries_in_the_corner_of_the_diagram_are_converted() -> None:
    """Those of CIE XYZ, as Chromium shows them."""
    content = png_for_a_screen((150, 150, 150), points=XYZ_POINTS, gamma=100_000)

    assert distance(middle_of(shown(content)), (202, 202, 202)) <= 4


def test_primaries_without_a_gamma_are_ignored() -> None:
    """As in browsers."""
    for colour in MILD:
        assert distance(middle_of(shown(png_for_a_screen(colour, points=P3_POINTS))), colour) <= 4


XYZ_POINTS = (33333, 33333, 100_000, 0, 0, 100_000, 0, 0)


@pytest.mark.parametrize("gamma", [100_000, 55_556, 35_000])
@pytest.mark.parametrize("points", [(), SRGB_POINTS])
def test_png_gamma_is_converted(points: tuple[int, ...], gamma: int) -> None:
    space = Space(SRGB.primaries, 100_000 / gamma)

    for level in (60, 128, 200):
        content = png_for_a_screen((level,) * 3, points=points, gamma=gamma)
        assert distance(middle_of(shown(content)), space.in_srgb((level,) * 3)) <= 2


@pytest.mark.parametrize(
    ("points", "gamma"),
    [
        ((), 45_455),
        ((), 45_000),
        ((), 0),
        ((), 1),
        ((), 2**31),
        ((0,) * 8, 100_000),
        ((2**31,) * 8, 100_000),
        (SRGB_POINTS[:-1], 45_455),
    ],
)
def test_srgb_like_or_impossible_screens_are_ignored(points: tuple[int, ...], gamma: int | None) -> None:
    content = encoded(plain((40, 40), (200, 120, 90)), "PNG")
    chunks = png_chunk(b"cHRM", struct.pack(f">{len(points)}I", *points))
    chunks += b"" if gamma is None else png_chunk(b"gAMA", struct.pack(">I", gamma))
    rendered = render(content[:33] + chunks + content[33:], a_profile(40, quality=100))

    assert only(rendered).data == only(render(content, a_profile(40, quality=100))).data
    assert "profile_ignored" not in codes(rendered)


def test_degenerate_primaries_count_as_srgb_with_a_decision() -> None:
    content = png_for_a_screen((200, 120, 90), points=(31270, 32900) + 3 * (30000, 30000), gamma=45_455)
    rendered = render(content, a_profile(40, quality=100))

    assert distance(middle_of(opened(only(rendered))), (200, 120, 90)) <= 2
    assert "profile_ignored" in codes(rendered)


def test_srgb_and_iccp_chunks_take_priority_over_chrm_and_gama() -> None:
    content = png_for_a_screen((200, 120, 90), points=P3_POINTS, gamma=100_000)
    with_srgb = content[:33] + png_chunk(b"sRGB", b"\0") + content[33:]
    with_profile = content[:33] + png_chunk(b"iCCP", b"x\0\0" + zlib.compress(srgb())) + content[33:]

    for content_with_both in (with_srgb, with_profile):
        assert distance(middle_of(shown(content_with_both)), (200, 120, 90)) <= 2


def test_a_broken_png_profile_is_ignored() -> None:
    """As in browsers; the following chunks count instead."""
    content = encoded(plain((40, 40), (255, 0, 0)), "PNG")
    chunk = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(red_and_green_swapped()))
    sound = content[:33] + chunk + content[33:]
    wrong_checksum = content[:33] + chunk[:-1] + bytes([chunk[-1] ^ 1]) + content[33:]
    unknown_method = png_chunk(b"iCCP", b"x\0\1" + zlib.compress(red_and_green_swapped()))

    assert distance(middle_of(shown(sound)), (0, 255, 0)) <= 4
    cut = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(red_and_green_swapped())[:-4])
    without_name = png_chunk(b"iCCP", b"\0\0" + zlib.compress(red_and_green_swapped()))
    others = [content[:33] + other + content[33:] for other in (unknown_method, cut, without_name)]
    for broken in (wrong_checksum, *others):
        assert distance(middle_of(shown(broken)), (255, 0, 0)) <= 4
