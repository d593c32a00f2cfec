"""Scores one picture against another, both decoded as the pipeline decodes uploads."""

import time
from dataclasses import dataclass

from PIL import Image

from darkroom.domain.profile import FormatChoice, Ladder, Profile
from darkroom.domain.renditions import MAIN, Format
from darkroom.imaging.admission import read_admissible_header
from darkroom.imaging.encode import SIDE_LIMITS
from darkroom.imaging.pipeline import PIPELINE
from darkroom.imaging.resize import Size, resized
from darkroom.imaging.ssimulacra2 import Ssimulacra2
from darkroom.imaging.steps.rungs import step_down
from darkroom.imaging.work import Work

# Decodes at full size: no picture is wider, and linear light excludes decoding at a reduced size.
_FULL_SIZE = Profile(
    "full size",
    (Ladder(MAIN, (SIDE_LIMITS[Format.JPEG],), (FormatChoice(Format.JPEG, quality=75),), animation=False),),
    linear_light=True,
)
# The sides of a reduced picture are rounded, so shapes may differ by a pixel.
_ROUNDING = 1.0


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded picture: its format, its upright size in pixels, and the time of decoding."""

    format: str
    size: Size
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two pictures and the SSIMULACRA2 score of the second one; None if their shapes differ.

    The larger picture is reduced to the size of the smaller one.
    """

    original: Decoded
    other: Decoded
    score: float | None


def compare(original: bytes, other: bytes, *, memory_bytes: int | None = None) -> Comparison:
    """Scores a picture against an original. Raises RejectedPicture for either."""
    first, first_image = _decoded(original, memory_bytes)
    second, second_image = _decoded(other, memory_bytes)
    size = min(first.size, second.size)
    if not (_has_shape_of(first.size, size) and _has_shape_of(second.size, size)):
        return Comparison(first, second, None)
    score = Ssimulacra2(resized(first_image, size)).score(resized(second_image, size))
    return Comparison(first, second, round(score, 1))


def _has_shape_of(size: Size, other: Size) -> bool:
    (width, height), (other_width, other_height) = size, other
    across = abs(width * other_height / height - other_width)
    down = abs(height * other_width / width - other_height)
    return min(across, down) <= _ROUNDING


def _decoded(content: bytes, memory_bytes: int | None) -> tuple[Decoded, Image.Image]:
    started = time.perf_counter()
    header = read_admissible_header(content, _FULL_SIZE, memory_bytes)
    work = Work(header, _FULL_SIZE, len(content))
    for step in PIPELINE[: PIPELINE.index(step_down)]:
        work = step(work)
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    return Decoded(header.format, work.image.size, milliseconds), work.image
