"""One function per format: takes upright sRGB pixels, returns the bytes of a file without metadata."""

import os
from collections.abc import Callable
from functools import partial
from importlib import import_module
from io import BytesIO
from typing import Any, NamedTuple

from PIL import Image

from darkroom.domain.renditions import Format
from darkroom.imaging.decoding import read_rendition
from darkroom.imaging.pixels import Shown, pixels_of
from darkroom.imaging.planes import Planes, planes_of

# JPEG: libjpeg's limit; PNG and WebP: the bitstream's; AVIF: the default limit of libavif's decoder; JPEG XL:
# that of level 5, which every decoder supports (ISO/IEC 18181-1, annex M).
SIDE_LIMITS = {
    Format.JPEG: 65_500,
    Format.PNG: (1 << 31) - 1,
    Format.WEBP: 16_383,
    Format.AVIF: 32_768,
    Format.JXL: 1 << 18,
}

REFERENCE_QUALITY = 95

# SSIMULACRA2 has fewer scales for a picture with a side below this, and weighs colour more there.
SMALL_SIDE = 113
# Up to this many pixels a baseline JPEG has fewer bytes than a progressive one, or can have.
_BASELINE_PIXELS, _SMALL_PIXELS = 8_000, 80_000


# Subsampling changes many pixels of interface text by more than this many levels, and few of photographs.
_COLOUR_STEP = 48
_COLOUR_STEPS_SHARE = 0.00025
_BANDS = 16
_BAND_ROWS = 8


