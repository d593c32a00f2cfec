"""JPEG XL: renditions, and JPEG originals that are kept without loss."""

import os
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from typing import NoReturn

import pytest
from PIL import Image, ImageChops, ImageStat

from darkroom.domain.profile import FormatChoice, Metadata, Profile
from darkroom.domain.receipts import Rendered
from darkroom.domain.renditions import LOSSLESS, Encoded, Format
from darkroom.imaging import jxl, render
from darkroom.imaging.sniff.jpeg import without_metadata
from darkroom_cli.local.samples import photograph
from tests.unit.imaging.pictures import (
    ARITHMETIC_JPEG,
    CANARY,
    CORNERS,
    DISPLAY_P3,
    a_profile,
    codes,
    cornered,
    corners_of,
    distance,
    encoded,
    multi_picture_jpeg,
    oriented,
    scene,
)

CODESTREAM, CONTAINER = b"\xff\x0a", b"\0\0\0\x0cJXL "
KEEPING = replace(a_profile(64), lossless=True)


def difference(left: Image.Image, right: Image.Image) -> float:
    """Returns the mean difference of the levels, 0 to 255."""
    means = ImageStat.Stat(ImageChops.difference(left, right)).mean
    return sum(means) / len(means)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(120, 81), (1, 1), (300, 1)])
def test_pixels_return_from_every_mode(mode: str, size: tuple[int, int]) -> None:
    picture = scene(mode).resize(size)

    decoded = jxl.decode(jxl.encode(picture, 95))

    assert (decoded.mode, decoded.size) == (mode, size)
    assert difference(decoded, picture) < 4


def test_a_file_is_a_bare_codestream_with_fewer_bytes_at_lower_quality() -> None:
    files = [jxl.encode(scene(), quality) for quality in (1, 30, 60, 90, 99, 100)]

    assert all(content.startswith(CODESTREAM) for content in files)
    assert sorted(files, key=len) == files


def test_equal_pixels_give_equal_bytes() -> None:
    assert jxl.encode(scene(), 80) == jxl.encode(scene(), 80)


@pytest.mark.parametrize("content", [b"", b"no picture", CODESTREAM, jxl.encode(scene(), 80)[:200]])
def test_a_broken_file_is_an_error(content: bytes) -> None:
    with pytest.raises(jxl.LibjxlFailed):
        jxl.decode(content)


def restored(content: bytes, jpeg: bytes) -> bytes:
    return jxl.to_jpeg(content, len(jpeg))


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {}),
        ("L", {}),
        ("RGB", {"progressive": True}),
        ("L", {"progressive": True, "restart_marker_blocks": 3}),
        ("RGB", {"subsampling": "4:4:4", "quality": 99}),
        ("RGB", {"optimize": True, "quality": 20}),
        ("RGB", {"icc_profile": DISPLAY_P3.profile}),
    ],
)
def test_a_jpeg_returns_bit_for_bit(mode: str, options: dict[str, object]) -> None:
    jpeg = encoded(scene(mode), "JPEG", **options)

    content = jxl.from_jpeg(jpeg, (120, 81), len(mode), orientation=1)

    assert content.startswith(CONTAINER)
    assert restored(content, jpeg) == jpeg
    with Image.open(BytesIO(jpeg)) as shown:
        assert difference(jxl.decode(content), shown.convert(mode)) < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_recompressed_jpeg_is_upright(orientation: int) -> None:
    rendered = render(oriented(orientation, cornered(96, 64), "JPEG"), KEEPING)

    kept = lossless(rendered)
    upright = jxl.decode(kept.data)
    assert (kept.width, kept.height) == upright.size == (96, 64)
    for found, wanted in zip(corners_of(upright), CORNERS, strict=True):
        assert distance(found, wanted) < 12


@pytest.mark.parametrize(
    "content", [encoded(scene("CMYK"), "JPEG"), ARITHMETIC_JPEG, b"\xff\xd8\xff\xd9", b"no picture", b""]
)
def test_a_jpeg_that_jpeg_xl_cannot_hold_is_an_error(content: bytes) -> None:
    with pytest.raises(jxl.LibjxlFailed):
        jxl.from_jpeg(content, (120, 81), 3, orientation=1)


def test_a_file_made_of_pixels_holds_no_jpeg() -> None:
    with pytest.raises(jxl.LibjxlFailed):
        jxl.to_jpeg(jxl.encode(scene(), 80), 10_000)


def lossless(rendered: Rendered) -> Encoded:
    (found,) = [rendition for rendition in rendered.renditions if rendition.ladder == LOSSLESS]
    return found


def why(rendered: Rendered, code: str) -> str:
    (found,) = [decision.why for decision in rendered.decisions if decision.code == code]
    return found


def test_an_original_without_metadata_is_kept_whole() -> None:
    original = encoded(photograph(400, 300), "JPEG", progressive=True)

    rendered = render(original, KEEPING)

    kept = lossless(rendered)
    assert (kept.format, kept.width, kept.height, kept.score) == (Format.JXL, 400, 300, None)
    assert kept.name == "lossless-400.jxl"
    assert len(kept.data) < len(original)
    assert restored(kept.data, original) == original
    sentence = why(rendered, "lossless_verified")
    assert f"all {len(original):,} bytes are those of the original: " in sentence
    assert sha256(original).hexdigest() in sentence


