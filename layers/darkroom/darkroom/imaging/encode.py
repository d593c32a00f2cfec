"""One function per format: upright sRGB pixels in, the bytes of a file without metadata out."""

from importlib import import_module
from io import BytesIO
from itertools import pairwise

from mozjpeg_lossless_optimization import optimize
from PIL import Image, ImageChops

from darkroom.model import Format
from darkroom.profile import FormatChoice

# libjpeg's own limit; WebP's is in its bitstream, AVIF's is what libavif's readers take by default.
SIDE_LIMITS = {Format.JPEG: 65_500, Format.WEBP: 16_383, Format.AVIF: 32_768}

# 4:4:4 costs 17 % from here up; at 100 pixels it wins clearly, since 4:2:0 can't pass a score of 63.
_SUBSAMPLED_FROM_WIDTH = 640

REFERENCE_QUALITY = 95

# Below this many pixels a baseline file can be smaller than a progressive one.
_BASELINE_UP_TO_PIXELS = 16_000


# A score -> the quality that reaches it on an ordinary photograph, and straight lines in between. For JPEG
# the median over 30 pictures; it ranges by 15 to either side.
_QUALITIES_BY_TARGET = {
    Format.JPEG: ((30, 20), (70, 66), (80, 79), (90, 92), (95, 97)),
    Format.WEBP: ((30, 15), (70, 70), (80, 83), (90, 95), (95, 99)),
    Format.AVIF: ((30, 25), (70, 60), (80, 72), (90, 86), (95, 94)),
}


def quality_for(choice: FormatChoice, image: Image.Image) -> int:  # noqa: ARG001 - what may decide it
    """The encoder's quality for a picture: the profile's own, or the one that should reach its target."""
    if choice.quality is not None:
        return choice.quality
    points = _QUALITIES_BY_TARGET[choice.format]
    target = choice.target or 0.0
    for (low, quality_low), (high, quality_high) in pairwise(points):
        if target <= high:
            return round(quality_low + (quality_high - quality_low) * (target - low) / (high - low))
    return points[-1][1]


# Halving its colours changes many a pixel of interface text by more than this; of photographs hardly any.
_COLOUR_STEP = 48
_COLOUR_STEPS_SHARE = 0.00025
_BANDS = 16


def loses_colour_when_subsampled(image: Image.Image) -> bool:
    """Whether 4:2:0 shows: saturated text and line art. Looks at a quarter of the rows, spread evenly."""
    height = max(2, image.height // (4 * _BANDS))
    pixels = steps = 0
    for top in range(0, image.height - height + 1, max(height, image.height // _BANDS)):
        band = image.crop((0, top, image.width, top + height)).convert("YCbCr")
        for colour in (band.getchannel("Cb"), band.getchannel("Cr")):
            halved = colour.reduce(2).resize(colour.size, Image.Resampling.BILINEAR)
            steps += sum(ImageChops.difference(colour, halved).histogram()[_COLOUR_STEP:])
            pixels += colour.width * colour.height
    return steps > pixels / 2 * _COLOUR_STEPS_SHARE


def jpeg(image: Image.Image, quality: int, *, repack: bool = True) -> bytes:
    """The smallest of what Pillow writes and, to `repack`, its lossless repacking; `image` is L or RGB."""
    subsampling = _subsampling(image)
    if not repack:
        return _saved(image, "JPEG", quality=quality, subsampling=subsampling)
    # Plain first: Pillow's `optimize` and `progressive` fail on noisy pictures, whose bytes outgrow
    # its buffer, and the repacking does both better. It is only ever called on bytes made here: on
    # hostile ones it ends the process.
    plain = _saved(image, "JPEG", quality=quality, subsampling=subsampling)
    candidates: list[bytes] = [plain, optimize(plain)]
    if image.width * image.height <= _BASELINE_UP_TO_PIXELS:
        candidates.append(_saved(image, "JPEG", quality=quality, subsampling=subsampling, optimize=True))
    return min(candidates, key=len)


def _subsampling(image: Image.Image) -> str:
    if image.width < _SUBSAMPLED_FROM_WIDTH or (image.mode == "RGB" and loses_colour_when_subsampled(image)):
        return "4:4:4"
    return "4:2:0"


def reference(image: Image.Image) -> bytes:
    """A JPEG that shows no loss, to compare the others with; not repacked, since its size does not count."""
    return _saved(image, "JPEG", quality=REFERENCE_QUALITY, subsampling="4:4:4")


def webp(image: Image.Image, quality: int) -> bytes:
    import_module("PIL.WebPImagePlugin")
    return _saved(image, "WEBP", quality=quality, method=4)


def animated_webp(frames: Image.Image, quality: int, durations: list[int], loops: int) -> bytes:
    """Every frame that `frames` has to seek, one at a time; milliseconds each; `loops` 0 is for ever.

    Method 2: half the time of 4 for 5 % more bytes. No key frame but the first, since nobody winds forward:
    15 % fewer bytes in a fifth less time.
    """
    import_module("PIL.WebPImagePlugin")
    options = {"quality": quality, "method": 2, "kmin": 0, "kmax": 0}
    return _saved(frames, "WEBP", save_all=True, duration=durations, loop=loops, **options)


def avif(image: Image.Image, quality: int) -> bytes:
    """Speed 8: 176 ms per megapixel, where speed 6 takes 530 for 10 % fewer bytes."""
    import_module("PIL.AvifImagePlugin")
    # One thread: it runs beside the other formats, and each thread's heap counts against the limit.
    return _saved(image, "AVIF", quality=quality, speed=8, subsampling="4:2:0", max_threads=1)


def _saved(image: Image.Image, plugin: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, plugin, **options)
    return buffer.getvalue()
