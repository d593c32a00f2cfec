"""How a drop stands while it runs: what is known of each picture, and how that is shown."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from darkroom.web.pages import filesize
from darkroom_cli.client import JsonObject
from darkroom_cli.drop.follow import TERMINAL, Change
from darkroom_cli.drop.resume import Picture

_LINE_EVERY_SECONDS = 10


@dataclass(slots=True)
class DropProgress:
    """What is known of a job's pictures, by their numbers. `news_at` is when that last changed."""

    pictures: Sequence[Picture]
    sent_bytes: int = 0
    arrived: set[int] = field(default_factory=set)
    faults: dict[int, str] = field(default_factory=dict)
    rows: dict[int, JsonObject] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    news_at: float = field(default_factory=time.monotonic)

    @property
    def size_bytes(self) -> int:
        return sum(picture.size_bytes for picture in self.pictures)

    @property
    def over(self) -> bool:
        """Whether each has come to an end, or never will."""
        return len(self.ended | self.faults.keys()) == len(self.pictures)

    def told(self, sent_bytes: int) -> None:
        self.sent_bytes += sent_bytes
        self.news_at = time.monotonic()

    def done(self, number: int) -> None:
        self.arrived.add(number)

    def gave_up(self, number: int, why: str) -> None:
        self.faults[number] = f"not sent: {why}"
        self.news_at = time.monotonic()

    def take(self, change: Change) -> None:
        for row in change.rows:
            number = row["number"]
            self.rows[number] = row
            if row["version"]:
                self.arrived.add(number)
            # Without a version it never came: that end is not final while it can still be sent.
            if row["version"] and row["state"] in TERMINAL:
                self.ended.add(number)
            else:
                self.ended.discard(number)
        self.news_at = time.monotonic()

    @property
    def states(self) -> str:
        """How many are in which state, in words, but for those that are waited for or rendered."""
        counts = Counter(row["state"] for row in self.rows.values() if row["version"])
        del counts["expected"], counts["rendered"]
        if self.faults:
            counts["not sent"] = len(self.faults)
        return ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))


class Show(Protocol):
    def __call__(self, course: DropProgress) -> None: ...


@contextmanager
def showing(console: Console) -> Iterator[Show]:
    """Bars where they can move; else a line now and then."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = TextColumn("{task.description:<4}"), BarColumn(), TextColumn("{task.fields[told]}")
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bars(progress)


class _Bars:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._sent = progress.add_task("sent", total=None, told="")
        self._done = progress.add_task("done", total=None, told="")

    def __call__(self, course: DropProgress) -> None:
        total, size = course.size_bytes, len(course.pictures)
        speed = self._progress.tasks[self._sent].speed or 0
        pace = f", {filesize(int(speed))}/s" if speed and course.sent_bytes < total else ""
        self._progress.update(
            self._sent,
            completed=course.sent_bytes,
            total=total,
            told=f"{filesize(course.sent_bytes)} of {filesize(total)}{pace}",
        )
        states = f"   {course.states}" if course.states else ""
        self._progress.update(
            self._done,
            completed=len(course.ended),
            total=size,
            told=f"{len(course.ended)} of {size}{states}",
        )


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = time.monotonic() + _LINE_EVERY_SECONDS

    def __call__(self, course: DropProgress) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _LINE_EVERY_SECONDS
        states = f"; {course.states}" if course.states else ""
        line = (
            f"{filesize(course.sent_bytes)} of {filesize(course.size_bytes)} sent, "
            f"{len(course.ended)} of {len(course.pictures)} done{states}"
        )
        self._console.print(Text(line), soft_wrap=True)
