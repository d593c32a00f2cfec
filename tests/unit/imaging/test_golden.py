"""Compares the engine's pictures with approved ones: size first, then pixels.

To redraw the approved pictures (look at them before committing): python -m tests.unit.imaging.test_golden
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from darkroom.domain.profile import Crop, Fit, Profile
from darkroom.domain.renditions import Encoded, Format
from darkroom.imaging import render
from darkroom_cli.local.samples import photograph
from tests.unit.imaging.pictures import ADOBE_RGB, PROPHOTO, a_profile, encoded, opened, oriented

GOLDEN = Path(__file__).parents[2] / "golden"
EVERY_FORMAT = (Format.JPEG, Format.WEBP, Format.AVIF, Format.JXL)
BACKGROUND = "#336699"
# Maximum difference of 255, on average and in a block of 8 x 8 pixels, at quality 98. Here JPEG has full
# chroma, the others half. Adobe RGB mistaken for sRGB differs by 7 on average.
TOLERANCES = {
    Format.JPEG: (2.5, 6),
    Format.WEBP: (6.0, 30),
    Format.AVIF: (6.0, 30),
    Format.JXL: (2.5, 6),
}

USUAL = a_profile(96, formats=EVERY_FORMAT, quality=98)


def scene() -> Image.Image:
    return photograph(480, 320)


def cut_out() -> Image.Image:
    picture = scene()
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).ellipse((60, 20, 420, 300), 255)
    picture.putalpha(mask)
    return picture


def moving() -> bytes:
    frames = [
        scene().transpose(turn) for turn in (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180)
    ]
    return encoded(scene(), "WEBP", save_all=True, append_images=frames, duration=100)


CASES: dict[str, tuple[Callable[[], bytes], Profile]] = {
    "plain": (lambda: encoded(scene(), "PNG"), USUAL),
    "held-upright": (lambda: oriented(6, scene(), "JPEG"), USUAL),
    "adobe-rgb": (
        lambda: encoded(scene(), "JPEG", icc_profile=ADOBE_RGB.profile),
        USUAL,
    ),
    "prophoto": (
        lambda: encoded(scene(), "PNG", icc_profile=PROPHOTO.profile),
        USUAL,
    ),
    "cmyk": (
        lambda: encoded(scene().convert("CMYK"), "JPEG"),
        USUAL,
    ),
    "cut-out": (
        lambda: encoded(cut_out(), "PNG"),
        a_profile(96, formats=EVERY_FORMAT, quality=98, background=BACKGROUND),
    ),
    "covering": (
        lambda: encoded(scene(), "PNG"),
        a_profile(64, formats=EVERY_FORMAT, quality=98, crop=Crop(Fit.COVER, (1, 1), (0.9, 0.5))),
    ),
    "linear-light": (
        lambda: encoded(scene(), "PNG"),
        a_profile(96, formats=EVERY_FORMAT, quality=98, linear_light=True),
    ),
    "moving": (moving, a_profile(96, formats=(Format.WEBP,), quality=98)),
}


def flattened(rendition: Encoded | Path) -> Image.Image:
    """Returns the last frame over the background."""
    image = opened(rendition) if isinstance(rendition, Encoded) else Image.open(rendition)
    image.seek(getattr(image, "n_frames", 1) - 1)
    flat = Image.new("RGBA", image.size, BACKGROUND)
    flat.alpha_composite(image.convert("RGBA"))
    return flat.convert("RGB")


@pytest.mark.parametrize("case", CASES)
def test_renditions_match_the_golden_pictures(case: str, tmp_path: Path) -> None:
    content, profile = CASES[case]
    golden = flattened(GOLDEN / f"{case}.png")

    for rendition in render(content(), profile).renditions:
        found = flattened(rendition)
        found.save(path := tmp_path / f"{case}.{rendition.format}.png")
        assert found.size == golden.size
        difference = ImageChops.difference(found, golden)
        blocks = difference.reduce(8).getextrema()
        mean = sum(ImageStat.Stat(difference).mean) / 3
        mean_limit, block_limit = TOLERANCES[rendition.format]
        assert mean <= mean_limit, f"{rendition.format} differs by {mean:.1f} on average: see {path}"
        assert max(high for _, high in blocks) <= block_limit, f"{rendition.format}: see {path}"  # type: ignore[misc]


def draw() -> None:
    """Draws each case's picture with the engine, at the highest quality."""
    for case, (content, profile) in CASES.items():
        best = [replace(choice, quality=100) for choice in profile.ladders[0].formats]
        ladder = replace(profile.ladders[0], formats=tuple(best))
        # The first is a JPEG with full chroma, if there is one: encoders do not affect its colours.
        rendition, *_ = render(content(), replace(profile, ladders=(ladder,))).renditions
        flattened(rendition).save(GOLDEN / f"{case}.png", optimize=True)


if __name__ == "__main__":
    draw()
