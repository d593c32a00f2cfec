"""What a client wants to get: a page, a receipt or the picture itself; and which rendition serves it best."""

from enum import StrEnum

from darkroom.model import Format, Receipt, Rendition, smallest

_THUMBNAIL_WIDTH = 320


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


def thumbnail_of(receipt: Receipt) -> Rendition | None:
    """What stands for a picture in a list: for every client, whatever it lists."""
    return best_rendition(receipt, Format.JPEG.media_type, _THUMBNAIL_WIDTH)


def best_rendition(receipt: Receipt, accept: str, width: int | None = None) -> Rendition | None:
    """The smallest file that the client can show, at least `width` pixels wide, or as wide as there is.

    JPEG serves every client; WebP and AVIF only those that list them by name.
    """
    types = accepted_types(accept)
    usable = [r for r in receipt.shown if r.format is Format.JPEG or r.format.media_type in types]
    wide_enough = [r for r in usable if width is not None and r.width >= width]
    if wide_enough:
        narrowest = min(r.width for r in wide_enough)
        return smallest(r for r in wide_enough if r.width == narrowest)
    widest = max((r.width for r in usable), default=0)
    return smallest(r for r in usable if r.width == widest)
