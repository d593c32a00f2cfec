"""`make jobs`: runs a job of 2,000 small pictures on the local stack and checks the result.

Writes docs/jobs.md: totals, completions, writes of the totals, and a comparison of the views with a rebuild.
"""

import argparse
import json
import os
import platform
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from typing import Any
from urllib.request import Request, urlopen

import boto3
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from bench.tables import table_like
from darkroom.adapters.clients import dynamodb_client
from darkroom.adapters.dynamodb import DynamoLedger, DynamoViews
from darkroom.adapters.items import job_key
from darkroom.domain.entries import Entry
from darkroom.domain.jobs import Job
from darkroom.domain.rows import JobView, Row, Tally
from darkroom.services.projecting import rebuild
from darkroom_cli.faults import Fault
from darkroom_cli.local.emulator import pinned_ministack
from darkroom_cli.local.samples import photograph
from darkroom_cli.local.up import running_stack
from darkroom_cli.stack import PROJECT, LocalStack, Status

REPORT = PROJECT / "docs" / "jobs.md"
# One picture in 50 is truncated, and must be rejected.
TRUNCATED = 50
_SENDERS = 8
_TIMEOUT_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a complete job.

    `completion_ids` are the distinct ids of its completion events, `upload_events` the number of distinct
    events of uploads, and `writes` the number of writes of each item of its totals.
    """

    view: JobView
    writes: tuple[int, ...]
    created_seconds: float
    completed_seconds: float
    completion_ids: frozenset[str]
    upload_events: int
    differences: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=2000)
    arguments = parser.parse_args()
    console = Console()
    with running_stack(LocalStack.of(os.environ), console) as status:
        result = run(status, arguments.pictures, console)
    report = page(result)
    console.print(report, highlight=False, markup=False)
    errors = list(errors_of(result, arguments.pictures))
    if errors:
        raise Fault("; ".join(errors))
    if arguments.pictures == parser.get_default("pictures"):
        REPORT.write_text(report)


def run(status: Status, pictures: int, console: Console) -> Result:
    """Creates a job, uploads its pictures, waits for its completion and reads the result."""
    drawn = [_drawn(number) for number in range(min(pictures, TRUNCATED))]
    contents = [drawn[number % len(drawn)] for number in range(pictures)]
    views = DynamoViews(status.views_table, dynamodb_client())
    with _listening(status) as events:
        began = time.monotonic()
        job_id = _create_job(status, contents)
        created_seconds = time.monotonic() - began
        rows = [row for page in _pages(status, job_id) for row in page]
        s3 = boto3.client("s3")

        def send(row: dict[str, Any]) -> None:
            s3.put_object(Bucket=status.uploads_bucket, Key=row["key"], Body=contents[row["number"]])

        with ThreadPoolExecutor(_SENDERS) as pool:
            list(pool.map(send, rows))
        view = _completed(views, job_id, pictures, console)
        completed_seconds = time.monotonic() - began
        received = events(view.completion)
    completion_ids = {event["detail"]["id"] for event in received if event["detail-type"] == "job.completed"}
    upload_ids = {event["detail"]["id"] for event in received if event["detail-type"].startswith("upload.")}
    return Result(
        view,
        tuple(_writes(status, job_id)),
        created_seconds,
        completed_seconds,
        frozenset(completion_ids),
        len(upload_ids),
        _differences(status, job_id),
    )


def _writes(status: Status, job_id: str) -> Iterator[int]:
    response = dynamodb_client().query(
        TableName=status.views_table,
        KeyConditionExpression="picture = :job",
        ExpressionAttributeValues={":job": {"S": job_key(job_id)[0]}},
    )
    for item in response["Items"]:
        yield int(item["revision"]["N"])


def _drawn(number: int) -> bytes:
    """Draws a small JPEG; number 0 is truncated."""
    content = BytesIO()
    photograph(64, 48, seed=number).save(content, "JPEG")
    return content.getvalue()[: 200 if number == 0 else None]


def _create_job(status: Status, contents: list[bytes]) -> str:
    uploads = [
        {"name": f"{number}.jpg", "size": len(content), "type": "image/jpeg"}
        for number, content in enumerate(contents)
    ]
    job = _request(f"{status.web}/jobs", json.dumps({"uploads": uploads}).encode())
    return str(job["id"])


def _request(url: str, body: bytes | None = None) -> Any:
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    with urlopen(Request(url, body, headers), timeout=60) as response:  # noqa: S310 - our own stack
        return json.loads(response.read())


def _pages(status: Status, job_id: str) -> Iterator[list[dict[str, Any]]]:
    cursor = ""
    while True:
        page = _request(f"{status.web}/jobs/{job_id}/uploads?cursor={cursor}")
        yield page["uploads"]
        cursor = page["cursor"]
        if not cursor:
            return


def _completed(views: DynamoViews, job_id: str, pictures: int, console: Console) -> JobView:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    columns = ("ended", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("ended", total=pictures)
        while time.monotonic() < deadline:
            view = views.job(job_id)
            if view:
                progress.update(task, completed=view.tally.ended)
                if view.complete:
                    return view
            time.sleep(0.2)
    raise Fault(f"The job was not complete after {_TIMEOUT_SECONDS} s.")


@contextmanager
def _listening(status: Status) -> Iterator[Any]:
    """Routes the stack's events to a queue; yields a function to read them up to a job's completion."""
    events, queues = boto3.client("events"), boto3.client("sqs")
    name = f"darkroom-jobs-{time.time_ns()}"
    queue = queues.create_queue(QueueName=name)["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(
        Name=name, EventBusName=status.event_bus, EventPattern=json.dumps({"source": ["darkroom"]})
    )
    events.put_targets(Rule=name, EventBusName=status.event_bus, Targets=[{"Id": "queue", "Arn": arn}])

    def read(completion: str) -> list[dict[str, Any]]:
        received: list[dict[str, Any]] = []
        empty = 0
        while empty < 3:  # events sent a moment ago may not have arrived yet
            response = queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            messages = response.get("Messages", [])
            for message in messages:
                received.append(json.loads(message["Body"]))
                queues.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            empty = 0 if messages else empty + 1
        if completion not in {event["detail"]["id"] for event in received}:
            raise Fault("There was no event for the job's completion.")
        return received

    try:
        yield read
    finally:
        events.remove_targets(Rule=name, EventBusName=status.event_bus, Ids=["queue"])
        events.delete_rule(Name=name, EventBusName=status.event_bus)
        queues.delete_queue(QueueUrl=queue)


def _differences(status: Status, job_id: str) -> int:
    """Counts the job's views that differ from views rebuilt from the ledger."""
    dynamodb = dynamodb_client()
    records = list(DynamoLedger(status.ledger_table, dynamodb).records())
    with table_like(status, "Views", f"{status.views_table}-rebuilt") as table:
        rebuilt_views = DynamoViews(table, dynamodb)
        for _ in rebuild(rebuilt_views, records):
            pass
        current = _views_of(DynamoViews(status.views_table, dynamodb), job_id, records)
        rebuilt = _views_of(rebuilt_views, job_id, records)
    return sum(current[name] != rebuilt[name] for name in current)


