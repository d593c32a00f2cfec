"""Content negotiation (RFC 9110, section 12): a page, JSON, plain text or an image, and the image formats."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from enum import StrEnum

from darkroom.domain.renditions import UNIVERSAL, Format


class Wanted(StrEnum):
    PAGE = "text/html"
    JSON = "application/json"
    TEXT = "text/plain"
    IMAGE = "image/*"


def wanted(accept: str, default: Wanted = Wanted.PAGE) -> Wanted:
    """Returns the kind of response with the highest quality in an Accept header.

    If several have it, those that the header names come before those that it covers by a wildcard, and a page
    before JSON. The `default` is for clients that accept anything, or nothing of all this. Text is a kind of
    response only if it is the default, and an image only if it is not. A kind of quality 0 is never selected.
    """
    ranges = _media_ranges(accept)
    other = Wanted.TEXT if default is Wanted.TEXT else Wanted.IMAGE
    qualities = {kind: _quality(ranges, kind) for kind in (Wanted.PAGE, Wanted.JSON, other)}
    best = max(qualities, key=lambda kind: qualities[kind])  # the first of several
    quality, specificity = qualities[best]
    by_wildcard = specificity == 0 and qualities[default] == qualities[best]
    return default if quality == 0 or by_wildcard else best


def accepted_formats(accept: str) -> Iterator[frozenset[Format]]:
    """Yields the image formats of the client, those of the highest quality first.

    Formats that not every browser shows are sent only if listed by name: many clients list `image/*` or
    `*/*`, but show no AVIF. A header without JPEG and PNG gets them last: better than no picture.
    """
    ranges = _media_ranges(accept) or {"*/*": 1.0}
    named = {kind for kind in Format if kind in UNIVERSAL or kind.media_type in ranges}
    qualities = {kind: _quality(ranges, kind.media_type)[0] for kind in named}
    for quality in sorted(set(qualities.values()), reverse=True):
        formats = frozenset(kind for kind in named if qualities[kind] == quality)
        if formats := formats if quality else formats & UNIVERSAL:
            yield formats


def _media_ranges(accept: str) -> Mapping[str, float]:
    """Returns the quality of each media range, without its parameters."""
    ranges: dict[str, float] = {}
    for part in accept.lower().split(","):
        media_range, *parameters = (piece.strip() for piece in part.split(";"))
        media_range = "*/*" if media_range == "*" else media_range  # sent by old Java clients
        if media_range:
            ranges[media_range] = max(_weight(parameters), ranges.get(media_range, 0.0))
    return ranges


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            with suppress(ValueError):
                return min(1.0, max(0.0, float(value)))
    return 1.0


def _quality(ranges: Mapping[str, float], media_type: str) -> tuple[float, int]:
    """Returns the quality of a media type by the most specific range, and how specific that range is."""
    kind = media_type.partition("/")[0]
    if media_type == Wanted.IMAGE:  # any format will do
        named = [quality for name, quality in ranges.items() if name.startswith("image/")]
        if any(named):  # a format with q=0 leaves the others
            return max(named), 2
    for specificity, media_range in ((2, media_type), (1, f"{kind}/*"), (0, "*/*")):
        if media_range in ranges:
            return ranges[media_range], specificity
    return 0.0, 0
