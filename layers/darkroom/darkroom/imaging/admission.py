"""Admits a picture by its header: the profile's limits, and the memory for decoding."""

from darkroom.domain.errors import RejectedPicture
from darkroom.domain.profile import Profile
from darkroom.domain.renditions import Format
from darkroom.imaging.sniff import Header, read_header

# Memory of the decoder, the picture and its first resize, in bytes per stored pixel: measured at
# 48 megapixels (progressive JPEG 7.3, PNG with alpha 12.1, WebP 17.6, AVIF 12.7) and rounded up.
_BYTES_PER_PIXEL = {"jpeg": 12, "png": 13, "webp": 18, "gif": 14, "avif": 14, "tiff": 12, "bmp": 16}
# In addition for an animation: a whole frame, and the encoder's previous and current frame.
_BYTES_PER_ANIMATED_PIXEL = 30
# In addition for linear light: one channel in floating point, its alpha and their product.
_BYTES_PER_LINEAR_PIXEL = 13
# The interpreter, its libraries and encoding.
_BASE_BYTES = 250_000_000


def read_admissible_header(content: bytes, profile: Profile, memory_bytes: int | None) -> Header:
    """Reads the header. Raises RejectedPicture for a picture over a limit."""
    profile.check_size(len(content))
    header = read_header(content)
    limits = profile.limits
    _check_limit(
        "too_many_pixels", "The picture has {} megapixels; the limit is {}.", header.pixels, limits.max_pixels
    )
    animation = header.animation if animates(profile) else None
    if animation:
        frames = len(animation.durations)
        _check_limit(
            "too_many_frames", "The animation has {} frames; the limit is {}.", frames, limits.max_frames
        )
        _check_limit(
            "too_many_pixels",
            "All frames together have {} megapixels; the limit is {}.",
            frames * header.pixels,
            limits.max_animation_pixels,
        )
    bytes_per_pixel = (
        _BYTES_PER_PIXEL[header.format]
        + (_BYTES_PER_ANIMATED_PIXEL if animation else 0)
        + (_BYTES_PER_LINEAR_PIXEL if profile.linear_light else 0)
    )
    needed = _BASE_BYTES + len(content) + header.pixels * bytes_per_pixel
    if memory_bytes is not None and needed > memory_bytes:
        raise RejectedPicture(
            "too_expensive",
            f"Decoding needs about {needed / 1e6:,.0f} MB of memory;"
            f" the limit is {memory_bytes / 1e6:,.0f} MB.",
            limit=memory_bytes,
            actual=needed,
        )
    return header


def animates(profile: Profile) -> bool:
    return any(ladder.animation and ladder.choice(Format.WEBP) for ladder in profile.ladders)


def _check_limit(reason: str, sentence: str, actual: int, limit: int) -> None:
    if actual > limit:
        shown = _mega if reason == "too_many_pixels" else "{:,}".format
        raise RejectedPicture(
            reason, sentence.format(shown(actual), shown(limit)), limit=limit, actual=actual
        )


def _mega(count: int) -> str:
    return f"{count / 1e6:.1f}".removesuffix(".0")