def _views_of(
    views: DynamoViews, job_id: str, records: list[Entry | Job]
) -> dict[str, Row | JobView | Tally | None]:
    """Reads the views of a job and the totals, without the job's revision."""
    entries = (record for record in records if isinstance(record, Entry))
    pictures = list(dict.fromkeys(entry.picture_id for entry in entries if entry.job_id == job_id))
    view = views.job(job_id)
    return {
        **dict(zip(pictures, views.rows(pictures), strict=True)),
        job_id: replace(view, revision=0) if view else None,
        "totals": views.totals(),
    }


def errors_of(result: Result, pictures: int) -> Iterator[str]:
    """Yields a sentence for each wrong figure."""
    truncated = -(-pictures // TRUNCATED)
    if (result.view.tally.rejected, result.view.tally.rendered) != (truncated, pictures - truncated):
        yield f"the totals are {result.view.tally.counts}"
    if len(result.completion_ids) != 1:
        yield f"the completion events have {len(result.completion_ids)} ids"
    if result.upload_events < pictures:
        yield f"there were events for {result.upload_events} uploads only"
    if max(result.writes) > pictures / 10:
        yield f"an item of the job's totals was written {max(result.writes)} times"
    if result.differences:
        yield f"{result.differences} views differ from rebuilt ones"


def page(result: Result) -> str:
    view = result.view
    counts = ", ".join(f"{count} {state}" for state, count in Counter(view.tally.counts).items() if count)
    return f"""# A job of {view.size:,} pictures

Written by `make jobs` (bench/jobs.py), which fails unless the totals are exact, all completion events have
the same id, no item of the totals is written more than once per ten uploads, and the views equal those
rebuilt from the ledger.

| what | figure |
|---|---|
| uploads | {view.size:,} JPEG of 64 x 48, one in {TRUNCATED} truncated |
| totals | {counts} |
| events of uploads, each with its own id | {result.upload_events:,} |
| ids of `job.completed` | {len(result.completion_ids)} |
| writes of the job's totals | {sum(result.writes):,}, over {len(result.writes)} items |
| writes of the most written item | {max(result.writes):,} |
| views that differ from rebuilt ones | {result.differences} |
| `POST /jobs` | {result.created_seconds:.1f} s |
| from the start of `POST /jobs` until the job was complete | {result.completed_seconds:.0f} s |
| machine | {platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()} |
| versions | Python {platform.python_version()}, Pillow {version("pillow")}, MiniStack {pinned_ministack()} |
| date | {datetime.now(UTC):%Y-%m-%d} |
| seed | each picture's number, 0 to {TRUNCATED - 1} |

The local stack's single thread invokes `project` with about one picture at a time, so that nearly every
picture causes a write. AWS polls a stream four times a second and delivers all new records at once.
"""


if __name__ == "__main__":
    try:
        main()
    except Fault as fault:
        raise SystemExit(f"darkroom: {fault}") from None