def loses_colour_when_subsampled(image: Image.Image) -> bool:
    """True if 4:2:0 would be visible, as in saturated text and line art; samples evenly spaced rows."""
    from darkroom_native import colour_steps  # imported only when needed, as the encoders

    height = max(2, min(_BAND_ROWS, image.height // (4 * _BANDS)) // 2 * 2)
    pixels = steps = 0
    for top in range(0, image.height - height + 1, max(height, image.height // _BANDS)):
        band = image.crop((0, top, image.width, top + height)).convert("YCbCr")
        pixels += 2 * band.width * band.height
        steps += colour_steps(band, *band.size, _COLOUR_STEP)
    return steps > pixels / 2 * _COLOUR_STEPS_SHARE


def jpeg(image: Image.Image, quality: float, subsampling: str = "4:2:0") -> bytes:
    """Encodes an L or RGB picture, as the smaller of a progressive and a baseline file."""
    pixels = image.width * image.height
    kinds = [progressive for progressive in (True, False) if _may_be_smallest(pixels, progressive)]
    return min((_jpeg(image, quality, subsampling, progressive=kind) for kind in kinds), key=len)


def _may_be_smallest(pixels: int, progressive: bool) -> bool:
    return pixels > _BASELINE_PIXELS if progressive else pixels <= _SMALL_PIXELS


def _jpeg(image: Image.Image, quality: float, subsampling: str, *, progressive: bool) -> bytes:
    from darkroom_native import encode_jpeg  # imported only when needed, as the other encoders

    pixels, channels = pixels_of(image)
    halved = subsampling == "4:2:0"
    return encode_jpeg(pixels, *image.size, channels, quality, halved, progressive)


# Writes a file.
type Write = Callable[[], bytes]

# libjpeg-turbo does not interpolate chroma in pictures narrower than this; the native module always does.
_INTERPOLATED_WIDTH = 5


def shown_jpeg(image: Image.Image, quality: float, subsampling: str = "4:2:0") -> tuple[Shown, Write]:
    """Returns what libjpeg-turbo shows of the file that `jpeg` makes, and a function that writes the file.

    The pixels take half the time of decoding, and the file is written only if it is needed.
    """
    is_small = image.width * image.height <= _SMALL_PIXELS or image.width < _INTERPOLATED_WIDTH
    if is_small or image.mode != "RGB":
        content = jpeg(image, quality, subsampling)
        return read_rendition(Format.JPEG, content), lambda: content
    from darkroom_native import quantise_jpeg, write_jpeg  # imported only when needed, as the other encoders

    pixels, channels = pixels_of(image)
    frame, shown = quantise_jpeg(pixels, *image.size, channels, quality, subsampling == "4:2:0")
    return shown, partial(write_jpeg, frame)


def _repacked(image: Image.Image, content: bytes) -> bytes:
    """Returns the smallest of equal files. Repacking never makes a large file of our own smaller."""
    if image.width * image.height > _SMALL_PIXELS:
        return content
    from mozjpeg_lossless_optimization import optimize  # imported only when needed, as the other encoders

    # Hostile bytes would crash the repacking, so it only gets bytes from our own encoder.
    packed: bytes = optimize(content)
    return min(content, packed, key=len)


class Avif(NamedTuple):
    """aom's settings for a picture: its speed, 0 to 9 (quickest), and whether palettes can save bytes."""

    speed: int = 8
    palette: bool = False


USUAL_AVIF = Avif()
_QUICKEST = 9
# At this quality libavif turns tuning off; aom rejects it.
_AVIF_LOSSLESS = 100
# Seconds for a megapixel by speed: of a detailed photograph, encoded and measured twice, on a slow processor.
_AVIF_SECONDS = {6: 2.0, 7: 1.2, 8: 0.7, 9: 0.3}
# aom's options for the colours (not for alpha), measured by bench/avif.py. Its tuning for SSIMULACRA2 takes 2
# to 5% fewer bytes; without its sharpening and CDEF, and with three quarters of its boost of blocks of little
# variance, it takes another 1 to 2% fewer. One trellis, at the end, saves a quarter of the time; updating the
# costs of coefficients only at each row of blocks, and of modes never, saves a tenth.
_AOM = {
    "color:tune": "ssimulacra2",
    "color:sharpness": "0",
    "color:enable-cdef": "0",
    "color:deltaq-strength": "75",
    "color:disable-trellis-quant": "2",
    "color:coeff-cost-upd-freq": "1",
    "color:mode-cost-upd-freq": "3",
}


class Encoder(NamedTuple):
    """Encodes a picture at a quality.

    `shown` returns what a decoder shows of the file that `file` makes, and a function that writes it.
    `sample` returns nearly the same pixels, sooner.
    """

    subsampling: str
    file: Callable[[Image.Image, float], bytes]
    shown: Callable[[Image.Image, float], tuple[Shown, Write]]
    sample: Callable[[Image.Image, float], Shown]


def encoder(
    wanted: Format,
    subsampling: str,
    *,
    repack: bool = True,
    libjpeg: bool = False,
    avif: Avif = USUAL_AVIF,
) -> Encoder:
    """Returns the encoder of a format. AVIF's samples take less than half the time of its files."""
    if wanted is Format.AVIF:
        return _avif_encoder(subsampling, avif)

    def file(image: Image.Image, quality: float) -> bytes:
        if wanted is Format.WEBP:
            return webp(image, round(quality))
        if wanted is Format.JXL:
            return jxl(image, quality)
        if libjpeg:
            from darkroom.imaging.libjpeg import encode  # imported only when needed

            return encode(image, quality)
        made = jpeg(image, quality, subsampling)
        return _repacked(image, made) if repack else made

    def shown(image: Image.Image, quality: float) -> tuple[Shown, Write]:
        if wanted is Format.JPEG and not libjpeg:
            pixels, write = shown_jpeg(image, quality, subsampling)
            return pixels, (lambda: _repacked(image, write())) if repack else write
        content = file(image, quality)
        return read_rendition(wanted, content), lambda: content

    return Encoder(subsampling, file, shown, lambda image, quality: shown(image, quality)[0])


def _avif_encoder(subsampling: str, settings: Avif) -> Encoder:

    # A search encodes a picture at several qualities, from the same planes.
    last: list[tuple[Image.Image, Planes]] = []

    def encoded(image: Image.Image, quality: float, speed: int) -> bytes:
        if not last or last[0][0] is not image:
            last[:] = [(image, planes_of(image, subsampling))]
        return _avif(last[0][1], round(quality), speed, palette=settings.palette)

    def file(image: Image.Image, quality: float) -> bytes:
        return encoded(image, quality, settings.speed)

    def shown(image: Image.Image, quality: float) -> tuple[Shown, Write]:
        content = file(image, quality)
        return read_rendition(Format.AVIF, content), lambda: content

    def sample(image: Image.Image, quality: float) -> Shown:
        return read_rendition(Format.AVIF, encoded(image, quality, _QUICKEST))

    return Encoder(subsampling, file, shown, sample)


def reference(image: Image.Image) -> bytes:
    """Encodes the JPEG without visible loss; not repacked, since its size does not matter."""
    return _saved(image, Format.JPEG, quality=REFERENCE_QUALITY, subsampling="4:4:4")


def webp(image: Image.Image, quality: int) -> bytes:
    import_module("PIL.WebPImagePlugin")
    return _saved(image, Format.WEBP, quality=quality, method=4)


def png(image: Image.Image) -> bytes:
    """Encodes without loss; of fully transparent pixels, the colour is not kept.

    Call it in a child process: oxipng's thread remains, and a process with threads can't be forked safely.
    """
    os.environ["RAYON_NUM_THREADS"] = "1"  # other formats are encoded at the same time
    from oxipng import ColorType, Deflaters, RawImage, RowFilter

    kinds = {
        "L": ColorType.grayscale,
        "LA": ColorType.grayscale_alpha,
        "RGB": ColorType.rgb,
        "RGBA": ColorType.rgba,
    }
    raw = RawImage(image.tobytes(), *image.size, color_type=kinds[image.mode]())
    # On graphics, within 0.1% of the bytes of level 4, in a quarter of its time.
    filters, deflater = [RowFilter.NoOp, RowFilter.Bigrams], Deflaters.libdeflater(12)
    return raw.create_optimized_png(level=2, filter=filters, deflate=deflater, optimize_alpha=True)


def lossless_webp(image: Image.Image, *, quick: bool = False) -> bytes:
    """Encodes without loss; of fully transparent pixels, the colour is not kept.

    Takes 60 ms a megapixel, of photographs 300; a quick file, which is a little larger, a fifth of that.
    """
    import_module("PIL.WebPImagePlugin")
    effort = {"quality": 20, "method": 1} if quick else {"quality": 100, "method": 4}
    return _saved(image, Format.WEBP, lossless=True, **effort)


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


def jxl(image: Image.Image, quality: float) -> bytes:
    from darkroom.imaging import jxl  # imported only when needed

    return jxl.encode(image, quality)


def _avif(planes: Planes, quality: int, speed: int, *, palette: bool) -> bytes:
    from darkroom.imaging.avif import encode  # imported only when needed

    options = {**_AOM, "color:enable-palette": str(int(palette))}
    return encode(planes, quality, speed, options if quality < _AVIF_LOSSLESS else {})


class _File(BytesIO):
    """A named file: Pillow infers the format from its name; passing a format would import five plugins."""

    def __init__(self, wanted: Format) -> None:
        super().__init__()
        self.name = f"picture.{wanted.extension}"


def avif_speed(pixels: int, seconds: float, effort: int) -> int:
    """Returns aom's slowest speed that an effort allows and that encodes so many pixels in time.

    By a table instead of the clock, so that the same picture always gets the same bytes.
    """
    usual = USUAL_AVIF.speed + 1 - effort
    in_time = (s for s, cost in _AVIF_SECONDS.items() if s >= usual and pixels * cost / 1e6 <= seconds)
    return min(in_time, default=_QUICKEST)


def _saved(image: Image.Image, wanted: Format, **options: Any) -> bytes:
    file = _File(wanted)
    image.save(file, **options)
    return file.getvalue()
