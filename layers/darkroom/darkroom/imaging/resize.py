"""Resizes with premultiplied alpha, on stored values or in linear light."""

from functools import cache
from math import ceil, floor

from PIL import Image, ImageFilter

from darkroom.imaging.pixels import is_in_one_piece, pixels_of

type Size = tuple[int, int]
type Box = tuple[float, float, float, float]

# Linear light needs 16 bits: with 8, sRGB's darkest steps would become equal.
_FULL = 65535

# Colours are extended by about the reach of a chroma block.
_SPREAD_PIXELS = 4
# Up to this alpha (of 255) premultiplied colours are too coarse to keep.
_NEARLY_TRANSPARENT = 8


def within(size: Size, side: int) -> Size:
    """Returns the size reduced to at most `side` pixels a side."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def resized(image: Image.Image, size: Size, box: Box | None = None, *, linear: bool = False) -> Image.Image:
    """Resizes the picture, or the `box` of it, to `size`, with premultiplied alpha.

    `linear` assumes sRGB's curve, which is close enough for other profiles; CMYK is resized as stored.
    """
    if image.size == size and box is None:
        return image
    if linear and image.mode != "CMYK":
        return _resized_in_linear_light(image, size, box)
    return _scaled(image, size, box)


# Rows of the result per band: with fewer, rows are converted and weights computed more often.
_BAND_ROWS = 64
_LANCZOS_REACH = 3
_PREMULTIPLIED = {"LA": "La", "RGBA": "RGBa"}


def _scaled(image: Image.Image, size: Size, box: Box | None) -> Image.Image:
    if image.mode == "F":
        return image.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=2.0)
    box = box or (0, 0, *image.size)
    if image.mode in _PREMULTIPLIED:
        return _scaled_in_bands(image, size, box)
    return _scaled_pixels(image, size, box)


def _scaled_in_bands(image: Image.Image, size: Size, box: Box) -> Image.Image:
    """Resizes a picture with alpha in bands, so that only the pixels of one are premultiplied at a time."""
    left, top, right, bottom = box
    width, height = size
    scale = (bottom - top) / height
    reach = ceil(_LANCZOS_REACH * max(1, scale)) + 1
    result, mode = Image.new(image.mode, size), _PREMULTIPLIED[image.mode]
    for first in range(0, height, _BAND_ROWS):
        last = min(height, first + _BAND_ROWS)
        begin, end = top + first * scale, min(bottom, top + last * scale)
        above, below = max(0, floor(begin) - reach), min(image.height, ceil(end) + reach)
        band = image.crop((0, above, image.width, below)).convert(mode)
        part = left, begin - above, right, end - above
        scaled = _scaled_pixels(band, (width, last - first), part)
        result.paste(scaled.convert(image.mode), (0, first))
    return result


def _scaled_pixels(image: Image.Image, size: Size, box: Box) -> Image.Image:
    from darkroom_native import resize  # imported only when needed, as the encoders

    pixels, bytes_each = pixels_of(image)
    result = Image.new(image.mode, size, None)  # without a colour: all pixels are written
    if not is_in_one_piece(result):
        return image.resize(size, Image.Resampling.LANCZOS, box)
    resize(pixels, *image.size, bytes_each, result, *size, box)
    return result


def _resized_in_linear_light(image: Image.Image, size: Size, box: Box | None) -> Image.Image:
    """Resizes one channel at a time, since floating point takes four times the bytes."""
    if not image.mode.endswith("A"):
        channels = [to_srgb_levels(_scaled(_as_light(channel), size, box)) for channel in image.split()]
        return Image.merge(image.mode, channels)
    *colours, alpha = image.split()
    small_alpha = _scaled(alpha, size, box)
    channels = [to_srgb_levels(_weighted_by_alpha(colour, alpha, size, box)) for colour in colours]
    return Image.merge(image.mode, [*channels, small_alpha])


def _weighted_by_alpha(colour: Image.Image, alpha: Image.Image, size: Size, box: Box | None) -> Image.Image:
    """Resizes one channel in linear light, weighted by alpha."""
    from PIL import ImageMath  # imported only when needed

    weighted = ImageMath.lambda_eval(
        lambda args: args["light"] * args["alpha"] / 255, light=_as_light(colour), alpha=alpha
    )
    light, weight = _scaled(weighted, size, box), _scaled(alpha.convert("F"), size, box)
    unweighted: Image.Image = ImageMath.lambda_eval(
        lambda args: args["light"] * 255 / args["max"](args["weight"], 0.5), light=light, weight=weight
    )
    return unweighted


def _as_light(channel: Image.Image) -> Image.Image:
    return channel.point(_to_light(), "F")


def to_srgb_levels(light: Image.Image) -> Image.Image:
    """Converts linear light, 0 to 65535, to sRGB's levels of 8 bits."""
    # Lanczos overshoots at both ends; the table clips values outside it.
    return light.convert("I").point(_from_light(), "L")


def with_colours_spread(image: Image.Image) -> Image.Image:
    """Extends the colours at an edge under the transparent pixels beside it; the picture looks the same.

    After a resize transparent pixels are black, and a block-based encoder would mix that into the edge.
    """
    if image.mode not in ("LA", "RGBA"):
        return image
    image = image.convert("RGBA")
    premultiplied = image.convert("RGBa")
    mean = premultiplied.resize((1, 1), Image.Resampling.BOX).convert("RGBA").convert("RGB")
    result = mean.resize(image.size).convert("RGBA")
    result.alpha_composite(premultiplied.filter(ImageFilter.BoxBlur(_SPREAD_PIXELS)).convert("RGBA"))
    alpha = image.getchannel("A")
    result.putalpha(alpha)
    result.paste(image, mask=alpha.point([255 * (level > _NEARLY_TRANSPARENT) for level in range(256)]))
    return result


def _linear(stored: float) -> float:
    """Converts a stored level to linear light by IEC 61966-2-1; both from 0 to 1."""
    return stored / 12.92 if stored <= 0.04045 else ((stored + 0.055) / 1.055) ** 2.4


def _stored(linear: float) -> float:
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


# Built on first use: the tables take 20 ms, too long for every cold start.
@cache
def _to_light() -> list[float]:
    return [_FULL * _linear(level / 255) for level in range(256)]


@cache
def _from_light() -> list[int]:
    return [round(255 * _stored(level / _FULL)) for level in range(_FULL + 1)]
