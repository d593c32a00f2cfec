"""The progress of a drop, and its display on a terminal or as lines."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from darkroom.web.pages.formatting import filesize
from darkroom_cli.client import JsonObject
from darkroom_cli.drop.files import Picture
from darkroom_cli.drop.follow import TERMINAL, Change

_LINE_EVERY_SECONDS = 10


@dataclass(slots=True)
class DropProgress:
    """The state of each picture by its number; `changed_at` is the time of the last change."""

    pictures: Sequence[Picture]
    sent_bytes: int = 0
    arrived: set[int] = field(default_factory=set)
    faults: dict[int, str] = field(default_factory=dict)
    rows: dict[int, JsonObject] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    changed_at: float = field(default_factory=time.monotonic)

    @property
    def size_bytes(self) -> int:
        return sum(picture.size_bytes for picture in self.pictures)

    @property
    def complete(self) -> bool:
        """True once each picture is in a terminal state or could not be sent."""
        return len(self.ended | self.faults.keys()) == len(self.pictures)

    def add_sent(self, sent_bytes: int) -> None:
        """Counts bytes sent; negative after a failed attempt."""
        self.sent_bytes += sent_bytes
        self.changed_at = time.monotonic()

    def add_fault(self, number: int, reason: str) -> None:
        self.faults[number] = f"not sent: {reason}"
        self.changed_at = time.monotonic()

    def update(self, change: Change) -> None:
        for row in change.rows:
            number = row["number"]
            self.rows[number] = row
            if row["version"]:
                self.arrived.add(number)
            # A terminal row without a version has timed out before its picture arrived. The picture can still
            # be sent.
            if row["version"] and row["state"] in TERMINAL:
                self.ended.add(number)
            else:
                self.ended.discard(number)
        self.changed_at = time.monotonic()

    @property
    def states(self) -> str:
        """The number of pictures by state, without those expected or rendered."""
        counts = Counter(_state_of(row) for row in self.rows.values() if row["version"])
        del counts["expected"], counts["rendered"]
        if self.faults:
            counts["not sent"] = len(self.faults)
        return ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))


def _state_of(row: JsonObject) -> str:
    """Returns the state of a row, and `being retried` in place of `rendering` after a failed attempt."""
    return "being retried" if is_retried(row) else str(row["state"])


def is_retried(row: JsonObject) -> bool:
    """True for an unfinished row with a failed attempt: only then it has a sentence."""
    return row["state"] not in TERMINAL and bool(row.get("sentence"))


@contextmanager
def display(console: Console) -> Iterator[Callable[[DropProgress], None]]:
    """Yields a function that shows progress: as bars on a terminal, else as a line every ten seconds."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = TextColumn("{task.description:<4}"), BarColumn(), TextColumn("{task.fields[label]}")
    with Progress(*columns, console=console, transient=True) as bars:
        yield _Bars(bars)


class _Bars:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._sent = bars.add_task("sent", total=None, label="")
        self._done = bars.add_task("done", total=None, label="")

    def __call__(self, progress: DropProgress) -> None:
        total, size = progress.size_bytes, len(progress.pictures)
        speed = self._bars.tasks[self._sent].speed or 0
        rate = f", {filesize(int(speed))}/s" if speed and progress.sent_bytes < total else ""
        self._bars.update(
            self._sent,
            completed=progress.sent_bytes,
            total=total,
            label=f"{filesize(progress.sent_bytes)} of {filesize(total)}{rate}",
        )
        states = f"   {progress.states}" if progress.states else ""
        self._bars.update(
            self._done,
            completed=len(progress.ended),
            total=size,
            label=f"{len(progress.ended)} of {size}{states}",
        )


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_at = time.monotonic() + _LINE_EVERY_SECONDS

    def __call__(self, progress: DropProgress) -> None:
        if time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + _LINE_EVERY_SECONDS
        states = f"; {progress.states}" if progress.states else ""
        line = (
            f"{filesize(progress.sent_bytes)} of {filesize(progress.size_bytes)} sent, "
            f"{len(progress.ended)} of {len(progress.pictures)} done{states}"
        )
        self._console.print(Text(line), soft_wrap=True)
