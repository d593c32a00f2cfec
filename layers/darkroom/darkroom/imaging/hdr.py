"""Reduces high dynamic range to sRGB, as Chromium does for a screen without it.

One gain per pixel, by its strongest channel, so that hues stay: the reference white tone mapping of SMPTE
ST 2094-50. Light of 1.0 is the reference white.
"""

from functools import cache
from math import exp, log2
from typing import Any

from PIL import Image, ImageMath

from darkroom.imaging.primaries import Matrix, as_xyz, between
from darkroom.imaging.resize import to_srgb_levels
from darkroom.imaging.sniff.coding import PQ, PRIMARIES, Coding

# ITU-R BT.2408, and the peaks of PQ and HLG: ITU-R BT.2100, tables 4 and 5.
_WHITE_NITS, _PQ_NITS, _HLG_NITS = 203, 10_000, 1000
# BT.2020's weights of luminance.
_LUMINANCE = (0.2627, 0.6780, 0.0593)
_BT_709, _BT_2020 = 1, 9
_FULL = 65535
# Rows of the picture per band: channels in floating point take four times the bytes.
_BAND_ROWS = 128
# Up to the reference white there is nothing to reduce.
_LOWEST_PEAK = 1.001


def reduced(image: Image.Image, coding: Coding) -> Image.Image:
    """Converts an RGB picture in PQ or HLG to sRGB."""
    result = Image.new("RGB", image.size)
    for top in range(0, image.height, _BAND_ROWS):
        band = image.crop((0, top, image.width, min(image.height, top + _BAND_ROWS)))
        result.paste(_reduced_band(band, coding), (0, top))
    return result


def _reduced_band(band: Image.Image, coding: Coding) -> Image.Image:
    table = _pq_light() if coding.transfer == PQ else _hlg_light()
    red, green, blue = (channel.point(table, "F") for channel in band.split())

    def formula(args: dict[str, Any]) -> list[Any]:
        light = _times(_matrix(coding.primaries, _BT_2020), [args["r"], args["g"], args["b"]])
        if coding.transfer != PQ:
            luminance = args["max"](_sum(_LUMINANCE, light), 0)
            on_screen = luminance**0.2 * (_HLG_NITS / _WHITE_NITS)
            light = [channel * on_screen for channel in light]
        gain = _gain(light, coding.peak_nits, args)
        return _times(_matrix(_BT_2020, _BT_709), [channel * gain for channel in light])

    light = ImageMath.lambda_eval(formula, r=red, g=green, b=blue)
    return Image.merge("RGB", [to_srgb_levels(channel.im) for channel in light])


def _gain(light: list[Any], peak_nits: float, args: dict[str, Any]) -> Any:
    """Returns the gain of each pixel, from light to levels of 0 to 65535.

    It is constant up to the reference white. Above, the strongest channel follows a quadratic Bezier curve
    from there to the peak, which becomes white. Source: ST 2094-50, annex D.
    """
    peak = peak_nits / _WHITE_NITS
    if peak <= _LOWEST_PEAK:
        return _FULL
    strongest = args["max"](args["max"](args["max"](light[0], light[1]), light[2]), 1)
    white = 1 - 0.5 * min(1.0, log2(peak) / log2(_HLG_NITS / _WHITE_NITS))
    middle, level = 1 + _KAPPA * (1 / white - 1), white + _KAPPA * (1 - white)
    a, b = 1 - 2 * middle + peak, 2 * (middle - 1)
    # The curve's parameter, 0 to 1, from its abscissa a t^2 + b t + 1.
    root = ((args["min"](strongest, peak) - 1) * (4 * a) + b * b) ** 0.5
    t = (root - b) / (2 * a)
    return (t * t * (white - 2 * level + 1) + t * (2 * (level - white)) + white) / strongest * _FULL


_KAPPA = 0.65


def _times(matrix: Matrix, light: list[Any]) -> list[Any]:
    return [_sum(row, light) for row in matrix]


def _sum(weights: tuple[float, float, float], light: list[Any]) -> Any:
    return light[0] * weights[0] + light[1] * weights[1] + light[2] * weights[2]


@cache
def _matrix(source: int, target: int) -> Matrix:
    first, second = as_xyz(PRIMARIES[source]), as_xyz(PRIMARIES[target])
    if first is None or second is None:
        raise ValueError("the primaries span no colour space")
    return between(first, second)


@cache
def _pq_light() -> list[float]:
    """Light of each level in PQ: ITU-R BT.2100, table 4."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128

    def light(level: float) -> float:
        power = level ** (1 / m2)
        return float((max(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)) * _PQ_NITS / _WHITE_NITS

    return [light(level / 255) for level in range(256)]


@cache
def _hlg_light() -> list[float]:
    """Light of each level in HLG, of the scene: ITU-R BT.2100, table 5."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    levels = [level / 255 for level in range(256)]
    return [level**2 / 3 if level <= 0.5 else (exp((level - c) / a) + b) / 12 for level in levels]
