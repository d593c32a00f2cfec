"""Content negotiation: a page, JSON or an image, and the image formats."""

from enum import StrEnum

from darkroom.domain.renditions import Format


class Wanted(StrEnum):
    PAGE = "page"
    JSON = "json"
    IMAGE = "image"


def accepted_types(accept: str) -> frozenset[str]:
    """Returns the media types in an Accept header, without those of q=0."""
    listed = set()
    for part in accept.lower().split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        refused = any(piece.replace(" ", "") in {"q=0", "q=0.0", "q=0.00", "q=0.000"} for piece in parameters)
        if media_type and not refused:
            listed.add(media_type)
    return frozenset(listed)


def wanted(accept: str) -> Wanted:
    """Returns HTML if it is listed, else JSON, else an image; HTML also if none of them is listed.

    curl lists none of them: it sends `*/*`.
    """
    types = accepted_types(accept)
    if "text/html" in types:
        return Wanted.PAGE
    if "application/json" in types:
        return Wanted.JSON
    if any(media_type.startswith("image/") for media_type in types):
        return Wanted.IMAGE
    return Wanted.PAGE


def accepted_formats(accept: str) -> frozenset[Format]:
    """Returns the image formats of the client: JPEG always, WebP and AVIF only if listed by name."""
    types = accepted_types(accept)
    return frozenset({Format.JPEG, *(kind for kind in Format if kind.media_type in types)})
