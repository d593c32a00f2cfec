"""Measures each function's processor time and memory per event, to choose its memory size."""

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
from bench.tables import table_like
from bench.template import layers_of, load_template
from darkroom.adapters.clients import dynamodb_client, s3_client
from darkroom.adapters.dynamodb import DynamoLedger
from darkroom.adapters.live import DynamoChannels
from darkroom.domain.keys import picture_id_of
from darkroom.domain.prices import LAMBDA_GB_SECOND, LAMBDA_REQUEST
from darkroom.ports import Ticket
from darkroom_cli.cloudformation import resources_of
from darkroom_cli.faults import Fault
from darkroom_cli.local.samples import photograph
from darkroom_cli.render.limits import MB_PER_PROCESSOR, MEMORY_MB, PROCESSORS_USED
from darkroom_cli.stack import PROJECT, Status

_EVENTS = 6  # after the cold start
_SIZES_MB = (256, 512, 1024, MB_PER_PROCESSOR, MEMORY_MB)
_SAMPLING_SECONDS = 0.02
_TIMEOUT_SECONDS = 600  # for all pictures; each takes seconds
_PICTURE = (4032, 3024)  # a telephone's
# Processors used by a function; the others use one.
_PROCESSORS = {"render": PROCESSORS_USED}
# Below one processor, processor time costs the same at every size; time spent waiting for AWS costs less with
# less memory.
_REASONS = {
    "render": "the largest pictures need the memory; faster than with one processor, for 5% more",
    "park": "nobody waits for it",
    "project": "pages wait for its messages, which are fast once it is warm",
    "web": "people wait, above all at a cold start: one whole processor",
    "live": "the page is already shown, and waits a second for its first message",
    "sweep": "nobody waits for it; it lists thousands of objects at a time",
}


@dataclass(frozen=True, slots=True)
class Used:
    """Processor seconds of the start and of one event, peak memory, and the configured memory."""

    start: float
    event: float
    peak_mb: float
    configured_mb: int

    def at(self, memory_mb: int, processors_used: float) -> str:
        """Estimates times and cost with `memory_mb`, on processors as fast as this machine's."""
        processors = memory_mb / MB_PER_PROCESSOR
        start, event = self.start / min(processors, 1), self.event / min(processors, processors_used)
        gigabyte_seconds = 1000 * event * memory_mb / 1024
        dollars = LAMBDA_GB_SECOND["arm64"].of(gigabyte_seconds) + LAMBDA_REQUEST.of(1000)
        return f"{start:.1f} s, {event * 1000:,.0f} ms, ${dollars:.4f}"


def _used(status: Status) -> dict[str, Used]:
    """Measures each built function with events against the local stack. Raises Fault."""
    names = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in resources_of(boto3.client("cloudformation"), status.stack)
    }
    with table_like(status, "Ledger", f"{status.ledger_table}-bench") as ledger:
        return {
            function: _invoked(function, names[f"{function.capitalize()}Function"], events, ledger)
            for function, events in _events(status, names["Channels"]).items()
        }


def _invoked(function: str, name: str, events: list[Any], ledger: str) -> Used:
    deployed = boto3.client("lambda").get_function_configuration(FunctionName=name)
    # An empty ledger, so that nothing is done already.
    changed = {"PYTHONPATH": path_as_built(function), "LEDGER_TABLE": ledger}
    environment = os.environ | deployed["Environment"]["Variables"] | changed
    with tempfile.TemporaryDirectory() as folder:
        requests, report = Path(folder) / "events", Path(folder) / "report"
        requests.write_text(json.dumps(events))
        script = Path(__file__).with_name("invoke.py")
        line = [sys.executable, str(script), str(requests), str(report)]
        process = subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL)
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, sum(map(_resident_mb, _with_children(process.pid))))
            time.sleep(_SAMPLING_SECONDS)
        if process.returncode:
            raise Fault(f"{function} ended with {process.returncode}.")
        start, _, *warm = json.loads(report.read_text())
    return Used(start, median(warm), peak, deployed["MemorySize"])


def path_as_built(function: str, project: Path = PROJECT) -> str:
    """Returns Python's path to a built function and its layers."""
    name = f"{function.capitalize()}Function"
    layers = reversed(layers_of(load_template(project / "template.yaml"), name))
    parts = [name, *(f"{layer}/python" for layer in layers)]
    return ":".join(str(project / ".aws-sam" / "build" / part) for part in parts)


def _with_children(process: int) -> Iterator[int]:
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            for child in children.read_text().split():
                yield from _with_children(int(child))


