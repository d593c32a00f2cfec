"""Gain maps: removed by default, and kept in JPEG files where the profile says so.

libultrahdr (in imagecodecs) is the independent reader: it applies a map to its picture.
"""

import struct
from copy import replace
from io import BytesIO
from math import log2

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from PIL.MpoImagePlugin import MpoImageFile

from darkroom.domain.profile import Crop, Fit, FormatChoice, Hdr, Ladder, Metadata, Profile
from darkroom.domain.receipts import Rendered
from darkroom.domain.renditions import Format
from darkroom.imaging import render
from darkroom.imaging.rights import description, packet
from darkroom.imaging.sniff.gain_map import GainMap, read_gain_map
from tests.unit.imaging import gain_maps as drawn
from tests.unit.imaging.gain_maps import FACTS, THREE_CHANNELS, scene, ultra_hdr
from tests.unit.imaging.pictures import (
    a_profile,
    codes,
    display_p3,
    encoded,
    only,
    opened,
    oriented,
    plain,
    srgb,
)
from tests.unit.imaging.test_rights import KEPT, rights_of

KINDS = ("xmp", "iso", "container", "apple")


def keeping(*widths: int, crop: Crop | None = None, target: float | None = None) -> Profile:
    choice = FormatChoice(Format.JPEG, None if target else 90, target)
    return Profile("test", (Ladder("main", widths or (480,), (choice,), crop=crop),), hdr=Hdr.KEEP)


def in_light(content: bytes, boost: float = 16.0) -> np.ndarray:
    """Returns red, green and blue as libultrahdr shows them on an HDR screen; 1 is the white of others."""
    decoded: np.ndarray = imagecodecs.ultrahdr_decode(content, boost=boost)
    return decoded[..., :3].astype(np.float32)


def map_of(content: bytes) -> Image.Image:
    """Returns the gain map, found by Pillow in the index of pictures."""
    image = MpoImageFile(BytesIO(content))
    assert image.n_frames == 2
    image.seek(1)
    image.load()
    return image


def sentences(rendered: Rendered, code: str) -> list[str]:
    return [decision.why for decision in rendered.decisions if decision.code == code]


@pytest.mark.parametrize("kind", KINDS)
def test_by_default_the_map_is_removed_and_the_receipt_says_how_to_keep_it(kind: str) -> None:
    rendered = render(ultra_hdr(*scene(), kind), a_profile(480))

    [why] = sentences(rendered, "hdr_reduced")
    assert "gain map" in why
    assert '"hdr": "keep"' in why
    assert only(rendered).data == only(render(encoded(scene()[0], "JPEG"), a_profile(480))).data
    assert opened(only(rendered)).format == "JPEG"


@pytest.mark.parametrize("kind", KINDS)
def test_every_jpeg_keeps_its_map(kind: str) -> None:
    rendered = render(ultra_hdr(*scene(), kind), keeping(120, 240, 480))

    assert codes(rendered) == ["hdr_kept"] * 3
    for rendition in rendered.renditions:
        image = map_of(rendition.data)
        assert image.size == (rendition.width // 2, rendition.height // 2)
        x, y = image.width // 6, image.height // 6
        lit = image.crop((x - 2, y - 2, x + 2, y + 2))
        assert lit.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)) == pytest.approx(255, abs=4)
        assert in_light(rendition.data).max() > 3
        kept = read_gain_map(rendition.data)
        assert kept
        assert (kept.low, kept.high, kept.headroom) == ((0.0,), (2.0,), (0.0, 2.0))


DARKER = replace(FACTS, low=(-1.0,), gamma=(0.7,))


# libultrahdr reads three channels from ISO's metadata only.
@pytest.mark.parametrize(
    ("kind", "facts"),
    [("xmp", FACTS), ("iso", FACTS), ("xmp", DARKER), ("iso", DARKER), ("iso", THREE_CHANNELS)],
)
def test_a_kept_picture_looks_like_its_original_on_an_hdr_screen(kind: str, facts: drawn.Facts) -> None:
    base, gain = scene()
    content = ultra_hdr(base, gain, kind, facts)

    original, kept = in_light(content), in_light(only(render(content, keeping())).data)
    assert original.max() > 1.5
    assert np.abs(kept - original).mean() < 0.06 * original.mean()  # noise of both encodings
    # The middle of the lamp.
    assert kept[32:64, 60:90].mean() == pytest.approx(original[32:64, 60:90].mean(), rel=0.02)