def with_metadata() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = CANARY.decode()
    return encoded(
        photograph(200, 150), "JPEG", exif=exif, comment=CANARY, xmp=CANARY, icc_profile=DISPLAY_P3.profile
    )


def test_an_original_is_kept_without_its_metadata() -> None:
    original = with_metadata() + CANARY

    rendered = render(original, KEEPING)

    jpeg = restored(lossless(rendered).data, original)
    assert jpeg == without_metadata(original)
    assert CANARY not in jpeg + lossless(rendered).data
    assert "those of the original without its metadata: " in why(rendered, "lossless_verified")
    with Image.open(BytesIO(jpeg)) as found:
        assert found.info["icc_profile"] == DISPLAY_P3.profile
        assert difference(found, Image.open(BytesIO(original))) == 0


def test_comments_between_scans_and_fill_bytes_are_removed() -> None:
    plain = encoded(scene(), "JPEG", progressive=True)
    comment = b"\xff\xfe" + (2 + len(CANARY)).to_bytes(2) + CANARY
    table = plain.rindex(b"\xff\xc4")
    hidden = plain[:2] + b"\xff\xff" + comment[1:] + plain[2:table] + comment + plain[table:]

    assert without_metadata(hidden) == without_metadata(plain) == plain


def test_only_the_first_picture_of_a_multi_picture_jpeg_is_kept() -> None:
    original = multi_picture_jpeg(cornered(90, 60), Image.new("RGB", (30, 20)))

    rendered = render(original, KEEPING)

    jpeg = restored(lossless(rendered).data, original)
    assert jpeg.count(b"\xff\xd8\xff") == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (encoded(scene(), "PNG"), "the original is not a JPEG."),
        (encoded(scene("CMYK"), "JPEG"), "libjxl can't hold this kind of JPEG, or not within the memory."),
        (ARITHMETIC_JPEG, "libjxl can't hold this kind of JPEG, or not within the memory."),
    ],
)
def test_the_receipt_says_why_there_is_no_lossless_file(content: bytes, reason: str) -> None:
    rendered = render(content, KEEPING)

    assert why(rendered, "lossless_skipped") == f"No lossless JPEG XL: {reason}"
    assert [rendition.format for rendition in rendered.renditions] == [Format.JPEG]


def test_a_lossless_file_that_gives_back_other_bytes_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jxl, "to_jpeg", lambda content, size_bytes: bytes(size_bytes))

    rendered = render(encoded(scene(), "JPEG"), KEEPING)

    assert "lossless_skipped" in codes(rendered)
    assert [rendition.format for rendition in rendered.renditions] == [Format.JPEG]


def test_rights_are_added_beside_the_pixels_and_the_jpeg() -> None:
    exif = Image.Exif()
    exif[0x8298] = "(c) A. Photographer"
    original = encoded(photograph(200, 150), "JPEG", exif=exif)
    profile = replace(a_profile(64, formats=(Format.JXL,)), lossless=True)
    plain, _ = render(original, profile).renditions

    made, kept = render(original, replace(profile, metadata=Metadata.RIGHTS)).renditions

    assert all(b"(c) A. Photographer" in rendition.data for rendition in (made, kept))
    assert jxl.decode(made.data).tobytes() == jxl.decode(plain.data).tobytes()
    assert restored(kept.data, original) == without_metadata(original)


def a_target(target: float, *formats: Format) -> Profile:
    profile = a_profile(200)
    choices = tuple(FormatChoice(wanted, None, target) for wanted in formats)
    return replace(profile, ladders=(replace(profile.ladders[0], formats=choices),))


def test_a_rendition_reaches_its_target() -> None:
    content = encoded(photograph(400, 300), "PNG")

    (made,) = render(content, a_target(85, Format.JXL)).renditions

    assert (made.format, made.width, made.score_kind) == (Format.JXL, 200, "measured")
    assert made.score == pytest.approx(85, abs=1)


def test_a_jpeg_xl_that_is_not_smaller_is_dropped() -> None:
    content = encoded(photograph(100, 75), "PNG")

    rendered = render(content, a_target(75, Format.JPEG, Format.JXL))

    assert [rendition.format for rendition in rendered.renditions] == [Format.JPEG]
    assert "jxl_dropped" in codes(rendered)


def test_the_receipt_says_that_libjxl_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jxl, "is_installed", lambda: False)
    profile = replace(a_profile(64, formats=(Format.JPEG, Format.JXL)), lossless=True)

    rendered = render(encoded(scene(), "JPEG"), profile)

    assert [rendition.format for rendition in rendered.renditions] == [Format.JPEG]
    for code in ("jxl_skipped", "lossless_skipped"):
        assert "comes with the Python package imagecodecs" in why(rendered, code)


def crash(*_: object) -> NoReturn:
    os._exit(9)


def fail(*_: object) -> NoReturn:
    raise jxl.LibjxlFailed


@pytest.mark.parametrize("fault", [crash, fail])
def test_other_renditions_remain_if_libjxl_fails(
    fault: Callable[..., NoReturn], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jxl, "encode", fault)
    monkeypatch.setattr(jxl, "from_jpeg", fault)
    profile = replace(a_profile(64, formats=(Format.JPEG, Format.JXL)), lossless=True)

    rendered = render(encoded(scene(), "JPEG"), profile)

    assert [rendition.format for rendition in rendered.renditions] == [Format.JPEG]
    assert {"jxl_skipped", "lossless_skipped"} <= set(codes(rendered))
