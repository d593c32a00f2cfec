"""The pipeline: a tuple of steps; each takes the state of the work and returns the next."""

import hashlib
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise, repeat
from math import ceil
from typing import TYPE_CHECKING

import PIL
from PIL import Image, ImageChops

from darkroom.domain.errors import RejectedPicture
from darkroom.domain.profile import FormatChoice, Hdr, Metadata, Profile
from darkroom.domain.receipts import Decision, Face, Original, Rendered, Window
from darkroom.domain.renditions import LOSSLESS, REFERENCE, Encoded, Format
from darkroom.imaging import encode, jpeg_damage, png
from darkroom.imaging.admission import animates, read_admissible_header
from darkroom.imaging.animation import animated_webp, whole_frames
from darkroom.imaging.child import Child, ChildDied, ChildFailed, ChildTimedOut
from darkroom.imaging.decoding import (
    opened,
    plain,
    strictly,
    without_opaque_alpha,
)
from darkroom.imaging.graphics import Lossless, is_graphic, lossless
from darkroom.imaging.ladders import FACES_SIDE, Plan, planned
from darkroom.imaging.placeholder import dominant_colour, placeholder
from darkroom.imaging.quality import Made, encode_ladder
from darkroom.imaging.resize import Size, resized, with_colours_spread
from darkroom.imaging.sniff import Animation, Header, corrupt
from darkroom.imaging.sniff.gain_map import GainMap, read_gain_map
from darkroom.imaging.sniff.header import unsupported
from darkroom.imaging.sniff.jpeg import without_metadata
from darkroom.imaging.sniff.metadata import find_metadata, has_credentials
from darkroom.imaging.sniff.tiff import RAW_SENTENCE

if TYPE_CHECKING:
    from darkroom.imaging.focus import FoundFace, Placement
    from darkroom.imaging.gain_map import DecodedMap
    from darkroom.imaging.rights import Rights

# Increase it with each change that gives different bytes for the same upload and profile.
_REVISION = "r8"
# A test compares it with the installed version: importlib.metadata would cost every cold start 25 ms.
_MOZJPEG = "1.3.2"
ENGINE = f"pillow-{PIL.__version__} mozjpeg-{_MOZJPEG} {_REVISION}"


@dataclass(frozen=True, slots=True)
class Work:
    """The state of one rendering. Steps fill in the `image`, the plans' rungs and the `renditions`.

    `jpeg` is the original without metadata, if it is a JPEG to be kept without loss.
    """

    header: Header
    profile: Profile
    size_bytes: int
    slack: float = 1
    jpeg: bytes = b""
    plans: tuple[Plan, ...] = ()
    image: Image.Image = field(default_factory=Image.Image)
    rights: "Rights | None" = None
    gain_map: GainMap | None = None
    decoded_map: "DecodedMap | None" = None
    avif: tuple[Child[Encoded], ...] = ()
    renditions: tuple[Encoded, ...] = ()
    decisions: tuple[Decision, ...] = ()
    placeholder: str = ""
    colour: str = ""
    faces: tuple[Face, ...] = ()

    def with_decision(self, code: str, why: str) -> "Work":
        return replace(self, decisions=(*self.decisions, Decision(code, why)))

    def with_renditions(self, *renditions: Encoded) -> "Work":
        return replace(self, renditions=(*self.renditions, *renditions))

    def plans_with(self, wanted: Format) -> Iterator[tuple[Plan, FormatChoice]]:
        """Yields each plan whose ladder has a format, with the settings for that format."""
        for plan in self.plans:
            choice = plan.ladder.choice(wanted)
            if choice:
                yield plan, choice

    @property
    def is_transparent(self) -> bool:
        return self.image.mode in ("LA", "RGBA")

    @property
    def working_size(self) -> Size:
        """Upright size of the whole picture at the largest scale of any plan."""
        width, height = self.header.upright_size
        scale = max(plan.scale for plan in self.plans)
        if any(plan.looks_for_subject for plan in self.plans):
            scale = max(scale, min(1, FACES_SIDE / max(width, height)))
        return max(1, round(width * scale)), max(1, round(height * scale))


