"""Targets: the search for each picture's quality."""

import json
import random
from dataclasses import asdict, replace
from io import BytesIO
from itertools import pairwise

import pytest
from PIL import Image, ImageChops

from darkroom.domain.profile import FormatChoice, Ladder, Profile, parse_profile
from darkroom.domain.receipts import Receipt
from darkroom.domain.renditions import Format
from darkroom.domain.serialization import parse_receipt, serialize_receipt
from darkroom.imaging import encode
from darkroom.imaging.pipeline import render
from darkroom.imaging.quality import GROWTH, TYPICAL, Search, encode_ladder, growth_between, quality_at
from darkroom.imaging.sample import Sample
from darkroom.imaging.ssimulacra2 import Ssimulacra2
from tests.unit.imaging.pictures import opened


def a_scene(width: int = 640, height: int = 427) -> Image.Image:
    """Draws soft gradients, hard edges and fine detail, the same on every machine."""
    size = (width, height)
    fractal = Image.effect_mandelbrot(size, (-2.0, -1.2, 1.0, 1.2), 90)
    detail = Image.effect_mandelbrot(size, (-0.8, 0.05, -0.7, 0.13), 200)
    soft = Image.radial_gradient("L").resize(size, Image.Resampling.BICUBIC)
    across = Image.linear_gradient("L").rotate(90).resize(size, Image.Resampling.BICUBIC)
    light = ImageChops.blend(fractal, detail, 0.5)
    return Image.merge(
        "RGB", [ImageChops.blend(hue, light, 0.5) for hue in (soft, across, fractal.reduce(8).resize(size))]
    )


