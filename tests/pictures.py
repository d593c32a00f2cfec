"""Pictures drawn by code, as bytes."""

import random
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw, ImageFilter


def a_photograph(
    width: int = 1200, height: int = 800, kind: str = "JPEG", seed: int = 7, **options: Any
) -> bytes:
    """Soft shapes, a gradient and a little grain: compresses like a photograph."""
    dice = random.Random(seed)  # noqa: S311
    small = Image.effect_noise((width // 4, height // 4), 12).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    picture = Image.merge("RGB", (small, small.rotate(180), small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)))
    gradient = Image.linear_gradient("L").resize((width, height))
    picture = Image.blend(picture, Image.merge("RGB", (gradient, gradient.rotate(180), gradient)), 0.6)
    draw = ImageDraw.Draw(picture)
    for _ in range(12):
        x, y, r = dice.randrange(width), dice.randrange(height), dice.randrange(20, max(21, width // 5))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(dice.randrange(256) for _ in range(3)))
    picture = picture.filter(ImageFilter.GaussianBlur(1.2))
    return encoded(picture, kind, **options)


def a_small_png(seed: int = 0) -> bytes:
    """64 x 48 and different for each seed."""
    dice = random.Random(seed)  # noqa: S311
    picture = Image.new("RGB", (64, 48), tuple(dice.randrange(256) for _ in range(3)))
    ImageDraw.Draw(picture).ellipse((8, 4, 56, 44), fill=tuple(dice.randrange(256) for _ in range(3)))
    return encoded(picture, "PNG")


def a_png_with_alpha() -> bytes:
    picture = Image.new("RGBA", (640, 480), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((80, 40, 560, 440), fill=(200, 30, 60, 255))
    return encoded(picture.filter(ImageFilter.GaussianBlur(6)), "PNG")


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
