"""The rungs: planned before anything is decoded, and cut from the picture in sRGB."""

from copy import replace
from typing import TYPE_CHECKING

from PIL import Image

from darkroom.domain.receipts import Face
from darkroom.domain.renditions import Format
from darkroom.imaging import encode
from darkroom.imaging.admission import animates
from darkroom.imaging.decoding import flattened
from darkroom.imaging.graphics import has_flat_areas, has_sharp_edges
from darkroom.imaging.ladders import Plan, planned
from darkroom.imaging.placeholder import dominant_colour, placeholder
from darkroom.imaging.resize import Size, resized, with_colours_spread
from darkroom.imaging.sniff.header import unsupported
from darkroom.imaging.work import Work

if TYPE_CHECKING:
    from darkroom.imaging.focus import FoundFace, Placement


def plan(work: Work) -> Work:
    """Plans the crop and sizes of each ladder. Rejects a camera raw whose preview is too small for them."""
    if work.header.camera_raw:
        wanted = max(width for ladder in work.profile.ladders for width in ladder.widths)
        if work.header.upright_size[0] < wanted:
            from darkroom.imaging.sniff.tiff import RAW_SENTENCE  # imported only when needed

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


def place_windows(work: Work) -> Work:
    """Places the windows of ladders with the focus `auto` around faces, or else around what stands out."""
    plans = [plan for plan in work.plans if plan.looks_for_subject]
    if not plans:
        return work
    from darkroom.imaging import focus  # imported only when needed

    subject = focus.subject_of(flattened(work.image, plans[0].ladder.background).convert("RGB"))
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
    """Resizes the picture to each size of each plan, and recognises graphics."""
    return replace(work, plans=tuple(_stepped_down(work, plan) for plan in work.plans))


_FOR_GRAPHICS = (Format.AVIF, Format.PNG, Format.WEBP)


def _stepped_down(work: Work, plan: Plan) -> Plan:
    rungs = _rungs(work, plan)
    flat = any(map(plan.ladder.choice, _FOR_GRAPHICS)) and has_flat_areas(rungs[0])
    return replace(plan, rungs=rungs, has_flat_areas=flat, is_graphic=flat and has_sharp_edges(rungs[0]))


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
