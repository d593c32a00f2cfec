"""The result of a drop: a table, the problems, and the totals."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from darkroom.domain.entries import State
from darkroom.domain.renditions import MAIN, Format
from darkroom.web.pages.formatting import filesize
from darkroom_cli.client import JsonObject
from darkroom_cli.terminal import printable

# Pictures beyond this number are only in the totals and on the job's page.
MOST_LISTED = 50
_WIDE_ENOUGH_FOR_ADDRESSES = 140
_FORMATS = {"JPEG": Format.JPEG, "WebP": Format.WEBP, "AVIF": Format.AVIF}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one file: its row in the job; `fault` is the reason if it was not sent or not ready."""

    name: str
    page: str = ""
    row: JsonObject | None = None
    receipt: JsonObject | None = None
    fault: str = ""

    @property
    def state(self) -> State | None:
        """The state; None if the file was not sent or not ready in time."""
        return None if self.fault or self.row is None else State(self.row["state"])

    @property
    def label(self) -> str:
        """The result in a word or two."""
        if self.state:
            return self.state.value
        return "not ready" if self.row and self.row["version"] else "not sent"

    @property
    def reason(self) -> str:
        return str(self.row["reason"]) if self.row else ""

    @property
    def problem(self) -> str:
        """The reason if the picture was not rendered, else empty."""
        if self.fault or self.row is None:
            return self.fault
        if self.state is State.RENDERED:
            return ""
        reason = f" ({self.reason}): {self.row.get('sentence', '')}" if self.reason else ""
        return f"{self.row['state']}{reason}"


def report(outcomes: Sequence[Outcome], job_page: str, console: Console) -> bool:
    """Prints the table, problems, totals and the job's address; True if every picture was rendered."""
    listed = outcomes[:MOST_LISTED]
    addresses_fit = console.width >= _WIDE_ENOUGH_FOR_ADDRESSES
    if any(outcome.state for outcome in listed):
        console.print(_table(listed, with_pages=addresses_fit))
    _more(len(outcomes) - len(listed), "pictures", console)
    problems = [outcome for outcome in outcomes if outcome.problem]
    for outcome in problems[:MOST_LISTED]:
        console.print(Text(printable(f"{outcome.name}: {outcome.problem}"), style="red"), soft_wrap=True)
    _more(len(problems) - MOST_LISTED, "problems", console)
    if len(outcomes) > 1:
        console.print(Text(_totals(outcomes), style="bold"), soft_wrap=True)
    # Never wrapped: terminals don't recognise a link that is broken over two lines.
    if len(outcomes) == 1 and not addresses_fit and outcomes[0].page:
        console.print(Text(f"Picture: {outcomes[0].page}"), soft_wrap=True)
    if job_page:
        console.print(Text(f"Job:     {job_page}"), soft_wrap=True)
    return not problems


def _more(count: int, noun: str, console: Console) -> None:
    if count > 0:
        console.print(f"... and {count} more {noun}; see the job's page.", highlight=False)


def _table(outcomes: Sequence[Outcome], *, with_pages: bool) -> Table:
    table = Table(
        *("Name", "Before", "After", "Saved", *_FORMATS),
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    table.columns[0].overflow = "fold"
    for column in table.columns[1:]:
        column.justify = "right"
        column.no_wrap = True
    if with_pages:
        table.add_column("Page", no_wrap=True)
    for outcome in outcomes:
        cells = _cells(outcome)[: len(table.columns)]
        table.add_row(*(Text(cell) for cell in cells), style="red" if outcome.problem else "")
    return table


def _cells(outcome: Outcome) -> tuple[str, ...]:
    name, row = printable(outcome.name), outcome.row
    if row is None or outcome.state is not State.RENDERED:
        return (name, outcome.label, *[""] * 5, outcome.page)
    return (
        name,
        filesize(row["bytes_before"]),
        filesize(row["bytes_after"]),
        f"{row['saved_percent']:.1f}%",
        *(_size_at_full_width(outcome.receipt, kind) for kind in _FORMATS.values()),
        outcome.page,
    )


def _size_at_full_width(receipt: JsonObject | None, kind: Format) -> str:
    """Returns the size of a format's smallest file at full width, or "-" if it has none."""
    renditions = [
        rendition for rendition in (receipt or {}).get("renditions", []) if rendition["ladder"] == MAIN
    ]
    width = max((int(rendition["width"]) for rendition in renditions), default=0)
    sizes = [
        rendition["size_bytes"]
        for rendition in renditions
        if rendition["width"] == width and rendition["format"] == kind.value
    ]
    return filesize(min(sizes)) if sizes else "-"


def _totals(outcomes: Sequence[Outcome]) -> str:
    labels = Counter(outcome.label for outcome in outcomes)
    rendered = [outcome.row for outcome in outcomes if outcome.row and outcome.state is State.RENDERED]
    before = sum(int(row["bytes_before"]) for row in rendered)
    after = sum(int(row["bytes_after"]) for row in rendered)
    counts = ", ".join(f"{count} {label}" for label, count in labels.most_common())
    totals = f"{len(outcomes)} pictures: {counts}."
    if not before:
        return totals
    percent = 100 * (before - after) / before
    change = f"{percent:.1f}% saved" if percent >= 0 else f"{-percent:.1f}% larger"
    return f"{totals} {filesize(before)} became {filesize(after)}: {change}."
