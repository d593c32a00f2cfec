"""Sample pictures drawn by code, the same on every machine."""

import random
from pathlib import Path

from PIL import Image, ImageDraw

_ORIENTATION = 0x0112  # EXIF tag
_SEED = 20_17
# Weights of random noise blended into a picture.
_FINE_GRAIN = 0.02
_COARSE_GRAIN = 0.05


def draw(folder: Path) -> tuple[list[str], list[str]]:
    """Writes valid and corrupt pictures into the folder and returns the names of both."""
    beach = photograph(3000, 2000, grain=_FINE_GRAIN)
    exif = Image.Exif()
    exif[_ORIENTATION] = 6  # as written by a phone held upright
    beach.save(folder / "beach.jpg", quality=92, exif=exif)
    _cut_out(photograph(900, 600, seed=2, grain=_FINE_GRAIN)).save(folder / "kite with alpha.png")
    photograph(1600, 1200, seed=3, grain=_FINE_GRAIN).save(folder / "hills.webp", quality=90)
    photograph(640, 480, seed=4).quantize(64).save(folder / "poster.gif")
    whole = (folder / "beach.jpg").read_bytes()
    (folder / "torn.jpg").write_bytes(whole[: len(whole) // 3])
    return ["beach.jpg", "kite with alpha.png", "hills.webp", "poster.gif"], ["torn.jpg"]


def photograph(width: int, height: int, seed: int = 1, grain: float = _COARSE_GRAIN) -> Image.Image:
    """Draws sky, clouds, hills, sharp edges and grain: as hard to encode as a photograph.

    `grain` is the weight of the noise, from 0 to 1.
    """
    chance = random.Random(_SEED + seed)  # noqa: S311 - a drawing, not a secret
    size = (width, height)
    vertical = Image.linear_gradient("L").resize(size)
    sky = Image.merge("RGB", [vertical.point(lambda v, base=base: base - v // 3) for base in (150, 190, 240)])
    clouds = Image.new("L", size)
    for cells in (5, 11, 23, 47):  # from coarse to fine
        noise = _noise(chance, cells, cells * height // width + 2).resize(size, Image.Resampling.BICUBIC)
        clouds = Image.blend(clouds, noise, 0.5)
    picture = Image.composite(Image.new("RGB", size, "#f4f1ea"), sky, clouds.point(lambda v: max(0, v - 70)))
    pencil = ImageDraw.Draw(picture)
    for layer, colour in enumerate(("#6d8f8a", "#4d7355", "#2f4d34")):
        line = height * (55 + 13 * layer) // 100
        ridge = [(x, line - chance.randrange(height // 8)) for x in range(0, width + 1, width // 12)]
        pencil.polygon([(0, height), *ridge, (width, line), (width, height)], fill=colour)
    for _ in range(40):
        x, y, r = (
            chance.randrange(width),
            height - chance.randrange(height // 4),
            2 + chance.randrange(height // 40),
        )
        pencil.ellipse((x - r, y - r, x + r, y + r), fill=chance.choice(("#c8402a", "#e0b030", "#f0f0e0")))
    grains = Image.merge("RGB", [_noise(chance, width, height)] * 3)
    return Image.blend(picture, grains, grain)


def _noise(chance: random.Random, width: int, height: int) -> Image.Image:
    return Image.frombytes("L", (width, height), chance.randbytes(width * height))


def _cut_out(picture: Image.Image) -> Image.Image:
    """Makes the picture transparent outside a soft circle."""
    picture.putalpha(Image.radial_gradient("L").resize(picture.size).point(lambda v: min(255, 2 * (255 - v))))
    return picture