def test_apples_map_is_applied_as_in_chromium() -> None:
    headroom = 4.0
    for level in (64, 128, 192, 255):
        gain = Image.new("L", (60, 40), level)
        content = ultra_hdr(
            plain((120, 80), (128, 128, 128)), gain, "apple", drawn.Facts(headroom=log2(headroom))
        )

        light = in_light(only(render(content, keeping(120))).data)
        sdr = ((128 / 255 + 0.055) / 1.055) ** 2.4
        wanted = sdr * (1 + (headroom - 1) * (level / 255) ** 1.961)
        assert light.mean() == pytest.approx(wanted, rel=0.03), level


@pytest.mark.parametrize(
    ("headroom", "gain", "stops"),
    [(0.5, 0.005, 1.7), (0.5, 0.5, 1.5505), (1.2, 0.001, 2.93), (1.2, 0.3, 2.2121)],
)
def test_older_files_of_apple_state_their_headroom_in_the_makers_note(
    headroom: float, gain: float, stops: float
) -> None:
    base, image = (encoded(picture, "JPEG") for picture in scene())
    exif = drawn.segment(0xE1, drawn.maker_note(headroom, gain))
    second = drawn.segment(0xE1, drawn.XMP + drawn.apple(None))

    found = read_gain_map(drawn.joined(base, image, first=exif, second=second))
    assert found
    assert found.high == pytest.approx((stops,), abs=0.001)
    assert read_gain_map(drawn.joined(base, image, second=second)) is None


def test_the_picture_and_its_score_are_the_same_with_the_map() -> None:
    content = ultra_hdr(*scene())
    kept, reduced = (
        render(content, replace(keeping(240, 480, target=75.0), hdr=choice))
        for choice in (Hdr.KEEP, Hdr.REDUCE)
    )

    for with_map, without in zip(kept.renditions, reduced.renditions, strict=True):
        assert (with_map.score, with_map.quality) == (without.score, without.quality)
        assert opened(with_map).tobytes() == opened(without).tobytes()
        assert len(with_map.data) > len(without.data)


