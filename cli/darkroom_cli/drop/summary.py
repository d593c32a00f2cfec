"""What became of the pictures of one drop, as a table, their troubles, and totals."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from darkroom.domain.entries import State
from darkroom.domain.renditions import MAIN, Format
from darkroom.web.pages import filesize
from darkroom_cli.client import JsonObject
from darkroom_cli.terminal import printable

# More than these is told in the totals and by the job's page.
MOST_LISTED = 50
_WIDE_ENOUGH_FOR_ADDRESSES = 140
_FORMATS = {"JPEG": Format.JPEG, "WebP": Format.WEBP, "AVIF": Format.AVIF}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file. `row` is how its job tells it; `fault` why it has not come to an end there."""

    name: str
    page: str = ""
    row: JsonObject | None = None
    receipt: JsonObject | None = None
    fault: str = ""

    @property
    def state(self) -> State | None:
        """None where it was not sent, or not ready in time."""
        return None if self.fault or self.row is None else State(self.row["state"])

    @property
    def end(self) -> str:
        """In a word or two."""
        if self.state:
            return self.state.value
        return "not ready" if self.row and self.row["version"] else "not sent"

    @property
    def reason(self) -> str:
        return str(self.row["reason"]) if self.row else ""

    @property
    def trouble(self) -> str:
        """Why this picture did not come out; empty if it did."""
        if self.fault or self.row is None:
            return self.fault
        if self.state is State.RENDERED:
            return ""
        why = f" ({self.reason}): {self.row.get('sentence', '')}" if self.reason else ""
        return f"{self.row['state']}{why}"


def report(outcomes: Sequence[Outcome], job_id: str, console: Console) -> bool:
    """Prints the table, then every trouble, the totals and the job's address; True if there is no trouble."""
    listed = outcomes[:MOST_LISTED]
    addresses_fit = console.width >= _WIDE_ENOUGH_FOR_ADDRESSES
    if any(outcome.state for outcome in listed):
        console.print(_table(listed, with_pages=addresses_fit))
    _more(len(outcomes) - len(listed), "pictures", console)
    troubles = [outcome for outcome in outcomes if outcome.trouble]
    for outcome in troubles[:MOST_LISTED]:
        console.print(Text(printable(f"{outcome.name}: {outcome.trouble}"), style="red"), soft_wrap=True)
    _more(len(troubles) - MOST_LISTED, "troubles", console)
    if len(outcomes) > 1:
        console.print(Text(_totals(outcomes), style="bold"), soft_wrap=True)
    # An address that is broken over lines can't be clicked.
    if len(outcomes) == 1 and not addresses_fit and outcomes[0].page:
        console.print(Text(f"Picture: {outcomes[0].page}"), soft_wrap=True)
    if job_id:
        console.print(Text(f"Job:     {job_id}"), soft_wrap=True)
    return not troubles


def _more(count: int, what: str, console: Console) -> None:
    if count > 0:
        console.print(f"... and {count} more {what}: the job's page has them all.", highlight=False)


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
        table.add_row(*(Text(cell) for cell in cells), style="red" if outcome.trouble else "")
    return table


def _cells(outcome: Outcome) -> tuple[str, ...]:
    name, row = printable(outcome.name), outcome.row
    if row is None or outcome.state is not State.RENDERED:
        return (name, outcome.end, *[""] * 5, outcome.page)
    return (
        name,
        filesize(row["bytes_before"]),
        filesize(row["bytes_after"]),
        f"{row['saved_percent']:.1f} %",
        *(_at_full_width(outcome.receipt, kind) for kind in _FORMATS.values()),
        outcome.page,
    )


def _at_full_width(receipt: JsonObject | None, kind: Format) -> str:
    """Of a format that was not made at the full width there is nothing to compare."""
    made = [each for each in (receipt or {}).get("renditions", []) if each["ladder"] == MAIN]
    full = max((int(each["width"]) for each in made), default=0)
    sizes = [each["size_bytes"] for each in made if each["width"] == full and each["format"] == kind.value]
    return filesize(min(sizes)) if sizes else "-"


def _totals(outcomes: Sequence[Outcome]) -> str:
    ends = Counter(outcome.end for outcome in outcomes)
    rendered = [outcome.row for outcome in outcomes if outcome.row and outcome.state is State.RENDERED]
    before = sum(int(row["bytes_before"]) for row in rendered)
    after = sum(int(row["bytes_after"]) for row in rendered)
    told = f"{len(outcomes)} pictures: {', '.join(f'{count} {end}' for end, count in ends.most_common())}."
    if not before:
        return told
    percent = 100 * (before - after) / before
    change = f"{percent:.1f} % saved" if percent >= 0 else f"{-percent:.1f} % more"
    return f"{told} {filesize(before)} became {filesize(after)}: {change}."
