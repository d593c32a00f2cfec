"""The pipeline: a tuple of steps, each from one state of the work to the next."""

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import version
from io import BytesIO

import PIL
from PIL import Image, ImageFile

from darkroom.errors import RejectedPicture
from darkroom.imaging import encode
from darkroom.imaging.child import Child, ChildDied, ChildFailed, ChildTimedOut, too_expensive
from darkroom.imaging.sniff import Header, corrupt, read_header
from darkroom.model import Decision, Encoded, Format, Original, Rendered
from darkroom.profile import Profile

# One higher whenever the same upload and profile would give other bytes.
_REVISION = "r1"
ENGINE = f"pillow-{PIL.__version__} mozjpeg-{version('mozjpeg-lossless-optimization')} {_REVISION}"

# What the decoder, the picture and its first resize hold at once, in bytes per stored pixel: measured at
# 48 megapixels (progressive JPEG 7.3, PNG with alpha 12.1, WebP 17.6, AVIF 12.7) and rounded up.
_BYTES_PER_PIXEL = {"jpeg": 12, "png": 13, "webp": 18, "gif": 10, "avif": 14, "tiff": 12, "bmp": 10}
# The interpreter, its libraries and what encoding takes.
_BYTES_BESIDES = 250_000_000

type Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Work:
    """One picture on its way. `sizes` are the renditions', as shown, the widest first."""

    header: Header
    profile: Profile
    size_bytes: int
    sizes: tuple[Size, ...] = ()
    image: Image.Image = field(default_factory=Image.Image)
    rungs: tuple[Image.Image, ...] = ()
    avif: Child[Encoded] | None = None
    renditions: tuple[Encoded, ...] = ()
    decisions: tuple[Decision, ...] = ()

    def decided(self, code: str, why: str) -> "Work":
        return replace(self, decisions=(*self.decisions, Decision(code, why)))

    def made(self, *renditions: Encoded) -> "Work":
        return replace(self, renditions=(*self.renditions, *renditions))

    def quality(self, wanted: Format) -> int | None:
        """The profile's quality for a format; None if the profile does not ask for it."""
        return next((c.quality for c in self.profile.formats if c.format is wanted), None)


def render(content: bytes, profile: Profile, *, memory_bytes: int | None = None) -> Rendered:
    """Every rendition that the profile asks for, from one decoding of the picture.

    `memory_bytes` is what this process may use; a picture that needs more is rejected before it is decoded.
    Raises RejectedPicture.
    """
    started = time.perf_counter()
    header = _admitted(content, profile, memory_bytes)
    milliseconds = {"header": _milliseconds_since(started)}
    work = Work(header, profile, len(content))
    try:
        for step in PIPELINE:
            started = time.perf_counter()
            work = step(work)
            milliseconds[step.__name__] = _milliseconds_since(started)
    finally:
        if work.avif:
            work.avif.end()
    width, height = header.shown
    return Rendered(
        original=Original(header.format, width, height, len(content)),
        renditions=work.renditions,
        decisions=work.decisions,
        milliseconds=milliseconds,
    )


def _milliseconds_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)


def _admitted(content: bytes, profile: Profile, memory_bytes: int | None) -> Header:
    """The header of a picture that is within every limit."""
    profile.admit(len(content))
    header = read_header(content)
    if header.pixels > profile.max_pixels:
        raise RejectedPicture(
            "too_many_pixels",
            f"It has {_mega(header.pixels)} megapixels; the limit is {_mega(profile.max_pixels)}.",
            limit=profile.max_pixels,
            actual=header.pixels,
        )
    needed = _BYTES_BESIDES + len(content) + header.pixels * _BYTES_PER_PIXEL[header.format]
    if memory_bytes is not None and needed > memory_bytes:
        raise too_expensive(memory_bytes, needed)
    return header


def _mega(count: int) -> str:
    return f"{count / 1e6:.1f}".removesuffix(".0")


def plan_sizes(work: Work) -> Work:
    """The sizes to make: never larger than the picture, no side below 1 or above what JPEG can hold."""
    width, height = work.header.shown
    longest = encode.SIDE_LIMITS[Format.JPEG]
    sizes = set()
    for wanted in work.profile.widths:
        scale = min(1.0, wanted / width, longest / height)
        sizes.add((max(1, round(width * scale)), max(1, round(height * scale))))
    work = replace(work, sizes=tuple(sorted(sizes, reverse=True)))
    if height > longest and max(sizes)[1] == longest:
        work = work.decided(
            "side_limited", f"Made {longest} pixels high: a JPEG can't be higher, the original is {height}."
        )
    if work.header.frames > 1:
        work = work.decided(
            "first_frame", f"The original has {work.header.frames} frames; the first one was rendered."
        )
    return work


