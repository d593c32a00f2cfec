"""What an operator does: failures, retry, skip, sweep, rebuild-views."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import Any

import boto3
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from darkroom.adapters.clients import dynamodb_client, sqs_client
from darkroom.adapters.dynamodb import DynamoLedger, DynamoViews
from darkroom.adapters.sqs import SqsQueue
from darkroom.bootstrap.sweep import sweep_with
from darkroom.domain.entries import Entry
from darkroom.domain.profile import Profile
from darkroom.services.notifications import notification_of
from darkroom.services.parking import Failures, serialize_failure
from darkroom.services.projecting import rebuild
from darkroom.services.sweeping import stale
from darkroom.settings import SweepSettings, read_settings
from darkroom_cli.prices import LAMBDA_GB_SECOND
from darkroom_cli.stack import Fault, LocalStack, Status, asking_aws, status_of, template_resources
from darkroom_cli.terminal import printable


@contextmanager
def failures_of(site: LocalStack, stack: str | None, region: str | None) -> Iterator[Failures]:
    """What a stack has given up; what AWS does not answer meanwhile is a Fault."""
    with asking_aws():
        status = status_of(site, stack, region)
        dynamodb = dynamodb_client(status.region, status.aws_endpoint)
        yield Failures(
            DynamoLedger(status.ledger_table, dynamodb),
            DynamoViews(status.views_table, dynamodb),
            _queue(status),
        )


def _queue(status: Status) -> SqsQueue:
    return SqsQueue(status.queue_url, sqs_client(status.region, status.aws_endpoint))


def show(failures: Failures, as_json: bool, console: Console) -> None:
    """Every upload that was given up: one line of JSON each, or a few lines for people."""
    parked = list(failures.each())
    if as_json:
        for entry in parked:
            typer.echo(json.dumps(serialize_failure(entry)))
        return
    if not parked:
        console.print("Nothing was given up.")
        return
    for entry in parked:
        failure = serialize_failure(entry)
        what = "removal of " if entry.is_removal else ""
        # Lines, and not a table: an id that is broken over lines can't be copied.
        for line, style in (
            (what + entry.upload.key, "bold"),
            (f"  {failure['reason']}: {failure['detail']}", ""),
            (f"  {len(entry.attempts)} attempts, given up {entry.since[:16].replace('T', ' ')} UTC", "dim"),
            (f"  {entry.id}", ""),
        ):
            console.print(Text(printable(line), style), soft_wrap=True)
    console.print(
        "darkroom retry --all, or darkroom retry ID; skip likewise; with --stack and --region as here.",
        style="dim",
    )


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
        raise Fault(f"No failure has the id {', '.join(unknown)}; `darkroom failures` lists them.")
    return [entry for entry in found.values() if entry]


def _each(entries: Iterable[Entry], act: Callable[[Entry], bool], description: str, console: Console) -> int:
    entries = list(entries)
    if not entries:
        return 0
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console
    ) as bar:
        return sum(act(entry) for entry in bar.track(entries, description=description))


def _uploads(count: int) -> str:
    return {0: "No upload is", 1: "1 upload is"}.get(count, f"{count} uploads are")


_EVERY_PAGE = 1_000_000


def sweep(status: Status, after_minutes: float | None, keep_hours: float | None, console: Console) -> None:
    """What the schedule does now and then, at once and for all of both buckets.

    What is not given here is as the stack's own sweep has it.
    """
    deployed = read_settings(
        SweepSettings, _configuration(status, status.sweep_function)["Environment"]["Variables"]
    )
    settings = replace(
        deployed,
        sweep_after_minutes=deployed.sweep_after_minutes if after_minutes is None else after_minutes,
        keep_superseded_hours=deployed.keep_superseded_hours if keep_hours is None else keep_hours,
    )
    walk = sweep_with(settings, status.region, status.aws_endpoint)
    walk.begin_anew()
    seen = lost = removed = 0
    with console.status("Looking for what was lost ...") as told:
        for page in walk.find_lost(_EVERY_PAGE):
            seen, lost = seen + page.seen, lost + len(page.acted_on)
            told.update(f"{seen} uploads looked at, {lost} were lost ...")
        for page in chain(walk.remove_discarded(), walk.remove_unnamed(_EVERY_PAGE)):
            removed += len(page.acted_on)
            told.update(f"{removed} renditions that nothing names are removed ...")
        never = sum(len(page.acted_on) for page in walk.settle_jobs())
    console.print(f"{seen} uploads looked at; {lost} were lost and are in the queue again.")
    console.print(f"{removed} renditions that nothing names are removed.")
    console.print(f"{_uploads(never)} given up that a job announced and that never arrived.")


# A warm function takes a profile within so long; what it renders sooner would be stale again.
_IN_FORCE_SECONDS = 45


def sweep_stale(
    status: Status,
    profile: Profile,
    since: datetime,
    engine: str,
    agreed: Callable[[str], bool] | None,
    console: Console,
) -> None:
    """Enqueues every result that another profile or engine has made, once `agreed` to what that costs.

    The profile is deployed `since` then. Without anybody to agree it only says what it would do.
    """
    ledger = DynamoLedger(status.ledger_table, dynamodb_client(status.region, status.aws_endpoint))
    queue = _queue(status)
    render = _configuration(status, status.render_function)
    with console.status("Reading the ledger ..."):
        entries = list(ledger.every())
    _check_engine(entries, engine, datetime.fromisoformat(render["LastModified"]))
    found = list(stale(iter(entries), profile.hash, engine))
    console.print(f"{_uploads(len(found))} of another profile or engine than {profile.name} and {engine}.")
    if not found:
        return
    seconds = _seconds_per_picture(found)
    gigabytes = render["MemorySize"] / 1024
    [architecture] = render["Architectures"]
    dollars = LAMBDA_GB_SECOND[architecture].of(len(found) * seconds * gigabytes)
    console.print(
        f"At {seconds:.1f} s a picture, as was measured, and {gigabytes:.1f} GB"
        f" that is about {dollars:,.2f} US dollars of Lambda."
    )
    if agreed is None or not agreed(f"Render {len(found)} again?"):
        console.print("Nothing was enqueued.")
        return

    wait = since.timestamp() + _IN_FORCE_SECONDS - time.time()
    if wait > 0:
        with console.status(f"Waiting {wait:.0f} s, until every function has the profile ..."):
            time.sleep(wait)

    def enqueue(entry: Entry) -> bool:
        queue.send(notification_of(entry.upload), entry.revision)
        return True

    console.print(f"{_uploads(_each(found, enqueue, 'enqueuing', console))} in the queue.")


def _seconds_per_picture(entries: list[Entry]) -> float:
    """As their receipts say; of some when there are many."""
    receipts = [entry.receipt for entry in entries[:10_000] if entry.receipt and entry.receipt.milliseconds]
    total = sum(sum(receipt.milliseconds.values()) for receipt in receipts) / 1000
    return total / len(receipts) if receipts else 0.0


def _check_engine(entries: list[Entry], engine: str, deployed: datetime) -> None:
    """Raises Fault where the stack renders with another engine than the one at hand: all would stay stale."""
    receipts = [entry.receipt for entry in entries if entry.receipt]
    newest = max(receipts, key=lambda receipt: receipt.at, default=None)
    if newest and newest.engine != engine and datetime.fromisoformat(newest.at) > deployed:
        raise Fault(
            f"The stack renders with {newest.engine}, and this checkout is {engine}: deploy it first, or use"
            " the one that is deployed."
        )


def _configuration(status: Status, function: str) -> Any:
    functions = boto3.client("lambda", region_name=status.region, endpoint_url=status.aws_endpoint)
    return functions.get_function_configuration(FunctionName=function)


def rebuild_views(status: Status, console: Console) -> None:
    """Gives the views everything that the ledger holds; a table that is gone is made anew, as it was."""
    dynamodb = dynamodb_client(status.region, status.aws_endpoint)
    ledger, views = DynamoLedger(status.ledger_table, dynamodb), DynamoViews(status.views_table, dynamodb)
    if _make_views_table(status):
        console.print(f"The table {status.views_table} was gone; it is there again.")
    applied = total = 0
    with console.status("Reading the ledger ...") as told:
        for read, written in rebuild(views, ledger.records()):
            total, applied = total + read, applied + written
            told.update(f"{total} records read, {applied} views written ...")
    console.print(f"{total} records read, {applied} views written; the others were as new already.")


def _make_views_table(status: Status) -> bool:
    """Makes the table that the deployed template describes, unless it is there; whether it did."""
    dynamodb = dynamodb_client(status.region, status.aws_endpoint)
    try:
        dynamodb.describe_table(TableName=status.views_table)
    except dynamodb.exceptions.ResourceNotFoundException:
        _make_table(status, "Views", status.views_table)
        return True
    return False


@contextmanager
def table_like(status: Status, logical_id: str, name: str) -> Iterator[str]:
    """A table of another name, as the deployed template describes one, as long as it is needed."""
    _make_table(status, logical_id, name)
    try:
        yield name
    finally:
        dynamodb_client(status.region, status.aws_endpoint).delete_table(TableName=name)


def _make_table(status: Status, logical_id: str, name: str) -> None:
    stacks = boto3.client("cloudformation", region_name=status.region, endpoint_url=status.aws_endpoint)
    described = template_resources(stacks, status.stack)[logical_id]["Properties"]
    dynamodb = dynamodb_client(status.region, status.aws_endpoint)
    dynamodb.create_table(
        TableName=name, **{each: described[each] for each in _TABLE_PROPERTIES if each in described}
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name)
    dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=described["TimeToLiveSpecification"])


_TABLE_PROPERTIES = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
