"""`darkroom failures`, `retry` and `skip`."""

import json
from collections.abc import Callable, Sequence

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from darkroom.adapters.clients import dynamodb_client, sqs_client
from darkroom.adapters.dynamodb import DynamoLedger, DynamoViews
from darkroom.adapters.sqs import SqsQueue
from darkroom.domain.entries import Entry
from darkroom.domain.serialization import serialize_failure
from darkroom.services.parking import Failures
from darkroom.web.pages.formatting import counted, printable
from darkroom_cli.faults import Fault
from darkroom_cli.stack import Status


def failures_of(status: Status) -> Failures:
    """Returns the service for a stack's failed uploads."""
    dynamodb = dynamodb_client(status.region, status.aws_endpoint)
    return Failures(
        DynamoLedger(status.ledger_table, dynamodb),
        DynamoViews(status.views_table, dynamodb),
        render_queue(status),
    )


def render_queue(status: Status) -> SqsQueue:
    return SqsQueue(status.queue_url, sqs_client(status.region, status.aws_endpoint))


def show(failures: Failures, as_json: bool, console: Console) -> None:
    """Prints every failed upload, as one line of JSON or a few lines of text."""
    entries = list(failures.list_all())
    if as_json:
        for entry in entries:
            typer.echo(json.dumps(serialize_failure(entry)))
        return
    if not entries:
        console.print("No failures.")
        return
    for entry in entries:
        failure = serialize_failure(entry)
        prefix = "deletion of " if entry.is_removal else ""
        failed_at = entry.since[:16].replace("T", " ")
        # No table: an id broken over two lines could not be copied.
        for line, style in (
            (prefix + entry.upload.key, "bold"),
            (f"  {failure['reason']}: {failure['detail']}", ""),
            (f"  failed {failed_at} UTC after {counted(len(entry.attempts), 'attempt')}", "dim"),
            (f"  {entry.id}", ""),
        ):
            console.print(Text(printable(line), style), soft_wrap=True)
    console.print(
        "Retry or skip with `darkroom retry ID` or `darkroom skip ID`; --all selects all."
        " If you gave --stack and --region to this command, add them there too.",
        style="dim",
    )


def retry(failures: Failures, ids: list[str], everything: bool, console: Console) -> None:
    """Enqueues failed uploads again. Raises Fault for an unknown id."""
    done = for_each(_selected(failures, ids, everything), failures.retry, "retrying", console)
    console.print(f"Enqueued {counted(done, 'upload')} again." if done else "No failures.")


def skip(failures: Failures, ids: list[str], everything: bool, console: Console) -> None:
    """Marks failed uploads as skipped. Raises Fault for an unknown id."""
    done = for_each(_selected(failures, ids, everything), failures.skip, "skipping", console)
    console.print(f"Skipped {counted(done, 'upload')}." if done else "No failures.")


def _selected(failures: Failures, ids: list[str], everything: bool) -> list[Entry]:
    if bool(ids) == everything:
        raise Fault("Give the ids of failures, or --all, not both; list the ids with `darkroom failures`.", 2)
    if everything:
        return list(failures.list_all())
    entries = {failure_id: failures.find(failure_id) for failure_id in ids}
    unknown = [failure_id for failure_id, entry in entries.items() if entry is None]
    if unknown:
        raise Fault(f"No failure has the id {', '.join(unknown)}; list the ids with `darkroom failures`.")
    return [entry for entry in entries.values() if entry]


def for_each(
    entries: Sequence[Entry], act: Callable[[Entry], bool], description: str, console: Console
) -> int:
    """Calls `act` for every entry, with a progress bar; returns the number of calls that returned true."""
    if not entries:
        return 0
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console
    ) as bar:
        return sum(act(entry) for entry in bar.track(entries, description=description))
