"""Graphics and their lossless files."""

from collections.abc import Callable

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFont

from darkroom.domain.renditions import Format
from darkroom.imaging import render
from darkroom.imaging.graphics import is_graphic
from darkroom_cli.local.samples import photograph
from tests.unit.imaging.pictures import a_profile, codes, encoded, only, opened, plain

JPEG_AND_PNG = (Format.JPEG, Format.PNG)


def page(width: int = 320, height: int = 240) -> Image.Image:
    """Draws lines of text and a button."""
    image = Image.new("RGB", (width, height), "#fcfcfa")
    draw = ImageDraw.Draw(image)
    for line in range(8):
        draw.text((10, 10 + 20 * line), "The quick brown fox jumps over", "#223", ImageFont.load_default(14))
    draw.rounded_rectangle((10, height - 50, 120, height - 15), 8, "#c2185b")
    return image


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


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_page_is_a_graphic_and_a_photograph_is_not(mode: str) -> None:
    assert is_graphic(page().convert(mode))
    assert not is_graphic(photograph(320, 240, seed=3).convert(mode))


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (3, 3)])
def test_a_picture_without_a_block_to_look_at_is_no_graphic(size: tuple[int, int]) -> None:
    assert not is_graphic(plain(size))


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_graphic_gets_a_lossless_png_if_it_is_smaller_than_the_jpeg(mode: str) -> None:
    drawn = page().convert(mode)

    rendered = render(encoded(drawn, "PNG"), a_profile(drawn.width, formats=JPEG_AND_PNG, quality=90))

    made = only(rendered, Format.PNG)
    assert len(made.data) < len(only(rendered).data)
    assert (made.score, made.score_kind, made.alpha) == (100.0, "measured", False)
    assert not ImageChops.difference(opened(made).convert("RGB"), drawn.convert("RGB")).getbbox()


def test_a_png_larger_than_the_jpeg_is_dropped() -> None:
    flat_with_noise = page()
    flat_with_noise.paste(photograph(320, 150, seed=3), (0, 0))
    content = encoded(flat_with_noise, "PNG")

    rendered = render(content, a_profile(320, formats=JPEG_AND_PNG, quality=40))

    assert is_graphic(flat_with_noise)
    assert codes(rendered) == ["png_dropped"]


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
