"""Targets: the search for each picture's quality, and predicted scores."""

import json
import random
from dataclasses import asdict
from io import BytesIO
from itertools import pairwise

import pytest
from PIL import Image, ImageChops, ImageStat

from bench.pictures import ENCODERS
from bench.ssimulacra2 import Reference
from darkroom.domain.profile import FormatChoice, Ladder, Profile, parse_profile
from darkroom.domain.receipts import Receipt
from darkroom.domain.renditions import Format
from darkroom.domain.serialization import parse_receipt, serialize_receipt
from darkroom.imaging import encode
from darkroom.imaging.pipeline import render
from darkroom.imaging.quality import EncoderSettings, Trials, choose_settings
from darkroom.imaging.ssimulacra2 import Ssimulacra2, error_at, score_of


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


@pytest.mark.parametrize("target", [70, 80])
@pytest.mark.parametrize("wanted", Format)
@pytest.mark.parametrize("width", [100, 640])
def test_a_target_is_reached_within_2_5_points(width: int, wanted: Format, target: float) -> None:
    scene = a_scene().resize((width, width * 2 // 3))

    (found,) = choose_settings(FormatChoice(wanted, None, target), [scene])

    with Image.open(BytesIO(ENCODERS[wanted](scene, found))) as made:
        score = Reference(scene).score(made)
    # Constants fitted to photographs are half a point off on this drawing.
    assert score == pytest.approx(target, abs=2.5)
    assert found.score == pytest.approx(score, abs=2.5)


def test_a_small_picture_is_scored_exactly() -> None:
    scene = a_scene(100, 67)
    with Image.open(BytesIO(encode.jpeg(scene, 60))) as made:
        other = made.convert("RGB")

    predicted = score_of(Ssimulacra2(scene).error(other))

    assert predicted == pytest.approx(Reference(scene).score(other), abs=0.1)


@pytest.mark.parametrize("wanted", Format)
def test_a_sample_has_as_much_detail_as_the_picture(wanted: Format) -> None:
    """A sixth of the picture is noise; evenly placed tiles would have a quarter or a third."""
    wide = Image.new("RGB", (1920, 1280), (120, 130, 140))
    noise = Image.effect_noise((320, 1280), 60).convert("RGB")
    wide.paste(noise, (1600, 0))

    trials = Trials(wanted, wide, "4:2:0")

    (sampled,) = ImageStat.Stat(trials.sample.picture.convert("L")).var
    (whole,) = ImageStat.Stat(wide.convert("L")).var
    assert sampled == pytest.approx(whole, rel=0.2)


def test_error_at_is_the_inverse_of_score_of() -> None:
    assert score_of(error_at(70)) == pytest.approx(70, abs=0.1)


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

    assert [choose_settings(choice, [scene])[0].subsampling for scene in (soft, coloured)] == [
        "4:2:0",
        "4:4:4",
    ]


def test_wider_pictures_are_subsampled_at_least_as_much() -> None:
    wide = a_scene(1280, 854)

    found = choose_settings(FormatChoice(Format.JPEG, None, 75), [wide, wide.reduce(2), wide.reduce(12)])

    assert [settings.subsampling for settings in found] == ["4:2:0", "4:2:0", "4:4:4"]


def test_a_fixed_quality_has_no_score() -> None:
    assert choose_settings(FormatChoice(Format.JPEG, 63), [a_scene()]) == [EncoderSettings(63, None)]


def test_an_unreachable_target_gets_the_highest_quality() -> None:
    (found,) = choose_settings(FormatChoice(Format.JPEG, None, 100), [a_scene()])

    assert found.quality == 100
    assert found.score is not None
    assert found.score < 100


def test_the_receipt_has_target_quality_and_predicted_score() -> None:
    ladder = Ladder("main", (320,), (FormatChoice(Format.JPEG, None, 75), FormatChoice(Format.WEBP, 60)))
    original = BytesIO()
    a_scene().save(original, "PNG")

    by_target, fixed = render(original.getvalue(), Profile("test", (ladder,))).renditions

    assert (by_target.target, by_target.score_kind) == (75, "predicted")
    assert by_target.score == pytest.approx(75, abs=2)
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
