"""The pipeline: a tuple of steps; each takes the state of the work and returns the next."""

import resource
import time
from collections.abc import Callable
from copy import replace

import PIL

from darkroom.domain.profile import Profile
from darkroom.domain.receipts import Original, Rendered, Window
from darkroom.imaging.admission import read_admissible_header
from darkroom.imaging.decoding import import_codecs
from darkroom.imaging.ladders import Plan
from darkroom.imaging.sniff.jpeg import without_metadata
from darkroom.imaging.steps.choosing import (
    drop_below_target,
    drop_larger_alternatives,
    record_larger_narrower,
    record_smaller_original,
)
from darkroom.imaging.steps.encoding import (
    add_lossless,
    begin_avif,
    begin_narrower_avif,
    collect_avif,
    encode_jpeg,
    encode_jxl,
    encode_png,
    encode_reference,
    encode_webp,
    keep_reference,
)
from darkroom.imaging.steps.metadata import add_rights, decode_gain_map, keep_gain_map, with_metadata
from darkroom.imaging.steps.reading import decode, orient, shrink, to_srgb
from darkroom.imaging.steps.rungs import describe, place_windows, plan, step_down
from darkroom.imaging.work import Work

# Increase it with each change that gives different bytes for the same upload and profile.
_REVISION = "r13"


# A test compares it with the installed version: importlib.metadata would cost every cold start 25 ms.
_MOZJPEG = "1.3.2"


ENGINE = f"pillow-{PIL.__version__} mozjpeg-{_MOZJPEG} {_REVISION}"


def render(
    content: bytes, profile: Profile, *, memory_bytes: int | None = None, slack: float = 1
) -> Rendered:
    """Decodes the picture once and makes every rendition of the profile.

    A picture that would need more than `memory_bytes` is rejected before it is decoded. `slack` multiplies
    AVIF's time limit, but not the speed chosen for it. Raises RejectedPicture.
    """
    import_codecs(profile)  # before any child is forked: otherwise in every child again
    started = time.perf_counter()
    header = read_admissible_header(content, profile, memory_bytes)
    work = Work(header, profile, len(content), slack)
    work = _with_jpeg(with_metadata(work, content), content)
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


def _with_jpeg(work: Work, content: bytes) -> Work:
    """Keeps a JPEG original, if the profile wants it without loss."""
    is_jpeg = work.header.format == "jpeg" and not work.header.camera_raw
    return replace(work, jpeg=without_metadata(content)) if work.profile.lossless and is_jpeg else work


def _window_of(plan: Plan) -> Window:
    left, top, _, _ = plan.window
    return Window(plan.ladder.name, left, top, *plan.window_size)


def _milliseconds_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)


def _peak_mb() -> float:
    """Peak resident memory of this process or of its largest ended child. Linux only: ru_maxrss in KB."""
    peaks = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return round(max(peaks) / 1024, 1)


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
    begin_avif,
    describe,  # beside AVIF, as all steps up to collect_avif
    encode_jpeg,
    begin_narrower_avif,  # after JPEG: the widest takes as long as both
    encode_webp,
    encode_png,
    encode_jxl,
    encode_reference,
    collect_avif,
    drop_below_target,
    add_rights,  # before sizes are compared
    drop_larger_alternatives,
    keep_gain_map,  # after sizes are compared: other formats have none
    record_smaller_original,
    record_larger_narrower,
    keep_reference,  # after the comparisons: it must not be dropped
    add_lossless,
)


# Receipts keep these names of steps for their clients.
_NAMES_IN_RECEIPTS = {
    "encode_reference": "add_reference",
    "collect_avif": "encode_avif",
    "drop_below_target": "drop_what_falls_short",
    "drop_larger_alternatives": "keep_the_smaller",
}


def step_name(step: Step) -> str:
    """Returns the name of a step in receipts."""
    return _NAMES_IN_RECEIPTS.get(step.__name__, step.__name__)
