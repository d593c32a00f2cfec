"""What memory each function should have: the processor's time and the bytes that one event takes."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import boto3

from bench.page import machine
from darkroom.adapters.clients import dynamodb_client, s3_client
from darkroom.adapters.dynamodb import DynamoLedger
from darkroom.adapters.live import DynamoChannels
from darkroom.domain.keys import picture_id_of
from darkroom.ports import Ticket
from darkroom_cli.cloudformation import resources_of
from darkroom_cli.faults import Fault
from darkroom_cli.local.samples import photograph
from darkroom_cli.prices import LAMBDA_GB_SECOND, LAMBDA_REQUEST
from darkroom_cli.render import MB_PER_PROCESSOR, MEMORY_MB, PROCESSORS_USED
from darkroom_cli.stack import PROJECT, Status
from darkroom_cli.views import table_like

_EVENTS = 6  # after the first, whose function is cold
_SIZES_MB = (256, 512, 1024, MB_PER_PROCESSOR, MEMORY_MB)
_SAMPLED_SECONDS = 0.02
_PATIENCE_SECONDS = 600  # for all the pictures, of which each takes seconds
_PICTURE = (4032, 3024)  # a telephone's
# How many processors each keeps busy at once; the others one.
_AT_ONCE = {"render": PROCESSORS_USED}
# Below one processor a second of it costs the same at every size, and what is waited for on AWS, which comes
# on top of it all, costs the less the smaller.
_REASONS = {
    "render": "the largest pictures need the bytes; sooner done than with one processor, for 5 % more",
    "park": "nobody waits for it",
    "project": "pages wait for what it pushes, which is quick once it is warm",
    "web": "people wait, at a cold start most of all: one whole processor",
    "live": "a page is there already, and waits a second for its first word",
    "sweep": "nobody waits for it; it lists thousands of objects at a time",
}


@dataclass(frozen=True, slots=True)
class Used:
    """Seconds of the processor, before the first event and for one of the others; and what it is given."""

    start: float
    event: float
    peak_mb: float
    given_mb: int

    def at(self, memory_mb: int, at_once: float) -> str:
        """How it would do with that memory, on processors as fast as this machine's."""
        processors = memory_mb / MB_PER_PROCESSOR
        start, event = self.start / min(processors, 1), self.event / min(processors, at_once)
        gigabyte_seconds = 1000 * event * memory_mb / 1024
        dollars = LAMBDA_GB_SECOND["arm64"].of(gigabyte_seconds) + LAMBDA_REQUEST.of(1000)
        return f"{start:.1f} s, {event * 1000:,.0f} ms, ${dollars:.4f}"


def _used(status: Status) -> dict[str, Used]:
    """Each function as it is built, with events against a stack of its own. Raises Fault."""
    names = {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for each in resources_of(boto3.client("cloudformation"), status.stack)
    }
    with table_like(status, "Ledger", f"{status.ledger_table}-bench") as ledger:
        return {
            each: _invoked(each, names[f"{each.capitalize()}Function"], events, ledger)
            for each, events in _events(status, names["Channels"]).items()
        }


def _invoked(function: str, name: str, events: list[Any], ledger: str) -> Used:
    deployed = boto3.client("lambda").get_function_configuration(FunctionName=name)
    built = PROJECT / ".aws-sam" / "build"
    layers = ["DarkroomLayer", "ImagingLayer"] if function == "render" else ["DarkroomLayer"]
    path = [built / f"{function.capitalize()}Function", *(built / each / "python" for each in layers)]
    # A ledger of its own, in which nothing is done yet.
    changed = {"PYTHONPATH": ":".join(map(str, path)), "LEDGER_TABLE": ledger}
    environment = os.environ | deployed["Environment"]["Variables"] | changed
    with tempfile.TemporaryDirectory() as folder:
        asked, report = Path(folder) / "events", Path(folder) / "report"
        asked.write_text(json.dumps(events))
        line = [sys.executable, str(PROJECT / "tools" / "bench" / "invoke.py"), str(asked), str(report)]
        process = subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL)
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, sum(map(_resident_mb, _with_children(process.pid))))
            time.sleep(_SAMPLED_SECONDS)
        if process.returncode:
            raise Fault(f"{function} ended with {process.returncode}.")
        start, _, *warm = json.loads(report.read_text())
    return Used(start, median(warm), peak, deployed["MemorySize"])


def _with_children(process: int) -> Iterator[int]:
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            for child in children.read_text().split():
                yield from _with_children(int(child))


