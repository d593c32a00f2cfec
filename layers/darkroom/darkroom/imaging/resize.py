"""Resizing with alpha premultiplied, by stored values or by the amount of light."""

from functools import cache
from math import ceil, floor

from PIL import Image, ImageFilter, ImageMath

type Size = tuple[int, int]
type Box = tuple[float, float, float, float]

# 16 bits hold sRGB's darkest steps apart; 8 bits of linear light would merge them.
_FULL = 65535

# As far as a block of chroma reaches; of so little alpha only coarse colours are left.
_SPREAD_PIXELS = 4
_HARDLY_SEEN = 8


def resized(image: Image.Image, size: Size, box: Box | None = None, *, linear: bool = False) -> Image.Image:
    """The picture, or what is in `box` of it, at another size. Pillow premultiplies alpha by itself.

    `linear` takes the values for sRGB's, which is near enough for any other profile; CMYK can't be so taken.
    """
    if image.size == size and box is None:
        return image
    if linear and image.mode != "CMYK":
        return _resized_in_linear_light(image, size, box)
    if image.mode in ("LA", "RGBA"):
        return _resized_in_bands(image, size, box or (0, 0, *image.size))
    return image.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=2.0)


# Of the result: narrower bands take longer, since each works out its weights anew; 128 take an eighth longer.
_BAND_ROWS = 128
_LANCZOS_REACH = 3


def _resized_in_bands(image: Image.Image, size: Size, box: Box) -> Image.Image:
    """As at once: for a picture with alpha Pillow makes a premultiplied copy, here of a band at a time."""
    left, top, right, bottom = box
    width, height = size
    scale = (bottom - top) / height
    reach = ceil(_LANCZOS_REACH * scale) + 1
    result = Image.new(image.mode, size)
    for first in range(0, height, _BAND_ROWS):
        last = min(height, first + _BAND_ROWS)
        begin, end = top + first * scale, min(bottom, top + last * scale)
        above, below = max(0, floor(begin) - reach), min(image.height, ceil(end) + reach)
        band = image.crop((0, above, image.width, below))
        part = left, begin - above, right, end - above
        rows = band.resize((width, last - first), Image.Resampling.LANCZOS, part, reducing_gap=2.0)
        result.paste(rows, (0, first))
    return result


def _resized_in_linear_light(image: Image.Image, size: Size, box: Box | None) -> Image.Image:
    """One channel at a time: as floating point each has four times the picture's bytes."""
    if not image.mode.endswith("A"):
        channels = [_as_stored(_scaled(_as_light(channel), size, box)) for channel in image.split()]
        return Image.merge(image.mode, channels)
    *colours, alpha = image.split()
    small_alpha = alpha.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=2.0)
    channels = [_as_stored(_seen_through(colour, alpha, size, box)) for colour in colours]
    return Image.merge(image.mode, [*channels, small_alpha])


def _seen_through(colour: Image.Image, alpha: Image.Image, size: Size, box: Box | None) -> Image.Image:
    """One channel's light, resized weighted by alpha."""
    weighted = ImageMath.lambda_eval(
        lambda args: args["light"] * args["alpha"] / 255, light=_as_light(colour), alpha=alpha
    )
    light, weight = _scaled(weighted, size, box), _scaled(alpha.convert("F"), size, box)
    freed: Image.Image = ImageMath.lambda_eval(
        lambda args: args["light"] * 255 / args["max"](args["weight"], 0.5), light=light, weight=weight
    )
    return freed


def _scaled(channel: Image.Image, size: Size, box: Box | None) -> Image.Image:
    return channel.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=2.0)


def _as_light(channel: Image.Image) -> Image.Image:
    return channel.point(_to_light(), "F")


def _as_stored(light: Image.Image) -> Image.Image:
    # Lanczos overshoots both ends; a table clips what lies beyond its own.
    return light.convert("I").point(_from_light(), "L")


def with_colours_spread(image: Image.Image) -> Image.Image:
    """The same to the eye, with the colours at an edge carried on under what is transparent beside it.

    Nothing stands there after a resize but black, which an encoder of blocks would mix into the edge.
    """
    if image.mode not in ("LA", "RGBA"):
        return image
    image = image.convert("RGBA")
    premultiplied = image.convert("RGBa")
    mean = premultiplied.resize((1, 1), Image.Resampling.BOX).convert("RGBA").convert("RGB")
    ground = mean.resize(image.size).convert("RGBA")
    ground.alpha_composite(premultiplied.filter(ImageFilter.BoxBlur(_SPREAD_PIXELS)).convert("RGBA"))
    alpha = image.getchannel("A")
    ground.putalpha(alpha)
    ground.paste(image, mask=alpha.point([255 * (level > _HARDLY_SEEN) for level in range(256)]))
    return ground


def _linear(stored: float) -> float:
    """IEC 61966-2-1; both from 0 to 1."""
    return stored / 12.92 if stored <= 0.04045 else ((stored + 0.055) / 1.055) ** 2.4


def _stored(linear: float) -> float:
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


# Tables made once and only where they are asked for: they take 20 ms, which a cold start does not have.
@cache
def _to_light() -> list[float]:
    return [_FULL * _linear(level / 255) for level in range(256)]


@cache
def _from_light() -> list[int]:
    return [round(255 * _stored(level / _FULL)) for level in range(_FULL + 1)]
