"""Renditions of drawn pictures, compared with the drawing."""

import struct
from dataclasses import replace
from importlib.metadata import version
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageDraw

from darkroom.domain.profile import Profile
from darkroom.domain.receipts import Rendered
from darkroom.domain.renditions import Format
from darkroom.imaging import ENGINE, render, webp
from darkroom_cli.local.samples import photograph
from tests.unit.imaging.gain_maps import ultra_hdr
from tests.unit.imaging.pictures import (
    ARITHMETIC_JPEG,
    BLUE,
    CANARY,
    CORNERS,
    RED,
    WHITE,
    a_profile,
    animated,
    codes,
    cornered,
    corners_of,
    distance,
    encoded,
    middle_of,
    multi_picture_jpeg,
    only,
    opened,
    oriented,
    plain,
    png_chunk,
    srgb,
)

EVERY_FORMAT = (Format.JPEG, Format.WEBP, Format.AVIF, Format.JXL)


@pytest.mark.parametrize("plugin", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_renditions_are_upright_for_every_orientation(orientation: int, plugin: str) -> None:
    rendered = render(oriented(orientation, cornered(96, 64), plugin), a_profile(48))

    upright = opened(only(rendered))
    assert upright.size == (48, 32)
    assert (rendered.original.width, rendered.original.height) == (96, 64)
    for found, wanted in zip(corners_of(upright), CORNERS, strict=True):
        assert distance(found, wanted) < 12


def test_a_png_is_oriented_by_xmp() -> None:
    stored = encoded(cornered().transpose(Image.Transpose.ROTATE_90), "PNG")
    xmp = b'XML:com.adobe.xmp\0\0\0\0\0<rdf:Description tiff:Orientation="6"/>'
    content = stored[:33] + png_chunk(b"iTXt", xmp) + stored[33:]

    assert corners_of(opened(only(render(content, a_profile(96)))))[0] == pytest.approx(CORNERS[0], abs=12)


@pytest.mark.parametrize("filled", [b"\0", b"\xff"])
def test_exif_is_read_for_any_padding_byte(filled: bytes) -> None:
    stored = cornered(96, 64).transpose(Image.Transpose.ROTATE_90)
    jpeg, png = encoded(stored, "JPEG"), encoded(stored, "PNG")
    exif = b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    named = b"Exif\0" + filled + exif
    in_jpeg = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(named) + 2) + named + jpeg[2:]
    in_png = png[:33] + png_chunk(b"eXIf", named) + png[33:]

    for content in (in_jpeg, in_png):
        upright = opened(only(render(content, a_profile(96))))
        assert upright.size == (96, 64)
        for found, wanted in zip(corners_of(upright), CORNERS, strict=True):
            assert distance(found, wanted) < 12


def test_damaged_exif_is_ignored() -> None:
    content = encoded(plain((40, 40)), "JPEG")
    segment = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(range(200))
    content = content[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2) + segment + content[2:]

    assert only(render(content, a_profile(40))).width == 40


def test_a_transparent_palette_colour_is_background_in_jpeg_and_alpha_in_webp() -> None:
    image = plain((60, 60), (255, 0, 0)).quantize(4)
    content = encoded(image, "PNG", transparency=image.getpixel((0, 0)))

    rendered = render(content, a_profile(60, formats=(Format.JPEG, Format.WEBP), background="#336699"))
    assert distance(middle_of(opened(only(rendered))), (0x33, 0x66, 0x99)) <= 6
    assert opened(only(rendered, Format.WEBP)).getchannel("A").getextrema() == (0, 0)


@pytest.mark.parametrize("wanted", [Format.WEBP, Format.AVIF])
def test_webp_and_avif_keep_alpha(wanted: Format) -> None:
    image = Image.new("RGBA", (60, 60), (10, 200, 30, 0))
    ImageDraw.Draw(image).rectangle((0, 0, 29, 59), (10, 200, 30, 255))

    kept = opened(only(render(encoded(image, "PNG"), a_profile(60, formats=(wanted,))), wanted))
    alpha = kept.getchannel("A")
    assert (alpha.getpixel((10, 30)), alpha.getpixel((50, 30))) == (255, 0)


