"""The pictures of a chaos run, and what must come of each."""

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

# Names of renditions and the MD5 of their bytes, which S3 gives as ETag; None for a picture to be rejected.
type Outcome = dict[str, str] | None


def drawn(picture: Picture) -> bytes:
    """Small, so that rendering is quick, and different for each seed."""
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
    """What rendering each gives, here and now. No thread may be alive: the engine forks."""
    return {picture: _outcome(drawn(picture), profile) for picture in pictures}


def _outcome(content: bytes, profile: Profile) -> Outcome:
    try:
        rendered = render(content, profile)
    except RejectedPicture:
        return None
    return {each.name: md5(each.data, usedforsecurity=False).hexdigest() for each in rendered.renditions}
