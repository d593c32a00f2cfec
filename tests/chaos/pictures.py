"""The pictures of a chaos run and their expected renditions."""

import struct
import zlib
from collections.abc import Iterable
from hashlib import md5

from darkroom.domain.errors import RejectedPicture
from darkroom.domain.profile import Profile
from darkroom.imaging import render
from darkroom_cli.local.samples import photograph
from tests.chaos.plan import Picture, Poison
from tests.pictures import encoded

# MD5 of each rendition (S3's ETag) by name; None for a picture that must be rejected.
type Outcome = dict[str, str] | None


def content_of(picture: Picture) -> bytes:
    """Returns the bytes of a small picture, different for each seed."""
    width = 64 + picture.seed % 3 * 16
    kind = "PNG" if picture.seed % 2 else "JPEG"
    content = encoded(photograph(width, width * 3 // 4, picture.seed), kind)
    match picture.poison:
        case Poison.TORN:
            return content[: len(content) // 2]
        case Poison.BOMB:
            header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
            png = encoded(photograph(64, 48, picture.seed), "PNG")
            return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]
        case Poison.TEXT:
            return f"This is picture {picture.seed}.".encode()
        case None:
            return content


def outcomes(pictures: Iterable[Picture], profile: Profile) -> dict[Picture, Outcome]:
    """Renders each picture in this process. No thread may be alive, because the engine forks."""
    return {picture: _outcome(content_of(picture), profile) for picture in pictures}


def _outcome(content: bytes, profile: Profile) -> Outcome:
    try:
        rendered = render(content, profile)
    except RejectedPicture:
        return None
    return {
        rendition.name: md5(rendition.data, usedforsecurity=False).hexdigest()
        for rendition in rendered.renditions
    }