def test_a_lossless_webp_is_transparent_without_the_flag_of_the_file() -> None:
    picture = plain((40, 40), mode="RGBA")
    picture.putalpha(100)
    content = encoded(picture, "WEBP", lossless=True, icc_profile=srgb())
    without_flag = content[:20] + bytes([content[20] & ~0x10]) + content[21:]

    found = opened(only(render(without_flag, a_profile(40, formats=(Format.WEBP,))), Format.WEBP))

    assert found.getchannel("A").getextrema() == (100, 100)


def test_a_resized_edge_has_no_fringe() -> None:
    image = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((50, 50, 350, 350), (255, 255, 255, 255))

    # White on white: the black of transparent pixels must not be visible.
    shades = opened(only(render(encoded(image, "PNG"), a_profile(64)))).convert("L").histogram()
    assert sum(shades[:241]) == 0


def test_an_opaque_alpha_channel_is_dropped() -> None:
    image = plain((60, 60)).convert("RGBA")

    assert opened(
        only(render(encoded(image, "PNG"), a_profile(60, formats=(Format.WEBP,))), Format.WEBP)
    ).mode == ("RGB")


def test_renditions_have_no_metadata() -> None:
    exif = Image.Exif()
    exif[0x010E] = CANARY.decode()
    exif[0x013B] = CANARY.decode()
    exif.get_ifd(0x8825)[1] = "N"
    stored = encoded(plain((80, 80)), "JPEG", exif=exif, comment=CANARY, icc_profile=srgb(), xmp=CANARY)

    for rendition in render(stored, a_profile(40, 80, formats=EVERY_FORMAT)).renditions:
        published = opened(rendition)
        assert CANARY not in rendition.data
        assert not dict(published.getexif())
        assert not published.info.keys() & {"icc_profile", "xmp", "exif", "comment"}