def render(
    content: bytes, profile: Profile, *, memory_bytes: int | None = None, slack: float = 1
) -> Rendered:
    """Decodes the picture once and makes every rendition of the profile.

    A picture that would need more than `memory_bytes` is rejected before it is decoded. `slack` multiplies
    AVIF's time limit, but not the speed chosen for it. Raises RejectedPicture.
    """
    started = time.perf_counter()
    header = read_admissible_header(content, profile, memory_bytes)
    work = Work(header, profile, len(content), slack)
    work = _with_jpeg(_with_metadata(work, content), content)
    del content  # now only the header refers to it, until `decode` frees the memory
    milliseconds, peak_mb = {"header": _milliseconds_since(started)}, {"header": _peak_mb()}
    try:
        for step in PIPELINE:
            started = time.perf_counter()
            work = step(work)
            milliseconds[step_name(step)] = _milliseconds_since(started)
            peak_mb[step_name(step)] = _peak_mb()
    finally:
        for child in work.avif:
            child.end()
    width, height = work.header.upright_size
    return Rendered(
        original=Original(work.header.format, width, height, work.size_bytes),
        renditions=work.renditions,
        decisions=work.decisions,
        milliseconds=milliseconds,
        peak_mb=peak_mb,
        placeholder=work.placeholder,
        colour=work.colour,
        windows=tuple(_window_of(plan) for plan in work.plans if plan.ladder.is_cut),
        faces=work.faces,
    )


def _with_metadata(work: Work, content: bytes) -> Work:
    """Reads the gain map and the rights, if the profile keeps them; records what it removes."""
    work = _with_gain_map(work, read_gain_map(content))
    if has_credentials(content):
        work = work.with_decision(
            "credentials_removed",
            "The content credentials (C2PA) were removed: they are valid for the original only.",
        )
    if work.profile.metadata is not Metadata.RIGHTS:
        return work
    from darkroom.imaging.rights import rights_in  # imported only when needed

    rights = rights_in(find_metadata(content))
    return replace(work, rights=rights if rights.names else None)


# Up to this size, decoding a map takes no memory worth counting.
_SMALL_MAP_PIXELS = 1_000_000


def _with_gain_map(work: Work, found: GainMap | None) -> Work:
    if found is None:
        return work
    if work.profile.hdr is Hdr.REDUCE:
        return work.with_decision(
            "hdr_reduced",
            "The picture has a gain map for HDR screens, which was removed."
            ' To keep it in JPEG files, set "hdr": "keep" in the profile.',
        )
    if found.picture.pixels > max(work.header.pixels, _SMALL_MAP_PIXELS):
        return work.with_decision(
            "hdr_reduced", "The gain map for HDR screens was removed: it has more pixels than the picture."
        )
    return replace(work, gain_map=found)


def _window_of(plan: Plan) -> Window:
    left, top, _, _ = plan.window
    return Window(plan.ladder.name, left, top, *plan.window_size)


def _with_jpeg(work: Work, content: bytes) -> Work:
    """Keeps a JPEG original, if the profile wants it without loss."""
    is_jpeg = work.header.format == "jpeg" and not work.header.camera_raw
    return replace(work, jpeg=without_metadata(content)) if work.profile.lossless and is_jpeg else work


def _milliseconds_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)


def _peak_mb() -> float:
    """Peak resident memory of this process or of its largest ended child. Linux only: ru_maxrss in KB."""
    peaks = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return round(max(peaks) / 1024, 1)


def plan(work: Work) -> Work:
    """Plans the crop and sizes of each ladder. Rejects a camera raw whose preview is too small for them."""
    if work.header.camera_raw:
        wanted = max(width for ladder in work.profile.ladders for width in ladder.widths)
        if work.header.upright_size[0] < wanted:
            raise unsupported(RAW_SENTENCE)
        work = work.with_decision(
            "camera_raw_preview", "The file is a camera raw; the largest picture in it was rendered."
        )
    work = replace(
        work, plans=tuple(planned(ladder, work.header.upright_size) for ladder in work.profile.ladders)
    )
    for ladder_plan in work.plans:
        if ladder_plan.side_limited:
            width, height = ladder_plan.sizes[0]
            work = work.with_decision(
                "side_limited",
                f"The largest size is {width} x {height} pixels:"
                f" a side of a JPEG is at most {encode.SIDE_LIMITS[Format.JPEG]:,} pixels.",
            )
    return _record_frames(work)


def _record_frames(work: Work) -> Work:
    frames = work.header.frames
    if work.header.animation and animates(work.profile):
        return work.with_decision(
            "animated", f"WebP is animated with all {frames} frames; other formats show the first frame."
        )
    if frames > 1:
        return work.with_decision("first_frame", f"Only the first of {frames} frames was rendered.")
    return work


def decode(work: Work) -> Work:
    """Decodes the first frame to mode L, LA, RGB, RGBA or CMYK, without metadata."""
    if work.header.too_few_bytes:
        raise corrupt()
    with strictly():
        decoded = plain(_first_frame(work))
        if work.header.aperture:
            decoded = decoded.crop(work.header.aperture)
    decoded.info = {}
    return replace(work, image=decoded, header=replace(work.header, stream=b""))


