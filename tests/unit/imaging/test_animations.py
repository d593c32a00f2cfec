"""Animations: frames, durations and loops."""

from io import BytesIO

import pytest
from PIL import Image, ImageDraw, PngImagePlugin

from darkroom.domain.errors import RejectedPicture
from darkroom.domain.profile import Crop, Fit, FormatChoice, Ladder, Profile
from darkroom.domain.renditions import Encoded, Format
from darkroom.imaging import render
from darkroom.imaging.child import isolated
from tests.unit.imaging.pictures import (
    Colour,
    a_profile,
    codes,
    display_p3,
    distance,
    encoded,
    middle_of,
    only,
    opened,
    oriented,
    plain,
)

EVERY_FORMAT = (Format.JPEG, Format.WEBP, Format.AVIF)
COLOURS: tuple[Colour, ...] = ((220, 30, 30), (30, 200, 30), (30, 30, 220), (220, 220, 30))
DURATIONS = [100, 250, 40, 1000]


def drawn(frame: int, size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Draws a square on a transparent ground, of another colour and further right in each frame."""
    image = Image.new("RGBA", size, (0, 0, 0, 0))
    left = 4 + 12 * frame
    ImageDraw.Draw(image).rectangle((left, 10, left + 9, 29), (*COLOURS[frame % 4], 255))
    return image


def moving(plugin: str, frames: int = 4, **options: object) -> bytes:
    first, *rest = [drawn(frame) for frame in range(frames)]
    if plugin == "WEBP":
        options["lossless"] = True
    if plugin == "GIF":
        options.setdefault("disposal", 2)
    options.setdefault("duration", DURATIONS[:frames])
    return encoded(first, plugin, save_all=True, append_images=rest, **options)


def animation(content: bytes, width: int = 60) -> Encoded:
    return only(render(content, a_profile(width, formats=(Format.WEBP,))), Format.WEBP)


def frames_of(rendition: Encoded) -> tuple[list[Image.Image], list[int], int]:
    """Returns the frames as shown, their durations in milliseconds, and the number of loops."""
    image = Image.open(BytesIO(rendition.data))
    frames, durations = [], []
    for frame in range(getattr(image, "n_frames", 1)):
        image.seek(frame)
        image.load()
        frames.append(image.convert("RGBA"))
        durations.append(image.info["duration"])
    return frames, durations, image.info["loop"]


@pytest.mark.parametrize("plugin", ["GIF", "WEBP", "PNG"])
def test_every_frame_is_kept_as_drawn(plugin: str) -> None:
    rendition = animation(moving(plugin))
    frames, durations, _ = frames_of(rendition)

    assert (rendition.frames, len(frames), durations) == (4, 4, DURATIONS)
    for number, frame in enumerate(frames):
        # This frame's square is visible, and the previous frame's is not any more.
        found = frame.getpixel((8 + 12 * number, 20))
        assert isinstance(found, tuple)
        assert distance(found[:3], COLOURS[number]) < 40  # type: ignore[arg-type]
        assert found[3] == 255
        if number:
            assert frame.getchannel("A").getpixel((8 + 12 * (number - 1), 20)) == 0


@pytest.mark.parametrize(
    ("plugin", "options", "played"),
    [
        ("GIF", {"loop": 0}, 0),
        ("GIF", {}, 1),
        ("GIF", {"loop": 2}, 3),  # a GIF counts repetitions
        ("WEBP", {"loop": 0}, 0),
        ("WEBP", {"loop": 4}, 4),
        ("PNG", {"loop": 0}, 0),
        ("PNG", {"loop": 3}, 3),
        ("PNG", {"loop": 100_000}, 65_535),  # the maximum of WebP
    ],
)
def test_the_loop_count_is_kept(plugin: str, options: dict[str, int], played: int) -> None:
    assert frames_of(animation(moving(plugin, **options)))[2] == played


def test_frame_durations_are_limited_to_the_maximum_of_webp() -> None:
    hours = moving("PNG", frames=2, duration=[20_000_000, 100])
    assert frames_of(animation(hours))[1] == [0xFFFFFF, 100]

    # The encoder's clock has 32 bits of milliseconds for all frames together.
    first, *rest = [drawn(number % 2, (40, 30)) for number in range(150)]
    weeks = encoded(first, "PNG", save_all=True, append_images=rest, duration=20_000_000)
    durations = frames_of(animation(weeks, 40))[1]
    assert (len(durations), min(durations), sum(durations)) == (150, 14_316_557, 150 * 14_316_557)


@pytest.mark.parametrize("disposal", [0, 1, 2, 3])
def test_the_disposal_of_gif_frames_is_applied(disposal: int) -> None:
    content = moving("GIF", frames=2, disposal=disposal)

    _, second = frames_of(animation(content))[0]
    visible = second.getchannel("A").getpixel((8, 20)) == 255
    source = Image.open(BytesIO(content))
    source.seek(1)
    assert visible == (source.convert("RGBA").getpixel((8, 20))[3] == 255)  # type: ignore[index]
    assert visible == (disposal in (0, 1))


@pytest.mark.parametrize(
    ("dispose", "visible"),
    [
        (PngImagePlugin.Disposal.OP_NONE, True),
        (PngImagePlugin.Disposal.OP_BACKGROUND, False),
        (PngImagePlugin.Disposal.OP_PREVIOUS, False),
    ],
)
def test_the_disposal_of_png_frames_is_applied(dispose: PngImagePlugin.Disposal, visible: bool) -> None:
    content = moving("PNG", frames=2, disposal=dispose, blend=PngImagePlugin.Blend.OP_OVER)

    _, second = frames_of(animation(content))[0]
    assert (second.getchannel("A").getpixel((8, 20)) == 255) == visible


def test_the_default_image_of_a_png_is_not_part_of_its_animation() -> None:
    still = plain((60, 40), (90, 90, 90)).convert("RGBA")
    frames = [drawn(0), drawn(1)]
    content = encoded(still, "PNG", save_all=True, append_images=frames, default_image=True, duration=70)

    rendered = render(content, a_profile(60, formats=(Format.JPEG, Format.WEBP)))
    assert len(frames_of(only(rendered, Format.WEBP))[0]) == 2
    # Browsers show only the frames, so the first is the still picture too.
    jpeg = opened(only(rendered)).convert("RGB")
    assert distance(jpeg.getpixel((8, 20)), COLOURS[0]) < 40  # type: ignore[arg-type]
    assert distance(middle_of(jpeg), (255, 255, 255)) < 8


def test_jpeg_and_avif_show_the_first_frame_with_a_decision() -> None:
    rendered = render(moving("GIF"), a_profile(60, formats=EVERY_FORMAT))

    assert {rendition.format: rendition.frames for rendition in rendered.renditions} == {
        Format.JPEG: 1,
        Format.WEBP: 4,
        Format.AVIF: 1,
    }
    jpeg = opened(only(rendered)).convert("RGB")
    assert distance(jpeg.getpixel((8, 20)), COLOURS[0]) < 40  # type: ignore[arg-type]
    assert distance(jpeg.getpixel((20, 20)), (255, 255, 255)) < 40  # type: ignore[arg-type]
    assert codes(rendered) == ["animated"]


def test_an_animation_is_kept_below_its_target() -> None:
    stripes = Image.new("RGB", (40, 30), (255, 0, 0))
    for left in range(0, 40, 2):
        stripes.paste((0, 0, 255), (left, 0, left + 1, 30))
    frames = [stripes, stripes.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    profile = Profile("test", (Ladder("main", (40,), (FormatChoice(Format.WEBP, target=90),)),))

    still = render(encoded(stripes, "PNG"), profile)
    moves = render(encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]), profile)
    assert (still.renditions, codes(still)[0]) == ((), "webp_short")
    assert (only(moves, Format.WEBP).frames, codes(moves)[0]) == (2, "animated")


def test_every_width_of_the_ladder_is_animated() -> None:
    rendered = render(moving("GIF"), a_profile(30, 60, formats=(Format.WEBP,)))

    assert [(rendition.width, rendition.height, rendition.frames) for rendition in rendered.renditions] == [
        (60, 40, 4),
        (30, 20, 4),
    ]
    assert [len(frames_of(rendition)[0]) for rendition in rendered.renditions] == [4, 4]


@pytest.mark.parametrize("formats", [(Format.JPEG,), (Format.JPEG, Format.AVIF)])
def test_without_webp_only_the_first_frame_is_rendered(formats: tuple[Format, ...]) -> None:
    rendered = render(moving("GIF"), a_profile(60, formats=formats))

    assert {rendition.frames for rendition in rendered.renditions} == {1}
    assert "first_frame" in codes(rendered)


def test_a_ladder_can_disable_animation() -> None:
    rendered = render(moving("GIF"), a_profile(60, formats=EVERY_FORMAT, animation=False))

    assert {rendition.frames for rendition in rendered.renditions} == {1}
    assert "first_frame" in codes(rendered)


@pytest.mark.parametrize("plugin", ["AVIF", "TIFF"])
def test_the_first_picture_of_other_multi_picture_files_is_rendered(plugin: str) -> None:
    colours = [plain((40, 30), colour) for colour in COLOURS]
    content = encoded(colours[0], plugin, save_all=True, append_images=colours[1:])

    rendered = render(content, a_profile(40, formats=(Format.JPEG, Format.WEBP)))
    assert distance(middle_of(opened(only(rendered))), COLOURS[0]) < 12
    assert codes(rendered)[0] == "first_frame"


def test_frames_are_cropped_oriented_and_converted_like_a_still() -> None:
    colours = [plain((60, 40), colour) for colour in ((200, 100, 50), (60, 120, 180))]
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(
        colours[0],
        "WEBP",
        save_all=True,
        append_images=colours[1:],
        lossless=True,
        duration=50,
        exif=exif,
        icc_profile=display_p3(),
    )

    square = Crop(Fit.COVER, (1, 2))
    rendition = only(render(content, a_profile(20, formats=(Format.WEBP,), crop=square)), Format.WEBP)
    frames, _, _ = frames_of(rendition)
    assert [frame.size for frame in frames] == [(20, 40), (20, 40)]
    assert distance(middle_of(frames[0]), (215, 93, 31)) < 12


def test_more_frames_than_the_limit_are_rejected() -> None:
    with pytest.raises(RejectedPicture) as caught:
        render(moving("GIF"), a_profile(60, formats=EVERY_FORMAT, max_frames=3))

    rejected = caught.value
    assert (rejected.reason, rejected.limit, rejected.actual) == ("too_many_frames", 3, 4)
    assert rejected.sentence == "The animation has 4 frames; the limit is 3."


def test_more_pixels_in_all_frames_than_the_limit_are_rejected() -> None:
    with pytest.raises(RejectedPicture) as caught:
        render(moving("GIF"), a_profile(60, formats=EVERY_FORMAT, max_animation_pixels=9000))

    rejected = caught.value
    assert (rejected.reason, rejected.limit, rejected.actual) == ("too_many_pixels", 9000, 9600)


def test_animation_limits_do_not_apply_without_animation() -> None:
    profile = a_profile(60, max_frames=3, max_animation_pixels=9000)

    assert only(render(moving("GIF"), profile)).width == 60


def test_only_one_frame_is_in_memory_at_a_time() -> None:
    frames = [plain((700, 700), COLOURS[number % 4]).quantize(4) for number in range(60)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=40)

    # All frames at once would be 118 MB, over the limit.
    profile = a_profile(70, formats=(Format.WEBP,))
    limit = beside_this_process(90_000_000)
    rendered = isolated(lambda: render(content, profile), memory_bytes=limit, seconds=60)
    assert only(rendered, Format.WEBP).frames == 60


def beside_this_process(size_bytes: int) -> int:
    with open("/proc/self/statm") as statm:  # noqa: PTH123
        return int(statm.read().split()[0]) * 4096 + size_bytes


@pytest.mark.parametrize("plugin", ["GIF", "WEBP", "PNG"])
def test_a_truncated_animation_is_rejected(plugin: str) -> None:
    content = moving(plugin)

    with pytest.raises(RejectedPicture) as caught:
        render(content[: len(content) * 3 // 4], a_profile(60, formats=EVERY_FORMAT))
    assert caught.value.reason == "corrupt_image"


def test_a_png_with_an_invalid_animation_is_a_still() -> None:
    content = bytearray(moving("PNG"))
    at = content.index(b"acTL") + 4
    content[at : at + 4] = (9).to_bytes(4)  # a wrong count, and therefore a wrong checksum

    rendered = render(bytes(content), a_profile(60, formats=(Format.JPEG, Format.WEBP)))
    assert {rendition.frames for rendition in rendered.renditions} == {1}
    assert "first_frame" in codes(rendered)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_animation_of_one_frame_is_a_still(orientation: int) -> None:
    rendered = render(oriented(orientation, plain((60, 40)), "WEBP"), a_profile(60, formats=(Format.WEBP,)))

    assert (only(rendered, Format.WEBP).frames, codes(rendered)) == (1, ["webp_lossless"])