def test_the_receipt_states_the_bytes_of_the_map() -> None:
    content = ultra_hdr(*scene())
    kept, reduced = (
        only(render(content, replace(keeping(), hdr=choice))) for choice in (Hdr.KEEP, Hdr.REDUCE)
    )

    added = len(kept.data) - len(reduced.data)
    assert sentences(render(content, keeping()), "hdr_kept") == [
        f"The JPEG 480 pixels wide keeps the gain map for HDR screens, in {added:,} bytes."
    ]
    assert added <= max(4000, len(reduced.data) // 2)


def test_a_map_of_more_than_half_the_bytes_is_not_kept() -> None:
    noise = Image.effect_noise((240, 160), 100)
    rendered = render(ultra_hdr(plain((480, 320)), noise), keeping())

    assert codes(rendered) == ["hdr_reduced"]
    assert "over half of its bytes" in rendered.decisions[0].why
    assert opened(only(rendered)).format == "JPEG"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_map_is_turned_with_its_picture(orientation: int) -> None:
    base, gain = scene()
    turned_base = oriented(orientation, base, "JPEG")
    turned_gain = opened(oriented(orientation, gain, "JPEG"))
    rendered = render(ultra_hdr(turned_base, encoded(turned_gain, "JPEG")), keeping())

    light = in_light(only(rendered).data).mean(axis=2)
    lit = light > 2
    assert lit.any()
    rows, columns = np.nonzero(lit)
    assert columns.max() < 150
    assert rows.max() < 100


def test_the_map_is_cropped_with_its_picture() -> None:
    crop = Crop(Fit.COVER, (1, 1), (0.0, 0.5))
    left = in_light(only(render(ultra_hdr(*scene()), keeping(160, crop=crop))).data)
    right = in_light(
        only(render(ultra_hdr(*scene()), keeping(160, crop=replace(crop, focus=(1.0, 0.5))))).data
    )

    assert left.shape == right.shape == (160, 160, 3)
    assert left.max() > 3
    assert right.max() < 1.3
    rows, columns = np.nonzero(left.mean(axis=2) > 2)
    # The lamp is 90 x 60 pixels of 480 x 320, from (30, 20) on; the crop is 320 pixels high, shown as 160.
    found = columns.min(), columns.max(), rows.min(), rows.max()
    assert found == pytest.approx((15, 59, 10, 39), abs=3)


@pytest.mark.parametrize("size", [(481, 319), (333, 500), (97, 61), (65, 33)])
def test_odd_sizes_are_read_by_libultrahdr(size: tuple[int, int]) -> None:
    base, gain = scene(480, 320)
    rendered = render(ultra_hdr(base.resize(size), gain), keeping(33, 64, 481))

    for rendition in rendered.renditions:
        light = in_light(rendition.data)
        assert light.shape[:2] == (rendition.height, rendition.width)
        assert light.max() > 2


def test_a_map_of_three_channels_is_kept_in_srgb_and_averaged_from_wider_primaries() -> None:
    base, gain = scene()
    colours = Image.merge("RGB", [gain.point([level // part for level in range(256)]) for part in (1, 2, 3)])

    for profile, mode in ((srgb(), "RGB"), (display_p3(), "L")):
        content = ultra_hdr(base, colours, "iso", THREE_CHANNELS, icc_profile=profile)
        kept = only(render(content, keeping())).data
        assert map_of(kept).mode == mode
        original, light = in_light(content)[32:64, 60:90], in_light(kept)[32:64, 60:90]
        assert light.mean() == pytest.approx(original.mean(), rel=0.1)


def test_both_kinds_of_metadata_are_written_with_the_right_lengths() -> None:
    kept = only(render(ultra_hdr(*scene()), keeping())).data

    at = kept.index(b"\xff\xd8\xff", 2)
    length = len(kept) - at
    assert f'Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="{length}"'.encode() in kept[:at]
    assert drawn.ISO + bytes(4) in kept[:at]
    assert drawn.ISO + bytes(4) + b"\x40" in kept[at:]
    assert b'hdrgm:GainMapMax="2"' in kept[at:]
    # The index of pictures begins with a byte order; offsets count from there. Its entries are 50 bytes on.
    index = kept.index(b"MPF\0") + 4
    first, second = (struct.unpack_from(">III", kept, index + 50 + 16 * number) for number in (0, 1))
    assert first == (0x30000, at, 0)
    assert second == (0, length, at - index)


@pytest.mark.parametrize("libjpeg", [False, True])
@pytest.mark.parametrize("linear", [False, True])
def test_the_map_is_kept_by_every_way_of_encoding(libjpeg: bool, linear: bool) -> None:
    content = ultra_hdr(*scene())

    for width in (64, 480):
        kept = only(render(content, replace(keeping(width), libjpeg=libjpeg, linear_light=linear)))
        assert in_light(kept.data).max() > 3


def test_rights_and_the_map_share_one_packet() -> None:
    base = encoded(scene()[0], "JPEG", xmp=packet([description(KEPT)]))
    content = drawn.joined(
        base,
        encoded(scene()[1], "JPEG"),
        first=drawn.segment(0xE2, drawn.ISO + bytes(4)),
        second=drawn.segment(0xE2, drawn.ISO + drawn.iso_metadata(FACTS)),
    )
    rendered = render(content, replace(keeping(), metadata=Metadata.RIGHTS))

    kept = only(rendered).data
    first = kept[: kept.index(b"\xff\xd8\xff", 2)]
    assert first.count(drawn.XMP) == 1
    assert rights_of(kept) == KEPT
    assert in_light(kept).max() > 3
    assert codes(rendered) == ["rights_kept", "hdr_kept"]


def test_other_formats_and_the_reference_have_no_map() -> None:
    choices = (FormatChoice(Format.JPEG, 90), FormatChoice(Format.WEBP, 50), FormatChoice(Format.AVIF, 30))
    profile = Profile("test", (Ladder("main", (240,), choices),), reference=True, hdr=Hdr.KEEP)
    rendered = render(ultra_hdr(*scene()), profile)

    assert [b"hdrgm" in rendition.data for rendition in rendered.renditions] == [True, False, False, False]


@pytest.mark.parametrize("missing", [0.1, 0.5, 0.9, 0.99])
def test_without_a_piece_of_the_map_the_picture_is_rendered_alone(missing: float) -> None:
    content = ultra_hdr(*scene(), "container")
    at = content.index(b"\xff\xd8\xff", 2)
    rendered = render(content[: round(len(content) - missing * (len(content) - at))], keeping())

    assert opened(only(rendered)).size == (480, 320)
    assert "hdr_kept" not in codes(rendered)
    assert b"hdrgm" not in only(rendered).data


def test_a_damaged_map_is_removed_with_a_decision() -> None:
    content = bytearray(ultra_hdr(*scene()))
    content[-len(content) // 200 : -100] = b""
    rendered = render(bytes(content), keeping())

    assert sentences(rendered, "hdr_reduced") == [
        "The gain map for HDR screens is damaged or incomplete; it was removed."
    ]


def test_a_map_with_many_more_pixels_than_its_picture_is_removed() -> None:
    rendered = render(ultra_hdr(scene(96, 64)[0], Image.new("L", (1200, 900))), keeping(96))

    assert "more pixels" in sentences(rendered, "hdr_reduced")[0]


UNUSABLE = {
    "darkest above lightest": replace(FACTS, low=(3.0,)),
    "not a number": replace(FACTS, high=(float("nan"),)),
    "infinite": replace(FACTS, high=(float("inf"),)),
    "too bright": replace(FACTS, high=(30.0,)),
    "gamma of 0": replace(FACTS, gamma=(0.0,)),
    "no headroom": replace(FACTS, headroom=0.0),
    "negative offset": replace(FACTS, offset=-0.5),
}


@pytest.mark.parametrize("facts", UNUSABLE.values(), ids=UNUSABLE)
def test_a_map_with_impossible_numbers_is_ignored(facts: drawn.Facts) -> None:
    base, gain = scene()
    assert read_gain_map(ultra_hdr(base, gain, "xmp", facts)) is None
    assert codes(render(ultra_hdr(base, gain, "xmp", facts), keeping())) == []


def test_other_second_pictures_are_no_gain_maps() -> None:
    base, gain = (encoded(picture, "JPEG") for picture in scene())

    def found(body: bytes, marker: int = 0xE2) -> GainMap | None:
        return read_gain_map(drawn.joined(base, gain, second=drawn.segment(marker, body)))

    assert found(b"hdrgm") is None
    assert found(drawn.ISO + b"\0\1") is None
    assert found(drawn.ISO + b"\0\1" + drawn.iso_metadata(FACTS)[2:]) is None  # a later version
    assert found(drawn.ISO + drawn.iso_metadata(FACTS, backward=True)) is None  # the picture itself is HDR
    assert found(drawn.ISO + drawn.iso_metadata(FACTS)[:5] + bytes(56)) is None  # denominators of 0
    assert found(drawn.XMP + drawn.hdrgm(FACTS, base_is_hdr=True), 0xE1) is None
    assert found(drawn.XMP + drawn.hdrgm(FACTS).replace(b'HDRCapacityMax="2.0"', b""), 0xE1) is None
    height = gain.index(b"\xff\xc0") + 5
    assert read_gain_map(ultra_hdr(base, gain[:height] + bytes(2) + gain[height + 2 :])) is None
    assert read_gain_map(encoded(scene()[0], "PNG") + b"hdrgm") is None


def test_iso_metadata_with_a_common_denominator_is_read() -> None:
    base, gain = (encoded(picture, "JPEG") for picture in scene())
    body = drawn.ISO + drawn.iso_metadata(THREE_CHANNELS, common_denominator=True)

    found = read_gain_map(drawn.joined(base, gain, second=drawn.segment(0xE2, body), between=7))
    assert found
    assert (found.low, found.high, found.gamma) == (
        THREE_CHANNELS.low,
        THREE_CHANNELS.high,
        THREE_CHANNELS.gamma,
    )
    assert found.offset_sdr == pytest.approx((0.016,) * 3)