_PLUGINS = {
    "jpeg": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "png": ("PIL.PngImagePlugin", "PngImageFile"),
    "webp": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "gif": ("PIL.GifImagePlugin", "GifImageFile"),
    "avif": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "tiff": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "bmp": ("PIL.BmpImagePlugin", "BmpImageFile"),
}


def decode(work: Work) -> Work:
    """The first frame in one of the modes L, LA, RGB, RGBA and CMYK, without any metadata."""
    if work.header.starved:
        raise corrupt()
    # Not Image.open: that imports five plugins, and tries them, where the header has named the one.
    module, plugin = _PLUGINS[work.header.format]
    opened: type[ImageFile.ImageFile] = getattr(import_module(module), plugin)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            image: Image.Image = opened(BytesIO(work.header.stream))
            _check_size(image, work.header)
            if work.header.format == "jpeg":
                # Twice the size needed: that costs nothing visible, and once does.
                wanted, _ = _as_stored(work, 2 * work.sizes[0][0], 2 * work.sizes[0][1])
                image.draft(None, wanted)
            image.load()
    except (MemoryError, RejectedPicture):
        raise
    except Exception as fault:  # what decoders raise on hostile bytes has no common root
        raise corrupt() from fault
    image = _plain(image)
    image.info = {}
    return replace(work, image=image)


def _check_size(image: Image.Image, header: Header) -> None:
    """The decoder must not see another, larger picture than the header pass did."""
    if image.width * image.height > header.pixels:
        raise corrupt()


def _plain(image: Image.Image) -> Image.Image:
    """The picture in one of the modes L, LA, RGB, RGBA and CMYK, with alpha only where it shows."""
    if image.mode.startswith("I;16"):
        image = image.point(lambda level: level * (1 / 256)).convert("L")
    if image.mode in ("I", "F", "LAB", "HSV"):
        raise RejectedPicture(
            "unsupported_format",
            "Its pixels are of a kind that can't be shown on the web; export it as JPEG.",
        )
    if image.has_transparency_data:
        image = image.convert("LA" if image.mode == "LA" else "RGBA")
        if image.getchannel("A").getextrema() == (255, 255):
            image = image.convert(image.mode.removesuffix("A"))
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("RGB")
    return image


def _as_stored(work: Work, width: int, height: int) -> tuple[Size, bool]:
    """A shown size in the axes of the stored picture, and whether they are swapped."""
    swapped = work.header.orientation >= 5
    return ((height, width), True) if swapped else ((width, height), False)


def shrink(work: Work) -> Work:
    """To the widest rendition, so that every later step has fewer pixels; alpha premultiplied."""
    wanted, _ = _as_stored(work, *work.sizes[0])
    return replace(work, image=_resized(work.image, wanted))


def _resized(image: Image.Image, size: Size) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orient(work: Work) -> Work:
    turn = _UPRIGHT.get(work.header.orientation)
    return work if turn is None else replace(work, image=work.image.transpose(turn))


def to_srgb(work: Work) -> Work:
    """Colours as sRGB; a profile that can't be used counts as none, which the receipt says."""
    if work.header.icc:
        # Imported for the pictures that need it: most carry no profile.
        colour = import_module("darkroom.imaging.colour")
        converted = colour.converted(work.image, work.header.icc)
        if converted is not None:
            return replace(work, image=converted)
        work = work.decided(
            "profile_ignored", "Its colour profile is broken or of another kind: taken as sRGB."
        )
    return replace(work, image=work.image.convert("RGB")) if work.image.mode == "CMYK" else work


def step_down(work: Work) -> Work:
    """One picture per size, each from the narrowest that is at least twice as wide, else from the widest."""
    rungs = [work.image]
    for size in work.sizes[1:]:
        wide_enough = [rung for rung in rungs if rung.width >= 2 * size[0]]
        rungs.append(_resized(wide_enough[-1] if wide_enough else rungs[0], size))
    return replace(work, rungs=tuple(rungs))


def begin_avif(work: Work) -> Work:
    """Starts AVIF in a child: it takes as long as the other formats together, and can't be told to stop."""
    quality = work.quality(Format.AVIF)
    if quality is None or not work.profile.avif_seconds:
        return work

    def narrowest_first() -> Iterator[Encoded]:
        for rung in reversed(_fitting(work, Format.AVIF)):
            yield Encoded(Format.AVIF, rung.width, rung.height, quality, encode.avif(rung, quality))

    return replace(work, avif=Child(narrowest_first, seconds=work.profile.avif_seconds))


