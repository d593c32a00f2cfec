"""The table and the totals of rendered pictures, for `darkroom drop` and `darkroom render`."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from darkroom.domain.renditions import MAIN, Format
from darkroom.domain.serialization import JsonObject
from darkroom.web.pages.formatting import counted, filesize, label, printable

# Pictures beyond this number are only in the totals.
MOST_LISTED = 50
WIDE_ENOUGH_FOR_PAGES = 140
# On a narrower terminal, columns are left out from the right, so that names stay legible.
_NAME_WIDTH = 24
_COLUMN_WIDTH = 9


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One picture: its bytes before and after, both 0 if it was not rendered.

    `outcome` is the result in a word or two, and `sizes` the bytes at full width by format.
    """

    name: str
    outcome: str
    before: int = 0
    after: int = 0
    sizes: Mapping[str, int] = field(default_factory=dict)
    page: str = ""
    is_problem: bool = False


_PIPED_WIDTH = 250  # without a terminal, lines are not wrapped


def output_console(*, stderr: bool = False) -> Console:
    """Returns the console of standard output, or of standard error."""
    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(width=None if is_terminal else _PIPED_WIDTH, highlight=False, stderr=stderr)


def sizes_at_full_width(receipt: JsonObject | None) -> dict[str, int]:
    """Returns the size of each format's smallest file at full width, by format."""
    main = [file for file in (receipt or {}).get("renditions", []) if file["ladder"] == MAIN]
    width = max((int(file["width"]) for file in main), default=0)
    widest = sorted((file for file in main if file["width"] == width), key=lambda file: -file["size_bytes"])
    return {file["format"]: file["size_bytes"] for file in widest}


def results_table(rows: Sequence[ResultRow], width: int) -> Table:
    """Returns the table for a terminal of this width."""
    formats = [kind.value for kind in Format if any(kind.value in row.sizes for row in rows)]
    columns = ["Saved", "After", "Before", *map(label, formats)]
    columns = columns[: max(1, (width - _NAME_WIDTH) // _COLUMN_WIDTH)]
    shown = [name for name in ("Before", "After", "Saved", *map(label, formats)) if name in columns]
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    name_width = min(_NAME_WIDTH, max(len(row.name) for row in rows), max(1, width - _COLUMN_WIDTH))
    table.add_column("Name", overflow="fold", min_width=name_width)
    for name in shown:
        table.add_column(name, justify="right", no_wrap=True)
    with_pages = width >= WIDE_ENOUGH_FOR_PAGES and any(row.page for row in rows)
    if with_pages:
        table.add_column("Page", no_wrap=True)
    for row in rows:
        texts = [printable(row.name), *_cells(row, shown, formats), *([row.page] if with_pages else [])]
        table.add_row(*map(Text, texts), style="red" if row.is_problem else "")
    return table


def _cells(row: ResultRow, shown: Sequence[str], formats: Sequence[str]) -> list[str]:
    if not row.before:
        return [row.outcome, *[""] * (len(shown) - 1)]
    figures = {
        "Before": filesize(row.before),
        "After": filesize(row.after),
        "Saved": f"{percent_saved(row.before, row.after):.1f}%",
    }
    figures |= {label(kind): filesize(row.sizes[kind]) if kind in row.sizes else "-" for kind in formats}
    return [figures[name] for name in shown]


def percent_saved(before: int, after: int) -> float:
    return 100 * (before - after) / before if before else 0.0


def totals(rows: Sequence[ResultRow]) -> str:
    """Returns the number of pictures by outcome, and the bytes saved."""
    counts = ", ".join(
        f"{count:,} {name}" for name, count in Counter(row.outcome for row in rows).most_common()
    )
    line = f"{counted(len(rows), 'picture')}: {counts}."
    before, after = sum(row.before for row in rows), sum(row.after for row in rows)
    if not before:
        return line
    percent = percent_saved(before, after)
    change = f"{percent:.1f}% saved" if percent >= 0 else f"{-percent:.1f}% larger"
    return f"{line} {filesize(before)} became {filesize(after)}: {change}."
