"""The receipt of one rendering: original, renditions, decisions and savings."""

from dataclasses import dataclass, field, replace

from darkroom.domain.renditions import LOSSLESS, MAIN, REFERENCE, Encoded, Format, Rendition, best_rendition

_THUMBNAIL_WIDTH = 320


@dataclass(frozen=True, slots=True)
class Original:
    """The format and size of an original, from its header.

    `width` and `height` are those of the upright picture.
    """

    format: str
    width: int
    height: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision made while rendering: a stable code, and the reason in words."""

    code: str
    why: str


@dataclass(frozen=True, slots=True)
class Face:
    """A face that was found, in pixels of the upright original. `score` is the detector's, up to 1."""

    left: int
    top: int
    width: int
    height: int
    score: float


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the upright original that a ladder shows, in pixels."""

    ladder: str
    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """The output of the engine for one picture.

    `windows` are those of ladders that fill a box; `faces` are looked for only if one of these asks for it.
    `milliseconds` is wall time by pipeline step, `peak_mb` the peak resident memory up to the end of a step.
    `placeholder` is a `data:` URL of a few hundred bytes to show while the picture loads. `colour` is the
    dominant colour, like #336699.
    """

    original: Original
    renditions: tuple[Encoded, ...]
    decisions: tuple[Decision, ...]
    milliseconds: dict[str, float]
    peak_mb: dict[str, float] = field(default_factory=dict)
    placeholder: str = ""
    colour: str = ""
    windows: tuple[Window, ...] = ()
    faces: tuple[Face, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejection:
    """The reason for a rejection: see `errors.RejectedPicture`."""

    reason: str
    sentence: str
    limit: float | None = None
    actual: float | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The record of one rendering, with either `renditions` or a `rejection`."""

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
    windows: tuple[Window, ...] = ()
    faces: tuple[Face, ...] = ()

    def with_result(self, rendered: Rendered, renditions: tuple[Rendition, ...]) -> "Receipt":
        """Returns the receipt of the engine's output, stored as these renditions."""
        return replace(
            self,
            size_bytes=rendered.original.size_bytes,
            original=rendered.original,
            renditions=renditions,
            decisions=(*self.decisions, *rendered.decisions),
            milliseconds=rendered.milliseconds,
            placeholder=rendered.placeholder,
            colour=rendered.colour,
            windows=rendered.windows,
            faces=rendered.faces,
        )

    @property
    def shown(self) -> tuple[Rendition, ...]:
        """The renditions shown on the web: those of the main ladder.

        An animation is also rendered as still pictures. Of these, only the JPEG files are shown: a browser
        would choose a still AVIF or WebP file instead of the animation.
        """
        main = [rendition for rendition in self.renditions if rendition.ladder == MAIN]
        animated = any(rendition.frames > 1 for rendition in main)
        return tuple(r for r in main if not animated or r.frames > 1 or r.format is Format.JPEG)

    @property
    def reference(self) -> Rendition | None:
        """The rendition of high quality for comparison by eye."""
        return next((r for r in self.renditions if r.ladder == REFERENCE), None)

    @property
    def lossless(self) -> Rendition | None:
        """The JPEG XL that holds the JPEG original without loss."""
        return next((r for r in self.renditions if r.ladder == LOSSLESS), None)

    @property
    def saved_bytes(self) -> int:
        """Bytes of the original minus those of the smallest file at full width; 0 if rejected."""
        best = self.smallest_at_full_width
        return self.size_bytes - best.size_bytes if best else 0

    @property
    def saved_percent(self) -> float:
        """`saved_bytes` in percent of the original, one decimal; 0 if rejected."""
        return round(100 * self.saved_bytes / self.size_bytes, 1) if self.size_bytes else 0.0

    @property
    def smallest_at_full_width(self) -> Rendition | None:
        return best_rendition(self.shown, list(Format))

    @property
    def thumbnail(self) -> Rendition | None:
        """A small JPEG, because every client can show JPEG."""
        return best_rendition(self.shown, (Format.JPEG,), _THUMBNAIL_WIDTH)

    def of_format(self, wanted: Format) -> tuple[Rendition, ...]:
        """Returns the shown renditions of one format, narrowest first."""
        found = (rendition for rendition in self.shown if rendition.format is wanted)
        return tuple(sorted(found, key=lambda rendition: rendition.width))
