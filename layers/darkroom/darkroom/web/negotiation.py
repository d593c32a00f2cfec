"""What a client wants to get: a page, a receipt or the picture itself; and which rendition serves it best."""

from enum import StrEnum

from darkroom.domain.renditions import Format


class Wanted(StrEnum):
    PAGE = "page"
    RECEIPT = "receipt"
    IMAGE = "image"


def accepted_types(accept: str) -> frozenset[str]:
    """The media types that an Accept header lists, less those that it refuses (q=0)."""
    listed = set()
    for part in accept.lower().split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        refused = any(piece.replace(" ", "") in {"q=0", "q=0.0", "q=0.00", "q=0.000"} for piece in parameters)
        if media_type and not refused:
            listed.add(media_type)
    return frozenset(listed)


def wanted(accept: str) -> Wanted:
    """HTML where it is listed, or where nothing is preferred (curl, an address bar); JSON; else an image."""
    types = accepted_types(accept)
    if "text/html" in types:
        return Wanted.PAGE
    if "application/json" in types:
        return Wanted.RECEIPT
    if any(each.startswith("image/") for each in types):
        return Wanted.IMAGE
    return Wanted.PAGE


def accepted_formats(accept: str) -> frozenset[Format]:
    """The formats that a client can show: JPEG always, WebP and AVIF only where it lists them by name."""
    types = accepted_types(accept)
    return frozenset(each for each in Format if each is Format.JPEG or each.media_type in types)
