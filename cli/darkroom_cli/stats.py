"""What a stack has saved, and what a thousand pictures cost, from what its functions have logged."""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import boto3
import typer
from rich.console import Console
from rich.table import Table

from darkroom.adapters.clients import dynamodb_client
from darkroom.adapters.dynamodb import DynamoViews
from darkroom.domain.rows import Tally
from darkroom.domain.serialization import serialize_totals
from darkroom.services.parking import failed
from darkroom.web.pages import filesize
from darkroom_cli.local.logs import json_object
from darkroom_cli.prices import AS_OF, LAMBDA_GB_SECOND, LAMBDA_REQUEST, REGION, S3_GET, S3_PUT, TRANSFER_OUT
from darkroom_cli.stack import Status, functions_of

# Of a day's lines those that are counted here. The local stack knows no such patterns and gives all.
_PATTERN = '{ ($.type = "platform.report") || ($.Messages[0] > 0) || ($.Failed[0] > 0) }'
_REPORT = re.compile(r"REPORT RequestId: .*\tBilled Duration: (\d+(?:\.\d+)?) ms\tMemory Size: (\d+) MB")
_ENDS = ("Rendered", "Rejected", "Superseded", "Deleted", "Failed")
_COUNTED = (*_ENDS, "Renditions", "BytesIn", "BytesSaved")


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation, as Lambda bills it."""

    seconds: float
    memory_mb: int


@dataclass(frozen=True, slots=True)
class Usage:
    """All invocations of one function."""

    calls: int = 0
    seconds: float = 0.0
    gb_seconds: float = 0.0

    def __add__(self, call: Call) -> "Usage":
        gb_seconds = call.seconds * call.memory_mb / 1024
        return Usage(self.calls + 1, self.seconds + call.seconds, self.gb_seconds + gb_seconds)


@dataclass(frozen=True, slots=True)
class Period:
    """What was done in the last hours: invocations by function, and what these have measured."""

    hours: float
    architecture: str
    local: bool
    usage: Mapping[str, Usage]
    counted: Mapping[str, float]

    @property
    def pictures(self) -> int:
        """Those that came to a result, whichever."""
        return round(self.counted["Rendered"] + self.counted["Rejected"])

    @property
    def dollars(self) -> dict[str, float]:
        """What was billed for, by what for: measured seconds and counted calls at list prices."""
        second = LAMBDA_GB_SECOND[self.architecture]
        functions = {
            function: second.of(used.gb_seconds) + LAMBDA_REQUEST.of(used.calls)
            for function, used in self.usage.items()
        }
        requests = S3_PUT.of(self.pictures + self.counted["Renditions"]) + S3_GET.of(self.pictures)
        return functions | {"S3's requests": requests}

    @property
    def dollars_per_thousand(self) -> float | None:
        return 1000 * sum(self.dollars.values()) / self.pictures if self.pictures else None

    @property
    def views_until_paid(self) -> float | None:
        """How often all must be sent to the internet until the bytes saved have paid for the rendering."""
        saved = TRANSFER_OUT.of(self.counted["BytesSaved"] / 1e9)
        return sum(self.dollars.values()) / saved if saved > 0 else None


@dataclass(frozen=True, slots=True)
class Stats:
    """A stack's figures: of all time, what waits for an operator, and of the last hours."""

    totals: Tally
    failures: int
    period: Period

    @property
    def document(self) -> dict[str, Any]:
        period = self.period
        return {
            "totals": serialize_totals(self.totals),
            "failures": self.failures,
            "period": {
                "hours": period.hours,
                "pictures": period.pictures,
                **{_snake(name): round(period.counted[name]) for name in _COUNTED},
                "functions": {name: asdict(used) for name, used in period.usage.items()},
                "dollars": period.dollars,
                "dollars_per_thousand": period.dollars_per_thousand,
                "views_until_paid": period.views_until_paid,
            },
            "prices": {"region": REGION, "as_of": AS_OF, "architecture": period.architecture},
        }


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def call_of(line: str) -> Call | None:
    """The invocation that a line of Lambda's own reports, in either of its forms."""
    if found := _REPORT.match(line):
        return Call(float(found[1]) / 1000, int(found[2]))
    told = json_object(line) or {}
    if told.get("type") != "platform.report":
        return None
    metrics = told["record"]["metrics"]
    return Call(metrics["billedDurationMs"] / 1000, int(metrics["memorySizeMB"]))


