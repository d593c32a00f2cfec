"""Shows the progress and the results of `darkroom render`."""

import json
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from darkroom_cli.render.outcome import UP_TO_DATE, Outcome
from darkroom_cli.results import MOST_LISTED, output_console, results_table, totals

_NARROWEST_BAR, _WIDEST_BAR, _LABEL_WIDTH = 4, 40, 44


def time_left(rendered: int, waiting: int, seconds: float) -> str:
    """Returns the mean rate of some seconds, and the time that the waiting pictures take at this rate."""
    if not rendered:
        return ""
    left = round(waiting * seconds / rendered)
    rate = rendered / seconds
    speed = f"{rate:.1f}/s" if rate >= 1 else f"{60 * rate:.0f}/min"
    return f", {speed}, {left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"


class Display:
    """A progress bar on a terminal, else one line a picture; at the end a table and totals.

    With `as_json`, standard output has one line of JSON a picture and nothing else.
    """

    def __init__(self, size: int, *, as_json: bool) -> None:
        self._as_json = as_json
        self._errors = Console(stderr=True, highlight=False)
        self._output = output_console()
        # Not refreshed by a thread: a process that forks must have none.
        self._progress = Progress(
            BarColumn(max(_NARROWEST_BAR, min(_WIDEST_BAR, self._errors.width - _LABEL_WIDTH))),
            TextColumn("{task.fields[label]}"),
            console=self._errors,
            transient=True,
            auto_refresh=False,
            disable=not self._errors.is_terminal,
        )
        self._bar = self._progress.add_task("", total=size, label="")
        self._started = time.monotonic()
        self._done = self._rendered = 0
        self._size = size

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def notes(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._errors.print(Text(line), style="yellow", soft_wrap=True)

    def show(self, outcome: Outcome) -> None:
        """Counts one picture, and prints its line where there is no progress bar."""
        self._done += 1
        self._rendered += outcome.status != UP_TO_DATE
        if self._as_json:
            sys.stdout.write(json.dumps(outcome.document) + "\n")
            sys.stdout.flush()
        elif not sys.stdout.isatty():
            self._output.print(Text(outcome.line), soft_wrap=True)

    def refresh(self) -> None:
        left = time_left(self._rendered, self._size - self._done, time.monotonic() - self._started)
        label = f"{self._done:,} of {self._size:,}{left}"
        self._progress.update(self._bar, completed=self._done, label=label)
        self._progress.refresh()

    def report(self, outcomes: Sequence[Outcome], index: Path | None) -> None:
        """Prints the table, the problems, the totals, and the path of the pages' index, if there are any."""
        if self._as_json or not outcomes:
            return
        outcomes = sorted(outcomes, key=lambda outcome: outcome.name)
        rows = [outcome.result for outcome in outcomes]
        self._output.print(results_table(rows[:MOST_LISTED], self._output.width))
        if len(rows) > MOST_LISTED:
            self._output.print(f"... and {len(rows) - MOST_LISTED:,} more pictures.")
        # Elsewhere they have their lines already.
        problems = [outcome for outcome in outcomes if outcome.problem and sys.stdout.isatty()]
        for outcome in problems:
            self._output.print(Text(outcome.line), style="red", soft_wrap=True)
        self._output.print(Text(totals(rows)), style="bold", soft_wrap=True)
        if index:
            self._output.print(Text(f"Pages: {index}"), soft_wrap=True)
