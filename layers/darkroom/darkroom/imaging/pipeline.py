"""The pipeline: a tuple of steps, each from one state of the work to the next."""

import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module

import PIL
from PIL import Image, ImageChops

from darkroom.domain.errors import RejectedPicture
from darkroom.domain.profile import FormatChoice, Profile
from darkroom.domain.receipts import Decision, Original, Rendered
from darkroom.domain.renditions import REFERENCE, Encoded, Format
from darkroom.imaging import encode
from darkroom.imaging.animation import animated_webp
from darkroom.imaging.child import Child, ChildDied, ChildFailed, ChildTimedOut
from darkroom.imaging.decoding import (
    ends_in_grey,
    fed,
    may_lack_rows,
    opened,
    plain,
    strictly,
    with_alpha_where_it_shows,
)
from darkroom.imaging.ladders import Plan, planned
from darkroom.imaging.placeholder import dominant_colour, placeholder
from darkroom.imaging.quality import Chosen, chosen
from darkroom.imaging.resize import Size, resized, with_colours_spread
from darkroom.imaging.sniff import Header, corrupt, read_header
from darkroom.imaging.sniff.png import holds_every_row

# One higher whenever the same upload and profile would give other bytes.
_REVISION = "r6"
# As installed, which a test holds: to ask importlib.metadata would cost every start 25 ms.
_MOZJPEG = "1.3.2"
ENGINE = f"pillow-{PIL.__version__} mozjpeg-{_MOZJPEG} {_REVISION}"

# What the decoder, the picture and its first resize hold at once, in bytes per stored pixel: measured at
# 48 megapixels (progressive JPEG 7.3, PNG with alpha 12.1, WebP 17.6, AVIF 12.7) and rounded up.
_BYTES_PER_PIXEL = {"jpeg": 12, "png": 13, "webp": 18, "gif": 10, "avif": 14, "tiff": 12, "bmp": 10}
# Beside that: a whole frame, and the encoder's own two before and after it.
_BYTES_PER_ANIMATED_PIXEL = 30
# Beside that, in linear light: one channel in floating point, its alpha's and their product.
_BYTES_PER_LINEAR_PIXEL = 13
# The interpreter, its libraries and what encoding takes.
_BYTES_BESIDES = 250_000_000


@dataclass(frozen=True, slots=True)
class Work:
    """One picture on its way: `image` the whole of it, then each plan's rungs, then the renditions."""

    header: Header
    profile: Profile
    size_bytes: int
    plans: tuple[Plan, ...] = ()
    image: Image.Image = field(default_factory=Image.Image)
    avif: tuple[Child[Encoded], ...] = ()
    renditions: tuple[Encoded, ...] = ()
    decisions: tuple[Decision, ...] = ()
    placeholder: str = ""
    colour: str = ""

    def decided(self, code: str, why: str) -> "Work":
        return replace(self, decisions=(*self.decisions, Decision(code, why)))

    def made(self, *renditions: Encoded) -> "Work":
        return replace(self, renditions=(*self.renditions, *renditions))

    def wanting(self, wanted: Format) -> Iterator[tuple[Plan, FormatChoice]]:
        """The plans of the ladders that ask for a format, and what they choose for it."""
        for plan in self.plans:
            choice = plan.ladder.choice(wanted)
            if choice:
                yield plan, choice

    @property
    def whole(self) -> Size:
        """The size at which the picture is just large enough for every plan."""
        width, height = self.header.shown
        scale = max(plan.scale for plan in self.plans)
        return max(1, round(width * scale)), max(1, round(height * scale))


def render(content: bytes, profile: Profile, *, memory_bytes: int | None = None) -> Rendered:
    """Every rendition that the profile asks for, from one decoding of the picture.

    `memory_bytes` is what this process may use; a picture that needs more is rejected before it is decoded.
    Raises RejectedPicture.
    """
    started = time.perf_counter()
    work = Work(_admitted(content, profile, memory_bytes), profile, len(content))
    del content  # the header has it until it is decoded, and a large one is not needed longer
    milliseconds, peak_mb = {"header": _milliseconds_since(started)}, {"header": _peak_mb()}
    try:
        for step in PIPELINE:
            started = time.perf_counter()
            work = step(work)
            milliseconds[step.__name__] = _milliseconds_since(started)
            peak_mb[step.__name__] = _peak_mb()
    finally:
        for child in work.avif:
            child.end()
    width, height = work.header.shown
    return Rendered(
        original=Original(work.header.format, width, height, work.size_bytes),
        renditions=work.renditions,
        decisions=work.decisions,
        milliseconds=milliseconds,
        peak_mb=peak_mb,
        placeholder=work.placeholder,
        colour=work.colour,
    )