def counted_in(line: str) -> dict[str, float]:
    """The sums of what a line measures, if it does: only what is not told apart any further."""
    told = json_object(line) or {}
    metrics = told.get("_aws", {}).get("CloudWatchMetrics", [])
    if not any(each["Dimensions"] == [["service"]] for each in metrics):
        return {}
    return {name: sum(told[name]) for name in _COUNTED if isinstance(told.get(name), list)}


@dataclass
class _Sums:
    """What adds up while logs are read."""

    usage: dict[str, Usage] = field(default_factory=dict)
    counted: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0.0))

    def take(self, function: str, lines: Iterable[str]) -> None:
        for line in lines:
            if call := call_of(line):
                self.usage[function] = self.usage.get(function, Usage()) + call
            for name, value in counted_in(line).items():
                self.counted[name] += value


def gather(status: Status, hours: float) -> Stats:
    """Asks a stack for its figures; all lines of that time are read, page by page."""
    views = DynamoViews(status.views_table, dynamodb_client(status.region, status.aws_endpoint))
    since_ms = round((time.time() - hours * 3600) * 1000)
    sums, architecture = _Sums(), "arm64"
    for function, configuration in functions_of(status.stack, status.region, status.aws_endpoint):
        architecture = configuration["Architectures"][0]
        sums.take(function, _lines(status, configuration["LoggingConfig"]["LogGroup"], since_ms))
    local = status.aws_endpoint is not None
    period = Period(hours, architecture, local, dict(sorted(sums.usage.items())), sums.counted)
    return Stats(views.totals(), sum(1 for _ in failed(views)), period)


def _lines(status: Status, group: str, since_ms: int) -> Iterator[str]:
    logs = boto3.client("logs", region_name=status.region, endpoint_url=status.aws_endpoint)
    pages = logs.get_paginator("filter_log_events")
    for page in pages.paginate(logGroupName=group, startTime=since_ms, filterPattern=_PATTERN):
        yield from (event["message"] for event in page["events"])


def show(stats: Stats, as_json: bool, console: Console) -> None:
    """The figures for people, or as one JSON object."""
    if as_json:
        typer.echo(json.dumps(stats.document, indent=2))
        return
    _show_totals(stats, console)
    _show_period(stats.period, console)


def _show_totals(stats: Stats, console: Console) -> None:
    totals = stats.totals
    console.print(f"\n[bold]Since the beginning[/] {totals.rendered:,} pictures were rendered.")
    if totals.rendered:
        console.print(
            f"{filesize(totals.bytes_before)} became {filesize(totals.bytes_after)}:"
            f" [bold]{totals.saved_percent} % saved[/]. Each original is compared with its smallest file at"
            " full width: that is what a page loads less that shows each picture once, as large as it is."
        )
    if stats.failures:
        console.print(f"{stats.failures:,} uploads were given up and wait: `darkroom failures` lists them.")


def _show_period(period: Period, console: Console) -> None:
    ends = ", ".join(f"{period.counted[name]:,.0f} {name.lower()}" for name in _ENDS if period.counted[name])
    console.print(f"\n[bold]In the last {period.hours:g} hours[/] {ends or 'no picture came'}.")
    if period.dollars_per_thousand is None:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Function")
    for name in ("Calls", "Seconds", "GB-seconds", "US$ per 1,000 pictures"):
        table.add_column(name, justify="right")
    for name, dollars in period.dollars.items():
        used = period.usage.get(name)
        figures = (
            (f"{used.calls:,}", f"{used.seconds:,.1f}", f"{used.gb_seconds:,.1f}") if used else ("", "", "")
        )
        table.add_row(name, *figures, f"{1000 * dollars / period.pictures:.4f}")
    table.add_row("all", "", "", "", f"{period.dollars_per_thousand:.4f}", style="bold")
    console.print(table)
    where = "this machine's, not Lambda's" if period.local else "as Lambda billed them"
    console.print(
        f"Seconds are {where}; prices are AWS's for {period.architecture} in {REGION} ({AS_OF}), without free"
        " tiers. Not in it: DynamoDB, queue and events, which docs/scale.md counts; storage; transfer."
    )
    if period.views_until_paid is not None:
        console.print(
            f"Sent to the internet at US$ {TRANSFER_OUT.usd:g} a GB, what was saved has paid for that after"
            f" [bold]{max(1, period.views_until_paid):,.0f}[/] views of each."
        )
