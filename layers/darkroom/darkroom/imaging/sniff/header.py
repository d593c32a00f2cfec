"""The result of the header pass, and safe reads of hostile bytes."""

from struct import unpack_from
from typing import TYPE_CHECKING, NamedTuple

from darkroom.domain.errors import RejectedPicture

if TYPE_CHECKING:
    from darkroom.imaging.sniff.coding import Coding

# jpegtran's own scripts write at most 14 scans. Decoding 22,000 scans of 16 megapixels takes over 20 s.
MAX_SCANS = 100

# Maximum of segments, chunks or boxes in a file. 100 MB of PNG in chunks of 8 kB has 12,000.
MAX_PARTS = 100_000

# Profiles have 0.5 to 4 kB for displays and up to 2 MB for presses; PNG compresses them.
MAX_PROFILE_BYTES = 16_000_000
MAX_METADATA_BYTES = 1_000_000

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


class Animation(NamedTuple):
    """The frames of an animation.

    `durations` in milliseconds, one per frame, as browsers play them; played `loops` times, 0 means forever.
    """

    durations: tuple[int, ...]
    loops: int
    stream: bytes


# Browsers play frames of up to 10 ms for 100: many files state times that no screen can show.
_TOO_SHORT_MS, _INSTEAD_MS = 10, 100


def played(milliseconds: int) -> int:
    """Returns the time for which browsers show a frame."""
    return milliseconds if milliseconds > _TOO_SHORT_MS else _INSTEAD_MS


class Screen(NamedTuple):
    """The screen described by PNG's cHRM and gAMA.

    `points` are red, green, blue and white as CIE x and y. `gamma` is the exponent from light to stored
    levels.
    """

    points: tuple[tuple[float, float], ...]
    gamma: float


class Header(NamedTuple):
    """The result of the header pass.

    - `width`, `height`: as stored; `orientation` (EXIF, 1 to 8) makes them upright. `aperture`: the part of
      the decoded picture to show, as left, top, right and bottom; None shows all of it.
    - `stream`: the bytes for the decoder, without metadata that a decoder could fail on.
    - `icc`: empty without a profile. `coding`: the colour space, if the file names it by number. `screen`:
      None if the file describes none, or sRGB's. A picture has at most one of the three.
    - `largest_pixels`: the largest canvas or frame that a decoder may allocate.
    - `too_few_bytes`: an arithmetic-coded JPEG has fewer bytes than its number of pixels takes at least.
    - `trailing_bytes`: behind a JPEG, where other pictures can follow.
    - `channels`: of a JPEG. `arithmetic`: a JPEG with arithmetic coding.
    - `camera_raw`: the picture is the preview of a camera raw.
    - `composed`: the frames of a GIF or PNG that have to be composed, even if there is only one.
    - `animation`: for GIF, WebP and PNG of two frames or more.
    """

    format: str
    width: int
    height: int
    stream: bytes
    orientation: int = 1
    aperture: tuple[int, int, int, int] | None = None
    icc: bytes = b""
    coding: "Coding | None" = None
    screen: Screen | None = None
    frames: int = 1
    largest_pixels: int = 0
    too_few_bytes: bool = False
    trailing_bytes: int = 0
    channels: int = 0
    arithmetic: bool = False
    camera_raw: bool = False
    composed: Animation | None = None
    animation: Animation | None = None

    @property
    def pixels(self) -> int:
        return max(self.width * self.height, self.largest_pixels)

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height after orientation."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def corrupt() -> RejectedPicture:
    return RejectedPicture("corrupt_image", "The picture is damaged or incomplete.")


class Damaged(Exception):
    """The bytes violate their file format."""


def unsupported(sentence: str) -> RejectedPicture:
    return RejectedPicture("unsupported_format", sentence)


def numbers(layout: str, content: bytes, offset: int) -> tuple[int, ...]:
    """Calls unpack_from. Raises Damaged if the file is too short."""
    try:
        return unpack_from(layout, content, offset)
    except Exception as fault:
        raise Damaged("the file ends early") from fault
