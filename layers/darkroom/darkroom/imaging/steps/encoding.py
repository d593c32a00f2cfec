"""The files of every rung, format by format."""

import hashlib
from collections.abc import Callable, Iterator
from copy import replace
from functools import partial
from itertools import repeat

from PIL import Image

from darkroom.domain.profile import FormatChoice
from darkroom.domain.renditions import LOSSLESS, REFERENCE, Encoded, Format
from darkroom.imaging import encode
from darkroom.imaging.child import Child, ChildDied, ChildFailed, ChildTimedOut
from darkroom.imaging.decoding import flattened, without_opaque_alpha
from darkroom.imaging.graphics import Lossless, can_be_smaller, lossless
from darkroom.imaging.ladders import Plan
from darkroom.imaging.quality import Made, encode_ladder
from darkroom.imaging.resize import Size, resized
from darkroom.imaging.sniff import Animation, Header
from darkroom.imaging.steps.choosing import of_size
from darkroom.imaging.steps.metadata import with_rights
from darkroom.imaging.steps.reading import in_srgb, upright
from darkroom.imaging.work import Work


def begin_avif(work: Work) -> Work:
    """Starts the AVIF encoder of the widest sizes in a child process: a thread can't be stopped.

    They take about as long as all other files, so two processors are busy until the end.
    """
    return _with_avif_child(work, slice(1))


def begin_narrower_avif(work: Work) -> Work:
    """Starts the AVIF encoder of all other sizes in a second child process."""
    return _with_avif_child(work, slice(1, None))


def _with_avif_child(work: Work, part: slice) -> Work:
    seconds = work.profile.limits.avif_seconds
    batch = [
        (plan, choice, rungs)
        for plan, choice in work.plans_with(Format.AVIF)
        if (rungs := _fitting(plan, Format.AVIF)[part])
    ]
    if not batch or not seconds:
        return work
    pixels = sum(rung.width * rung.height for _, _, rungs in batch for rung in rungs)
    speed = encode.avif_speed(pixels, seconds, work.profile.avif_effort)
    child = Child(partial(_avifs, batch, speed), seconds=seconds * work.slack)
    return replace(work, avif=(child, *work.avif))  # collected from the narrowest on


def _avifs(batch: list[tuple[Plan, FormatChoice, list[Image.Image]]], speed: int) -> Iterator[Encoded]:
    """Encodes each ladder from its narrowest rung on: at the deadline, its wide ones and later ladders are
    missing."""
    for plan, choice, rungs in batch:
        settings = encode.Avif(speed, palette=plan.has_flat_areas)
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
        flat = [flattened(rung, plan.ladder.background) for rung in plan.rungs]
        profile = work.profile
        encoded = [*encode_ladder(choice, flat, repack=profile.repack, libjpeg=profile.libjpeg)]
        made += [_encoded(choice, plan, *pair) for pair in zip(flat, reversed(encoded), strict=True)]
    return work.with_renditions(*made)


def encode_webp(work: Work) -> Work:
    """Encodes every rung of the WebP ladders, animated where the original and the ladder are."""
    omitted = False
    for plan, choice in work.plans_with(Format.WEBP):
        animation = work.header.animation if plan.ladder.animation else None
        lossy = bool(animation or _wants_lossy_webp(work, plan))
        if not animation and plan.is_graphic:
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
        if not other and (why := _why_not_lossless(work, plan, rung)):
            work = work.with_decision("webp_skipped", f"No WebP {rung.width} pixels wide: {why}")
            continue
        found = lossless(rung, choice.target, encode.lossless_webp)
        code, made, why = "webp_lossless", _made_without_loss(choice, found), str(found)
        if other and len(other.content) < len(found.content):
            code, made, why = "webp_lossy", other, f"lossy, {len(other.content):,} bytes; otherwise {found}"
        elif other:
            why += f"; lossy {len(other.content):,} bytes"
        work = work.with_decision(code, f"WebP {rung.width} pixels wide: {why}.")
        work = work.with_renditions(_encoded(choice, plan, rung, made))
    return work


def _why_not_lossless(work: Work, plan: Plan, rung: Image.Image) -> str:
    """Returns why a lossless file of a rung would be dropped for its JPEG; empty if it may be kept."""
    jpegs = [made for made in of_size(work, plan, rung.size) if made.format is Format.JPEG]
    if work.is_transparent or not jpegs:
        return ""
    jpeg_bytes = len(jpegs[0].data)
    if can_be_smaller(rung, jpeg_bytes, partial(encode.lossless_webp, quick=True)):
        return ""
    return f"without loss it would have many times the {jpeg_bytes:,} bytes of the JPEG."


def _made_without_loss(choice: FormatChoice, found: Lossless) -> Made:
    return Made(found.content, 100, None if choice.target is None else found.score, "4:4:4")


def _animated(work: Work, plan: Plan, animation: Animation, still: Encoded) -> Encoded:
    """Encodes all frames at the quality of the first one's still; its score is only a prediction for them."""
    from darkroom.imaging.animation import animated_webp  # imported only when needed

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
        turned = upright(frame, work.header)
        window, linear = plan.window_in(turned.size), work.profile.linear_light
        small = without_opaque_alpha(resized(turned, size, window, linear=linear))
        converted = in_srgb(small, work.header)
        return small if converted is None else converted

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
        if not (work.is_transparent or plan.is_graphic):
            why = "No PNG: for an opaque photograph, JPEG takes far fewer bytes."
            work = work.with_decision("png_skipped", why)
            continue
        rungs = []
        for rung in plan.rungs:
            if why := _why_not_lossless(work, plan, rung):
                work = work.with_decision("png_skipped", f"No PNG {rung.width} pixels wide: {why}")
            else:
                rungs.append(rung)
        if not rungs:
            continue
        child = Child(partial(_pngs, choice, rungs), seconds=_CHILD_SECONDS)
        try:
            for rung, found in zip(rungs, child.results(), strict=True):
                work = work.with_decision("png_lossless", f"PNG {rung.width} pixels wide: {found}.")
                made = _made_without_loss(choice, found)
                work = work.with_renditions(_encoded(choice, plan, rung, made))
        finally:
            child.end()
    return work


def _pngs(choice: FormatChoice, rungs: list[Image.Image]) -> Iterator[Lossless]:
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
    """Collects the AVIFs; waits until the end of their time budget at most."""
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


def encode_reference(work: Work) -> Work:
    """Encodes a JPEG without visible loss, to compare the others with by eye."""
    if not work.profile.reference:
        return work
    main = work.plans[0]
    flat = flattened(main.rungs[0], main.ladder.background)
    made = Encoded(
        Format.JPEG, *flat.size, encode.REFERENCE_QUALITY, encode.reference(flat), ladder=REFERENCE
    )
    return replace(work, reference=made)


def keep_reference(work: Work) -> Work:
    """Adds the reference to the renditions."""
    return work.with_renditions(with_rights(work, work.reference)) if work.reference else work


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
    return work.with_renditions(with_rights(work, made)).with_decision(
        "lossless_verified",
        f"The lossless JPEG XL ({len(content):,} bytes) was turned into a JPEG again, and all {length:,}"
        f" bytes are those of {original}: SHA-256 {hashlib.sha256(work.jpeg).hexdigest()}.",
    )
