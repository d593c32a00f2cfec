"""The focus `auto`: faces, or else what stands out, decide which part of a picture a ladder shows."""

from struct import iter_unpack

import pytest
from darkroom_native import find_faces, saliency
from PIL import Image, ImageDraw, ImageFilter

from darkroom.domain.focus import AUTO
from darkroom.domain.profile import Crop, Fit
from darkroom.domain.receipts import Rendered, Window
from darkroom.imaging import render
from tests.unit.imaging.pictures import (
    RED,
    a_profile,
    codes,
    distance,
    encoded,
    middle_of,
    only,
    opened,
    oriented,
    plain,
)

WALL = (90, 120, 90)


def face(size: int) -> Image.Image:
    """Draws a face in a square: hair, skin, eyes, brows, nose and mouth."""
    side = 4 * size
    image = plain((side, side), WALL)
    draw = ImageDraw.Draw(image)

    def ellipse(x: float, y: float, across: float, down: float, colour: tuple[int, int, int]) -> None:
        box = ((x - across) * side, (y - down) * side, (x + across) * side, (y + down) * side)
        draw.ellipse(box, colour)

    ellipse(0.5, 0.45, 0.34, 0.44, (60, 40, 30))
    ellipse(0.5, 0.53, 0.28, 0.38, (224, 172, 140))
    for x in (0.39, 0.61):
        ellipse(x, 0.48, 0.065, 0.035, (250, 250, 250))
        ellipse(x, 0.48, 0.032, 0.034, (50, 35, 25))
        draw.rectangle(((x - 0.075) * side, 0.415 * side, (x + 0.075) * side, 0.435 * side), (70, 45, 35))
    draw.polygon(
        [(0.5 * side, 0.5 * side), (0.46 * side, 0.62 * side), (0.54 * side, 0.62 * side)], (200, 145, 115)
    )
    ellipse(0.5, 0.73, 0.1, 0.03, (170, 70, 70))
    return image.filter(ImageFilter.GaussianBlur(5)).resize((size, size))


def with_faces(width: int, height: int, *places: tuple[int, int, int]) -> Image.Image:
    """Draws faces of the sizes and at the places (left, top, size) on a wall."""
    image = plain((width, height), WALL)
    for left, top, size in places:
        image.paste(face(size), (left, top))
    return image


def cropped(content: bytes, ratio: tuple[int, int], width: int = 64) -> Rendered:
    return render(content, a_profile(width, crop=Crop(Fit.COVER, ratio, AUTO)))


def window_of(rendered: Rendered) -> Window:
    [window] = rendered.windows
    return window


@pytest.mark.parametrize(("left", "expected"), [(20, range(41)), (460, range(360, 401))])
def test_the_window_holds_the_face(left: int, expected: range) -> None:
    rendered = cropped(encoded(with_faces(600, 200, (left, 40, 120)), "PNG"), (1, 1))

    assert window_of(rendered).left in expected
    assert window_of(rendered).left + 200 >= left + 100
    assert codes(rendered) == ["focus_faces"]
    [found] = rendered.faces
    assert abs(found.left + found.width / 2 - (left + 60)) < 15
    assert abs(found.top + found.height / 2 - 105) < 15


def test_no_face_is_cut_if_a_position_has_none_cut() -> None:
    picture = with_faces(900, 300, (20, 60, 150), (250, 60, 150), (700, 60, 150))

    window = window_of(cropped(encoded(picture, "PNG"), (3, 2)))

    assert (window.width, window.height) == (450, 300)
    assert window.left < 20 + 40  # both on the left are whole: hair surrounds the face


def test_the_window_moves_down_in_a_high_picture() -> None:
    window = window_of(cropped(encoded(with_faces(200, 600, (40, 430, 120)), "PNG"), (1, 1)))

    assert (window.left, window.width, window.height) == (0, 200, 200)
    assert 340 <= window.top <= 400


def test_without_a_face_the_window_holds_what_stands_out() -> None:
    picture = plain((600, 200), (40, 90, 160))
    ImageDraw.Draw(picture).ellipse((440, 60, 520, 140), RED)

    rendered = cropped(encoded(picture, "PNG"), (1, 1))

    assert codes(rendered) == ["focus_salient"]
    assert rendered.faces == ()
    assert 320 <= window_of(rendered).left <= 400
    assert distance(middle_of(opened(only(rendered))), RED) < 20