def _resident_mb(process: int) -> float:
    """Reads a process's proportional set size, as Lambda counts the memory of a function's processes."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _events(status: Status, channels_table: str) -> dict[str, list[Any]]:
    """Builds each function's events from events/, for pictures of the local stack. Raises Fault."""
    stamp = f"cold-{time.time_ns()}"
    s3, dynamodb = s3_client(), dynamodb_client()
    ledger = DynamoLedger(status.ledger_table, dynamodb)
    drawn = BytesIO()
    photograph(*_PICTURE).save(drawn, "JPEG", quality=90)
    keys = [f"{stamp}/{number}.jpg" for number in range(1 + _EVENTS)]
    bucket, body = status.uploads_bucket, drawn.getvalue()
    versions = [s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"] for key in keys]
    pictures = [picture_id_of(bucket, key) for key in keys]
    # Wait until the stack has rendered them: it would use the processors too.
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    for picture, version in zip(pictures, versions, strict=True):
        while not (entry := ledger.find(picture, version)) or not entry.state.terminal:
            if time.monotonic() > deadline:
                raise Fault(f"Picture {picture} was not rendered within {_TIMEOUT_SECONDS} s.")
            time.sleep(1)

    job_id, channels = "0" * 32, DynamoChannels(channels_table, dynamodb)
    for number in range(1 + _EVENTS):
        channels.issue(f"{number:032}", Ticket(job_id, int(time.time()) + 600))

    def example(name: str, **changes: str) -> Any:
        text = (PROJECT / "events" / f"{name}.json").read_text()
        text = text.replace("darkroom-uploads-000000000000-us-east-1", bucket)
        for before, after in changes.items():
            text = text.replace(before, after)
        return json.loads(text)

    def page(number: int) -> Any:
        event = example("web-get-picture-html")
        event["rawPath"] = event["requestContext"]["http"]["path"] = f"/pictures/{pictures[number]}"
        return event

    def render(number: int) -> Any:
        return example("render-s3-put", **{"image.png": keys[number]})

    numbers = range(1 + _EVENTS)
    return {
        "render": [render(number) for number in numbers],
        "park": [example("park-dead-letter", **{"image.png": f"{stamp}/{number}.png"}) for number in numbers],
        "project": [
            example("project-stream-record", b465305e14d277ac9fbda8aa7505ce94=f"{time.time_ns():032x}")
            for number in numbers
        ],
        "web": [page(number) for number in numbers],
        "live": [
            example("live-hello", **{
                "1c9a7a3e0d5b4f6a8e2d1c9b7a5f3e1d": job_id,
                "5f0c2b1a9d8e7f6c5b4a39281706f5e4": f"{number:032}",
            })
            for number in numbers
        ],
        "sweep": [{} for number in numbers],
    }  # fmt: skip


def section(status: Status) -> str:
    """Measures every function of the local stack and returns the section."""
    used = _used(status)
    measured = "\n".join(
        f"| {name} | {usage.start:.2f} | {usage.event:.3f} | {usage.peak_mb:.0f}"
        f" | {usage.configured_mb} MB | {why} |"
        for (name, why), usage in zip(_REASONS.items(), used.values(), strict=True)
    )
    expected = "\n".join(
        f"| {name} | {' | '.join(usage.at(size, _PROCESSORS.get(name, 1.0)) for size in _SIZES_MB)} |"
        for name, usage in used.items()
    )
    price, (width, height) = f"US$ {LAMBDA_GB_SECOND['arm64'].usd}", _PICTURE
    processor = f"{MB_PER_PROCESSOR:,} MB"
    return f"""## Memory

The handler of each built function, called in a process of its own against the local stack
({machine()}): processor seconds until it is ready for an event and
for one event (median of {_EVENTS} after the first), and the peak MB of all its processes together.
render has a JPEG of {width} x {height}, makes all formats, and keeps {_PROCESSORS["render"]} processors busy.

| function | start, CPU s | event, CPU s | peak MB | configured | why |
|---|---|---|---|---|---|
{measured}

Estimates for each memory size, with {processor} for one processor: seconds until a cold function is ready for
its first event, milliseconds per event, and the cost of 1,000 events at {price} a
GB-second (darkroom/domain/prices.py). The wait for AWS is additional: it is as long at every size, and costs
more with more memory.

| function | {" | ".join(f"{size} MB" for size in _SIZES_MB)} |
|---|{"---|" * len(_SIZES_MB)}
{expected}"""
