"""Renditions, their formats, and the choice of the best one for a client."""

from collections.abc import Collection, Iterable
from dataclasses import KW_ONLY, dataclass, fields
from enum import StrEnum

# The ladder shown on the web; every profile has it. Renditions of other ladders are only in the receipt and
# in the downloads of a job.
MAIN = "main"

# The ladder of the rendition of high quality. A page shows it only for comparison by eye.
REFERENCE = "reference"

# The ladder of the JPEG XL that holds a JPEG original without loss. It is served only if it is asked for.
LOSSLESS = "lossless"


class Format(StrEnum):
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    JXL = "jxl"

    @property
    def media_type(self) -> str:
        return f"image/{self.value}"

    @property
    def extension(self) -> str:
        return "jpg" if self is Format.JPEG else self.value

    @property
    def label(self) -> str:
        """The usual spelling: JPEG, PNG, WebP, AVIF, JPEG XL."""
        return {Format.WEBP: "WebP", Format.JXL: "JPEG XL"}.get(self, self.value.upper())


# The formats that every browser shows.
UNIVERSAL = frozenset({Format.JPEG, Format.PNG})


# Never made by itself: the two below it have these methods of their own.
@dataclass(frozen=True, slots=True, init=False, repr=False, eq=False)
class _DerivedFile:
    """The facts about one derived file. `frames` is greater than 1 for an animation; `alpha` is True if the
    file keeps the picture's transparency.

    `target` is the requested SSIMULACRA2 score, and `score` is the score of this file; both are None for a
    file without a target. `score_kind` is `measured`, `predicted` for an animation, or empty without a score.
    """

    format: Format
    width: int
    height: int
    quality: int
    _: KW_ONLY
    ladder: str = MAIN
    frames: int = 1
    alpha: bool = False
    target: float | None = None
    score: float | None = None
    score_kind: str = ""


@dataclass(frozen=True, slots=True)
class Encoded(_DerivedFile):
    """One rendition from the engine, before it has a key."""

    data: bytes

    @property
    def name(self) -> str:
        """A file name, unique among the renditions of the picture."""
        ladder = "" if self.ladder == MAIN else f"{self.ladder}-"
        return f"{ladder}{self.width}.{self.format.extension}"

    def stored_as(self, key: str) -> "Rendition":
        facts = {fact.name: getattr(self, fact.name) for fact in fields(_DerivedFile)}
        return Rendition(**facts, size_bytes=len(self.data), key=key)


@dataclass(frozen=True, slots=True)
class Rendition(_DerivedFile):
    """One derived file in the renditions bucket."""

    size_bytes: int
    key: str


def smallest(renditions: Iterable[Rendition]) -> Rendition | None:
    """Returns the rendition with the fewest bytes; of an animation, the smallest animated one, and of a
    transparent picture, the smallest that keeps the transparency."""
    return min(renditions, key=lambda r: (r.frames == 1, not r.alpha, r.size_bytes), default=None)


def best_rendition(
    renditions: Iterable[Rendition], formats: Collection[Format], width: int | None = None
) -> Rendition | None:
    """Returns the smallest file of one width in one of the formats.

    The width is the narrowest that is at least `width`. If there is none, or `width` is None, it is the
    widest.
    """
    usable = [rendition for rendition in renditions if rendition.format in formats]
    wide_enough = [r.width for r in usable if width is not None and r.width >= width]
    chosen = min(wide_enough) if wide_enough else max((r.width for r in usable), default=0)
    return smallest(r for r in usable if r.width == chosen)