def test_in_a_plain_picture_the_window_is_in_the_middle() -> None:
    rendered = cropped(encoded(plain((600, 200)), "PNG"), (1, 1))

    assert codes(rendered) == ["focus_centre"]
    assert window_of(rendered).left == 200


def test_the_decision_says_where_the_window_is_and_why() -> None:
    rendered = cropped(encoded(with_faces(600, 200, (20, 40, 120)), "PNG"), (1, 1))

    [decision] = rendered.decisions
    left = window_of(rendered).left
    assert decision.why == (
        f"The main ladder shows the picture from {left} across and 0 down:"
        " 1 of 1 faces found are whole there."
    )


def test_regions_are_in_pixels_of_the_upright_original() -> None:
    """The picture is stored on its side, and decoded at a reduced scale."""
    picture = with_faces(2400, 800, (1840, 160, 480))

    rendered = cropped(oriented(6, picture, "JPEG"), (1, 1))

    window, [found] = window_of(rendered), rendered.faces
    assert (window.width, window.height) == (800, 800)
    assert 1500 <= window.left <= 1600
    assert abs(found.left + found.width / 2 - 2080) < 60


def test_transparent_pictures_are_seen_over_the_background() -> None:
    picture = Image.new("RGBA", (600, 200), (255, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((440, 60, 520, 140), (20, 40, 160, 255))

    assert 320 <= window_of(cropped(encoded(picture, "PNG"), (1, 1))).left <= 400


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK"])
def test_every_kind_of_pixels_is_searched(mode: str) -> None:
    picture = with_faces(600, 200, (460, 40, 120)).convert(mode)
    content = encoded(picture, "TIFF")

    assert 260 <= window_of(cropped(content, (1, 1))).left <= 400


def test_ladders_that_show_everything_look_for_nothing() -> None:
    content = encoded(with_faces(200, 200, (40, 40, 120)), "PNG")

    assert codes(cropped(content, (1, 1))) == []
    contained = render(content, a_profile(64, crop=Crop(Fit.CONTAIN, (2, 1), AUTO)))
    assert (codes(contained), contained.windows, contained.faces) == ([], (), ())


def test_a_fixed_focus_has_a_window_in_the_receipt_too() -> None:
    rendered = render(
        encoded(plain((600, 200)), "PNG"), a_profile(64, crop=Crop(Fit.COVER, (1, 1), (1.0, 0.5)))
    )

    assert rendered.windows == (Window("main", 400, 0, 200, 200),)
    assert codes(rendered) == []


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 1), (3, 2)])
def test_the_smallest_pictures_have_a_window(size: tuple[int, int]) -> None:
    window = window_of(cropped(encoded(plain(size), "PNG"), (1, 1)))

    assert window.width == window.height == min(size)


def test_a_better_face_hides_the_others_that_overlap_it() -> None:
    picture = with_faces(400, 300, (30, 30, 200))

    found = [*iter_unpack("<5f", find_faces(picture.tobytes(), 400, 300, 0.3))]

    assert len(found) == 1
    assert 0.8 < found[0][4] <= 1


def test_saliency_is_zero_at_the_border_and_high_inside() -> None:
    picture = plain((90, 60), (40, 90, 160))
    ImageDraw.Draw(picture).rectangle((40, 25, 50, 35), RED)

    levels = saliency(picture.tobytes(), 90, 60)

    assert len(levels) == 90 * 60
    assert max(levels[:90]) == 0
    assert levels[30 * 90 + 45] > 200


@pytest.mark.parametrize(
    ("bytes_", "width", "height"), [(b"", 1, 1), (b"abc", 0, 1), (b"abc", 1025, 1), (b"abcd", 1, 1)]
)
def test_the_native_functions_refuse_buffers_of_another_size(bytes_: bytes, width: int, height: int) -> None:
    with pytest.raises(ValueError, match="pixels"):
        find_faces(bytes_, width, height, 0.5)
    with pytest.raises(ValueError, match="pixels"):
        saliency(bytes_, width, height)


def test_noise_has_no_face() -> None:
    noise = Image.effect_noise((320, 240), 90).convert("RGB")

    assert find_faces(noise.tobytes(), 320, 240, 0.5) == b""