@pytest.mark.parametrize("target", [70, 80, 90])
@pytest.mark.parametrize(
    ("wanted", "tolerance"), [(Format.JPEG, 1), (Format.WEBP, 2), (Format.AVIF, 2), (Format.JXL, 1)]
)
@pytest.mark.parametrize("width", [640, 1280])
def test_a_target_is_reached(width: int, wanted: Format, tolerance: float, target: float) -> None:
    scene = a_scene(width, width * 2 // 3)

    (made,) = encode_ladder(FormatChoice(wanted, None, target), [scene])

    if (wanted, target) == (Format.WEBP, 90):
        assert made.quality > 95  # with half the colours, it can't reach that score
    else:
        assert made.score == pytest.approx(target, abs=tolerance)


@pytest.mark.parametrize("wanted", TYPICAL)
def test_the_score_is_that_of_the_file(wanted: Format) -> None:
    scene = a_scene(1280, 854)

    (made,) = encode_ladder(FormatChoice(wanted, None, 75), [scene])

    assert made.score == Ssimulacra2(scene).score(opened(made.content))


def test_narrow_pictures_are_encoded_first() -> None:
    scene = a_scene()

    made = encode_ladder(FormatChoice(Format.JPEG, None, 75), [scene, scene.reduce(2), scene.reduce(4)])

    assert [Image.open(BytesIO(rendition.content)).width for rendition in made] == [160, 320, 640]


def test_a_wide_picture_is_encoded_at_most_five_times() -> None:
    scene, encoded = a_scene(1280, 854), []

    def file(image: Image.Image, quality: float) -> bytes:
        encoded.append(quality)
        return plain.file(image, quality)

    plain = encode.encoder(Format.JPEG, "4:2:0", repack=False)
    found, score, _ = Search(Format.JPEG, 80).run(scene, replace(plain, file=file))

    assert found in encoded
    assert len(encoded) <= 5
    assert score == pytest.approx(80, abs=1)


def test_a_jpeg_has_finer_steps_above_90() -> None:
    found = {quality_at(Format.JPEG, score / 10) for score in range(600, 960)}

    assert {quality % 1 for quality in found if quality < 90} == {0}
    assert {quality % 1 for quality in found if quality > 90} == {0, 0.25, 0.5, 0.75}


def test_less_colour_lowers_the_predicted_score_of_a_larger_picture() -> None:
    changes = [("4:2:0", "4:2:0"), ("4:4:4", "4:4:4"), ("4:4:4", "4:2:2"), ("4:2:2", "4:2:0")]

    assert [growth_between(*change) for change in changes] == ["4:2:0", "kept", "reduced", "reduced"]
    assert all(GROWTH[wanted]["reduced"] <= GROWTH[wanted]["kept"] for wanted in (Format.JPEG, Format.AVIF))


@pytest.mark.parametrize("size", [(1280, 854), (640, 427), (3000, 500)])
def test_a_sample_is_a_quarter_of_the_picture_at_most(size: tuple[int, int]) -> None:
    scene = a_scene(*size)

    sample = Sample(scene)

    pixels = sample.picture.width * sample.picture.height
    assert sample.is_whole or pixels <= scene.width * scene.height / 4
    assert sample.is_whole == (size != (1280, 854))


def test_a_sample_has_tiles_of_every_part() -> None:
    """A sixth of the picture is noise."""
    wide = Image.new("RGB", (1920, 1280), (120, 130, 140))
    noise = Image.effect_noise((320, 1280), 60).convert("RGB")
    wide.paste(noise, (1600, 0))

    sample = Sample(wide)

    inner = sample.without_margins(sample.picture)
    assert inner.size == (4 * 112, 4 * 112)
    assert [inner.crop((112 * n, 0, 112 * n + 112, 448)).getextrema()[0] for n in range(3)] == [
        (120, 120)
    ] * 3
    assert inner.getextrema()[0] != (120, 120)


def confetti(width: int, height: int) -> Image.Image:
    """Draws dots of equal lightness in many colours."""
    chance = random.Random(1)  # noqa: S311 - a drawing
    colours = Image.frombytes(
        "RGB", (width // 2, height // 2), chance.randbytes(width // 2 * (height // 2) * 3)
    )
    _, cb, cr = colours.resize((width, height), Image.Resampling.NEAREST).convert("YCbCr").split()
    return Image.merge("YCbCr", (Image.new("L", (width, height), 128), cb, cr)).convert("RGB")


@pytest.mark.parametrize("choice", [FormatChoice(Format.JPEG, None, 80), FormatChoice(Format.JPEG, 85)])
def test_colourful_pictures_are_not_subsampled(choice: FormatChoice) -> None:
    soft, coloured = a_scene().convert("L").convert("RGB"), confetti(640, 426)

    chosen = [made.subsampling for scene in (soft, coloured) for made in encode_ladder(choice, [scene])]

    assert chosen == ["4:2:0", "4:4:4"]


def test_wider_pictures_are_subsampled_at_least_as_much() -> None:
    wide = a_scene(1280, 854)

    found = encode_ladder(FormatChoice(Format.JPEG, None, 75), [wide, wide.reduce(2), wide.reduce(12)])

    assert [made.subsampling for made in found] == ["4:4:4", "4:2:0", "4:2:0"]


def test_a_fixed_quality_has_no_score() -> None:
    (made,) = encode_ladder(FormatChoice(Format.JPEG, 63), [a_scene()])

    assert (made.quality, made.score) == (63, None)


def test_an_unreachable_target_gets_the_highest_quality() -> None:
    (found,) = encode_ladder(FormatChoice(Format.JPEG, None, 100), [a_scene()])

    assert found.quality == 100
    assert found.score is not None
    assert found.score < 100


def test_the_receipt_has_target_quality_and_measured_score() -> None:
    ladder = Ladder("main", (320,), (FormatChoice(Format.JPEG, None, 75), FormatChoice(Format.WEBP, 60)))
    original = BytesIO()
    a_scene().save(original, "PNG")

    by_target, fixed = render(original.getvalue(), Profile("test", (ladder,))).renditions

    assert (by_target.target, by_target.score_kind) == (75, "measured")
    assert by_target.score == pytest.approx(75, abs=1)
    assert (fixed.quality, fixed.target, fixed.score, fixed.score_kind) == (60, None, None, "")


def test_a_receipt_without_targets_is_parsed() -> None:
    rendition = {"format": "jpeg", "width": 9, "height": 9, "quality": 75, "size_bytes": 9, "key": "k"}
    empty = asdict(Receipt(profile="p", profile_hash="h", engine="e", at="t", size_bytes=1))

    (read,) = parse_receipt(empty | {"renditions": [rendition]}).renditions

    assert (read.target, read.score, read.score_kind) == (None, None, "")
    assert serialize_receipt(parse_receipt(empty))["size_bytes"] == 1


@pytest.mark.parametrize("quality", [1, 30, 75, 90, 100])
def test_the_first_luma_step_keeps_white_and_black(quality: int) -> None:
    page = Image.new("L", (64, 64), 255)
    page.paste(0, (0, 0, 32, 64))

    with Image.open(BytesIO(encode.jpeg(page, quality))) as made:
        assert made.getextrema() == (0, 255)


def test_a_higher_quality_never_has_a_coarser_step() -> None:
    def steps(quality: int) -> list[list[int]]:
        with Image.open(BytesIO(encode.jpeg(a_scene(64, 64), quality))) as made:
            return list(made.quantization.values())  # type: ignore[attr-defined]

    tables = [steps(quality) for quality in range(1, 101)]
    for coarse, fine in pairwise(tables):
        assert all(
            f <= c for one, other in zip(coarse, fine, strict=True) for c, f in zip(one, other, strict=True)
        )


def test_a_format_below_its_target_is_dropped_with_a_decision() -> None:
    chance = random.Random(1)  # noqa: S311 - a drawing
    confetti = Image.frombytes("RGB", (100, 75), chance.randbytes(100 * 75 * 3))
    file = BytesIO()
    confetti.save(file, "PNG")
    ladder = {"widths": [100], "formats": {"jpeg": {"target": 80}, "webp": {"target": 80}}}
    profile = parse_profile(json.dumps({"name": "small", "ladders": {"main": ladder}}))

    rendered = render(file.getvalue(), profile)

    assert [rendition.format for rendition in rendered.renditions] == [Format.JPEG]
    assert "webp_short" in {decision.code for decision in rendered.decisions}
