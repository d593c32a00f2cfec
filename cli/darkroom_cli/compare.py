"""`darkroom compare`: two pictures, or one picture rendered with several profiles, side by side."""

import json
import sys
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from darkroom.domain.errors import RejectedPicture
from darkroom.domain.profile import Profile
from darkroom.domain.renditions import MAIN, Encoded
from darkroom.imaging import compare_isolated, render_isolated
from darkroom.imaging.comparing import Comparison, Decoded
from darkroom.services.rendering import budget
from darkroom.web.pages.formatting import duration, filesize, label, printable, savings
from darkroom_cli.faults import CANNOT_CREATE, DATA_ERROR, NO_INPUT, Fault
from darkroom_cli.files import decodable
from darkroom_cli.render.limits import MEMORY_MB, SLACK, TIMEOUT_SECONDS
from darkroom_cli.results import percent_saved

_MEMORY_BYTES, _SECONDS = budget(MEMORY_MB, TIMEOUT_SECONDS * 1000)
_WIDE_ENOUGH_FOR_PIXELS = 80
# In the footer of the page: only a page with it is overwritten.
_WRITTEN_BY = b"<code>darkroom compare</code>"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the pictures: its upright size in pixels, its bytes and its SSIMULACRA2 score.

    `milliseconds` is the time of decoding a file, or of rendering all files of a profile.
    """

    name: str
    format: str
    width: int
    height: int
    size_bytes: int
    score: float | None = None
    milliseconds: float | None = None
    url: str = ""

    @property
    def rendition(self) -> "Side":
        """The picture itself, as templates have it for a link."""
        return self

    @property
    def embedded(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Compared:
    """The original, and the pictures to compare with it."""

    original: Side
    others: tuple[Side, ...]

    @property
    def document(self) -> dict[str, object]:
        """The comparison as JSON values."""
        original, *others = (
            {name: value for name, value in asdict(side).items() if name != "url"}
            for side in (self.original, *self.others)
        )
        return {"original": original, "compared": others}


def compare_files(original: Path, other: Path) -> Compared:
    """Compares a picture with an original. Raises Fault."""
    contents = _read(original), _read(other)
    result = _scored(*contents, names=(original, other))
    first, second = (
        _side(path, decoded, len(content))
        for path, decoded, content in zip(
            (original, other), (result.original, result.other), contents, strict=True
        )
    )
    return Compared(first, (replace(second, score=result.score),))


def compare_profiles(file: Path, profiles: Sequence[Profile]) -> Compared:
    """Renders a picture with each profile, and compares the renditions at full width. Raises Fault."""
    content = _read(file)
    others: list[Side] = []
    for profile in profiles:
        started = time.perf_counter()
        try:
            rendered = render_isolated(
                content, profile, memory_bytes=_MEMORY_BYTES, seconds=_SECONDS, slack=SLACK
            )
        except RejectedPicture as fault:
            raise Fault(f"{file}: {fault.sentence}", DATA_ERROR) from fault
        milliseconds = round((time.perf_counter() - started) * 1000, 1)
        if not rendered.renditions:
            raise Fault(f"{file}: the profile {profile.name} gives no rendition.", DATA_ERROR)
        for rendition in _at_full_width(rendered.renditions):
            score = rendition.score
            if score is None:
                score = _scored(content, rendition.data, names=(file, file)).score
            others.append(_rendition_side(profile.name, rendition, score, milliseconds))
    facts = rendered.original
    decoded = Decoded(facts.format, (facts.width, facts.height), 0)
    return Compared(replace(_side(file, decoded, len(content)), milliseconds=None), tuple(others))


def _at_full_width(renditions: Sequence[Encoded]) -> list[Encoded]:
    main = [rendition for rendition in renditions if rendition.ladder == MAIN]
    width = max((rendition.width for rendition in main), default=0)
    return [rendition for rendition in main if rendition.width == width]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise Fault(f"Cannot read {path}: {fault.strerror}.", NO_INPUT) from fault


def _scored(original: bytes, other: bytes, names: tuple[Path, Path]) -> Comparison:
    try:
        return compare_isolated(original, other, memory_bytes=_MEMORY_BYTES, seconds=_SECONDS)
    except RejectedPicture as fault:
        rejected = names[1] if _can_be_scored(original) else names[0]
        raise Fault(f"{rejected}: {fault.sentence}", DATA_ERROR) from fault


def _can_be_scored(content: bytes) -> bool:
    try:
        compare_isolated(content, content, memory_bytes=_MEMORY_BYTES, seconds=_SECONDS)
    except RejectedPicture:
        return False
    return True


def _side(path: Path, decoded: Decoded, size_bytes: int) -> Side:
    width, height = decoded.size
    name = decodable(path.name)
    return Side(
        name, decoded.format, width, height, size_bytes, milliseconds=decoded.milliseconds, url=str(path)
    )


def _rendition_side(profile: str, rendition: Encoded, score: float | None, milliseconds: float) -> Side:
    return Side(
        profile,
        rendition.format.value,
        rendition.width,
        rendition.height,
        len(rendition.data),
        score,
        milliseconds,
        f"data:{rendition.format.media_type};base64,{b64encode(rendition.data).decode()}",
    )


def report(compared: Compared, *, as_json: bool) -> None:
    """Prints the comparison as a table, or as one JSON object."""
    if as_json:
        sys.stdout.write(json.dumps(compared.document) + "\n")
        return
    console = Console(highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Picture", overflow="fold", min_width=16)
    columns = ["Format", "Pixels", "Size", "Saved", "Score", "Time"]
    if console.width < _WIDE_ENOUGH_FOR_PIXELS:
        columns.remove("Pixels")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for side in (compared.original, *compared.others):
        cells = _cells(side, compared.original)
        table.add_row(Text(printable(side.name)), *(cells[name] for name in columns))
    console.print(table)
    if any(side.score is None for side in compared.others):
        console.print("Without a score: the shape of the picture differs from the original's.")


def _cells(side: Side, original: Side) -> dict[str, str]:
    is_original = side is original
    return {
        "Format": label(side.format),
        "Pixels": f"{side.width} x {side.height}",
        "Size": filesize(side.size_bytes),
        "Saved": "" if is_original else f"{percent_saved(original.size_bytes, side.size_bytes):.1f}%",
        "Score": "" if side.score is None else f"{side.score:.1f}",
        "Time": "" if side.milliseconds is None else duration(side.milliseconds),
    }


def write_page(compared: Compared, path: Path) -> None:
    """Writes a page with the slider. Raises Fault, also if the file is not such a page already."""
    from darkroom_cli.pages import SHOWN_BY_BROWSERS, page, relative_url

    original = compared.original
    shown = original.format in SHOWN_BY_BROWSERS
    links = [_linked(side, relative_url(Path(side.url), path.parent)) for side in compared.others]
    best = min(links, key=lambda side: side.size_bytes)
    content = page(
        "local-compare.html",
        root="",
        command="compare",
        name=original.name,
        receipt={"size_bytes": original.size_bytes, "original": original},
        headline=_headline(original, best),
        reference=replace(original, url=relative_url(Path(original.url), path.parent)) if shown else None,
        first=best,
        best=best,
        links=links,
        shows_original=True,
    )
    try:
        if path.exists() and _WRITTEN_BY not in path.read_bytes():
            raise Fault(f"{path} exists, and `darkroom compare` has not written it.", CANNOT_CREATE)
        path.write_bytes(content)
    except OSError as fault:
        raise Fault(f"Cannot write {path}: {fault.strerror}.", CANNOT_CREATE) from fault


def _linked(side: Side, url: str) -> Side:
    return side if side.url.startswith("data:") else replace(side, url=url)


def _headline(original: Side, best: Side) -> str:
    change = savings(percent_saved(original.size_bytes, best.size_bytes))
    return f"{filesize(original.size_bytes)} or {filesize(best.size_bytes)}: {change}"