def _first_frame(work: Work) -> Image.Image:
    header = work.header
    if header.format == "webp":
        from darkroom.imaging import webp  # imported only when needed

        still = webp.still(header.stream, (header.width, header.height))
        if still:
            return still
    if header.format == "jpeg":
        return _jpeg(work, header.stream)
    if header.composed:
        return next(whole_frames(header, header.composed))
    if header.masked:
        from darkroom.imaging import bmp  # imported only when needed

        return bmp.decoded(header.stream)
    if header.format == "tiff":
        from darkroom.imaging import tiff  # imported only when needed

        unusual = tiff.decoded(header.stream)
        if unusual:
            return unusual
    image = opened(header, header.stream)
    if header.format == "png":
        return png.decoded(image, header.stream)
    image.load()
    return image


def _jpeg(work: Work, stream: bytes) -> Image.Image:
    jpeg_damage.check(stream, arithmetic=work.header.arithmetic)
    if not stream.endswith(_END_OF_JPEG):
        stream += _END_OF_JPEG  # nothing else is missing, and Pillow insists on it
    image = opened(work.header, stream)
    if work.header.arithmetic:
        image.decodermaxblock = len(stream)  # libjpeg can't wait for more bytes of it
    if not work.profile.linear_light:
        # Decoded at 1.5 times the size needed, a picture scores 93 to 97 against a full decoding: no
        # visible difference. At twice the size, 24 megapixels would take half a second longer.
        width, height = _in_stored_axes(work, work.working_size)
        image.draft(None, (width * 3 // 2, height * 3 // 2))
    image.load()
    return image


_END_OF_JPEG = b"\xff\xd9"


def _in_stored_axes(work: Work, size: Size) -> Size:
    """Converts a size of the upright picture to the stored picture's axes."""
    return (size[1], size[0]) if work.header.orientation >= 5 else size


def shrink(work: Work) -> Work:
    """Resizes to the working size; later steps have fewer pixels."""
    size = _in_stored_axes(work, work.working_size)
    smaller = resized(work.image, size, linear=work.profile.linear_light)
    return replace(work, image=without_opaque_alpha(smaller))


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
    """Turns the picture upright."""
    return replace(work, image=_upright(work.image, work.header))


def _upright(image: Image.Image, header: Header) -> Image.Image:
    turn = _UPRIGHT.get(header.orientation)
    return image if turn is None else image.transpose(turn)


def to_srgb(work: Work) -> Work:
    """Converts colours to sRGB; an unusable ICC profile is ignored, with a decision."""
    if work.header.coding and work.header.coding.has_high_dynamic_range:
        work = work.with_decision(
            "hdr_reduced", "The picture has a high dynamic range; it was reduced to what every screen shows."
        )
    converted = _in_srgb(work.image, work.header)
    if converted is not None:
        return replace(work, image=converted)
    return replace(work, image=_cmyk_as_rgb(work.image)).with_decision(
        "profile_ignored", "The colour profile is broken or does not match the pixels; sRGB was assumed."
    )


def _in_srgb(image: Image.Image, header: Header) -> Image.Image | None:
    """Converts to sRGB; None if the picture's description of its colours can't be used."""
    if not (header.icc or header.coding or header.screen) or (header.coding and header.coding.is_srgb):
        return _cmyk_as_rgb(image)
    from darkroom.imaging import colour  # imported only when needed: most pictures have no ICC profile

    return colour.in_srgb(image, header)


def _cmyk_as_rgb(image: Image.Image) -> Image.Image:
    return image.convert("RGB") if image.mode == "CMYK" else image


def decode_gain_map(work: Work) -> Work:
    """Decodes the gain map, as large as needed, upright; a damaged one is removed, with a decision."""
    if work.gain_map is None:
        return work
    from darkroom.imaging.gain_map import LARGEST_SHARE, prepared  # imported only when needed

    facts = replace(work.gain_map.picture, orientation=work.header.orientation)
    try:
        if facts.too_few_bytes:
            raise corrupt()
        with strictly():
            decoded = plain(_jpeg(replace(work, header=facts), facts.stream))
    except RejectedPicture:
        return replace(work, gain_map=None).with_decision(
            "hdr_reduced", "The gain map for HDR screens is damaged or incomplete; it was removed."
        )
    width, height = (ceil(LARGEST_SHARE * side) for side in _in_stored_axes(work, work.working_size))
    small = resized(decoded, (min(decoded.width, width), min(decoded.height, height)))
    image = _upright(small if small.mode == "L" else small.convert("RGB"), facts)
    image.info = {}
    return replace(
        work, decoded_map=prepared(work.gain_map, image, in_one_channel=_has_other_primaries(work.header))
    )


# Colours inside sRGB whose levels change by more than this have other primaries.
_MUTED = ((200, 100, 100), (100, 200, 100), (100, 100, 200))
_SAME_LEVELS = 4


def _has_other_primaries(header: Header) -> bool:
    muted = Image.new("RGB", (len(_MUTED), 1))
    muted.putdata(_MUTED)
    converted = _in_srgb(muted, header)
    if converted is None:
        return False
    changes = ImageChops.difference(muted, converted.convert("RGB")).getextrema()
    return any(largest > _SAME_LEVELS for _, largest in changes)  # type: ignore[misc]


def place_windows(work: Work) -> Work:
    """Places the windows of ladders with the focus `auto` around faces, or else around what stands out."""
    plans = [plan for plan in work.plans if plan.looks_for_subject]
    if not plans:
        return work
    from darkroom.imaging import focus  # imported only when needed

    subject = focus.subject_of(_flattened(work.image, plans[0].ladder.background).convert("RGB"))
    work = replace(work, faces=tuple(_face_of(face, work.header.upright_size) for face in subject.faces))
    for plan in plans:
        placement = focus.placed(subject, plan.upright_size, plan.window_size)
        moved = plan.beginning_at(placement.begin)
        work = replace(work, plans=tuple(moved if other is plan else other for other in work.plans))
        work = work.with_decision(*_reason(moved, placement))
    return work


def _face_of(face: "FoundFace", size: Size) -> Face:
    left, top, right, bottom = (
        round(share * whole) for share, whole in zip(face.region, (*size, *size), strict=True)
    )
    return Face(left, top, right - left, bottom - top, round(face.score, 2))


def _reason(plan: Plan, placement: "Placement") -> tuple[str, str]:
    """Returns the decision about the place of a window, and why it is there."""
    left, top, _, _ = plan.window
    where = f"The {plan.ladder.name} ladder shows the picture from {left} across and {top} down"
    if placement.faces:
        return "focus_faces", f"{where}: {placement.whole} of {placement.faces} faces found are whole there."
    if placement.share:
        share = f"{placement.share:.0%}"
        return "focus_salient", f"{where}: no face was found; {share} of what stands out is there."
    return "focus_centre", f"{where}: no face was found, and nothing stands out."


def step_down(work: Work) -> Work:
    """Resizes the picture to each size of each plan."""
    return replace(work, plans=tuple(replace(plan, rungs=_rungs(work, plan)) for plan in work.plans))


def _rungs(work: Work, plan: Plan) -> tuple[Image.Image, ...]:
    """Resizes the widest rung from the picture, and every other from the narrowest rung at least twice as
    wide."""
    linear = work.profile.linear_light
    rungs = [resized(work.image, plan.sizes[0], plan.window_in(work.image.size), linear=linear)]
    for size in plan.sizes[1:]:
        wide_enough = [rung for rung in rungs if rung.width >= 2 * size[0]]
        rungs.append(resized(wide_enough[-1] if wide_enough else rungs[0], size, linear=linear))
    return tuple(with_colours_spread(rung) for rung in rungs)


def describe(work: Work) -> Work:
    """Makes the placeholder and the dominant colour."""
    narrowest = work.plans[0].rungs[-1]
    return replace(work, placeholder=placeholder(narrowest), colour=dominant_colour(narrowest))


def begin_avif(work: Work) -> Work:
    """Starts the AVIF encoders in two child processes: one for the widest sizes, one for all others.

    Each takes about as long as the other formats together. Processes, since a thread can't be stopped.
    """
    seconds = work.profile.limits.avif_seconds
    children = []
    for part in (slice(1, None), slice(1)):
        batch = [
            (plan, choice, rungs)
            for plan, choice in work.plans_with(Format.AVIF)
            if (rungs := _fitting(plan, Format.AVIF)[part])
        ]
        if batch and seconds:
            pixels = sum(rung.width * rung.height for _, _, rungs in batch for rung in rungs)
            speed = encode.avif_speed(pixels, seconds, work.profile.avif_effort)
            children.append(Child(partial(_avifs, batch, speed), seconds=seconds * work.slack))
    return replace(work, avif=tuple(children))


def _avifs(batch: list[tuple[Plan, FormatChoice, list[Image.Image]]], speed: int) -> Iterator[Encoded]:
    """Encodes each ladder from its narrowest rung on: at the deadline, its wide ones and later ladders are
    missing."""
    for plan, choice, rungs in batch:
        settings = encode.Avif(speed, palette=is_graphic(plan.rungs[0]))
        for rung, made in zip(reversed(rungs), encode_ladder(choice, rungs, avif=settings), strict=True):
            yield _encoded(choice, plan, rung, made)


def _encoded(choice: FormatChoice, plan: Plan, rung: Image.Image, made: Made) -> Encoded:
    return Encoded(
        choice.format,
        *rung.size,
        round(made.quality),
        made.content,
        ladder=plan.ladder.name,
        alpha=rung.mode in ("LA", "RGBA"),
        target=choice.target,
        score=None if made.score is None else round(made.score, 1),
        score_kind="" if made.score is None else "measured",
    )


def encode_jpeg(work: Work) -> Work:
    """Encodes every rung of the JPEG ladders, over the background colour."""
    made = []
    for plan, choice in work.plans_with(Format.JPEG):
        flat = [_flattened(rung, plan.ladder.background) for rung in plan.rungs]
        profile = work.profile
        encoded = [*encode_ladder(choice, flat, repack=profile.repack, libjpeg=profile.libjpeg)]
        made += [_encoded(choice, plan, *pair) for pair in zip(flat, reversed(encoded), strict=True)]
    return work.with_renditions(*made)


def _flattened(image: Image.Image, background: str) -> Image.Image:
    """Composites a transparent picture over the background; returns L or RGB."""
    if image.mode not in ("LA", "RGBA"):
        return image
    flat = Image.new("RGB", image.size, background)
    flat.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return flat


def encode_webp(work: Work) -> Work:
    """Encodes every rung of the WebP ladders, animated where the original and the ladder are."""
    omitted = False
    for plan, choice in work.plans_with(Format.WEBP):
        animation = work.header.animation if plan.ladder.animation else None
        lossy = bool(animation or _wants_lossy_webp(work, plan))
        if not animation and is_graphic(plan.rungs[0]):
            work = _record_side_limit(work, plan, Format.WEBP)
            work = _graphic_webps(work, plan, choice, lossy=lossy)
        elif lossy:
            work = _record_side_limit(work, plan, Format.WEBP)
            rungs = _fitting(plan, Format.WEBP)
            encoded = reversed([*encode_ladder(choice, rungs)])
            made = [_encoded(choice, plan, *pair) for pair in zip(rungs, encoded, strict=True)]
            moving = [_animated(work, plan, animation, still) for still in made] if animation else made
            work = work.with_renditions(*moving)
        else:
            omitted = True
    if omitted:
        work = work.with_decision(
            "webp_omitted", "No WebP, because the picture is opaque: its JPEG is smaller at the same quality."
        )
    return work


def _wants_lossy_webp(work: Work, plan: Plan) -> bool:
    """False for an opaque still with `opaque_webp` off, if the ladder has a JPEG instead."""
    instead = plan.ladder.choice(Format.JPEG)
    return bool(plan.ladder.opaque_webp or work.is_transparent or not instead)


def _graphic_webps(work: Work, plan: Plan, choice: FormatChoice, *, lossy: bool) -> Work:
    """Encodes a graphic's rungs without loss, and with `lossy` also with it; keeps the smaller files."""
    rungs = _fitting(plan, Format.WEBP)
    others = reversed([*encode_ladder(choice, rungs)]) if lossy else repeat(None, len(rungs))
    for rung, other in zip(rungs, others, strict=True):
        found = lossless(rung, choice.target, encode.lossless_webp)
        code, made, why = "webp_lossless", _made_without_loss(choice, found), str(found)
        if other and len(other.content) < len(found.content):
            code, made, why = "webp_lossy", other, f"lossy, {len(other.content):,} bytes; otherwise {found}"
        elif other:
            why += f"; lossy {len(other.content):,} bytes"
        work = work.with_decision(code, f"WebP {rung.width} pixels wide: {why}.")
        work = work.with_renditions(_encoded(choice, plan, rung, made))
    return work


def _made_without_loss(choice: FormatChoice, found: Lossless) -> Made:
    return Made(found.content, 100, None if choice.target is None else found.score, "4:4:4")


def _animated(work: Work, plan: Plan, animation: Animation, still: Encoded) -> Encoded:
    """Encodes all frames at the quality of the first one's still; its score is only a prediction for them."""
    finish = _finisher(work, plan, (still.width, still.height))
    return replace(
        still,
        data=animated_webp(work.header, animation, still.quality, finish),
        frames=len(animation.durations),
        score_kind=still.score_kind and "predicted",
    )


def _finisher(work: Work, plan: Plan, size: Size) -> Callable[[Image.Image], Image.Image]:
    """Returns a function to turn, crop, resize and convert one decoded frame of an animation."""

    def finished(frame: Image.Image) -> Image.Image:
        upright = _upright(frame, work.header)
        window, linear = plan.window_in(upright.size), work.profile.linear_light
        small = without_opaque_alpha(resized(upright, size, window, linear=linear))
        in_srgb = _in_srgb(small, work.header)
        return small if in_srgb is None else in_srgb

    return finished


def _fitting(plan: Plan, wanted: Format) -> list[Image.Image]:
    return [rung for rung in plan.rungs if max(rung.size) <= encode.SIDE_LIMITS[wanted]]


def _record_side_limit(work: Work, plan: Plan, wanted: Format) -> Work:
    for rung in plan.rungs:
        if max(rung.size) > encode.SIDE_LIMITS[wanted]:
            work = work.with_decision(
                f"{wanted.value}_skipped",
                f"No {wanted.label} of {rung.width} x {rung.height} pixels:"
                f" the format's limit is {encode.SIDE_LIMITS[wanted]:,} pixels a side.",
            )
    return work


# The deadline of the whole rendering ends the child too.
_CHILD_SECONDS = 900.0


def encode_png(work: Work) -> Work:
    """Encodes transparent pictures and graphics as PNG, in a child process: see `encode.png`."""
    for plan, choice in work.plans_with(Format.PNG):
        if not (work.is_transparent or is_graphic(plan.rungs[0])):
            why = "No PNG: for an opaque photograph, JPEG takes far fewer bytes."
            work = work.with_decision("png_skipped", why)
            continue
        child = Child(partial(_pngs, choice, plan.rungs), seconds=_CHILD_SECONDS)
        try:
            for rung, found in zip(plan.rungs, child.results(), strict=True):
                work = work.with_decision("png_lossless", f"PNG {rung.width} pixels wide: {found}.")
                made = _made_without_loss(choice, found)
                work = work.with_renditions(_encoded(choice, plan, rung, made))
        finally:
            child.end()
    return work


def _pngs(choice: FormatChoice, rungs: tuple[Image.Image, ...]) -> Iterator[Lossless]:
    for rung in rungs:
        yield lossless(rung, choice.target, encode.png)


_NO_LIBJXL = "libjxl is not installed; it comes with the Python package imagecodecs."


def encode_jxl(work: Work) -> Work:
    """Encodes every rung of the JPEG XL ladders, in a child process: without it, other formats remain."""
    plans = [*work.plans_with(Format.JXL)]
    if not plans:
        return work
    from darkroom.imaging import jxl  # imported only when needed

    if not jxl.is_installed():
        return work.with_decision("jxl_skipped", f"No JPEG XL: {_NO_LIBJXL}")
    for plan, choice in plans:
        work = _record_side_limit(work, plan, Format.JXL)
        rungs = _fitting(plan, Format.JXL)
        child = Child(partial(encode_ladder, choice, rungs), seconds=_CHILD_SECONDS)
        try:
            encoded = [*child.results()]
        except (ChildDied, ChildFailed, MemoryError):
            work = work.with_decision("jxl_skipped", "No JPEG XL: its encoder failed.")
        else:
            made = (_encoded(choice, plan, *pair) for pair in zip(rungs, reversed(encoded), strict=True))
            work = work.with_renditions(*made)
        finally:
            child.end()
    return work


def collect_avif(work: Work) -> Work:
    """Collects the results of `begin_avif`; waits until the end of its time budget at most."""
    made: list[Encoded] = []
    seconds = work.profile.limits.avif_seconds
    reason = f"over its time budget of {seconds:g} s"
    for child in work.avif:
        try:
            made.extend(child.results())
        except ChildTimedOut:
            pass
        except (ChildDied, ChildFailed, MemoryError):
            reason = "its encoder failed"
        finally:
            child.end()
    done = {(rendition.ladder, rendition.width) for rendition in made}
    for plan, _ in work.plans_with(Format.AVIF):
        work = _record_side_limit(work, plan, Format.AVIF)
        for rung in reversed(_fitting(plan, Format.AVIF)):
            if (plan.ladder.name, rung.width) not in done:
                work = work.with_decision("avif_skipped", f"No AVIF {rung.width} pixels wide: {reason}.")
    return replace(work, avif=()).with_renditions(*made)


# Maximum points below the target. A search comes closer, unless the format can't reach the target.
MAX_SHORTFALL = 2.0


def drop_below_target(work: Work) -> Work:
    """Drops renditions below their target. WebP halves the resolution of colour, which is visible in small
    pictures.

    Neither JPEG nor an animation is dropped: no other format has animations.
    """
    kept: list[Encoded] = []
    for rendition in work.renditions:
        target, score = rendition.target, rendition.score or 0
        always = rendition.format is Format.JPEG or rendition.frames > 1
        if always or not target or score >= target - MAX_SHORTFALL:
            kept.append(rendition)
            continue
        work = work.with_decision(
            f"{rendition.format.value}_short",
            f"No {rendition.format.label} {rendition.width} pixels wide:"
            f" its best score is {score:.0f}, below the target of {target:g}.",
        )
    return replace(work, renditions=tuple(kept))


def add_rights(work: Work) -> Work:
    """Adds the statements of rights to every rendition, if the profile keeps them."""
    if not work.rights:
        return work
    made = [(before, _with_rights(work, before)) for before in work.renditions]
    added = max(len(after.data) - len(before.data) for before, after in made)
    why = f"Kept in each file: {', '.join(work.rights.names)}. They take up to {added:,} bytes."
    no_smaller = [
        f"{after.format.label} {after.width} pixels wide"
        for before, after in made
        if len(before.data) < work.size_bytes <= len(after.data)
    ]
    if no_smaller:
        why += (
            f" With them, no smaller than the original ({work.size_bytes:,} bytes): {', '.join(no_smaller)}."
        )
    return replace(work, renditions=tuple(after for _, after in made)).with_decision("rights_kept", why)


def _with_rights(work: Work, rendition: Encoded) -> Encoded:
    """Adds the statements of rights to one rendition, if there are any to keep."""
    if not work.rights:
        return rendition
    from darkroom.imaging import embed, rights  # imported only when needed

    packet = rights.packet([rights.description(work.rights)])
    return replace(rendition, data=embed.with_xmp(rendition.data, packet))


def keep_gain_map(work: Work) -> Work:
    """Joins each JPEG with its part of the gain map."""
    if work.decoded_map is None:
        return work
    from darkroom.imaging import rights  # imported only when needed
    from darkroom.imaging.gain_map import with_gain_map

    described = [rights.description(work.rights)] if work.rights else []
    plans = {plan.ladder.name: plan for plan in work.plans}
    made: list[Encoded] = []
    for rendition in work.renditions:
        if rendition.format is not Format.JPEG:
            made.append(rendition)
            continue
        size = rendition.width, rendition.height
        joined = with_gain_map(rendition.data, work.decoded_map, plans[rendition.ladder], size, described)
        made.append(replace(rendition, data=joined or rendition.data))
        added = f"{len(made[-1].data) - len(rendition.data):,}"
        if joined:
            why = f"The JPEG {size[0]} pixels wide keeps the gain map for HDR screens, in {added} bytes."
        else:
            why = f"The JPEG {size[0]} pixels wide has no gain map: it would take over half of its bytes."
        work = work.with_decision("hdr_kept" if joined else "hdr_reduced", why)
    return replace(work, renditions=tuple(made))


def drop_larger_alternatives(work: Work) -> Work:
    """Drops renditions with no fewer bytes than a more widely supported one of the same width and height.

    JPEG is never dropped, since originals are never served.
    """
    kept: list[Encoded] = []
    for plan in work.plans:
        for size in plan.sizes:
            smallest: Encoded | None = None
            for rendition in _of_size(work, plan, size):
                # Animations and stills don't replace each other: only stills are compared.
                if rendition.frames > 1 or smallest is None or len(rendition.data) < len(smallest.data):
                    kept.append(rendition)
                    if _is_complete(work, rendition):
                        smallest = rendition
                    continue
                work = work.with_decision(
                    f"{rendition.format.value}_dropped",
                    f"No {rendition.format.label} {size[0]} pixels wide: with {len(rendition.data):,} bytes"
                    f" it is not smaller than the {smallest.format.label} ({len(smallest.data):,} bytes).",
                )
    return replace(work, renditions=tuple(kept))


def _is_complete(work: Work, rendition: Encoded) -> bool:
    """True for a still that keeps the picture's transparency: it can replace other formats."""
    return rendition.frames == 1 and rendition.alpha == work.is_transparent


_BY_SUPPORT = (Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.JXL)


def _of_size(work: Work, plan: Plan, size: Size) -> list[Encoded]:
    """One plan's renditions of one size, the most widely supported first."""
    found = [r for r in work.renditions if r.ladder == plan.ladder.name and (r.width, r.height) == size]
    return sorted(found, key=lambda rendition: _BY_SUPPORT.index(rendition.format))


def record_smaller_original(work: Work) -> Work:
    """Records if the original has fewer bytes than every rendition of its size."""
    at_full_size = _of_size(work, work.plans[0], work.header.upright_size)
    sizes = [len(r.data) for r in at_full_size if r.frames > 1] or [len(r.data) for r in at_full_size]
    if not sizes or min(sizes) < work.size_bytes:
        return work
    return work.with_decision(
        "original_smaller",
        f"At the original's width and height, no rendition has fewer bytes than the original"
        f" ({work.size_bytes:,} bytes); the smallest has {min(sizes):,} bytes.",
    )


def record_larger_narrower(work: Work) -> Work:
    """Records renditions with more bytes than a wider one of their format and ladder."""
    for plan in work.plans:
        for wanted in _BY_SUPPORT:
            made = [r for size in plan.sizes for r in _of_size(work, plan, size) if r.format is wanted]
            made.sort(key=lambda rendition: rendition.width)
            for narrower, wider in pairwise(made):
                more, fewer = len(narrower.data), len(wider.data)
                if more <= fewer or narrower.frames != wider.frames:
                    continue
                work = work.with_decision(
                    "narrower_larger",
                    f"The {wanted.label} {narrower.width} pixels wide has {more:,} bytes, more than the one"
                    f" {wider.width} pixels wide ({fewer:,} bytes): each width is encoded by itself, to the"
                    " same score or quality.",
                )
    return work


def add_reference(work: Work) -> Work:
    """Adds a JPEG without visible loss, to compare the others with by eye."""
    if not work.profile.reference:
        return work
    main = work.plans[0]
    flat = _flattened(main.rungs[0], main.ladder.background)
    made = Encoded(
        Format.JPEG, *flat.size, encode.REFERENCE_QUALITY, encode.reference(flat), ladder=REFERENCE
    )
    return work.with_renditions(_with_rights(work, made))


# Recompressing 50 megapixels takes 2 s.
_LOSSLESS_SECONDS = 20.0


def add_lossless(work: Work) -> Work:
    """Adds the JPEG XL of a JPEG original. It can be turned into the JPEG again: that is tried first.

    In a child process, since libjxl parses a stranger's JPEG here.
    """
    if not work.profile.lossless:
        return work
    if not work.jpeg:
        return work.with_decision("lossless_skipped", "No lossless JPEG XL: the original is not a JPEG.")
    from darkroom.imaging import jxl  # imported only when needed

    if not jxl.is_installed():
        return work.with_decision("lossless_skipped", f"No lossless JPEG XL: {_NO_LIBJXL}")
    child = Child(partial(_recompressed, work.jpeg, work.header), seconds=_LOSSLESS_SECONDS)
    try:
        (content,) = child.results()
    except ChildTimedOut:
        reason = f"it took more than {_LOSSLESS_SECONDS:g} s."
    except MemoryError:
        reason = "there is too little memory."
    except (ChildDied, ChildFailed):
        reason = "libjxl can't hold this kind of JPEG, or not within the memory."
    else:
        return _with_lossless(work, content)
    finally:
        child.end()
    return work.with_decision("lossless_skipped", f"No lossless JPEG XL: {reason}")


def _recompressed(jpeg: bytes, header: Header) -> Iterator[bytes]:
    from darkroom.imaging import jxl  # imported only when needed

    size = header.width, header.height
    content = jxl.from_jpeg(jpeg, size, header.channels, header.orientation)
    if jxl.to_jpeg(content, len(jpeg)) != jpeg:
        raise jxl.LibjxlFailed
    yield content


def _with_lossless(work: Work, content: bytes) -> Work:
    length = len(work.jpeg)
    original = "the original" if length == work.size_bytes else "the original without its metadata"
    made = Encoded(Format.JXL, *work.header.upright_size, 100, content, ladder=LOSSLESS)
    return work.with_renditions(_with_rights(work, made)).with_decision(
        "lossless_verified",
        f"The lossless JPEG XL ({len(content):,} bytes) was turned into a JPEG again, and all {length:,}"
        f" bytes are those of {original}: SHA-256 {hashlib.sha256(work.jpeg).hexdigest()}.",
    )


type Step = Callable[[Work], Work]

PIPELINE: tuple[Step, ...] = (
    plan,
    decode,  # once for all sizes; a JPEG at a reduced scale
    shrink,
    orient,  # after the resize: there are fewer pixels to turn
    to_srgb,  # after the resize: 49 ms instead of 224 on 10 megapixels
    decode_gain_map,  # when the picture itself is small
    place_windows,  # in sRGB, which the face detector expects
    step_down,
    describe,
    begin_avif,
    encode_jpeg,
    encode_webp,
    encode_png,
    encode_jxl,
    collect_avif,
    drop_below_target,
    add_rights,  # before sizes are compared
    drop_larger_alternatives,
    keep_gain_map,  # after sizes are compared: other formats have none
    record_smaller_original,
    record_larger_narrower,
    add_reference,  # after the comparisons: it must not be dropped
    add_lossless,
)

# Receipts keep these names of steps for their clients.
_NAMES_IN_RECEIPTS = {
    "collect_avif": "encode_avif",
    "drop_below_target": "drop_what_falls_short",
    "drop_larger_alternatives": "keep_the_smaller",
}


def step_name(step: Step) -> str:
    """Returns the name of a step in receipts."""
    return _NAMES_IN_RECEIPTS.get(step.__name__, step.__name__)
