"""Which renditions are kept, and what the receipt says of their sizes."""

from copy import replace
from itertools import pairwise

from darkroom.domain.renditions import Encoded, Format
from darkroom.imaging.ladders import Plan
from darkroom.imaging.resize import Size
from darkroom.imaging.work import Work

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


def drop_larger_alternatives(work: Work) -> Work:
    """Drops renditions with no fewer bytes than a more widely supported one of the same width and height.

    JPEG is never dropped, since originals are never served.
    """
    kept: list[Encoded] = []
    for plan in work.plans:
        for size in plan.sizes:
            smallest: Encoded | None = None
            for rendition in of_size(work, plan, size):
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


def of_size(work: Work, plan: Plan, size: Size) -> list[Encoded]:
    """One plan's renditions of one size, the most widely supported first."""
    found = [r for r in work.renditions if r.ladder == plan.ladder.name and (r.width, r.height) == size]
    return sorted(found, key=lambda rendition: _BY_SUPPORT.index(rendition.format))


def record_smaller_original(work: Work) -> Work:
    """Records if the original has fewer bytes than every rendition of its size."""
    at_full_size = of_size(work, work.plans[0], work.header.upright_size)
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
            made = [r for size in plan.sizes for r in of_size(work, plan, size) if r.format is wanted]
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
