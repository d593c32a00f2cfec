"""Draws pictures, as bytes."""

import random
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw, ImageFilter

from darkroom_cli.local.samples import photograph


def a_photograph(width: int = 1200, height: int = 800, kind: str = "JPEG", **options: Any) -> bytes:
    """Draws sky, hills and grain: compresses like a photograph."""
    return encoded(photograph(width, height), kind, **options)


def a_small_png(seed: int = 0) -> bytes:
    """Draws 64 x 48 pixels, different for each seed."""
    generator = random.Random(seed)  # noqa: S311
    ground, disc = (tuple(generator.randrange(256) for _ in range(3)) for _ in range(2))
    picture = Image.new("RGB", (64, 48), ground)
    ImageDraw.Draw(picture).ellipse((8, 4, 56, 44), fill=disc)
    return encoded(picture, "PNG")


def a_png_with_alpha() -> bytes:
    picture = Image.new("RGBA", (640, 480), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((80, 40, 560, 440), fill=(200, 30, 60, 255))
    return encoded(picture.filter(ImageFilter.GaussianBlur(6)), "PNG")


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