@pytest.mark.parametrize("plugin", ["PNG", "WEBP", "GIF", "AVIF", "TIFF"])
def test_comments_of_other_formats_are_removed(plugin: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = CANARY.decode()
    options: dict[str, object] = {"comment": CANARY} if plugin == "GIF" else {"exif": exif}
    stored = encoded(plain((80, 80)), plugin, **options)
    assert CANARY in stored

    for rendition in render(stored, a_profile(80, formats=EVERY_FORMAT)).renditions:
        assert CANARY not in rendition.data


@pytest.mark.parametrize("plugin", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF", "BMP"])
@pytest.mark.parametrize("more", [b"\0" * 50, CANARY * 50])
def test_trailing_bytes_are_ignored_in_every_format(more: bytes, plugin: str) -> None:
    rendered = render(encoded(plain((40, 30)), plugin) + more, a_profile(40, formats=EVERY_FORMAT))

    assert distance(middle_of(opened(only(rendered))), (120, 80, 200)) < 12
    assert not any(CANARY in rendition.data for rendition in rendered.renditions)


def test_bytes_after_the_end_of_a_jpeg_are_ignored() -> None:
    content = encoded(plain((40, 40)), "JPEG") + CANARY + encoded(cornered(), "JPEG")

    rendition = only(render(content, a_profile(40)))
    assert (opened(rendition).size, CANARY in rendition.data) == ((40, 40), False)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_progressive_jpeg_is_rendered(progressive: bool) -> None:
    content = encoded(cornered(300, 200), "JPEG", progressive=progressive)

    for found, wanted in zip(corners_of(opened(only(render(content, a_profile(100))))), CORNERS, strict=True):
        assert distance(found, wanted) < 12


def test_an_arithmetic_coded_jpeg_is_rendered() -> None:
    image = opened(only(render(ARITHMETIC_JPEG, a_profile(32))))

    assert distance(image.getpixel((6, 8)), (200, 100, 50)) < 8  # type: ignore[arg-type]
    assert distance(image.getpixel((26, 8)), (40, 100, 180)) < 8  # type: ignore[arg-type]


def test_the_first_picture_of_a_multi_picture_jpeg_is_rendered() -> None:
    rendered = render(multi_picture_jpeg(cornered(90, 60), plain((30, 20))), a_profile(90))

    assert (rendered.original.format, rendered.original.width) == ("jpeg", 90)
    assert corners_of(opened(only(rendered)))[0] == pytest.approx(RED, abs=12)


def test_the_base_picture_of_a_jpeg_with_a_gain_map_is_rendered() -> None:
    content = ultra_hdr(cornered(90, 60), plain((45, 30), (255, 255, 255), "L"))

    rendered = render(content, a_profile(90, formats=EVERY_FORMAT))
    for rendition in rendered.renditions:
        assert b"hdrgm" not in rendition.data
        for found, wanted in zip(corners_of(opened(rendition)), CORNERS, strict=True):
            assert distance(found, wanted) < 25


def test_each_width_of_the_profile_gives_one_rendition_per_format() -> None:
    content = encoded(cornered(1200, 800), "JPEG")

    rendered = render(content, a_profile(100, 640, 1000, formats=EVERY_FORMAT))
    found = {(rendition.format, rendition.width, rendition.height) for rendition in rendered.renditions}
    sizes = [(100, 67), (640, 427), (1000, 667)]
    assert found <= {(wanted, *size) for wanted in EVERY_FORMAT for size in sizes}
    assert {(width, height) for wanted, width, height in found if wanted is Format.JPEG} == set(sizes)


def test_a_rendition_matches_its_record() -> None:
    content = encoded(cornered(300, 200), "PNG")

    for rendition in render(content, a_profile(100, 250, formats=EVERY_FORMAT)).renditions:
        published = opened(rendition)
        assert published.size == (rendition.width, rendition.height)
        assert published.format == rendition.format.value.upper()
        for found, wanted in zip(corners_of(published), CORNERS, strict=True):
            assert distance(found, wanted) < 25


def test_a_picture_is_never_enlarged() -> None:
    rendered = render(encoded(plain((300, 200)), "PNG"), a_profile(100, 640, 1280, 1920))

    assert [(rendition.width, rendition.height) for rendition in rendered.renditions] == [
        (300, 200),
        (100, 67),
    ]


def test_widths_refer_to_the_upright_picture() -> None:
    rendered = render(oriented(6, cornered(60, 90), "JPEG"), a_profile(100))

    assert (only(rendered).width, only(rendered).height) == (60, 90)


@pytest.mark.parametrize("plugin", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF", "BMP"])
def test_a_single_pixel_is_rendered(plugin: str) -> None:
    rendered = render(encoded(plain((1, 1)), plugin), a_profile(100, 640, formats=EVERY_FORMAT))

    assert {(rendition.width, rendition.height) for rendition in rendered.renditions} == {(1, 1)}


@pytest.mark.parametrize(("size", "shown"), [((65500, 1), (64, 1)), ((1, 65500), (1, 65500))])
def test_no_side_becomes_zero(size: tuple[int, int], shown: tuple[int, int]) -> None:
    rendered = render(encoded(plain(size), "PNG"), a_profile(64))

    assert (only(rendered).width, only(rendered).height) == shown


def test_sides_are_limited_to_the_maximum_of_jpeg() -> None:
    rendered = render(encoded(plain((2, 70000)), "PNG"), a_profile(64))

    assert (only(rendered).height, codes(rendered)) == (65500, ["side_limited"])


def test_sizes_over_the_limit_of_webp_and_avif_are_skipped_with_a_decision() -> None:
    formats = (Format.JPEG, Format.WEBP, Format.AVIF)
    rendered = render(encoded(plain((1, 40000)), "PNG"), a_profile(64, formats=formats))

    assert [rendition.format for rendition in rendered.renditions] == [Format.JPEG]
    assert {"webp_skipped", "avif_skipped"} <= set(codes(rendered))


def test_a_noisy_picture_larger_than_the_encoders_buffer_is_rendered() -> None:
    noise = Image.merge("RGB", [Image.effect_noise((600, 600), 250) for _ in range(3)])

    assert only(render(encoded(noise, "PNG"), a_profile(600, quality=100))).width == 600


@pytest.mark.parametrize("plugin", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_the_first_frame_of_an_animation_is_rendered_with_a_decision(plugin: str) -> None:
    rendered = render(animated(plugin), a_profile(40))

    assert distance(middle_of(opened(only(rendered))), (255, 0, 0)) < 12
    assert "first_frame" in codes(rendered)


def without_opaque_webp(profile: Profile) -> Profile:
    return replace(profile, ladders=tuple(replace(each, opaque_webp=False) for each in profile.ladders))


def test_a_profile_can_omit_the_webp_of_opaque_pictures_with_one_decision() -> None:
    main = a_profile(60, 120, formats=(Format.JPEG, Format.WEBP)).ladders[0]
    profile = Profile("test", (main, replace(main, name="other")))
    content = encoded(photograph(120, 80), "PNG")

    rendered = render(content, without_opaque_webp(profile))

    assert {rendition.format for rendition in rendered.renditions} == {Format.JPEG}
    assert codes(rendered) == ["webp_omitted"]
    assert "webp_omitted" not in codes(render(content, profile))


@pytest.mark.parametrize(
    "content",
    [encoded(Image.new("RGBA", (60, 40), (90, 20, 20, 99)), "PNG"), animated("GIF")],
    ids=["transparent", "animated"],
)
def test_transparency_and_animation_are_in_webp_all_the_same(content: bytes) -> None:
    profile = a_profile(40, formats=(Format.JPEG, Format.WEBP))

    rendered = render(content, without_opaque_webp(profile))

    assert only(rendered, Format.WEBP).data == only(render(content, profile), Format.WEBP).data


def test_webp_is_never_omitted_where_no_jpeg_is_made() -> None:
    rendered = render(
        encoded(photograph(60, 40), "PNG"), without_opaque_webp(a_profile(60, formats=(Format.WEBP,)))
    )

    assert only(rendered, Format.WEBP).width == 60


def test_avif_over_its_time_budget_is_skipped_with_a_decision() -> None:
    noise = Image.effect_noise((1500, 1500), 90)

    rendered = render(encoded(noise, "PNG"), a_profile(1500, formats=EVERY_FORMAT, avif_seconds=0.01))
    assert Format.AVIF not in {rendition.format for rendition in rendered.renditions}
    assert "avif_skipped" in codes(rendered)


def test_where_processors_are_shared_avif_has_more_time() -> None:
    noise = Image.effect_noise((300, 300), 90)

    profile = a_profile(300, formats=EVERY_FORMAT, avif_seconds=0.001)
    assert "avif_skipped" not in codes(render(encoded(noise, "PNG"), profile, slack=60_000))


def test_a_time_budget_of_zero_disables_avif() -> None:
    rendered = render(encoded(plain((40, 40)), "PNG"), a_profile(40, formats=EVERY_FORMAT, avif_seconds=0))

    assert Format.AVIF not in {rendition.format for rendition in rendered.renditions}
    assert "avif_skipped" in codes(rendered)


def test_a_smaller_original_is_recorded_as_a_decision() -> None:
    noise = Image.effect_noise((300, 300), 90)

    rendered = render(encoded(noise, "JPEG", quality=20), a_profile(300, quality=95))
    assert only(rendered).width == 300
    assert codes(rendered) == ["original_smaller"]


def test_a_narrower_rendition_with_more_bytes_is_recorded_as_a_decision() -> None:
    """Blocks of 8 pixels fit those of JPEG at one width only."""
    blocks = Image.effect_noise((80, 80), 90).resize((640, 640), Image.Resampling.NEAREST)

    rendered = render(encoded(blocks, "PNG"), a_profile(600, 640))

    narrower, wider = sorted(rendered.renditions, key=lambda rendition: rendition.width)
    assert len(narrower.data) > len(wider.data)
    assert "narrower_larger" in codes(rendered)


def test_a_format_no_smaller_than_a_more_widely_supported_one_is_dropped() -> None:
    content = encoded(plain((200, 200)), "PNG")

    by_width: dict[int, list[tuple[Format, int]]] = {}
    rendered = render(content, a_profile(20, 200, formats=EVERY_FORMAT))
    for rendition in rendered.renditions:
        by_width.setdefault(rendition.width, []).append((rendition.format, len(rendition.data)))
    for made in by_width.values():
        assert made[0][0] is Format.JPEG
        assert [size for _, size in made] == sorted((size for _, size in made), reverse=True)


def samplings(rendered: Rendered) -> dict[int, tuple[int, int]]:
    """Returns the subsampling factors of each JPEG, by width."""
    return {
        rendition.width: opened(rendition).layer[0][1:3]  # type: ignore[attr-defined]
        for rendition in rendered.renditions
    }


def test_small_pictures_keep_full_chroma_and_large_ones_are_subsampled() -> None:
    content = encoded(Image.radial_gradient("L").convert("RGB").resize((800, 600)), "PNG")

    assert samplings(render(content, a_profile(100, 700))) == {100: (1, 1), 700: (2, 2)}


def test_saturated_text_keeps_full_chroma() -> None:
    screen = plain((800, 600), WHITE)
    draw = ImageDraw.Draw(screen)
    for line, colour in enumerate((RED, BLUE, (0, 140, 0)) * 8):
        draw.text((10, 20 + 24 * line), "Every letter of this stays crisp " * 4, colour)

    assert samplings(render(encoded(screen, "PNG"), a_profile(800))) == {800: (1, 1)}


def test_the_receipt_describes_the_upright_original() -> None:
    content = oriented(8, cornered(90, 60), "JPEG")

    original = render(content, a_profile(40)).original
    assert (original.format, original.width, original.height, original.size_bytes) == (
        "jpeg",
        90,
        60,
        len(content),
    )


def test_time_and_memory_of_every_step_are_measured() -> None:
    rendered = render(encoded(plain((40, 40)), "PNG"), a_profile(40, formats=EVERY_FORMAT))

    milliseconds, peaks = rendered.milliseconds, list(rendered.peak_mb.values())
    assert rendered.peak_mb.keys() == milliseconds.keys()
    assert 5 < peaks[0] < 10_000
    assert peaks == sorted(peaks)
    assert {"header", "decode", "shrink", "to_srgb", "encode_jpeg", "encode_webp", "encode_avif"} <= set(
        milliseconds
    )
    assert all(spent >= 0 for spent in milliseconds.values())


def test_the_same_picture_gives_the_same_bytes() -> None:
    content = encoded(cornered(200, 150), "PNG")
    profile = a_profile(50, 200, formats=EVERY_FORMAT)

    assert render(content, profile).renditions == render(content, profile).renditions


def test_the_engine_names_its_native_libraries_and_its_revision() -> None:
    assert ENGINE.startswith("pillow-")
    assert f" mozjpeg-{version('mozjpeg-lossless-optimization')} " in ENGINE
    assert BytesIO(ENGINE.encode()).read().isascii()


@pytest.mark.parametrize(
    ("mode", "options"),
    [("RGB", {}), ("RGB", {"lossless": True}), ("RGBA", {}), ("RGBA", {"lossless": True}), ("LA", {})],
)
def test_a_still_webp_has_the_same_pixels_as_decoded_by_pillow(mode: str, options: dict[str, object]) -> None:
    image = photograph(160, 120).convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    content = encoded(image, "WEBP", **options)

    found = webp.still(content, image.size)

    assert found is not None
    theirs = opened(content)
    assert (
        ImageChops.difference(found.convert("RGBA"), theirs.convert("RGBA")).getbbox(alpha_only=False) is None
    )


def test_an_animated_or_truncated_webp_is_no_still() -> None:
    whole = encoded(photograph(64, 64), "WEBP")

    assert webp.still(animated("WEBP"), (40, 30)) is None
    assert webp.still(whole[: len(whole) // 2], (64, 64)) is None
    assert webp.still(whole, (64, 65)) is None