def _milliseconds_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)


def _peak_mb() -> float:
    """The most memory that this process had resident, or one of its children that has ended. Linux alone."""
    kept = (resource.getrusage(whose).ru_maxrss for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return round(max(kept) / 1024, 1)


def _admitted(content: bytes, profile: Profile, memory_bytes: int | None) -> Header:
    """The header of a picture that is within every limit."""
    profile.admit(len(content))
    header = read_header(content)
    limits = profile.limits
    _within("too_many_pixels", "It has {} megapixels; the limit is {}.", header.pixels, limits.max_pixels)
    animation = header.animation if _animates(profile) else None
    if animation:
        frames = len(animation.durations)
        _within("too_many_frames", "It has {} frames; the limit is {}.", frames, limits.max_frames)
        _within(
            "too_many_pixels",
            "All its frames together have {} megapixels; the limit is {}.",
            frames * header.pixels,
            limits.max_animation_pixels,
        )
    bytes_per_pixel = (
        _BYTES_PER_PIXEL[header.format]
        + (_BYTES_PER_ANIMATED_PIXEL if animation else 0)
        + (_BYTES_PER_LINEAR_PIXEL if profile.linear_light else 0)
    )
    needed = _BYTES_BESIDES + len(content) + header.pixels * bytes_per_pixel
    if memory_bytes is not None and needed > memory_bytes:
        raise RejectedPicture(
            "too_expensive",
            f"It needs about {needed / 1e6:,.0f} MB to decode; the limit is {memory_bytes / 1e6:,.0f} MB.",
            limit=memory_bytes,
            actual=needed,
        )
    return header


def _animates(profile: Profile) -> bool:
    return any(ladder.animation and ladder.choice(Format.WEBP) for ladder in profile.ladders)


def _within(reason: str, sentence: str, actual: int, limit: int) -> None:
    if actual > limit:
        show = _mega if reason == "too_many_pixels" else "{:,}".format
        raise RejectedPicture(reason, sentence.format(show(actual), show(limit)), limit=limit, actual=actual)


def _mega(count: int) -> str:
    return f"{count / 1e6:.1f}".removesuffix(".0")


def plan(work: Work) -> Work:
    """What to make for each ladder."""
    work = replace(work, plans=tuple(planned(ladder, work.header.shown) for ladder in work.profile.ladders))
    for each in work.plans:
        if each.cut_short:
            width, height = each.sizes[0]
            work = work.decided(
                "side_limited",
                f"Made {width} x {height} pixels at most: no side of a JPEG can be longer.",
            )
    return _noting_what_moves(work)


def _noting_what_moves(work: Work) -> Work:
    frames = work.header.frames
    if work.header.animation and _animates(work.profile):
        return work.decided("animated", f"All {frames} frames move in WebP; other formats show the first.")
    if frames > 1:
        return work.decided("first_frame", f"The original has {frames} frames; the first one was rendered.")
    return work


def decode(work: Work) -> Work:
    """The first frame in one of the modes L, LA, RGB, RGBA and CMYK, without any metadata."""
    if work.header.starved:
        raise corrupt()
    with strictly():
        decoded = plain(_first_frame(work))
    if decoded.mode == "CMYK" and work.header.uninverted:
        decoded = ImageChops.invert(decoded)  # Pillow takes every JPEG for Adobe's
    decoded.info = {}
    return replace(work, image=decoded, header=replace(work.header, stream=b""))


def _first_frame(work: Work) -> Image.Image:
    header = work.header
    if header.format == "webp":
        # Imported for the pictures that need it.
        webp = import_module("darkroom.imaging.webp")
        still: Image.Image | None = webp.still(header.stream, (header.width, header.height))
        if still:
            return still
    if header.format == "jpeg":
        image = _jpeg(work, header.stream)
        if ends_in_grey(image) and ImageChops.difference(image, _jpeg(work, fed(header.stream))).getbbox():
            raise corrupt()
        return image
    image = opened(header, header.stream)
    image.load()
    if header.format == "png" and may_lack_rows(image) and not holds_every_row(header.stream):
        raise corrupt()
    return image


def _jpeg(work: Work, stream: bytes) -> Image.Image:
    image = opened(work.header, stream)
    if not work.profile.linear_light:
        # 1.5 times the size needed, which scores 93 to 97 against all the pixels: beyond what can be
        # seen, where sharp's own reduction scores less. Twice would cost 24 megapixels half a second.
        width, height = _as_stored(work, work.whole)
        image.draft(None, (width * 3 // 2, height * 3 // 2))
    image.load()
    return image


def _as_stored(work: Work, size: Size) -> Size:
    """A shown size in the axes of the stored picture."""
    return (size[1], size[0]) if work.header.orientation >= 5 else size


def shrink(work: Work) -> Work:
    """To the size that the widest rendition needs, so that every later step has fewer pixels."""
    wanted = _as_stored(work, work.whole)
    smaller = resized(work.image, wanted, linear=work.profile.linear_light)
    return replace(work, image=with_alpha_where_it_shows(smaller))


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
    return replace(work, image=_upright(work.image, work.header))


def _upright(image: Image.Image, header: Header) -> Image.Image:
    turn = _UPRIGHT.get(header.orientation)
    return image if turn is None else image.transpose(turn)


def to_srgb(work: Work) -> Work:
    """Colours as sRGB; a profile that can't be used counts as none, which the receipt says."""
    converted = _in_srgb(work.image, work.header)
    if converted is not None:
        return replace(work, image=converted)
    return replace(work, image=_without_profile(work.image)).decided(
        "profile_ignored", "Its colour profile is broken or of another kind: taken as sRGB."
    )


def _in_srgb(image: Image.Image, header: Header) -> Image.Image | None:
    """None where the picture's profile can't be used."""
    if not header.icc and header.primaries in _AS_SRGB and not header.screen:
        return _without_profile(image)
    # Imported for the pictures that need it: most carry no profile.
    colour = import_module("darkroom.imaging.colour")
    named = colour.profile_of_screen(header.screen) if header.screen else colour.profile_of(header.primaries)
    profile = header.icc or named
    converted: Image.Image | None = colour.converted(image, profile)
    return converted


# ITU-T H.273: not named, sRGB's own, unspecified, and the near-identical ones of analogue television.
_AS_SRGB = (0, 1, 2, 5, 6, 7)


def _without_profile(image: Image.Image) -> Image.Image:
    return image.convert("RGB") if image.mode == "CMYK" else image


def step_down(work: Work) -> Work:
    """One picture per size of each plan."""
    return replace(work, plans=tuple(replace(each, rungs=_rungs(work, each)) for each in work.plans))


def _rungs(work: Work, each: Plan) -> tuple[Image.Image, ...]:
    """The first from the whole picture, any other from the narrowest that is at least twice as wide."""
    linear = work.profile.linear_light
    rungs = [resized(work.image, each.sizes[0], each.window_in(work.image.size), linear=linear)]
    for size in each.sizes[1:]:
        wide_enough = [rung for rung in rungs if rung.width >= 2 * size[0]]
        rungs.append(resized(wide_enough[-1] if wide_enough else rungs[0], size, linear=linear))
    return tuple(with_colours_spread(rung) for rung in rungs)


def describe(work: Work) -> Work:
    """What a page can show before the picture is there."""
    narrowest = work.plans[0].rungs[-1]
    return replace(work, placeholder=placeholder(narrowest), colour=dominant_colour(narrowest))


def begin_avif(work: Work) -> Work:
    """Starts AVIF in two children, the widest of each ladder in the second, which takes about as long as the
    first, or as the other formats here. In children since it can't be told to stop.
    """
    seconds = work.profile.limits.avif_seconds
    children = []
    for part in (slice(1, None), slice(1)):
        wanting = [
            (each, choice, rungs)
            for each, choice in work.wanting(Format.AVIF)
            if (rungs := _fitting(each, Format.AVIF)[part])
        ]
        if wanting and seconds:
            children.append(Child(partial(_avifs, wanting), seconds=seconds))
    return replace(work, avif=tuple(children))


def _avifs(wanting: list[tuple[Plan, FormatChoice, list[Image.Image]]]) -> Iterator[Encoded]:
    """The narrowest first, so that it is the wide ones that are not done in time."""
    for each, choice, rungs in wanting:
        for rung, found in reversed([*zip(rungs, chosen(choice, rungs), strict=True)]):
            yield _encoded(choice, each, rung, found, encode.avif(rung, found.quality, found.subsampling))


def _encoded(
    choice: FormatChoice, each: Plan, rung: Image.Image, found: Chosen, content: bytes, frames: int = 1
) -> Encoded:
    return Encoded(
        choice.format,
        *rung.size,
        found.quality,
        content,
        ladder=each.ladder.name,
        frames=frames,
        target=choice.target,
        score=found.score,
        score_kind="" if found.score is None else "predicted",
    )


def encode_jpeg(work: Work) -> Work:
    made = []
    for each, choice in work.wanting(Format.JPEG):
        flat = [_flattened(rung, each.ladder.background) for rung in each.rungs]
        for rung, found in zip(flat, chosen(choice, flat), strict=True):
            content = encode.jpeg(rung, found.quality, found.subsampling, repack=work.profile.repack)
            made.append(_encoded(choice, each, rung, found, content))
    return work.made(*made)


def _flattened(image: Image.Image, background: str) -> Image.Image:
    """Over the background where the picture is transparent; L or RGB."""
    if image.mode not in ("LA", "RGBA"):
        return image
    flat = Image.new("RGB", image.size, background)
    flat.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return flat


def encode_webp(work: Work) -> Work:
    made = []
    for each, choice in work.wanting(Format.WEBP):
        work = _noting_what_does_not_fit(work, each, Format.WEBP)
        rungs = _fitting(each, Format.WEBP)
        for rung, found in zip(rungs, chosen(choice, rungs), strict=True):
            if work.header.animation and each.ladder.animation:
                frames = len(work.header.animation.durations)
                content = animated_webp(
                    work.header, work.header.animation, found.quality, _finisher(work, each, rung.size)
                )
                made.append(_encoded(choice, each, rung, found, content, frames))
            else:
                made.append(_encoded(choice, each, rung, found, encode.webp(rung, found.quality)))
    return work.made(*made)


def _finisher(work: Work, each: Plan, size: Size) -> Callable[[Image.Image], Image.Image]:
    """What makes of a whole frame what `plan` makes of the first."""

    def finished(frame: Image.Image) -> Image.Image:
        upright = _upright(frame, work.header)
        window, linear = each.window_in(upright.size), work.profile.linear_light
        small = with_alpha_where_it_shows(resized(upright, size, window, linear=linear))
        in_srgb = _in_srgb(small, work.header)
        return small if in_srgb is None else in_srgb

    return finished


def _fitting(each: Plan, wanted: Format) -> list[Image.Image]:
    return [rung for rung in each.rungs if max(rung.size) <= encode.SIDE_LIMITS[wanted]]


def _noting_what_does_not_fit(work: Work, each: Plan, wanted: Format) -> Work:
    for rung in each.rungs:
        if max(rung.size) > encode.SIDE_LIMITS[wanted]:
            work = work.decided(
                f"{wanted.value}_skipped",
                f"No {_named(wanted)} of {rung.width} x {rung.height} pixels:"
                f" its sides end at {encode.SIDE_LIMITS[wanted]:,}.",
            )
    return work


def encode_avif(work: Work) -> Work:
    """Waits for what `begin_avif` started, to the end of its time budget at the latest."""
    made: list[Encoded] = []
    seconds = work.profile.limits.avif_seconds
    reason = f"over its time budget of {seconds:g} s"
    for child in work.avif:
        try:
            made.extend(child.answers())
        except ChildTimedOut:
            pass
        except (ChildDied, ChildFailed, MemoryError):
            reason = "its encoder failed"
        finally:
            child.end()
    done = {(rendition.ladder, rendition.width) for rendition in made}
    for each, _ in work.wanting(Format.AVIF):
        work = _noting_what_does_not_fit(work, each, Format.AVIF)
        for rung in reversed(_fitting(each, Format.AVIF)):
            if (each.ladder.name, rung.width) not in done:
                work = work.decided("avif_skipped", f"No AVIF {rung.width} pixels wide: {reason}.")
    return replace(work, avif=()).made(*made)


# A search ends nearer to its target than this, where the format can reach it at all.
SHORT_BY = 2.5


def drop_what_falls_short(work: Work) -> Work:
    """Drops a rendition whose format can't come near the target: WebP and AVIF halve the colours, which shows
    in small pictures at any quality. JPEG always stays, and so does what moves, since nothing else would.
    """
    kept: list[Encoded] = []
    for each in work.renditions:
        stays = each.format is Format.JPEG or each.frames > 1
        if stays or not each.target or (each.score or 0) >= each.target - SHORT_BY:
            kept.append(each)
            continue
        work = work.decided(
            f"{each.format.value}_short",
            f"No {_named(each.format)} {each.width} pixels wide: the target is {each.target:g},"
            f" and {each.score:.0f} the most that it can reach.",
        )
    return replace(work, renditions=tuple(kept))


def keep_the_smaller(work: Work) -> Work:
    """Drops a rendition that is no smaller than a more widely readable one of its size.

    JPEG always stays, since originals are never served; the receipt says when the original was smaller.
    """
    kept: list[Encoded] = []
    for each in work.plans:
        for size in each.sizes:
            smallest: Encoded | None = None
            for rendition in _of_size(work, each, size):
                # An animation shows more than a still, so it stays and replaces none.
                if rendition.frames > 1 or smallest is None or len(rendition.data) < len(smallest.data):
                    kept.append(rendition)
                    if _shows_all(work, rendition):
                        smallest = rendition
                    continue
                work = work.decided(
                    f"{rendition.format.value}_dropped",
                    f"No {_named(rendition.format)} {size[0]} pixels wide: its {len(rendition.data):,} bytes"
                    f" are no fewer than the {_named(smallest.format)}'s {len(smallest.data):,}.",
                )
    return _noting_a_smaller_original(replace(work, renditions=tuple(kept)))


def _shows_all(work: Work, rendition: Encoded) -> bool:
    """Whether a rendition can stand for others; a JPEG of a transparent picture shows less than they do."""
    transparent = work.image.mode in ("LA", "RGBA")
    return rendition.frames == 1 and not (rendition.format is Format.JPEG and transparent)


_READABILITY = (Format.JPEG, Format.WEBP, Format.AVIF)


def _of_size(work: Work, each: Plan, size: Size) -> list[Encoded]:
    """One plan's renditions of one size, the most widely readable first."""
    found = [r for r in work.renditions if r.ladder == each.ladder.name and (r.width, r.height) == size]
    return sorted(found, key=lambda rendition: _READABILITY.index(rendition.format))


def _noting_a_smaller_original(work: Work) -> Work:
    at_full_size = _of_size(work, work.plans[0], work.header.shown)
    sizes = [len(r.data) for r in at_full_size if r.frames > 1] or [len(r.data) for r in at_full_size]
    if not sizes or min(sizes) < work.size_bytes:
        return work
    return work.decided(
        "original_smaller",
        f"No rendition at the original's own size is smaller than its {work.size_bytes:,} bytes:"
        f" the smallest has {min(sizes):,}.",
    )


def add_reference(work: Work) -> Work:
    """One rendition without visible loss, to compare the others with by eye."""
    if not work.profile.reference:
        return work
    main = work.plans[0]
    flat = _flattened(main.rungs[0], main.ladder.background)
    made = Encoded(
        Format.JPEG, *flat.size, encode.REFERENCE_QUALITY, encode.reference(flat), ladder=REFERENCE
    )
    return work.made(made)


def _named(wanted: Format) -> str:
    return {Format.JPEG: "JPEG", Format.WEBP: "WebP", Format.AVIF: "AVIF"}[wanted]


PIPELINE: tuple[Callable[[Work], Work], ...] = (
    plan,
    decode,  # once, at a reduced scale where JPEG allows it: it feeds the whole ladder
    shrink,
    orient,  # after the resize: turning all the pixels first would defeat the reduced scale
    to_srgb,  # after the resize: 49 ms instead of 224 on 10 megapixels
    step_down,
    describe,
    begin_avif,
    encode_jpeg,
    encode_webp,
    encode_avif,
    drop_what_falls_short,
    keep_the_smaller,
    add_reference,  # last: it takes no part in what is kept
)
