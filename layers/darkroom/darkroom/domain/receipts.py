"""The receipt of one rendering: original, renditions, decisions and savings."""

from dataclasses import dataclass, field

from darkroom.domain.renditions import MAIN, REFERENCE, Encoded, Format, Rendition, best_rendition, smallest

_THUMBNAIL_WIDTH = 320


@dataclass(frozen=True, slots=True)
class Original:
    """What the header of an upload says; pixels as shown, after orientation."""

    format: str
    width: int
    height: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Decision:
    """One choice that was taken while rendering: a stable code, and why in words."""

    code: str
    why: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """What the engine makes of one picture.

    By pipeline step, `milliseconds` are wall time and `peak_mb` the most memory that was resident up to its
    end.

    `placeholder` is a `data:` address of some hundred bytes to show while the picture loads, `colour` the
    dominant one, like #336699.
    """

    original: Original
    renditions: tuple[Encoded, ...]
    decisions: tuple[Decision, ...]
    milliseconds: dict[str, float]
    peak_mb: dict[str, float] = field(default_factory=dict)
    placeholder: str = ""
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a picture can't be used: see `errors.RejectedPicture`."""

    reason: str
    sentence: str
    limit: float | None = None
    actual: float | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The record of one rendering. Exactly one of `renditions` and `rejection` is filled."""

    profile: str
    profile_hash: str
    engine: str
    at: str
    size_bytes: int
    original: Original | None = None
    renditions: tuple[Rendition, ...] = ()
    rejection: Rejection | None = None
    decisions: tuple[Decision, ...] = ()
    milliseconds: dict[str, float] = field(default_factory=dict)
    placeholder: str = ""
    colour: str = ""

    @property
    def shown(self) -> tuple[Rendition, ...]:
        """What stands for the original on the web: the main ladder's.

        Beside an animation no still of another format than JPEG: a browser would take it for the better file.
        """
        main = [rendition for rendition in self.renditions if rendition.ladder == MAIN]
        moves = any(rendition.frames > 1 for rendition in main)
        return tuple(r for r in main if not moves or r.frames > 1 or r.format is Format.JPEG)

    @property
    def reference(self) -> Rendition | None:
        """The rendition of high quality to compare the others with by eye."""
        return next((r for r in self.renditions if r.ladder == REFERENCE), None)

    @property
    def saved_bytes(self) -> int:
        """Original's bytes less those of the widest rendition's smallest format; 0 when rejected."""
        best = self.smallest_at_full_width
        return self.size_bytes - best.size_bytes if best else 0

    @property
    def saved_percent(self) -> float:
        """`saved_bytes` in percent of the original, one decimal; 0 when rejected."""
        return round(100 * self.saved_bytes / self.size_bytes, 1) if self.size_bytes else 0.0

    @property
    def smallest_at_full_width(self) -> Rendition | None:
        widest = max((rendition.width for rendition in self.shown), default=0)
        return smallest(rendition for rendition in self.shown if rendition.width == widest)

    @property
    def thumbnail(self) -> Rendition | None:
        """A small JPEG, which every client can show."""
        return best_rendition(self.shown, (Format.JPEG,), _THUMBNAIL_WIDTH)

    def of_format(self, wanted: Format) -> tuple[Rendition, ...]:
        """What is shown in one format, narrowest first."""
        found = (rendition for rendition in self.shown if rendition.format is wanted)
        return tuple(sorted(found, key=lambda rendition: rendition.width))
