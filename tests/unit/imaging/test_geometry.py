"""Crops, sizes and resizing."""

from base64 import b64decode

import pytest
from PIL import Image, ImageChops, ImageDraw

from darkroom.domain.profile import Crop, Fit, FormatChoice, Ladder, Profile
from darkroom.domain.receipts import Rendered
from darkroom.domain.renditions import Format
from darkroom.imaging import render
from tests.unit.imaging.pictures import (
    BLUE,
    CORNERS,
    GREEN,
    RED,
    WHITE,
    Colour,
    a_profile,
    avif_with_clean_aperture,
    codes,
    cornered,
    corners_of,
    distance,
    encoded,
    grey_gamma,
    middle_of,
    only,
    opened,
    oriented,
    plain,
)

EVERY_FORMAT = (Format.JPEG, Format.WEBP, Format.AVIF, Format.JXL)


def thirds(width: int = 300, height: int = 200) -> Image.Image:
    """Draws red, green and blue side by side."""
    image = plain((width, height), GREEN)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 3 - 1, height), RED)
    draw.rectangle((2 * width // 3, 0, width, height), BLUE)
    return image


def rendered_with(
    content: bytes,
    *widths: int,
    fit: Fit,
    ratio: tuple[int, int],
    focus: tuple[float, float] = (0.5, 0.5),
) -> Rendered:
    return render(content, a_profile(*widths, crop=Crop(fit, ratio, focus)))


@pytest.mark.parametrize(
    ("focus", "seen"),
    [((0.0, 0.5), RED), ((0.5, 0.5), GREEN), ((1.0, 0.5), BLUE), ((0.1, 0.0), RED), ((0.9, 1.0), BLUE)],
)
def test_cover_fills_the_box_around_the_focus(focus: tuple[float, float], seen: Colour) -> None:
    rendition = only(rendered_with(encoded(thirds(), "PNG"), 50, fit=Fit.COVER, ratio=(1, 2), focus=focus))

    assert (rendition.width, rendition.height) == (50, 100)
    for found in corners_of(opened(rendition)):
        assert distance(found, seen) < 20


def test_the_focus_refers_to_the_upright_picture() -> None:
    content = oriented(6, thirds(), "JPEG")

    rendition = only(rendered_with(content, 50, fit=Fit.COVER, ratio=(1, 2), focus=(1.0, 0.5)))
    assert distance(middle_of(opened(rendition)), BLUE) < 20


def test_cover_crops_as_little_as_possible() -> None:
    wide = rendered_with(encoded(thirds(), "PNG"), 400, fit=Fit.COVER, ratio=(3, 1))
    high = rendered_with(encoded(thirds(), "PNG"), 400, fit=Fit.COVER, ratio=(1, 1))

    assert [(rendition.width, rendition.height) for rendition in (only(wide), only(high))] == [
        (300, 100),
        (200, 200),
    ]


def test_contain_fits_the_whole_picture_into_the_box() -> None:
    for picture, sizes in (
        (cornered(600, 300), [(120, 60), (60, 30)]),
        (cornered(300, 600), [(60, 120), (30, 60)]),
    ):
        rendered = rendered_with(encoded(picture, "PNG"), 60, 120, fit=Fit.CONTAIN, ratio=(1, 1))
        assert [(rendition.width, rendition.height) for rendition in rendered.renditions] == sizes


def test_contain_keeps_all_corners() -> None:
    rendition = only(rendered_with(encoded(cornered(300, 600), "PNG"), 100, fit=Fit.CONTAIN, ratio=(1, 1)))

    for found, wanted in zip(corners_of(opened(rendition)), CORNERS, strict=True):
        assert distance(found, wanted) < 20


@pytest.mark.parametrize("fit", Fit)
def test_a_crop_never_enlarges(fit: Fit) -> None:
    rendition = only(rendered_with(encoded(thirds(30, 20), "PNG"), 640, fit=fit, ratio=(1, 1)))

    assert (rendition.width, rendition.height) == ((30, 20) if fit is Fit.CONTAIN else (20, 20))


def test_each_ladder_has_its_own_crop_formats_and_background() -> None:
    main = Ladder("main", (60, 120), (FormatChoice(Format.JPEG, 90),))
    square = Ladder(
        "square",
        (40,),
        (FormatChoice(Format.JPEG, 90), FormatChoice(Format.WEBP, target=80.0)),
        background="#0000ff",
        crop=Crop(Fit.COVER, (1, 1)),
    )
    image = Image.new("RGBA", (300, 200), (255, 0, 0, 0))
    ImageDraw.Draw(image).rectangle((0, 0, 299, 20), (255, 0, 0, 255))

    made = render(encoded(image, "PNG"), Profile("test", (main, square))).renditions
    assert [(rendition.name, rendition.width, rendition.height) for rendition in made] == [
        ("120.jpg", 120, 80),
        ("60.jpg", 60, 40),
        ("square-40.jpg", 40, 40),
        ("square-40.webp", 40, 40),
    ]
    for rendition, background in zip(made, (WHITE, WHITE, BLUE), strict=False):
        assert distance(middle_of(opened(rendition)), background) < 8


def test_a_crop_wider_than_the_main_ladder_is_made_from_enough_pixels() -> None:
    stripes = Image.new("L", (1000, 400))
    for left in range(0, 1000, 4):
        stripes.paste(255, (left, 0, left + 2, 400))
    square = Ladder("square", (400,), (FormatChoice(Format.JPEG, 95),), crop=Crop(Fit.COVER, (1, 1)))
    main = Ladder("main", (100,), (FormatChoice(Format.JPEG, 90),))

    [_, sharp] = render(encoded(stripes, "PNG"), Profile("test", (main, square))).renditions
    # No pixel is resized: black stays black, and white white.
    low, high = opened(sharp).getextrema()
    assert (sharp.width, low < 40, high > 215) == (400, True, True)  # type: ignore[operator]


@pytest.mark.parametrize("plugin", ["JPEG", "PNG"])
@pytest.mark.parametrize(("linear_light", "grey"), [(False, 128), (True, 188)])
def test_linear_light_averages_light_instead_of_stored_values(
    linear_light: bool, grey: int, plugin: str
) -> None:
    board = Image.new("L", (256, 256))
    board.putdata([255 * ((x + y) % 2) for y in range(256) for x in range(256)])
    content = encoded(board, plugin, **({"quality": 100} if plugin == "JPEG" else {}))

    found = middle_of(opened(only(render(content, a_profile(32, linear_light=linear_light)))))
    assert distance(found, (grey, grey, grey)) <= 3


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "CMYK"])
def test_linear_light_keeps_uniform_colours(mode: str) -> None:
    image = Image.new("RGB", (200, 200), (200, 100, 50)).convert(mode.removesuffix("A"))
    if mode.endswith("A"):
        image.putalpha(Image.linear_gradient("L").resize((200, 200)))
    content = encoded(image, "TIFF")

    for width in (200, 20):
        profile = a_profile(width, formats=(Format.WEBP,), quality=100, linear_light=True)
        rendition = opened(only(render(content, profile), Format.WEBP))
        assert distance(middle_of(rendition), middle_of(image)) <= 6


