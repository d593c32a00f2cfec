"""`make throughput`: measures pictures per second from bucket to view on the local stack.

Writes docs/throughput.md.
"""

import argparse
import os
import platform
import tempfile
import time
import tomllib
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import boto3
from rich.console import Console

from darkroom.domain.entries import State
from darkroom_cli.drop.command import drop
from darkroom_cli.faults import Fault
from darkroom_cli.local.samples import photograph
from darkroom_cli.local.up import running_stack
from darkroom_cli.stack import PROJECT, LocalStack, Status

REPORT = PROJECT / "docs" / "throughput.md"
SEED = 20260102
SIZE = (800, 600)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=200)
    arguments = parser.parse_args()
    console = Console()
    with running_stack(LocalStack.of(os.environ), console) as status:
        report = measure(status, arguments.pictures, console)
    REPORT.write_text(report)
    console.print(report, highlight=False, markup=False)


def measure(status: Status, pictures: int, console: Console) -> str:
    """Drops `pictures` pictures and returns the report. Raises Fault unless all were rendered."""
    with tempfile.TemporaryDirectory() as folder:
        stamp = f"throughput-{time.time_ns()}"
        files = {}
        for number in range(pictures):
            path = Path(folder) / f"{number}.jpg"
            photograph(*SIZE, seed=SEED + number).save(path, quality=85)
            files[f"{stamp}/{number}.jpg"] = path
        megabytes = sum(path.stat().st_size for path in files.values()) / 1e6
        began = time.monotonic()
        outcomes, _ = drop(files, status, 1800, console)
        seconds = time.monotonic() - began
    rendered = sum(1 for outcome in outcomes if outcome.state is State.RENDERED)
    dead_letters = boto3.client("sqs").get_queue_attributes(
        QueueUrl=status.dead_letters_url, AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]["ApproximateNumberOfMessages"]
    if rendered != pictures or int(dead_letters):
        raise Fault(f"{rendered} of {pictures} pictures were rendered; {dead_letters} messages failed.")
    return f"""# Throughput of the local stack

Written by `make throughput` (bench/throughput.py); seed {SEED}.

| what | figure |
|---|---|
| pictures uploaded | {pictures} |
| pictures rendered | {rendered} |
| messages in the dead-letter queue | {dead_letters} |
| each picture | {SIZE[0]} x {SIZE[1]} JPEG, {megabytes / pictures * 1000:.0f} KB on average |
| profile | default: 4 widths at most, as JPEG and AVIF |
| from the start of the drop to the last result | {seconds:.1f} s |
| pictures a second | {pictures / seconds:.1f} |
| concurrent renderings | {_concurrency()} (`MaximumConcurrency` under `[local]` in samconfig.toml) |
| machine | {platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()} |
| Python, Pillow | {platform.python_version()}, {version("pillow")} |
| date | {datetime.now(UTC):%Y-%m-%d} |
"""


def _concurrency() -> str:
    settings = tomllib.loads((PROJECT / "samconfig.toml").read_text())
    overrides = settings["local"]["deploy"]["parameters"]["parameter_overrides"].split()
    return str(dict(override.split("=") for override in overrides)["MaximumConcurrency"])


if __name__ == "__main__":
    try:
        main()
    except Fault as fault:
        raise SystemExit(f"darkroom: {fault}") from None
