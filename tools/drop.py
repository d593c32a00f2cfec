"""`darkroom drop`: files and folders into the uploads bucket, and what became of each."""

import mimetypes
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from darkroom.adapters.clients import dynamodb_client, s3_client
from darkroom.adapters.dynamodb import DynamoViews
from darkroom.adapters.s3 import S3Originals
from darkroom.model import Entry, Format, Receipt, State, picture_id
from darkroom.pages import filesize
from tools.logs import printable
from tools.stack import Fault, Site, Status, asking_aws, status_of

_AT_ONCE = 8  # the clients keep ten connections
# They are rendered about in the order in which they were stored: to ask for all of many would slow them down.
_ASKED_FOR = 16
_WIDE_ENOUGH_FOR_ADDRESSES = 140


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file. Without an entry it was not stored, or not ready in time, as `fault` says."""

    name: str
    page: str
    entry: Entry | None = None
    fault: str = ""

    @property
    def trouble(self) -> str:
        """Why this picture did not come out; empty if it did."""
        if self.entry is None:
            return self.fault
        if self.entry.rejection:
            return f"rejected ({self.entry.rejection.reason}): {self.entry.rejection.sentence}"
        return "" if self.entry.state is State.RENDERED else self.entry.state.value


def drop_pictures(
    site: Site, paths: list[Path], stack: str | None, region: str | None, timeout_seconds: float
) -> bool:
    """`darkroom drop`; whether every picture came out. Raises Fault."""
    files = keys_for(paths)
    if not files:
        raise Fault("No pictures were found there.", 2)
    # Where it is not read by eye, a line is as long as it needs to be.
    console = Console(width=None if sys.stdout.isatty() else 250)
    with asking_aws():
        return report(drop(files, status_of(site, stack, region), timeout_seconds, console), console)


def keys_for(paths: Iterable[Path]) -> dict[str, Path]:
    """Which file goes under which key; hidden files in folders stay behind.

    A file goes under its name, a folder's files under its name and their path in it. Where two meet in
    one key, the later gets a number before it. Raises Fault for a path that leads nowhere.
    """
    files: dict[str, Path] = {}
    for path in dict.fromkeys(paths):
        if not path.exists():
            raise Fault(f"{path} does not exist.", 2)
        for name, file in _named(path):
            files[_free(name, files)] = file
    return files


def _named(path: Path) -> list[tuple[str, Path]]:
    if path.is_file():
        return [(_text(path.name), path)]
    root = path.resolve()
    inside = ((file.relative_to(root), file) for file in sorted(root.rglob("*")) if file.is_file())
    return [
        (_text(f"{root.name}/{name.as_posix()}".lstrip("/")), file)
        for name, file in inside
        if not any(part.startswith(".") for part in name.parts)
    ]


def _text(name: str) -> str:
    """A file name as a key may spell it: bytes that are no UTF-8 become question marks."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def _free(name: str, taken: Mapping[str, Path]) -> str:
    key, number = name, 1
    while key in taken:
        number += 1
        key = f"{number}/{name}"
    return key


def drop(
    files: Mapping[str, Path], status: Status, timeout_seconds: float, console: Console
) -> list[Outcome]:
    """Stores the files and waits until each is in a terminal state, in vain after the time-out."""
    originals = S3Originals(status.uploads_bucket, s3_client(status.region, status.aws_endpoint))
    views = DynamoViews(status.views_table, dynamodb_client(status.region, status.aws_endpoint))
    pages = {key: f"{status.web}/pictures/{picture_id(status.uploads_bucket, key)}" for key in files}
    deadline = time.monotonic() + timeout_seconds
    outcomes: dict[str, Outcome] = {}

    def store(key: str) -> str | Outcome:
        media_type = mimetypes.guess_type(key)[0] or "application/octet-stream"
        try:
            return originals.store(key, files[key].read_bytes(), media_type)
        except (OSError, BotoCoreError, ClientError) as fault:
            return Outcome(key, pages[key], fault=f"not stored: {fault}")

    def look(item: tuple[str, str]) -> Entry | None:
        key, version = item
        entries = views.of_picture(picture_id(status.uploads_bucket, key))
        return next(
            (each for each in entries if each.upload.version == version and each.state.terminal), None
        )

    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with ThreadPoolExecutor(_AT_ONCE) as pool, Progress(*columns, console=console) as progress:
        waiting: dict[str, str] = {}
        told = progress.track(pool.map(store, files), len(files), description="storing")
        for key, stored in zip(files, told, strict=True):
            if isinstance(stored, Outcome):
                outcomes[key] = stored
            else:
                waiting[key] = stored
        bar = progress.add_task("rendering", total=len(waiting))
        while waiting and time.monotonic() < deadline:
            first = list(islice(waiting.items(), _ASKED_FOR))
            for (key, _), entry in zip(first, pool.map(look, first), strict=True):
                if entry:
                    outcomes[key] = Outcome(key, pages[key], entry)
                    del waiting[key]
                    progress.advance(bar)
            if waiting:
                time.sleep(0.3)
    late = f"not ready after {timeout_seconds:g} s"
    return [outcomes.get(key) or Outcome(key, pages[key], fault=late) for key in files]


def report(outcomes: list[Outcome], console: Console) -> bool:
    """Prints the table and then every trouble; True if there is none."""
    addresses_fit = console.width >= _WIDE_ENOUGH_FOR_ADDRESSES
    table = Table(
        "Name",
        "Original",
        "JPEG",
        "WebP",
        "AVIF",
        "Saved",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    table.columns[0].overflow = "fold"
    for column in table.columns[1:]:
        column.justify = "right"
        column.no_wrap = True
    if addresses_fit:
        table.add_column("Page", no_wrap=True)
    for outcome in outcomes:
        table.add_row(*(Text(cell) for cell in _row(outcome)[: len(table.columns)]))
    console.print(table)
    if not addresses_fit:  # an address that is broken over lines can't be clicked
        for outcome in outcomes:
            console.print(Text(f"{printable(outcome.name)}  {outcome.page}"), soft_wrap=True)
        console.print()
    troubles = [outcome for outcome in outcomes if outcome.trouble]
    for outcome in troubles:
        console.print(Text(f"{printable(outcome.name)}: {outcome.trouble}", style="red"), soft_wrap=True)
    return not troubles


def _row(outcome: Outcome) -> tuple[str, ...]:
    name, receipt = printable(outcome.name), outcome.entry.receipt if outcome.entry else None
    if receipt is None or receipt.original is None:
        state = outcome.entry.state.value if outcome.entry else "-"
        return (name, state, "", "", "", "", outcome.page)
    original = receipt.original
    return (
        name,
        f"{original.format} {original.width}x{original.height} {filesize(original.size_bytes)}",
        *(_at_full_width(receipt, kind) for kind in (Format.JPEG, Format.WEBP, Format.AVIF)),
        f"{receipt.saved_percent:.1f} %",
        outcome.page,
    )


def _at_full_width(receipt: Receipt, kind: Format) -> str:
    renditions = receipt.of_format(kind)
    return filesize(renditions[-1].size_bytes) if renditions else "-"
