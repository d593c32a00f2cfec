"""`darkroom stats`: savings from the views, and the cost of 1,000 pictures from the functions' logs."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import boto3
import typer
from rich.console import Console
from rich.table import Table

from darkroom.domain.prices import (
    AS_OF,
    LAMBDA_GB_SECOND,
    LAMBDA_REQUEST,
    REGION,
    S3_GET,
    S3_PUT,
    TRANSFER_OUT,
)
from darkroom.domain.rows import Tally
from darkroom.domain.serialization import serialize_totals
from darkroom.web.pages.formatting import counted, filesize
from darkroom_cli.cloudformation import functions_of
from darkroom_cli.failures import failures_of
from darkroom_cli.local.logs import json_object
from darkroom_cli.stack import Status

# Only the lines counted below. The local stack ignores the pattern and returns all lines.
_PATTERN = '{ ($.type = "platform.report") || ($.Messages[0] > 0) || ($.Failed[0] > 0) }'
_REPORT = re.compile(r"REPORT RequestId: .*\tBilled Duration: (\d+(?:\.\d+)?) ms\tMemory Size: (\d+) MB")
_OUTCOMES = ("Rendered", "Rejected", "Superseded", "Deleted", "Failed")
_COUNTED = (*_OUTCOMES, "Renditions", "BytesIn", "BytesSaved")


@dataclass(frozen=True, slots=True)
class Usage:
    """All invocations of one function."""

    calls: int = 0
    seconds: float = 0.0
    gb_seconds: float = 0.0

    def with_call(self, seconds: float, memory_mb: int) -> "Usage":
        """Returns the usage with one more invocation, of this billed duration and memory."""
        gb_seconds = self.gb_seconds + seconds * memory_mb / 1024
        return Usage(self.calls + 1, self.seconds + seconds, gb_seconds)


@dataclass(frozen=True, slots=True)
class Period:
    """Invocations by function and sums of the metrics over the last hours."""

    hours: float
    architecture: str
    local: bool
    usage: Mapping[str, Usage]
    metrics: Mapping[str, float]

    @property
    def pictures(self) -> int:
        """The number of pictures rendered or rejected."""
        return round(self.metrics["Rendered"] + self.metrics["Rejected"])

    @property
    def dollars(self) -> dict[str, float]:
        """The cost of each function and of S3 requests, at list prices."""
        second = LAMBDA_GB_SECOND[self.architecture]
        functions = {
            function: second.of(usage.gb_seconds) + LAMBDA_REQUEST.of(usage.calls)
            for function, usage in self.usage.items()
        }
        requests = S3_PUT.of(self.pictures + self.metrics["Renditions"]) + S3_GET.of(self.pictures)
        return functions | {"S3 requests": requests}

    @property
    def dollars_per_thousand(self) -> float | None:
        return 1000 * sum(self.dollars.values()) / self.pictures if self.pictures else None

    @property
    def downloads_until_paid(self) -> float | None:
        """The number of downloads per picture after which the saved transfer pays for the rendering."""
        saved = TRANSFER_OUT.of(self.metrics["BytesSaved"] / 1e9)
        return sum(self.dollars.values()) / saved if saved > 0 else None


@dataclass(frozen=True, slots=True)
class Stats:
    """A stack's totals, its number of failures, and the figures of the last hours."""

    totals: Tally
    failures: int
    period: Period

    @property
    def as_json(self) -> dict[str, Any]:
        period = self.period
        return {
            "totals": serialize_totals(self.totals),
            "failures": self.failures,
            "period": {
                "hours": period.hours,
                "pictures": period.pictures,
                **{_snake(name): round(period.metrics[name]) for name in _COUNTED},
                "functions": {name: asdict(usage) for name, usage in period.usage.items()},
                "dollars": period.dollars,
                "dollars_per_thousand": period.dollars_per_thousand,
                "downloads_until_paid": period.downloads_until_paid,
            },
            "prices": {"region": REGION, "as_of": AS_OF, "architecture": period.architecture},
        }


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def invocation_in(line: str) -> tuple[float, int] | None:
    """Returns an invocation's billed seconds and memory in MB from a REPORT line, in text or in JSON."""
    if found := _REPORT.match(line):
        return float(found[1]) / 1000, int(found[2])
    entry = json_object(line) or {}
    if entry.get("type") != "platform.report":
        return None
    metrics = entry["record"]["metrics"]
    return metrics["billedDurationMs"] / 1000, int(metrics["memorySizeMB"])


