"""`darkroom failures`, `retry` and `skip`: what was given up."""

import json
from collections.abc import Callable, Iterable

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from darkroom.adapters.clients import dynamodb_client, sqs_client
from darkroom.adapters.dynamodb import DynamoLedger, DynamoViews
from darkroom.adapters.sqs import SqsQueue
from darkroom.model import Entry
from darkroom.parking import Failures, failure_document
from tools.logs import printable
from tools.stack import Fault, Status


def failures_of(status: Status) -> Failures:
    dynamodb = dynamodb_client(status.region, status.aws_endpoint)
    return Failures(
        DynamoLedger(status.ledger_table, dynamodb),
        DynamoViews(status.views_table, dynamodb),
        SqsQueue(status.queue_url, sqs_client(status.region, status.aws_endpoint)),
    )


def show(failures: Failures, as_json: bool, console: Console) -> None:
    """Every upload that was given up: one line of JSON each, or a few lines for people."""
    parked = list(failures.each())
    if as_json:
        for entry in parked:
            typer.echo(json.dumps(failure_document(entry), ensure_ascii=False))
        return
    if not parked:
        console.print("Nothing was given up.")
        return
    for entry in parked:
        failure = failure_document(entry)
        what = "removal of " if entry.is_removal else ""
        # Lines, and not a table: an id that is broken over lines can't be copied.
        for line, style in (
            (what + entry.upload.key, "bold"),
            (f"  {failure['reason']}: {failure['detail']}", ""),
            (f"  {len(entry.attempts)} attempts, given up {entry.since[:16].replace('T', ' ')} UTC", "dim"),
            (f"  {entry.id}", ""),
        ):
            console.print(Text(printable(line), style), soft_wrap=True)
    console.print("darkroom retry --all, or darkroom retry ID; skip likewise.", style="dim")


def retry(failures: Failures, ids: list[str], everything: bool, console: Console) -> None:
    """Sends what was given up into the queue again. Raises Fault for what is no failure."""
    done = _each(_chosen(failures, ids, everything), failures.retry, "retrying", console)
    console.print(f"{_uploads(done)} in the queue again.")


def skip(failures: Failures, ids: list[str], everything: bool, console: Console) -> None:
    """Lets go what was given up. Raises Fault for what is no failure."""
    done = _each(_chosen(failures, ids, everything), failures.skip, "skipping", console)
    console.print(f"{_uploads(done)} skipped.")


def _chosen(failures: Failures, ids: list[str], everything: bool) -> list[Entry]:
    if bool(ids) == everything:
        raise Fault("Name the failures by their ids, or say --all; `darkroom failures` lists them.", 2)
    if everything:
        return list(failures.each())
    found = {each: failures.find(each) for each in ids}
    unknown = [each for each, entry in found.items() if entry is None]
    if unknown:
        raise Fault(f"Given up is no upload of the id {', '.join(unknown)}; `darkroom failures` lists them.")
    return [entry for entry in found.values() if entry]


def _each(entries: Iterable[Entry], act: Callable[[Entry], bool], description: str, console: Console) -> int:
    entries = list(entries)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console
    ) as bar:
        return sum(act(entry) for entry in bar.track(entries, description=description))


def _uploads(count: int) -> str:
    return "1 upload is" if count == 1 else f"{count} uploads are"