def test_linear_light_leaves_no_fringe() -> None:
    image = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((50, 50, 350, 350), (255, 255, 255, 255))

    flat = opened(only(render(encoded(image, "PNG"), a_profile(64, linear_light=True))))
    assert sum(flat.convert("L").histogram()[:241]) == 0


@pytest.mark.parametrize("wanted", [Format.WEBP, Format.AVIF, Format.JXL])
@pytest.mark.parametrize("linear_light", [False, True])
def test_transparent_edges_have_no_dark_fringe(wanted: Format, linear_light: bool) -> None:
    image = Image.new("RGBA", (401, 401), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((50, 50, 350, 350), (250, 220, 60, 255))

    profile = a_profile(100, formats=(wanted,), quality=60, linear_light=linear_light)
    kept = opened(only(render(encoded(image, "PNG"), profile), wanted)).convert("RGBA")
    # Over a background of its own colour the disc must be invisible, its edge included.
    composed = Image.new("RGBA", kept.size, (250, 220, 60, 255))
    composed.alpha_composite(kept)
    darker = ImageChops.subtract(Image.new("RGB", kept.size, (250, 220, 60)), composed.convert("RGB"))
    assert max(high for _, high in darker.getextrema()) < 16  # type: ignore[misc]


def test_a_fully_transparent_picture_is_rendered() -> None:
    image = Image.new("RGBA", (60, 40), (0, 0, 0, 0))

    rendered = render(encoded(image, "PNG"), a_profile(30, formats=EVERY_FORMAT, background="#336699"))
    assert distance(middle_of(opened(only(rendered))), (0x33, 0x66, 0x99)) <= 4
    assert rendered.colour == "#000000"


@pytest.mark.parametrize("plugin", ["JPEG", "PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("size", [(65500, 1), (1, 65500)])
def test_a_picture_one_pixel_high_or_wide_is_rendered(size: tuple[int, int], plugin: str) -> None:
    rendered = render(encoded(plain(size), plugin), a_profile(64, 1280, formats=EVERY_FORMAT))

    assert all(rendition.width >= 1 and rendition.height >= 1 for rendition in rendered.renditions)
    assert {
        opened(rendition).size == (rendition.width, rendition.height) for rendition in rendered.renditions
    } == {True}


@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("size", [(65500, 1), (1, 65500), (1, 1)])
def test_a_crop_of_a_line_has_no_side_of_zero(size: tuple[int, int], fit: Fit) -> None:
    rendered = rendered_with(encoded(plain(size), "PNG"), 20, 64, 300, fit=fit, ratio=(16, 9))

    assert all(rendition.width >= 1 and rendition.height >= 1 for rendition in rendered.renditions)
    assert len({rendition.name for rendition in rendered.renditions}) == len(rendered.renditions)


def test_a_grey_picture_with_a_profile_is_resized_in_linear_light() -> None:
    content = encoded(plain((400, 400), (128, 128, 128), "L"), "PNG", icc_profile=grey_gamma(1.0))

    found = middle_of(opened(only(render(content, a_profile(40, linear_light=True)))))
    assert distance(found, (188, 188, 188)) <= 3


def test_placeholder_and_colour_show_the_picture() -> None:
    mostly_green = plain((300, 200), (20, 160, 60))
    ImageDraw.Draw(mostly_green).rectangle((0, 0, 99, 199), (200, 30, 30))

    rendered = render(encoded(mostly_green, "PNG"), a_profile(100))
    assert distance(hex_colour(rendered.colour), (20, 160, 60)) < 16
    small = inlined(rendered.placeholder)
    assert (small.size, len(rendered.placeholder) < 500) == ((16, 11), True)
    assert distance(small.convert("RGB").getpixel((2, 5)), (200, 30, 30)) < 60  # type: ignore[arg-type]
    assert distance(small.convert("RGB").getpixel((13, 5)), (20, 160, 60)) < 60  # type: ignore[arg-type]


def test_transparent_pixels_do_not_count_for_the_colour_and_stay_in_the_placeholder() -> None:
    image = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle((0, 0, 99, 299), (200, 30, 30, 255))

    rendered = render(encoded(image, "PNG"), a_profile(100))
    assert distance(hex_colour(rendered.colour), (200, 30, 30)) < 16
    assert inlined(rendered.placeholder).getchannel("A").getpixel((13, 8)) == 0


def hex_colour(text: str) -> Colour:
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


def inlined(address: str) -> Image.Image:
    kind, _, encoded_bytes = address.partition(",")
    assert kind == "data:image/webp;base64"
    return opened(b64decode(encoded_bytes))


def test_the_reference_is_the_widest_size_and_not_part_of_the_ladder() -> None:
    content = encoded(cornered(300, 200), "PNG")

    *ladder, reference = render(content, a_profile(100, 200, reference=True, quality=50)).renditions
    assert [rendition.ladder for rendition in ladder] == ["main", "main"]
    assert (reference.ladder, reference.name, reference.quality) == ("reference", "reference-200.jpg", 95)
    for found, wanted in zip(corners_of(opened(reference)), CORNERS, strict=True):
        assert distance(found, wanted) <= 4


def test_there_is_no_reference_by_default() -> None:
    rendered = render(encoded(cornered(), "PNG"), a_profile(50))

    assert ([rendition.ladder for rendition in rendered.renditions], codes(rendered)) == (["main"], [])


@pytest.mark.parametrize(
    ("aperture", "size", "colour"),
    [
        ((48, 1, 32, 1, -24, 1, -16, 1), (48, 32), RED),
        ((48, 1, 32, 1, 24, 1, 16, 1), (48, 32), WHITE),
        ((96, 2, 64, 2, 48, 2, -32, 2), (48, 32), GREEN),
        ((96, 1, 64, 1, 0, 1, 0, 1), (96, 64), None),
        ((97, 1, 64, 1, 0, 1, 0, 1), (96, 64), None),  # outside
        ((48, 1, 32, 1, 30, 1, 0, 1), (96, 64), None),  # outside
        ((47, 1, 32, 1, 0, 1, 0, 1), (96, 64), None),  # half a pixel
        ((48, 0, 32, 1, 0, 1, 0, 1), (96, 64), None),
        ((0, 1, 32, 1, 0, 1, 0, 1), (96, 64), None),
    ],
)
def test_the_clean_aperture_of_an_avif_is_the_picture(
    aperture: tuple[int, ...], size: tuple[int, int], colour: Colour | None
) -> None:
    rendered = render(avif_with_clean_aperture(cornered(96, 64), aperture), a_profile(96, quality=100))

    shown = opened(only(rendered))
    assert (rendered.original.width, rendered.original.height) == shown.size == size
    expected = CORNERS if colour is None else (colour,) * 4
    assert max(map(distance, corners_of(shown), expected)) < 12