def metrics_in(line: str) -> dict[str, float]:
    """Returns the sums of a line's metrics.

    Metrics with more dimensions than `service` repeat other metrics and are left out.
    """
    entry = json_object(line) or {}
    directives = entry.get("_aws", {}).get("CloudWatchMetrics", [])
    if not any(directive["Dimensions"] == [["service"]] for directive in directives):
        return {}
    return {name: sum(entry[name]) for name in _COUNTED if isinstance(entry.get(name), list)}


def gather(status: Status, hours: float) -> Stats:
    """Reads a stack's totals and all log lines of the last hours."""
    since_ms = round((time.time() - hours * 3600) * 1000)
    usage: dict[str, Usage] = {}
    metrics, architecture = dict.fromkeys(_COUNTED, 0.0), "arm64"
    for function, configuration in functions_of(status.stack, status.region, status.aws_endpoint):
        architecture = configuration["Architectures"][0]
        for line in _lines(status, configuration["LoggingConfig"]["LogGroup"], since_ms):
            if invocation := invocation_in(line):
                usage[function] = usage.get(function, Usage()).with_call(*invocation)
            for name, value in metrics_in(line).items():
                metrics[name] += value
    local = status.aws_endpoint is not None
    period = Period(hours, architecture, local, dict(sorted(usage.items())), metrics)
    failures = failures_of(status)
    return Stats(failures.views.totals(), sum(1 for _ in failures.list_all()), period)


def _lines(status: Status, group: str, since_ms: int) -> Iterator[str]:
    logs = boto3.client("logs", region_name=status.region, endpoint_url=status.aws_endpoint)
    pages = logs.get_paginator("filter_log_events")
    for page in pages.paginate(logGroupName=group, startTime=since_ms, filterPattern=_PATTERN):
        yield from (event["message"] for event in page["events"])


def show(stats: Stats, as_json: bool, console: Console) -> None:
    """Prints the figures as text, or as one JSON object."""
    if as_json:
        typer.echo(json.dumps(stats.as_json, indent=2))
        return
    _show_totals(stats, console)
    _show_period(stats.period, console)


def _show_totals(stats: Stats, console: Console) -> None:
    totals = stats.totals
    console.print(f"\n[bold]Total:[/] {counted(totals.rendered, 'picture')} rendered.")
    if totals.rendered:
        console.print(
            f"{filesize(totals.bytes_before)} became {filesize(totals.bytes_after)}:"
            f" [bold]{totals.saved_percent}% saved[/]."
            " Each original is compared with its smallest rendition at full width."
        )
    if stats.failures:
        console.print(f"{counted(stats.failures, 'failed upload')}; list them with `darkroom failures`.")


def _show_period(period: Period, console: Console) -> None:
    outcomes = [f"{period.metrics[name]:,.0f} {name.lower()}" for name in _OUTCOMES if period.metrics[name]]
    console.print(f"\n[bold]Last {period.hours:g} hours:[/] {', '.join(outcomes) or 'no pictures'}.")
    if period.dollars_per_thousand is None:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Function")
    for name in ("Calls", "Seconds", "GB-seconds", "US$ per 1,000 pictures"):
        table.add_column(name, justify="right")
    for name, dollars in period.dollars.items():
        usage = period.usage.get(name)
        figures = (
            (f"{usage.calls:,}", f"{usage.seconds:,.1f}", f"{usage.gb_seconds:,.1f}") if usage else ("",) * 3
        )
        table.add_row(name, *figures, f"{1000 * dollars / period.pictures:.4f}")
    table.add_row("Total", "", "", "", f"{period.dollars_per_thousand:.4f}", style="bold")
    console.print(table)
    source = "measured on this machine, not on Lambda" if period.local else "as billed by Lambda"
    console.print(
        f"Seconds {source}. AWS list prices for {period.architecture} in {REGION} ({AS_OF}), no free tiers."
        " Not included: storage, transfer, and DynamoDB, SQS and EventBridge (see docs/scale.md)."
    )
    if period.downloads_until_paid is not None:
        views = max(1, round(period.downloads_until_paid))
        console.print(
            f"At US$ {TRANSFER_OUT.usd:g} per GB sent to the internet, rendering pays for itself after"
            f" [bold]{views:,}[/] {'view' if views == 1 else 'views'} per picture."
        )
