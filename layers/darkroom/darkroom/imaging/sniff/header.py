"""What the header pass finds, and how it reads bytes that may be hostile."""

from dataclasses import dataclass
from struct import unpack_from

from darkroom.domain.errors import RejectedPicture

# jpegtran's own scripts write at most 14 scans. 22,000 scans on 16 megapixels decode for over 20 s.
MAX_SCANS = 100

# Segments, chunks or boxes of one file. The most in earnest: 100 MB of PNG in chunks of 8 kB, 12,000.
MAX_PARTS = 100_000

# Profiles are 0.5 to 4 kB for displays and up to 2 MB for presses; PNG deflates them.
MAX_PROFILE_BYTES = 16_000_000
MAX_METADATA_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Animation:
    """How the pictures of one file follow one another.

    `durations` in milliseconds, one per frame. It is played `loops` times, 0 is for ever. The frames begin
    with picture number `first` of what the decoder finds in `stream`.
    """

    durations: tuple[int, ...]
    loops: int
    stream: bytes
    first: int = 0


@dataclass(frozen=True, slots=True)
class Screen:
    """The screen that a picture's levels are meant for: what PNG's cHRM and gAMA tell.

    White, red, green and blue as CIE x and y; a level is light to the power of `gamma`, 0 for sRGB's curve.
    """

    points: tuple[tuple[float, float], ...]
    gamma: float


@dataclass(frozen=True, slots=True)
class Header:
    """What the header pass found.

    `width` and `height` are as stored, `orientation` (EXIF, 1 to 8) makes them upright. `largest_pixels`
    is the largest canvas or frame that a decoder may have to hold. `icc` is empty without a profile;
    `primaries` is the number that ITU-T H.273 has for the colour space, 0 if the file names none; `screen`
    is there if it describes one other than sRGB's.
    `starved` means that there are fewer bytes than so many pixels can be coded in, `uninverted` that a
    JPEG in CMYK stores its inks as they are, where all that Adobe's mark is on store them inverted.
    `stream` is what the decoder gets: the upload without the metadata that a decoder could stumble over.
    `animation` is there for what can be made to move again: GIF, WebP and PNG of two frames or more.
    """

    format: str
    width: int
    height: int
    stream: bytes
    orientation: int = 1
    icc: bytes = b""
    primaries: int = 0
    screen: Screen | None = None
    frames: int = 1
    largest_pixels: int = 0
    starved: bool = False
    uninverted: bool = False
    animation: Animation | None = None

    @property
    def pixels(self) -> int:
        return max(self.width * self.height, self.largest_pixels)

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height after orientation."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def corrupt() -> RejectedPicture:
    return RejectedPicture("corrupt_image", "The picture is damaged or incomplete.")


class Damaged(Exception):
    """The bytes contradict their own format."""


def unsupported(sentence: str) -> RejectedPicture:
    return RejectedPicture("unsupported_format", sentence)


def numbers(layout: str, content: bytes, offset: int) -> tuple[int, ...]:
    """unpack_from that a short file can't surprise."""
    try:
        return unpack_from(layout, content, offset)
    except Exception as fault:
        raise Damaged("the file ends early") from fault


def screen_primaries(primaries: int, transfer: int) -> int:
    """The primaries of a picture for screens of ordinary brightness; 0 for one in PQ or HLG."""
    return 0 if transfer in (16, 18) else primaries
