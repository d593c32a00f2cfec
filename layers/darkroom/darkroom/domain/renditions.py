"""Renditions, their formats, and which one serves a client best."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

# The ladder that the web shows; every profile has it. Any other is extra, asked for by its name.
MAIN = "main"

# The ladder of the one rendition that is made for comparing by eye, and never shown otherwise.
REFERENCE = "reference"


class Format(StrEnum):
    """What a rendition can be encoded as."""

    JPEG = "jpeg"
    WEBP = "webp"
    AVIF = "avif"

    @property
    def media_type(self) -> str:
        return f"image/{self.value}"

    @property
    def extension(self) -> str:
        return "jpg" if self is Format.JPEG else self.value


@dataclass(frozen=True, slots=True)
class Encoded:
    """One rendition as the engine hands it over, before it has a key."""

    format: Format
    width: int
    height: int
    quality: int
    data: bytes
    ladder: str = MAIN
    frames: int = 1
    target: float | None = None
    score: float | None = None
    score_kind: str = ""

    @property
    def name(self) -> str:
        """A file name that no other rendition of the same picture has."""
        ladder = "" if self.ladder == MAIN else f"{self.ladder}-"
        return f"{ladder}{self.width}.{self.format.extension}"

    def stored_as(self, key: str) -> "Rendition":
        return Rendition(
            self.format,
            self.width,
            self.height,
            self.quality,
            len(self.data),
            key,
            ladder=self.ladder,
            frames=self.frames,
            target=self.target,
            score=self.score,
            score_kind=self.score_kind,
        )


@dataclass(frozen=True, slots=True)
class Rendition:
    """One derived file in the renditions bucket. An animation has more than one of `frames`.

    `target` is the SSIMULACRA2 score that was asked for, `score` the one reached; `score_kind` says whether
    that was predicted or measured.
    """

    format: Format
    width: int
    height: int
    quality: int
    size_bytes: int
    key: str
    ladder: str = MAIN
    frames: int = 1
    target: float | None = None
    score: float | None = None
    score_kind: str = ""


def smallest(renditions: Iterable[Rendition]) -> Rendition | None:
    """The one with the fewest bytes; of an animation one that moves, since a still shows less."""
    return min(renditions, key=lambda each: (each.frames == 1, each.size_bytes), default=None)


def best_rendition(
    renditions: Iterable[Rendition], formats: Collection[Format], width: int | None = None
) -> Rendition | None:
    """The smallest file in one of the formats, at least `width` pixels wide or as wide as there is."""
    usable = [rendition for rendition in renditions if rendition.format in formats]
    wide_enough = [r for r in usable if width is not None and r.width >= width]
    if wide_enough:
        narrowest = min(r.width for r in wide_enough)
        return smallest(r for r in wide_enough if r.width == narrowest)
    widest = max((r.width for r in usable), default=0)
    return smallest(r for r in usable if r.width == widest)
