"""One function per format: takes upright sRGB pixels, returns the bytes of a file without metadata."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from itertools import product
from math import exp, hypot, log
from typing import Any

from mozjpeg_lossless_optimization import optimize
from PIL import Image, ImageChops

from darkroom.domain.renditions import Format

# JPEG: libjpeg's limit; WebP: the bitstream's; AVIF: the default limit of libavif's decoder.
SIDE_LIMITS = {Format.JPEG: 65_500, Format.WEBP: 16_383, Format.AVIF: 32_768}

REFERENCE_QUALITY = 95

# Below this many pixels a baseline file can be smaller than a progressive one.
_BASELINE_UP_TO_PIXELS = 16_000


@dataclass(frozen=True, slots=True)
class Shape:
    """One quantisation table: its steps at each of DISTANCES, at two qualities."""

    at_85: tuple[float, ...]
    at_60: tuple[float, ...]


# Distance of a frequency from the DC coefficient: sqrt(row ** 2 + column ** 2).
DISTANCES = (0.0, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 9.9)

# Luma, Cb and Cr, fitted by bench/fit_tables.py; docs/adr/0006 has the measurements.
SHAPES = (
    Shape(
        at_85=(3.3, 5.8, 8.1, 13.0, 15.0, 19.1, 26.8, 37.8),
        at_60=(8.8, 11.2, 18.2, 33.6, 34.5, 60.0, 106.0, 182.0),
    ),
    Shape(
        at_85=(2.5, 5.2, 8.6, 12.9, 15.9, 24.7, 41.3, 69.1),
        at_60=(7.1, 12.1, 17.0, 23.8, 29.9, 38.7, 56.7, 105.0),
    ),
    Shape(
        at_85=(5.3, 7.6, 8.5, 10.4, 12.9, 18.3, 27.5, 114.0),
        at_60=(8.1, 13.5, 14.9, 19.7, 25.2, 35.4, 51.0, 217.0),
    ),
)

# Luma's first step is the largest of 1, 2, 4 and 8 that is at most this number times the scale.
_FIRST_STEP = 21.0
# SSIMULACRA2 has fewer scales for a picture with a side below this, and weighs colour more there: with finer
# steps for colour, pictures of 100 pixels take a fifth fewer bytes at equal score.
FINER_COLOUR_BELOW = 113
_FINER_COLOUR = 0.25
# Below this scale (a quality above 92) nothing was fitted: all steps shrink in proportion.
_FINEST_FITTED = 0.15


def quantisation(
    scale: float, shapes: tuple[Shape, ...] = SHAPES, *, finer_colour: bool = False
) -> list[list[int]]:
    """Returns the tables for luma, Cb and Cr, row by row."""
    luma = _steps(shapes[0], scale)
    chroma = [_steps(shape, scale * (_FINER_COLOUR if finer_colour else 1)) for shape in shapes[1:]]
    # The DC coefficient is 127 x 8 for white and -128 x 8 for black: a step that divides 8 keeps both exact.
    # This saves 5 to 9% of the bytes of pictures with large white areas, and costs nothing elsewhere.
    luma[0] = max(divisor for divisor in (1, 2, 4, 8) if divisor <= max(1.0, _FIRST_STEP * scale))
    return [luma, *chroma]


def _steps(shape: Shape, scale: float) -> list[int]:
    fitted, beyond = max(scale, _FINEST_FITTED), min(scale / _FINEST_FITTED, 1.0)
    share = log(fitted / scale_of(85)) / log(scale_of(60) / scale_of(85))
    curve = [fine * (coarse / fine) ** share for fine, coarse in zip(shape.at_85, shape.at_60, strict=True)]
    return [
        max(1, min(255, round(beyond * _between(curve, hypot(row, column)))))
        for row, column in product(range(8), repeat=2)
    ]


def _between(curve: Sequence[float], distance: float) -> float:
    """Interpolates geometrically between the two steps around a distance."""
    place = max(1, bisect_left(DISTANCES, distance))
    near, far = DISTANCES[place - 1], DISTANCES[place]
    share = (distance - near) / (far - near)
    return exp(log(curve[place - 1]) * (1 - share) + log(curve[place]) * share)


def scale_of(quality: int) -> float:
    """Returns the scale of the tables at a quality, by libjpeg's familiar curve: 1 at 50."""
    percent = 5000 / quality if quality < 50 else 200 - 2 * quality
    return max(0.01, percent / 100)


# Subsampling changes many pixels of interface text by more than this many levels, and few of photographs.
_COLOUR_STEP = 48
_COLOUR_STEPS_SHARE = 0.00025
_BANDS = 16
_BAND_ROWS = 8