def encode_jpeg(work: Work) -> Work:
    quality = work.quality(Format.JPEG)
    if quality is None:
        return work
    return work.made(
        *(
            Encoded(Format.JPEG, rung.width, rung.height, quality, encode.jpeg(flat, quality))
            for rung in work.rungs
            for flat in [_flattened(rung, work.profile.background)]
        )
    )


def _flattened(image: Image.Image, background: str) -> Image.Image:
    """Over the background where the picture is transparent; L or RGB."""
    if image.mode not in ("LA", "RGBA"):
        return image
    flat = Image.new("RGB", image.size, background)
    flat.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return flat


def encode_webp(work: Work) -> Work:
    quality = work.quality(Format.WEBP)
    if quality is None:
        return work
    return _noting_what_does_not_fit(work, Format.WEBP).made(
        *(
            Encoded(Format.WEBP, rung.width, rung.height, quality, encode.webp(rung, quality))
            for rung in _fitting(work, Format.WEBP)
        )
    )


def _fitting(work: Work, wanted: Format) -> list[Image.Image]:
    return [rung for rung in work.rungs if max(rung.size) <= encode.SIDE_LIMITS[wanted]]


def _noting_what_does_not_fit(work: Work, wanted: Format) -> Work:
    for rung in work.rungs:
        if max(rung.size) > encode.SIDE_LIMITS[wanted]:
            work = work.decided(
                f"{wanted.value}_skipped",
                f"No {_named(wanted)} of {rung.width} x {rung.height} pixels:"
                f" its sides end at {encode.SIDE_LIMITS[wanted]:,}.",
            )
    return work


def encode_avif(work: Work) -> Work:
    """Waits for what `begin_avif` started, to the end of its time budget at the latest."""
    if work.quality(Format.AVIF) is None:
        return work
    work = _noting_what_does_not_fit(work, Format.AVIF)
    made: list[Encoded] = []
    seconds = work.profile.avif_seconds
    reason = f"over its time budget of {seconds:g} s"
    if work.avif:
        try:
            made.extend(work.avif.answers())
        except ChildTimedOut:
            pass
        except (ChildDied, ChildFailed, MemoryError):
            reason = "its encoder failed"
        finally:
            work.avif.end()
    missing = [rung.width for rung in reversed(_fitting(work, Format.AVIF)[: -len(made) or None])]
    for width in missing:
        work = work.decided("avif_skipped", f"No AVIF {width} pixels wide: {reason}.")
    return replace(work, avif=None).made(*made)


def keep_the_smaller(work: Work) -> Work:
    """Drops a rendition that is no smaller than a more widely readable one of its size.

    JPEG always stays, since originals are never served; the receipt says when the original was smaller.
    """
    kept: list[Encoded] = []
    for size in work.sizes:
        smallest: Encoded | None = None
        for rendition in sorted(_of_size(work, size), key=lambda r: _READABILITY.index(r.format)):
            if smallest is None or len(rendition.data) < len(smallest.data):
                kept.append(rendition)
                # A JPEG of a transparent picture shows less than the others, so it does not replace them.
                if not (rendition.format is Format.JPEG and work.image.mode in ("LA", "RGBA")):
                    smallest = rendition
                continue
            work = work.decided(
                f"{rendition.format.value}_dropped",
                f"No {_named(rendition.format)} {size[0]} pixels wide: its {len(rendition.data):,} bytes"
                f" are no fewer than the {_named(smallest.format)}'s {len(smallest.data):,}.",
            )
    return _noting_a_smaller_original(replace(work, renditions=tuple(kept)))


_READABILITY = (Format.JPEG, Format.WEBP, Format.AVIF)


def _of_size(work: Work, size: Size) -> list[Encoded]:
    return [r for r in work.renditions if (r.width, r.height) == size]


def _noting_a_smaller_original(work: Work) -> Work:
    at_full_size = [len(r.data) for r in _of_size(work, work.header.shown)]
    if not at_full_size or min(at_full_size) < work.size_bytes:
        return work
    return work.decided(
        "original_smaller",
        f"No rendition at the original's own size is smaller than its {work.size_bytes:,} bytes:"
        f" the smallest has {min(at_full_size):,}.",
    )


def _named(wanted: Format) -> str:
    return {Format.JPEG: "JPEG", Format.WEBP: "WebP", Format.AVIF: "AVIF"}[wanted]


PIPELINE: tuple[Callable[[Work], Work], ...] = (
    plan_sizes,
    decode,  # once, at a reduced scale where JPEG allows it: it feeds the whole ladder
    shrink,
    orient,  # after the resize: turning all the pixels first would defeat the reduced scale
    to_srgb,  # after the resize: 49 ms instead of 224 on 10 megapixels
    step_down,
    begin_avif,
    encode_jpeg,
    encode_webp,
    encode_avif,
    keep_the_smaller,
)
