"""Twenty drawn graphics: pages with text, charts, line art, logos, pixel art, with and without alpha."""

import math
import random
from collections.abc import Callable
from typing import Final

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from darkroom_cli.local.samples import photograph

_TEXT: Final = """a page of text has many small letters that must stay sharp when the picture becomes smaller
and readers look at their edges first while nobody counts the colours of a chart or the pixels of an icon"""
_WORDS: Final = _TEXT.split()
_PALETTE: Final = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#17becf")
_OVERSAMPLING = 4

type Size = tuple[int, int]
type Sketch = Callable[[ImageDraw.ImageDraw, Size, random.Random], None]


def drawn() -> dict[str, Image.Image]:
    """Draws all graphics; the same pixels each time with one version of Pillow."""
    return {name: draw(random.Random(name)) for name, draw in _GRAPHICS.items()}  # noqa: S311 - a drawing


def _text(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], chance: random.Random, size: int, *fills: str
) -> None:
    """Fills a box with lines of words of one height in pixels, each word in one of the colours."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = box
    for y in range(top, bottom - size, size * 3 // 2):
        x = float(left)
        while x < right - chance.randrange(1, 6 * size):
            word = chance.choice(_WORDS) + " "
            draw.text((x, y), word, chance.choice(fills), font)
            x += draw.textlength(word, font)


def _smooth(
    width: int, height: int, sketch: Sketch, background: str | None = "white"
) -> Callable[..., Image.Image]:
    """Draws four times as large and reduces, for smooth edges; on transparency if there is no background."""

    def draw(chance: random.Random) -> Image.Image:
        size = width * _OVERSAMPLING, height * _OVERSAMPLING
        image = Image.new("RGB", size, background) if background else Image.new("RGBA", size)
        sketch(ImageDraw.Draw(image), size, chance)
        return image.resize((width, height), Image.Resampling.BOX)

    return draw


def _article(chance: random.Random) -> Image.Image:
    image = Image.new("RGB", (1000, 1300), "white")
    draw = ImageDraw.Draw(image)
    draw.text((80, 60), "Pictures of text", "#111111", ImageFont.load_default(44))
    _text(draw, (80, 140, 900, 1240), chance, 18, "#222222")
    return image


def _editor(chance: random.Random) -> Image.Image:
    image = Image.new("RGB", (1280, 800), "#1e1e2e")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 220, 800), "#181825")
    _text(draw, (16, 20, 200, 780), chance, 13, "#a6adc8")
    for line in range(38):
        draw.text((234, 16 + 20 * line), f"{line + 1:3}", "#585b70", ImageFont.load_default(13))
    _text(draw, (280, 16, 1200, 790), chance, 13, "#cdd6f4", "#f38ba8", "#a6e3a1", "#89b4fa", "#f9e2af")
    return image


def _window(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], chance: random.Random) -> None:
    """Draws a dialogue with fields, a slider and two buttons."""
    left, top, right, bottom = box
    draw.rounded_rectangle(box, 12, "#f6f6f6", "#b8b8b8")
    draw.text((left + 20, top + 14), "Settings", "#202020", ImageFont.load_default(20))
    for row, y in enumerate(range(top + 60, bottom - 110, 46)):
        draw.text((left + 24, y + 6), chance.choice(_WORDS).title(), "#333333", ImageFont.load_default(15))
        if row % 3 == 2:
            draw.line((left + 180, y + 16, right - 30, y + 16), "#c4c4c4", 4)
            draw.ellipse((left + 240, y + 6, left + 260, y + 26), "#0a66d0")
        else:
            draw.rounded_rectangle((left + 180, y, right - 30, y + 32), 6, "white", "#c4c4c4")
            _text(draw, (left + 190, y + 7, right - 40, y + 36), chance, 15, "#555555")
    for x, fill, ink, label in ((240, "#e2e2e2", "#202020", "Cancel"), (120, "#0a66d0", "white", "Save")):
        draw.rounded_rectangle((right - x, bottom - 56, right - x + 100, bottom - 20), 8, fill)
        draw.text((right - x + 22, bottom - 48), label, ink, ImageFont.load_default(16))


def _dialogue(chance: random.Random) -> Image.Image:
    image = Image.new("RGB", (720, 560), "#dfe4ea")
    _window(ImageDraw.Draw(image), (40, 30, 680, 530), chance)
    return image


def _desktop(chance: random.Random) -> Image.Image:
    """Draws a window over a gradient."""
    down = Image.linear_gradient("L").resize((1280, 800))
    image = Image.merge("RGB", [down.point(lambda v, to=to: 30 + v * to // 400) for to in (120, 60, 200)])
    _window(ImageDraw.Draw(image), (280, 120, 1000, 680), chance)
    return image


def _shop(chance: random.Random) -> Image.Image:
    """Draws a page with photographs and text."""
    image = Image.new("RGB", (1200, 900), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 1200, 64), "#2d3436")
    _text(draw, (24, 22, 700, 60), chance, 18, "#dfe6e9")
    for number in range(6):
        x, y = 40 + 385 * (number % 3), 100 + 400 * (number // 3)
        image.paste(photograph(350, 240, seed=number, grain=0.05), (x, y))
        _text(draw, (x, y + 256, x + 340, y + 350), chance, 16, "#2d3436", "#636e72")
    return image


def _table(chance: random.Random) -> Image.Image:
    image = Image.new("RGB", (1100, 760), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(14)
    for row in range(30):
        y = 20 + 24 * row
        draw.rectangle((20, y, 1080, y + 24), "#e8f0fe" if row == 0 else "#f8f9fa" if row % 2 else "white")
        for column in range(10):
            x = 20 + 106 * column
            draw.rectangle((x, y, x + 106, y + 24), outline="#d0d4d9")
            text = f"{chance.uniform(-900, 90_000):,.2f}" if row and column else chance.choice(_WORDS)
            draw.text((x + 8, y + 4), text, "#c5221f" if text.startswith("-") else "#202124", font)
    return image


def _bars(draw: ImageDraw.ImageDraw, size: Size, chance: random.Random) -> None:
    width, height = size
    font = ImageFont.load_default(height // 28)
    for line in range(1, 10):
        y = height * line // 10
        draw.line((width // 12, y, width * 19 // 20, y), "#dddddd", _OVERSAMPLING)
        draw.text((width // 60, y - height // 50), f"{100 - 10 * line}", "#444444", font)
    for number in range(16):
        x = width // 12 + number * width // 19
        top = height * chance.randrange(1, 8) // 10
        draw.rectangle((x + width // 90, top, x + width // 24, height * 9 // 10), _PALETTE[number % 4])
        draw.text((x + width // 80, height * 46 // 50), chance.choice(_WORDS)[:4], "#444444", font)


def _lines(draw: ImageDraw.ImageDraw, size: Size, chance: random.Random) -> None:
    width, height = size
    font = ImageFont.load_default(height // 24)
    for number, colour in enumerate(_PALETTE[:6]):
        y = height * chance.randrange(3, 8) / 10
        points = []
        for x in range(0, width, width // 80):
            y += chance.uniform(-1, 1) * height / 40
            points.append((x, y))
        draw.line(points, colour, 2 * _OVERSAMPLING, "curve")
        draw.text((width * 3 // 4, height // 20 * (number + 1)), f"series {number + 1}", colour, font)


def _pie(draw: ImageDraw.ImageDraw, size: Size, chance: random.Random) -> None:
    width, height = size
    start = 0.0
    for number, colour in enumerate(_PALETTE):
        end = start + chance.uniform(20, 60) if number < 7 else 360.0
        draw.pieslice(
            (width // 10, height // 10, width * 9 // 10, height * 9 // 10), start, end, colour, "white", 8
        )
        middle = math.radians((start + end) / 2)
        place = width / 2 + width / 4 * math.cos(middle), height / 2 + height / 4 * math.sin(middle)
        draw.text(place, f"{(end - start) / 3.6:.0f}%", "white", ImageFont.load_default(height // 20), "mm")
        start = end


def _map(draw: ImageDraw.ImageDraw, size: Size, chance: random.Random) -> None:
    width, height = size
    for fill in ("#cfe8c9", "#b5d9f2", "#cfe8c9", "#e8e0d2", "#b5d9f2"):
        x, y, radius = (
            chance.randrange(width),
            chance.randrange(height),
            chance.randrange(width // 8, width // 4),
        )
        corners = [math.radians(36 * corner) for corner in range(10)]
        reach = [radius * chance.uniform(0.5, 1) for _ in corners]
        places = [(x + r * math.cos(a), y + r * math.sin(a)) for a, r in zip(corners, reach, strict=True)]
        draw.polygon(places, fill)
    for kind in (14, 10, 6, 6, 6, 6):
        road = [(chance.randrange(width), chance.randrange(height)) for _ in range(4)]
        draw.line(road, "#b9b2a6", (kind + 3) * _OVERSAMPLING // 2, "curve")
        draw.line(road, "#ffffff" if kind < 14 else "#fbd65b", kind * _OVERSAMPLING // 2, "curve")
    for _ in range(24):
        place = chance.randrange(width), chance.randrange(height)
        draw.text(place, chance.choice(_WORDS).title(), "#4a4a4a", ImageFont.load_default(height // 45))


def _strokes(draw: ImageDraw.ImageDraw, size: Size, chance: random.Random) -> None:
    """Draws curves as with a pen."""
    width, height = size
    for _ in range(60):
        x, y, turn = chance.randrange(width), chance.randrange(height), chance.uniform(0, 6.3)
        points = []
        for _ in range(40):
            points.append((x, y))
            turn += chance.uniform(-0.4, 0.4)
            x, y = x + int(30 * math.cos(turn)), y + int(30 * math.sin(turn))
        draw.line(points, "black", chance.choice((1, 1, 2)) * _OVERSAMPLING, "curve")


def _comic(draw: ImageDraw.ImageDraw, size: Size, chance: random.Random) -> None:
    width, height = size
    for _ in range(40):
        x, y, radius = (
            chance.randrange(width),
            chance.randrange(height),
            chance.randrange(width // 30, width // 8),
        )
        draw.ellipse(
            (x - radius, y - radius * 3 // 4, x + radius, y + radius), chance.choice(_PALETTE), "black", 12
        )
    _strokes(draw, size, chance)


def _mark(draw: ImageDraw.ImageDraw, size: Size, chance: random.Random) -> None:
    """Draws a round logo of rings."""
    width, _ = size
    for number, share in enumerate((0.48, 0.4, 0.3, 0.18)):
        near, far = width * (0.5 - share), width * (0.5 + share)
        draw.ellipse((near, near, far, far), ("#0b3d91", "white", "#fc3d21", "white")[number])
    draw.text(
        (width / 2, width / 2), chance.choice("ABC"), "#0b3d91", ImageFont.load_default(width // 4), "mm"
    )


def _wordmark(draw: ImageDraw.ImageDraw, size: Size, _: random.Random) -> None:
    width, height = size
    draw.rounded_rectangle(
        (height // 8, height // 8, height * 7 // 8, height * 7 // 8), height // 6, "#e91e63"
    )
    draw.text((height, height // 2), "darkroom", "#263238", ImageFont.load_default(height // 2), "lm")
    draw.line((height, height * 7 // 8, width * 9 // 10, height * 7 // 8), "#e91e63", 3 * _OVERSAMPLING)


def _icons(draw: ImageDraw.ImageDraw, size: Size, chance: random.Random) -> None:
    """Draws outlines of 48 icons."""
    width, _ = size
    side = width // 8
    for number in range(48):
        x, y = number % 8 * side + side // 6, number // 8 * side + side // 6
        box = (x, y, x + side * 2 // 3, y + side * 2 // 3)
        pen = 2 * _OVERSAMPLING
        if number % 3 == 0:
            draw.rounded_rectangle(box, side // 8, None, "#37474f", pen)
        elif number % 3 == 1:
            draw.ellipse(box, None, "#37474f", pen)
        for _ in range(2):
            ends = [chance.choice((0.2, 0.35, 0.5)) * side for _ in range(4)]
            draw.line((x + ends[0], y + ends[1], x + ends[2], y + ends[3]), "#37474f", pen)


def _sprite(side: int, pixel: int, *, transparent: bool) -> Callable[[random.Random], Image.Image]:
    """Draws symmetric figures of few colours, each pixel as a square."""

    def draw(chance: random.Random) -> Image.Image:
        image = Image.new("RGBA", (side, side), (0, 0, 0, 0) if transparent else "#94b0c2")
        for left in range(0, side - 15, 16):
            for top in range(0, side - 15, 16):
                colours = chance.sample(_PALETTE, 3)
                for x in range(7):
                    for y in range(14):
                        if chance.random() < 0.6:
                            ink = chance.choice(colours)
                            for column in (left + 1 + x, left + 14 - x):
                                ImageDraw.Draw(image).point((column, top + 1 + y), ink)
        larger = image.resize((side * pixel, side * pixel), Image.Resampling.NEAREST)
        return larger if transparent else larger.convert("RGB")

    return draw


def _label(chance: random.Random) -> Image.Image:
    """Draws a shipping label: a matrix code, bars and text in black on white."""
    image = Image.new("L", (800, 600), 255)
    draw = ImageDraw.Draw(image)
    for number in range(41 * 41):
        x, y = 40 + number % 41 * 8, 40 + number // 41 * 8
        draw.rectangle((x, y, x + 7, y + 7), 255 * chance.randrange(2))
    x = 40
    while x < 740:
        wide = chance.randrange(2, 9)
        draw.rectangle((x, 420, x + wide // 2, 540), 0)
        x += wide
    draw.text((420, 50), "FRAGILE", 0, ImageFont.load_default(64))
    for line in range(5):
        draw.text(
            (420, 150 + 44 * line), " ".join(chance.choices(_WORDS, k=4)), 0, ImageFont.load_default(24)
        )
    return image


def _shadowed(chance: random.Random) -> Image.Image:
    """Draws a window with a soft shadow on transparency."""
    image = Image.new("RGBA", (800, 640))
    ImageDraw.Draw(image).rounded_rectangle((60, 70, 740, 600), 12, (0, 0, 0, 150))
    image = image.filter(ImageFilter.GaussianBlur(20))
    _window(ImageDraw.Draw(image), (60, 50, 740, 580), chance)
    return image


def _badge(chance: random.Random) -> Image.Image:
    """Draws a button with a gradient on transparency."""
    flat = _smooth(640, 240, lambda draw, size, _: draw.rounded_rectangle((0, 0, *size), 400, "white"), None)
    shape = flat(chance)
    down = Image.linear_gradient("L").resize(shape.size)
    colours = [
        down.point(lambda v, low=low, high=high: low + v * (high - low) // 255)
        for low, high in ((255, 214), (126, 40), (95, 120))
    ]
    image = Image.merge("RGBA", (*colours, shape.getchannel("A")))
    draw = ImageDraw.Draw(image)
    draw.text((320, 116), "Get started", "white", ImageFont.load_default(80), "mm")
    return image


_GRAPHICS: Final[dict[str, Callable[[random.Random], Image.Image]]] = {
    "article": _article,
    "editor": _editor,
    "dialogue": _dialogue,
    "desktop": _desktop,
    "shop": _shop,
    "table": _table,
    "bar chart": _smooth(900, 600, _bars),
    "line chart": _smooth(900, 600, _lines),
    "pie chart": _smooth(600, 600, _pie),
    "map": _smooth(1000, 700, _map, "#f4f1ea"),
    "line art": _smooth(1000, 750, _strokes),
    "comic": _smooth(900, 700, _comic, "#fff3c4"),
    "label": _label,
    "pixel art": _sprite(128, 6, transparent=False),
    "logo (alpha)": _smooth(400, 400, _mark, None),
    "wordmark (alpha)": _smooth(800, 200, _wordmark, None),
    "icons (alpha)": _smooth(640, 480, _icons, None),
    "sprites (alpha)": _sprite(96, 4, transparent=True),
    "window (alpha)": _shadowed,
    "button (alpha)": _badge,
}
