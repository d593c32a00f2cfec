"""`darkroom sweep` and `darkroom sweep --stale`."""

import time
from collections.abc import Callable
from copy import replace
from datetime import datetime
from itertools import chain
from typing import Any

import boto3
from rich.console import Console

from darkroom.adapters.clients import dynamodb_client
from darkroom.adapters.dynamodb import DynamoLedger
from darkroom.bootstrap.sweep import sweep_with
from darkroom.domain.entries import Entry, State
from darkroom.domain.prices import LAMBDA_GB_SECOND
from darkroom.domain.profile import parse_profile
from darkroom.services.notifications import notification_of
from darkroom.services.sweeping import stale
from darkroom.settings import SweepSettings, read_settings
from darkroom.web.pages.formatting import counted
from darkroom_cli.failures import for_each, render_queue
from darkroom_cli.faults import Fault
from darkroom_cli.profile import read_live_profile
from darkroom_cli.render.task import check_engine
from darkroom_cli.stack import Status

_ALL_PAGES = 1_000_000


def sweep(status: Status, after_minutes: float | None, keep_hours: float | None, console: Console) -> None:
    """Sweeps both buckets completely; the scheduled function sweeps them in parts.

    If a parameter is None, the setting of the stack's sweep function is used.
    """
    deployed = read_settings(
        SweepSettings, _configuration(status, status.sweep_function)["Environment"]["Variables"]
    )
    settings = replace(
        deployed,
        sweep_after_minutes=deployed.sweep_after_minutes if after_minutes is None else after_minutes,
        keep_superseded_hours=deployed.keep_superseded_hours if keep_hours is None else keep_hours,
    )
    sweeping = sweep_with(settings, status.region, status.aws_endpoint)
    sweeping.restart()
    checked = lost = removed = 0
    with console.status("Looking for lost uploads ...") as progress:
        for page in sweeping.enqueue_lost(_ALL_PAGES):
            checked, lost = checked + page.seen, lost + len(page.acted_on)
            progress.update(f"{counted(checked, 'upload')} checked, {lost} lost ...")
        for page in chain(sweeping.remove_superseded(), sweeping.remove_unused(_ALL_PAGES)):
            removed += len(page.acted_on)
            progress.update(f"{removed} unused renditions deleted ...")
        expired = sum(len(page.acted_on) for page in sweeping.settle_jobs())
    console.print(f"Checked {counted(checked, 'upload')}.")
    console.print(f"{lost} lost {_noun(lost)} enqueued again." if lost else "No lost uploads.")
    console.print(f"Deleted {counted(removed, 'unused rendition')}.")
    if expired:
        console.print(f"Ended {counted(expired, 'announced upload')}: never arrived, or deleted meanwhile.")


def _noun(count: int) -> str:
    return "upload was" if count == 1 else "uploads were"


# Running functions load a new profile within this time; a picture rendered sooner would be stale again.
_PROFILE_SECONDS = 45


def sweep_stale(status: Status, confirm: Callable[[str], bool] | None, console: Console) -> None:
    """Enqueues uploads rendered with another profile or engine, after confirmation of the estimated cost.

    Without `confirm` it only prints their number and the estimated cost. Raises Fault.
    """
    engine = check_engine()
    deployed = read_live_profile(status)
    profile = parse_profile(deployed.document)
    ledger = DynamoLedger(status.ledger_table, dynamodb_client(status.region, status.aws_endpoint))
    queue = render_queue(status)
    render = _configuration(status, status.render_function)
    with console.status("Reading the ledger ..."):
        entries = list(ledger.all_entries())
    _check_deployed(engine, entries, datetime.fromisoformat(render["LastModified"]))
    found = list(stale(iter(entries), profile.hash, engine))
    if not found:
        console.print(f"No stale uploads: all use the live profile, {profile.name}, and the engine {engine}.")
        return
    rejected = sum(entry.state is State.REJECTED for entry in found)
    among = f" ({rejected:,} of them rejected)" if rejected else ""
    console.print(
        f"{counted(len(found), 'upload')}{among} used another profile or engine."
        f" Live profile: {profile.name}. Engine: {engine}."
    )
    seconds = _seconds_per_picture(found)
    gigabytes = render["MemorySize"] / 1024
    [architecture] = render["Architectures"]
    dollars = LAMBDA_GB_SECOND[architecture].of(len(found) * seconds * gigabytes)
    console.print(
        f"Estimated Lambda cost: {f'US$ {dollars:,.2f}' if dollars >= 0.01 else 'less than US$ 0.01'}"
        f" ({seconds:.1f} s per picture, from the receipts, at {gigabytes:.1f} GB)."
    )
    if confirm is None or not confirm(f"Render {counted(len(found), 'upload')} again?"):
        console.print("Nothing was enqueued.")
        return

    wait = deployed.at.timestamp() + _PROFILE_SECONDS - time.time()
    if wait > 0:
        with console.status(f"Waiting {wait:.0f} s until all functions have loaded the live profile ..."):
            time.sleep(wait)

    def enqueue(entry: Entry) -> bool:
        queue.send(notification_of(entry.upload), entry.revision)
        return True

    console.print(f"Enqueued {counted(for_each(found, enqueue, 'enqueuing', console), 'upload')}.")


def _seconds_per_picture(entries: list[Entry]) -> float:
    """The mean rendering time in the receipts, of the first 10,000 entries."""
    receipts = [entry.receipt for entry in entries[:10_000] if entry.receipt and entry.receipt.milliseconds]
    total = sum(sum(receipt.milliseconds.values()) for receipt in receipts) / 1000
    return total / len(receipts) if receipts else 0.0


def _check_deployed(engine: str, entries: list[Entry], deployed: datetime) -> None:
    """Raises Fault if the stack renders with another engine: every upload would stay stale."""
    receipts = [entry.receipt for entry in entries if entry.receipt]
    newest = max(receipts, key=lambda receipt: receipt.at, default=None)
    if newest and newest.engine != engine and datetime.fromisoformat(newest.at) > deployed:
        raise Fault(
            f"The stack renders with {newest.engine}, this checkout with {engine}:"
            " deploy this checkout first, or check out the deployed version."
        )


def _configuration(status: Status, function: str) -> Any:
    functions = boto3.client("lambda", region_name=status.region, endpoint_url=status.aws_endpoint)
    return functions.get_function_configuration(FunctionName=function)
