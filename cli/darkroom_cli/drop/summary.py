"""The result of a drop: a table, the problems, and the totals."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from darkroom.domain.entries import State
from darkroom.web.pages.formatting import printable
from darkroom_cli.client import JsonObject
from darkroom_cli.results import (
    MOST_LISTED,
    WIDE_ENOUGH_FOR_PAGES,
    ResultRow,
    results_table,
    sizes_at_full_width,
    totals,
)


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

    @property
    def document(self) -> JsonObject:
        """The result as JSON values, with the receipt if it was fetched."""
        return {
            "name": self.name,
            "state": self.label,
            "reason": self.reason,
            "sentence": self.fault or str((self.row or {}).get("sentence") or ""),
            "page": self.page,
            **({"receipt": self.receipt} if self.receipt else {}),
        }

    @property
    def result(self) -> ResultRow:
        """The picture's row in the table."""
        rendered = self.row if self.state is State.RENDERED else None
        return ResultRow(
            self.name,
            self.label,
            int(rendered["bytes_before"]) if rendered else 0,
            int(rendered["bytes_after"]) if rendered else 0,
            sizes_at_full_width(self.receipt),
            self.page,
            is_problem=bool(self.problem),
        )


def report(outcomes: Sequence[Outcome], job_page: str, console: Console) -> bool:
    """Prints the table, problems, totals and the job's address; True if every picture was rendered."""
    listed = outcomes[:MOST_LISTED]
    if any(outcome.state for outcome in listed):
        console.print(results_table([outcome.result for outcome in listed], console.width))
    _more(len(outcomes) - len(listed), "pictures", console)
    problems = [outcome for outcome in outcomes if outcome.problem]
    for outcome in problems[:MOST_LISTED]:
        console.print(Text(printable(f"{outcome.name}: {outcome.problem}"), style="red"), soft_wrap=True)
    _more(len(problems) - MOST_LISTED, "problems", console)
    if len(outcomes) > 1:
        console.print(Text(totals([outcome.result for outcome in outcomes]), style="bold"), soft_wrap=True)
    # Never wrapped: terminals don't recognise a link that is broken over two lines.
    if len(outcomes) == 1 and console.width < WIDE_ENOUGH_FOR_PAGES and outcomes[0].page:
        console.print(Text(f"Picture: {outcomes[0].page}"), soft_wrap=True)
    if job_page:
        console.print(Text(f"Job:     {job_page}"), soft_wrap=True)
    return not problems


def _more(count: int, noun: str, console: Console) -> None:
    if count > 0:
        console.print(f"... and {count:,} more {noun}; see the job's page.", highlight=False)