def _resident_mb(process: int) -> float:
    """What a process holds, and its part of what it shares: as Lambda counts a function's processes."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _events(status: Status, channels_table: str) -> dict[str, list[Any]]:
    """What AWS sends each function, by events/, about pictures of the stack's own. Raises Fault."""
    stamp = f"cold-{time.time_ns()}"
    s3, dynamodb = s3_client(), dynamodb_client()
    ledger = DynamoLedger(status.ledger_table, dynamodb)
    drawn = BytesIO()
    photograph(*_PICTURE).save(drawn, "JPEG", quality=90)
    keys = [f"{stamp}/{number}.jpg" for number in range(1 + _EVENTS)]
    bucket, body = status.uploads_bucket, drawn.getvalue()
    versions = [s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"] for key in keys]
    pictures = [picture_id_of(bucket, key) for key in keys]
    # Until the stack itself is done with them: it would share the processors.
    deadline = time.monotonic() + _PATIENCE_SECONDS
    for picture, version in zip(pictures, versions, strict=True):
        while not (entry := ledger.find(picture, version)) or not entry.state.terminal:
            if time.monotonic() > deadline:
                raise Fault(f"Picture {picture} has not ended after {_PATIENCE_SECONDS} s.")
            time.sleep(1)

    job, channels = "0" * 32, DynamoChannels(channels_table, dynamodb)
    for number in range(1 + _EVENTS):
        channels.issue(f"{number:032}", Ticket(job, int(time.time()) + 600))

    def told(name: str, **changes: str) -> Any:
        text = (PROJECT / "events" / f"{name}.json").read_text()
        text = text.replace("darkroom-uploads-000000000000-us-east-1", bucket)
        for before, after in changes.items():
            text = text.replace(before, after)
        return json.loads(text)

    def page(number: int) -> Any:
        event = told("web-get-picture-html")
        event["rawPath"] = event["requestContext"]["http"]["path"] = f"/pictures/{pictures[number]}"
        return event

    def render(number: int) -> Any:
        return told("render-s3-put", **{"image.png": keys[number]})

    turns = range(1 + _EVENTS)
    return {
        "render": [render(number) for number in turns],
        "park": [told("park-dead-letter", **{"image.png": f"{stamp}/{number}.png"}) for number in turns],
        "project": [
            told("project-stream-record", b465305e14d277ac9fbda8aa7505ce94=f"{time.time_ns():032x}")
            for number in turns
        ],
        "web": [page(number) for number in turns],
        "live": [
            told("live-hello", **{
                "1c9a7a3e0d5b4f6a8e2d1c9b7a5f3e1d": job, "5f0c2b1a9d8e7f6c5b4a39281706f5e4": f"{number:032}"
            })
            for number in turns
        ],
        "sweep": [{} for number in turns],
    }  # fmt: skip


def section(status: Status) -> str:
    """Measures every function of a stack that runs here."""
    used = _used(status)
    measured = "\n".join(
        f"| {name} | {each.start:.2f} | {each.event:.3f} | {each.peak_mb:.0f} | {each.given_mb} MB | {why} |"
        for (name, why), each in zip(_REASONS.items(), used.values(), strict=True)
    )
    expected = "\n".join(
        f"| {name} | {' | '.join(each.at(size, _AT_ONCE.get(name, 1.0)) for size in _SIZES_MB)} |"
        for name, each in used.items()
    )
    price, (width, height) = f"US$ {LAMBDA_GB_SECOND['arm64'].usd}", _PICTURE
    processor = f"{MB_PER_PROCESSOR:,} MB"
    return f"""## Memory

Each function as it is built, its handler called in a process of its own against the local stack
({machine()}): seconds of the processor until it can take an event and
for one event (median of {_EVENTS} after the first), and the most MB that its processes have together.
render has a JPEG of {width} x {height}, makes all formats, and keeps {_AT_ONCE["render"]} processors busy.

| function | start, CPU s | event, CPU s | peak MB | given | why |
|---|---|---|---|---|---|
{measured}

What comes of that at each size, {processor} being one processor: the seconds until a cold function can take
its first event, the milliseconds of an event, and what 1,000 events cost at {price} a
GB-second (darkroom_cli/prices.py). What is waited for on AWS comes on top: as long at every size, and so the
dearer the larger.

| function | {" | ".join(f"{size} MB" for size in _SIZES_MB)} |
|---|{"---|" * len(_SIZES_MB)}
{expected}"""
