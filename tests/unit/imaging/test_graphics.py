"""Graphics and their lossless files."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from random import Random

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from bench.drawings import drawn
from darkroom.domain.profile import FormatChoice, Ladder, Profile
from darkroom.domain.renditions import Format
from darkroom.imaging import render
from darkroom.imaging.graphics import has_flat_areas, is_graphic
from darkroom.imaging.palette import reduced
from darkroom.imaging.ssimulacra2 import Ssimulacra2
from darkroom_cli.local.samples import photograph
from tests.unit.imaging.pictures import a_profile, animated, codes, encoded, only, opened, plain

JPEG_AND_PNG = (Format.JPEG, Format.PNG)
LOSSLESS = (Format.PNG, Format.WEBP)


def page(width: int = 320, height: int = 240) -> Image.Image:
    """Draws lines of text and a button."""
    image = Image.new("RGB", (width, height), "#fcfcfa")
    draw = ImageDraw.Draw(image)
    for line in range(8):
        draw.text((10, 10 + 20 * line), "The quick brown fox jumps over", "#223", ImageFont.load_default(14))
    draw.rounded_rectangle((10, height - 50, 120, height - 15), 8, "#c2185b")
    return image


def page_with_a_photograph() -> Image.Image:
    image = page()
    image.paste(photograph(320, 150, seed=3), (0, 0))
    return image


def map_of_many_colours() -> Image.Image:
    """Draws areas with smooth edges."""
    image = Image.new("RGB", (1280, 960), "#f4f1ea")
    draw = ImageDraw.Draw(image)
    for number, colour in enumerate(("#b5d9f2", "#cfe8c9", "#fbd65b", "#e8e0d2", "#c9a0dc")):
        left, top = 100 + 170 * number, 60 + 120 * (number % 3)
        draw.ellipse((left, top, left + 400, top + 560), colour, "#8a8a8a", 6)
    return image.resize((320, 240), Image.Resampling.LANCZOS)


def aiming_at(target: float, kind: Format) -> Profile:
    return Profile("test", (Ladder("main", (320,), (FormatChoice(kind, None, target),)),))


def badge() -> Image.Image:
    """Draws a circle with a soft edge on transparency."""
    image = Image.new("RGBA", (400, 400))
    ImageDraw.Draw(image).ellipse((40, 40, 360, 360), "#c2185b")
    return image.resize((100, 100), Image.Resampling.LANCZOS)


def cut_out() -> Image.Image:
    """Cuts a circle out of a photograph."""
    image = photograph(120, 90, seed=3)
    shape = Image.new("L", image.size)
    ImageDraw.Draw(shape).ellipse((10, 10, 110, 80), 255)
    image.putalpha(shape)
    return image


def portrait(background: str, grain: float, blur: float = 12) -> Image.Image:
    """Sets a photograph against a flat background that covers half of the picture."""
    image, shape = Image.new("RGB", (640, 480), background), Image.new("L", (640, 480))
    ImageDraw.Draw(shape).ellipse((120, 60, 520, 420), 255)
    image.paste(photograph(640, 480, seed=3, grain=grain), mask=shape.filter(ImageFilter.GaussianBlur(blur)))
    return image


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_page_is_a_graphic_and_a_photograph_is_not(mode: str) -> None:
    assert is_graphic(page().convert(mode))
    assert not is_graphic(photograph(320, 240, seed=3).convert(mode))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("background", ["black", "white"])
@pytest.mark.parametrize("grain", [0.02, 0.05])
def test_a_photograph_with_a_flat_background_is_no_graphic(mode: str, background: str, grain: float) -> None:
    picture = portrait(background, grain).convert(mode)

    assert (has_flat_areas(picture), is_graphic(picture)) == (True, False)


def test_a_cut_out_photograph_saved_as_a_jpeg_is_no_graphic() -> None:
    assert not is_graphic(opened(encoded(portrait("white", 0.05, blur=1), "JPEG")))


def test_every_drawing_is_a_graphic() -> None:
    assert [name for name, picture in drawn().items() if not is_graphic(picture)] == []


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_picture_of_one_colour_is_a_graphic(mode: str) -> None:
    assert is_graphic(Image.new(mode, (64, 48)))


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (3, 3)])
def test_a_picture_without_a_block_to_look_at_is_no_graphic(size: tuple[int, int]) -> None:
    assert not is_graphic(plain(size))


@pytest.mark.parametrize("kind", LOSSLESS)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_graphic_keeps_every_pixel_where_that_takes_fewer_bytes(mode: str, kind: Format) -> None:
    drawn = page().convert(mode)

    rendered = render(encoded(drawn, "PNG"), a_profile(drawn.width, formats=(Format.JPEG, kind), quality=90))

    made = only(rendered, kind)
    assert len(made.data) < len(only(rendered).data)
    assert (made.quality, made.alpha) == (100, False)
    assert not ImageChops.difference(opened(made).convert("RGB"), drawn.convert("RGB")).getbbox()


def test_a_graphic_has_as_few_colours_as_the_target_allows() -> None:
    drawn = map_of_many_colours()

    exact = only(render(encoded(drawn, "PNG"), a_profile(drawn.width, formats=(Format.PNG,))), Format.PNG)
    made = [
        only(render(encoded(drawn, "PNG"), aiming_at(target, Format.PNG)), Format.PNG) for target in (90, 95)
    ]

    colours = [len(opened(each).convert("RGB").getcolors(1 << 24) or []) for each in (*made, exact)]
    assert colours == sorted({*colours})
    assert [len(each.data) for each in (*made, exact)] == sorted(len(each.data) for each in (*made, exact))
    for each, target in zip(made, (90, 95), strict=True):
        score = Ssimulacra2(drawn).score(opened(each))
        assert score >= target
        assert (each.score, each.score_kind) == (round(score, 1), "measured")


def test_a_webp_of_fewer_colours_says_so() -> None:
    rendered = render(encoded(page(), "PNG"), aiming_at(75, Format.WEBP))

    [decision] = rendered.decisions
    made = only(rendered, Format.WEBP)
    colours = len(opened(made).convert("RGB").getcolors() or [])
    size = f"{len(made.data):,} bytes"
    assert decision.code == "webp_lossless"
    assert decision.why.startswith(f"WebP 320 pixels wide: {colours} colours without further loss, {size} (")


def test_fewer_colours_are_not_visible_whatever_the_target() -> None:
    made = only(render(encoded(map_of_many_colours(), "PNG"), aiming_at(30, Format.PNG)), Format.PNG)

    assert made.score
    assert made.score >= 90


def test_rare_colours_of_text_stay() -> None:
    """SSIMULACRA2 alone would allow it to become grey."""
    drawn = map_of_many_colours()
    ImageDraw.Draw(drawn).text((20, 20), "-12", "#e00000", ImageFont.load_default(12))

    made = only(render(encoded(drawn, "PNG"), aiming_at(30, Format.PNG)), Format.PNG)

    assert max(ImageChops.difference(opened(made).convert("RGB"), drawn).tobytes()) <= 48


def test_a_lossy_webp_is_kept_if_it_is_smaller() -> None:
    mixed = page_with_a_photograph()

    rendered = render(encoded(mixed, "PNG"), a_profile(320, formats=(Format.WEBP,), quality=40))

    assert is_graphic(mixed)
    assert codes(rendered) == ["webp_lossy"]
    assert only(rendered, Format.WEBP).quality == 40


def test_a_png_larger_than_the_jpeg_is_dropped() -> None:
    content = encoded(page_with_a_photograph(), "PNG")

    rendered = render(content, a_profile(320, formats=JPEG_AND_PNG, quality=95))

    assert codes(rendered) == ["png_lossless", "png_dropped"]


@pytest.mark.parametrize("wanted", [Format.WEBP, Format.PNG])
def test_a_file_many_times_as_large_as_the_jpeg_is_not_made(wanted: Format) -> None:
    content = encoded(page_with_a_photograph(), "PNG")
    profile = a_profile(320, formats=(Format.JPEG, wanted), quality=40)
    omitting = replace(profile, ladders=(replace(profile.ladders[0], opaque_webp=False),))

    rendered = render(content, omitting)

    [decision] = rendered.decisions
    assert decision.code == f"{wanted.value}_skipped"
    assert decision.why == (
        f"No {wanted.label} 320 pixels wide: without loss it would have many times the"
        f" {len(only(rendered, Format.JPEG).data):,} bytes of the JPEG."
    )


def test_a_transparent_page_with_a_photograph_gets_a_lossless_file() -> None:
    see_through = page_with_a_photograph().convert("RGBA")
    see_through.putpixel((0, 0), (0, 0, 0, 0))

    rendered = render(encoded(see_through, "PNG"), a_profile(320, formats=JPEG_AND_PNG, quality=40))

    assert "png_lossless" in codes(rendered)


def test_without_webp_of_opaque_stills_a_graphic_gets_a_lossless_webp() -> None:
    drawn = page()
    profile = a_profile(320, formats=(Format.JPEG, Format.WEBP))
    omitting = replace(profile, ladders=(replace(profile.ladders[0], opaque_webp=False),))

    rendered = render(encoded(drawn, "PNG"), omitting)

    [decision] = rendered.decisions
    made = only(rendered, Format.WEBP)
    assert decision.code == "webp_lossless"
    assert decision.why == f"WebP 320 pixels wide: no loss, {len(made.data):,} bytes."


def test_an_animation_is_not_encoded_as_a_graphic() -> None:
    rendered = render(animated("GIF"), a_profile(40, formats=(Format.WEBP,)))

    assert "webp_lossless" not in codes(rendered)
    assert only(rendered, Format.WEBP).frames == 3


def test_colours_are_reduced_alike_on_every_machine() -> None:
    found = reduced(map_of_many_colours(), 80)

    assert found
    assert sha256(found.picture.tobytes()).hexdigest()[:16] == "41d2d1b412b67649"


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (64, 48)])
def test_a_picture_of_few_colours_is_not_reduced(mode: str, size: tuple[int, int]) -> None:
    assert reduced(plain(size, mode=mode), 30) is None


def test_a_picture_of_as_many_colours_as_a_photograph_is_not_reduced() -> None:
    noise = Image.frombytes("RGB", (200, 100), Random(1).randbytes(60_000))  # noqa: S311

    assert reduced(noise, 30) is None


def test_hidden_colours_need_no_place_in_the_palette() -> None:
    drawn = badge()
    hidden = photograph(*drawn.size, seed=3).convert("RGBA")
    hidden.putalpha(drawn.getchannel("A"))
    hidden.paste(drawn, mask=drawn.getchannel("A").point([0] + [255] * 255))

    found, expected = reduced(hidden, 80), reduced(drawn, 80)

    assert found and expected  # noqa: PT018
    assert found.picture.tobytes() == expected.picture.tobytes()


def test_an_opaque_photograph_gets_no_png() -> None:
    content = encoded(photograph(320, 240, seed=3), "PNG")

    assert codes(render(content, a_profile(320, formats=JPEG_AND_PNG))) == ["png_skipped"]


@pytest.mark.parametrize("draw", [badge, cut_out])
def test_a_transparent_picture_gets_a_png_with_its_transparency(draw: Callable[[], Image.Image]) -> None:
    drawn = draw()

    rendered = render(encoded(drawn, "PNG"), a_profile(drawn.width, formats=JPEG_AND_PNG))

    made = only(rendered, Format.PNG)
    assert made.alpha
    kept = opened(made).convert("RGBA")
    assert not ImageChops.difference(kept.getchannel("A"), drawn.getchannel("A")).getbbox()
    backdrop = Image.new("RGBA", drawn.size, "#808080")
    shown = [Image.alpha_composite(backdrop, picture).convert("RGB") for picture in (kept, drawn)]
    # At the edge, colours were extended into transparent pixels.
    assert max(ImageChops.difference(*shown).tobytes()) <= 3


def test_a_png_has_no_metadata() -> None:
    content = encoded(page(), "PNG", dpi=(300, 300))

    made = only(render(content, a_profile(320, formats=JPEG_AND_PNG)), Format.PNG)

    chunks = [made.data[place : place + 4] for place in _places(made.data)]
    assert set(chunks) <= {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


def _places(stream: bytes) -> list[int]:
    """Returns the offsets of the names of a PNG's chunks."""
    places, place = list[int](), 8
    while place < len(stream):
        places.append(place + 4)
        place += 12 + int.from_bytes(stream[place : place + 4])
    return places
