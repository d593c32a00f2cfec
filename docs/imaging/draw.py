"""Draws the pictures of docs/imaging.md with the engine: uv run python -m docs.imaging.draw

Left: the picture without the step. Right: the engine's rendition.
"""

from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw

from darkroom.domain.profile import Crop, Fit, FormatChoice, Ladder, Profile
from darkroom.domain.renditions import Encoded, Format
from darkroom.imaging import render
from darkroom_cli.local.samples import photograph
from tests.unit.imaging.pictures import DISPLAY_P3, encoded, oriented

FOLDER = Path(__file__).parent
_GAP, _CAPTION = 12, 22


def main() -> None:
    for name, panels in {
        "orientation": orientation(),
        "display-p3": display_p3(),
        "alpha-fringe": alpha_fringe(),
        "linear-light": linear_light(),
        "crop": crop(),
        "target": target(),
    }.items():
        side_by_side(panels).save(FOLDER / f"{name}.png", optimize=True)


def orientation() -> dict[str, Image.Image]:
    """A camera held upright stores the picture on its side, with its orientation in EXIF."""
    upright = photograph(480, 640).resize((150, 200))
    content = oriented(6, upright, "JPEG")
    ignored = Image.open(BytesIO(content)).convert("RGB")
    return {"the note ignored": ignored, "turned upright": shown(content, 150)}


def display_p3() -> dict[str, Image.Image]:
    """Level 230 of red in Display P3 is redder than in sRGB."""
    wide = Image.new("RGB", (240, 160), (225, 110, 70))
    for left, colour in ((80, (80, 190, 90)), (160, (70, 120, 220))):
        wide.paste(colour, (left, 0, left + 80, 160))
    content = encoded(wide, "PNG", icc_profile=DISPLAY_P3.profile)
    return {"profile dropped: washed out": wide, "converted to sRGB": shown(content, 240)}


def alpha_fringe() -> dict[str, Image.Image]:
    """Reduces a yellow disc on a transparent ground, then puts it on yellow: it should be invisible."""
    disc = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    ImageDraw.Draw(disc).ellipse((60, 60, 340, 340), (250, 220, 60, 255))
    channels = [channel.resize((40, 40), Image.Resampling.LANCZOS) for channel in disc.split()]
    naive = encoded(Image.merge("RGBA", channels), "AVIF", quality=60, subsampling="4:2:0", speed=8)
    profile = Profile("doc", (Ladder("main", (40,), (FormatChoice(Format.AVIF, 60),)),))
    [ours] = render(encoded(disc, "PNG"), profile).renditions
    return {
        "each channel by itself": on_yellow(Image.open(BytesIO(naive))),
        "premultiplied, colours spread": on_yellow(opened(ours)),
    }


def on_yellow(image: Image.Image) -> Image.Image:
    ground = Image.new("RGBA", image.size, (250, 220, 60, 255))
    ground.alpha_composite(image.convert("RGBA"))
    return ground.convert("RGB").resize((240, 240), Image.Resampling.NEAREST)


def linear_light() -> dict[str, Image.Image]:
    """Reduces a pattern of lit and dark pixels: half the pixels lit is half the light."""
    night = Image.new("L", (960, 640))
    night.putdata([255 * ((x + y) % 2 and 240 < x < 720) for y in range(640) for x in range(960)])
    content = encoded(night, "PNG")
    return {
        "linear_light: false": shown(content, 240),
        "linear_light: true": shown(content, 240, linear_light=True),
    }


def crop() -> dict[str, Image.Image]:
    content = encoded(photograph(1200, 600), "JPEG")
    panels = {"the whole": shown(content, 240)}
    for across in (0.1, 0.9):
        square = Crop(Fit.COVER, (1, 1), (across, 0.5))
        panels[f"cover 1:1, focus [{across}, 0.5]"] = shown(content, 160, crop=square)
    return panels


def target() -> dict[str, Image.Image]:
    """Enlarges a part of one picture at three targets."""
    content = encoded(photograph(1280, 853), "PNG")
    panels = {}
    for score in (50.0, 70.0, 90.0):
        profile = Profile("doc", (Ladder("main", (1280,), (FormatChoice(Format.JPEG, target=score),)),))
        [made] = render(content, profile).renditions
        part = opened(made).convert("RGB").crop((560, 700, 680, 800))
        panels[f"{score:g}: {len(made.data) / 1000:.0f} kB"] = part.resize(
            (240, 200), Image.Resampling.NEAREST
        )
    return panels


def shown(content: bytes, width: int, *, crop: Crop | None = None, linear_light: bool = False) -> Image.Image:
    """Renders a picture as JPEG of quality 95."""
    ladder = Ladder("main", (width,), (FormatChoice(Format.JPEG, 95),), crop=crop)
    [made] = render(content, Profile("doc", (ladder,), linear_light=linear_light)).renditions
    return opened(made).convert("RGB")


def opened(rendition: Encoded) -> Image.Image:
    return Image.open(BytesIO(rendition.data))


def side_by_side(panels: dict[str, Image.Image]) -> Image.Image:
    width = sum(max(panel.width, 6 * len(caption)) + _GAP for caption, panel in panels.items()) + _GAP
    height = max(panel.height for panel in panels.values()) + _CAPTION + _GAP
    sheet = Image.new("RGB", (width, height), "white")
    left = _GAP
    for caption, panel in panels.items():
        ImageDraw.Draw(sheet).text((left, 6), caption, fill="black")
        sheet.paste(panel, (left, _CAPTION))
        left += max(panel.width, 6 * len(caption)) + _GAP
    # Few colours, for a small file.
    return sheet.quantize(128)


if __name__ == "__main__":
    main()