def loses_colour_when_subsampled(image: Image.Image) -> bool:
    """True if 4:2:0 would be visible, as in saturated text and line art; samples evenly spaced rows."""
    height = max(2, min(_BAND_ROWS, image.height // (4 * _BANDS)))
    pixels = steps = 0
    for top in range(0, image.height - height + 1, max(height, image.height // _BANDS)):
        band = image.crop((0, top, image.width, top + height)).convert("YCbCr")
        for colour in (band.getchannel("Cb"), band.getchannel("Cr")):
            halved = colour.reduce(2).resize(colour.size, Image.Resampling.BILINEAR)
            steps += sum(ImageChops.difference(colour, halved).histogram()[_COLOUR_STEP:])
            pixels += colour.width * colour.height
    return steps > pixels / 2 * _COLOUR_STEPS_SHARE


def subsampled(image: Image.Image) -> Image.Image:
    """Applies chroma subsampling (4:2:0) and no other loss."""
    lightness, *colours = image.convert("YCbCr").split()
    halved = (colour.reduce(2).resize(colour.size, Image.Resampling.BILINEAR) for colour in colours)
    return Image.merge("YCbCr", (lightness, *halved)).convert("RGB")


def jpeg(image: Image.Image, quality: int, subsampling: str = "4:2:0", *, repack: bool = True) -> bytes:
    """Encodes an L or RGB picture. With `repack`, returns the smallest of several lossless variants."""
    options = _jpeg_options(image, quality, subsampling)
    if not repack:
        return _optimized(image, options)
    # Neither `optimize` nor `progressive`: repacking does both better, and noisy pictures overflow the buffer
    # that Pillow allocates for them. Hostile bytes would crash the repacking, so it only gets bytes from
    # our own encoder.
    plain = _saved(image, Format.JPEG, **options)
    candidates: list[bytes] = [plain, optimize(plain)]
    if image.width * image.height <= _BASELINE_UP_TO_PIXELS:
        candidates.append(_saved(image, Format.JPEG, optimize=True, **options))
    return min(candidates, key=len)


def _optimized(image: Image.Image, options: dict[str, object]) -> bytes:
    """Encodes with optimised Huffman codes, large pictures progressively: about 3% larger than repacked."""
    progressive = image.width * image.height > _BASELINE_UP_TO_PIXELS
    try:
        return _saved(image, Format.JPEG, optimize=True, progressive=progressive, **options)
    except OSError:  # noise overflows Pillow's buffer
        return _saved(image, Format.JPEG, **options)


def _jpeg_options(image: Image.Image, quality: int, subsampling: str) -> dict[str, object]:
    tables = quantisation(scale_of(quality), finer_colour=min(image.size) < FINER_COLOUR_BELOW)
    return {"qtables": tables[:1] if image.mode == "L" else tables, "subsampling": subsampling}


@dataclass(frozen=True, slots=True)
class Encoder:
    """The functions that encode a picture at a quality, for the search.

    - `sample`: quickly, with nearly the same pixels.
    - `pixels`: with the final pixels.
    - `file`: the final file, from the bytes of `pixels`.
    """

    sample: Callable[[Image.Image, int], bytes]
    pixels: Callable[[Image.Image, int], bytes]
    file: Callable[[Image.Image, int, bytes], bytes] = lambda _image, _quality, pixels: pixels


def encoder(wanted: Format, subsampling: str, *, repack: bool) -> Encoder:
    """Returns the encoder of a format. AVIF's samples take less than half the time of its files."""
    if wanted is Format.WEBP:
        return Encoder(webp, webp)
    if wanted is Format.AVIF:
        return Encoder(
            lambda image, quality: _avif(image, quality, subsampling, speed=9),
            lambda image, quality: avif(image, quality, subsampling),
        )

    def plain(image: Image.Image, quality: int) -> bytes:
        return _saved(image, Format.JPEG, **_jpeg_options(image, quality, subsampling))

    return Encoder(plain, plain, lambda image, quality, _: jpeg(image, quality, subsampling, repack=repack))


def reference(image: Image.Image) -> bytes:
    """Encodes the JPEG without visible loss; not repacked, since its size does not matter."""
    return _saved(image, Format.JPEG, quality=REFERENCE_QUALITY, subsampling="4:4:4")


def webp(image: Image.Image, quality: int) -> bytes:
    import_module("PIL.WebPImagePlugin")
    return _saved(image, Format.WEBP, quality=quality, method=4)


# WebP's limits (RFC 9649, 2.7.1.1) and its encoder's, in milliseconds; a PNG's values can be larger.
_LONGEST_FRAME, _MOST_LOOPS = 0xFFFFFF, 0xFFFF
_LONGEST_ANIMATION = 0x7FFFFFFF


def animated_webp(frames: Image.Image, quality: int, durations: list[int], loops: int) -> bytes:
    """Encodes every frame of `frames`, by seeking; durations in milliseconds, `loops` 0 means forever.

    Method 2 takes half the time of 4 for 5% more bytes. Only the first frame is a key frame, since browsers
    play from the start: 15% fewer bytes in a fifth less time.
    """
    import_module("PIL.WebPImagePlugin")
    options = {"quality": quality, "method": 2, "kmin": 0, "kmax": 0}
    longest = min(_LONGEST_FRAME, _LONGEST_ANIMATION // len(durations))
    return _saved(
        frames,
        Format.WEBP,
        save_all=True,
        duration=[min(duration, longest) for duration in durations],
        loop=min(loops, _MOST_LOOPS),
        **options,
    )


def avif(image: Image.Image, quality: int, subsampling: str = "4:2:0") -> bytes:
    """Encodes at speed 8: 176 ms per megapixel; speed 6 takes 530 ms for 10% fewer bytes."""
    return _avif(image, quality, subsampling, speed=8)


def _avif(image: Image.Image, quality: int, subsampling: str, *, speed: int) -> bytes:
    import_module("PIL.AvifImagePlugin")
    # One thread: other formats are encoded at the same time, and each thread's heap counts as memory.
    return _saved(image, Format.AVIF, quality=quality, speed=speed, subsampling=subsampling, max_threads=1)


class _File(BytesIO):
    """A named file: Pillow infers the format from its name; passing a format would import five plugins."""

    def __init__(self, wanted: Format) -> None:
        super().__init__()
        self.name = f"picture.{wanted.extension}"


def _saved(image: Image.Image, wanted: Format, **options: Any) -> bytes:
    file = _File(wanted)
    image.save(file, **options)
    return file.getvalue()
