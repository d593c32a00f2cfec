"""`make jobs`: a job of 2,000 small pictures on the local stack, and whether all that is said of it is true.

Writes docs/jobs.md: totals, completions, writes of the totals, and the views beside views built anew.
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
from darkroom_cli.views import table_like

REPORT = PROJECT / "docs" / "jobs.md"
# One in so many is cut short, and must be rejected.
TORN = 50
_SENDERS = 8
_PATIENCE_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Result:
    """What was seen of a job when it was over; `ids` are those of its completions, each once.

    `writes` are how often each item was written that its totals are spread over.
    """

    view: JobView
    writes: tuple[int, ...]
    made_seconds: float
    ended_seconds: float
    ids: frozenset[str]
    told: int
    differences: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=2000)
    chosen = parser.parse_args()
    console = Console()
    with running_stack(LocalStack.of(os.environ), console) as status:
        result = run(status, chosen.pictures, console)
    report = page(result)
    console.print(report, highlight=False, markup=False)
    faults = list(wrong(result, chosen.pictures))
    if faults:
        raise Fault("; ".join(faults))
    if chosen.pictures == parser.get_default("pictures"):
        REPORT.write_text(report)


def run(status: Status, pictures: int, console: Console) -> Result:
    """Makes a job, sends its pictures, waits until it is complete, and looks at what stands then."""
    drawn = [_drawn(number) for number in range(min(pictures, TORN))]
    contents = [drawn[number % len(drawn)] for number in range(pictures)]
    views = DynamoViews(status.views_table, dynamodb_client())
    with _listening(status) as events:
        began = time.monotonic()
        job = _announced(status, contents)
        made_seconds = time.monotonic() - began
        rows = [row for page in _pages(status, job) for row in page]
        s3 = boto3.client("s3")

        def send(row: dict[str, Any]) -> None:
            s3.put_object(Bucket=status.uploads_bucket, Key=row["key"], Body=contents[row["number"]])

        with ThreadPoolExecutor(_SENDERS) as pool:
            list(pool.map(send, rows))
        view = _completed(views, job, pictures, console)
        ended_seconds = time.monotonic() - began
        told = events(view.completion)
    completions = [each["detail"]["id"] for each in told if each["detail-type"] == "job.completed"]
    ends = {each["detail"]["id"] for each in told if each["detail-type"].startswith("upload.")}
    differences = _differences(status, job)
    writes = tuple(_writes(status, job))
    return Result(view, writes, made_seconds, ended_seconds, frozenset(completions), len(ends), differences)


def _writes(status: Status, job_id: str) -> Iterator[int]:
    answer = dynamodb_client().query(
        TableName=status.views_table,
        KeyConditionExpression="picture = :job",
        ExpressionAttributeValues={":job": {"S": job_key(job_id)["picture"]}},
    )
    for item in answer["Items"]:
        yield int(item["revision"]["N"])


def _drawn(number: int) -> bytes:
    """A small JPEG; the first of them is cut short."""
    content = BytesIO()
    photograph(64, 48, seed=number).save(content, "JPEG")
    return content.getvalue()[: 200 if number == 0 else None]


def _announced(status: Status, contents: list[bytes]) -> str:
    uploads = [
        {"name": f"{number}.jpg", "size": len(content), "type": "image/jpeg"}
        for number, content in enumerate(contents)
    ]
    answer = _asked(f"{status.web}/jobs", json.dumps({"uploads": uploads}).encode())
    return str(answer["id"])


def _asked(url: str, body: bytes | None = None) -> Any:
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    with urlopen(Request(url, body, headers), timeout=60) as answer:  # noqa: S310 - our own stack
        return json.loads(answer.read())


def _pages(status: Status, job_id: str) -> Iterator[list[dict[str, Any]]]:
    cursor = ""
    while True:
        page = _asked(f"{status.web}/jobs/{job_id}/uploads?cursor={cursor}")
        yield page["uploads"]
        cursor = page["cursor"]
        if not cursor:
            return


def _completed(views: DynamoViews, job_id: str, pictures: int, console: Console) -> JobView:
    until = time.monotonic() + _PATIENCE_SECONDS
    columns = ("ended", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("ended", total=pictures)
        while time.monotonic() < until:
            view = views.job(job_id)
            if view:
                progress.update(task, completed=view.tally.ended)
                if view.complete:
                    return view
            time.sleep(0.2)
    raise Fault(f"The job was not complete after {_PATIENCE_SECONDS} s.")


@contextmanager
def _listening(status: Status) -> Iterator[Any]:
    """Brings the stack's events into a queue; what comes back reads them up to a job's completion."""
    events, queues = boto3.client("events"), boto3.client("sqs")
    name = f"darkroom-jobs-{time.time_ns()}"
    queue = queues.create_queue(QueueName=name)["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(
        Name=name, EventBusName=status.event_bus, EventPattern=json.dumps({"source": ["darkroom"]})
    )
    events.put_targets(Rule=name, EventBusName=status.event_bus, Targets=[{"Id": "queue", "Arn": arn}])

    def read(completion: str) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        quiet = 0
        while quiet < 3:  # what was sent a moment ago is on its way still
            answer = queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            messages = answer.get("Messages", [])
            for message in messages:
                told.append(json.loads(message["Body"]))
                queues.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            quiet = 0 if messages else quiet + 1
        if completion not in {each["detail"]["id"] for each in told}:
            raise Fault("The job's completion was not announced.")
        return told

    try:
        yield read
    finally:
        events.remove_targets(Rule=name, EventBusName=status.event_bus, Ids=["queue"])
        events.delete_rule(Name=name, EventBusName=status.event_bus)
        queues.delete_queue(QueueUrl=queue)


def _differences(status: Status, job_id: str) -> int:
    """How many views of that job are other than views that are built anew from the ledger."""
    dynamodb = dynamodb_client()
    records = list(DynamoLedger(status.ledger_table, dynamodb).records())
    with table_like(status, "Views", f"{status.views_table}-anew") as table:
        anew = DynamoViews(table, dynamodb)
        for _ in rebuild(anew, records):
            pass
        stands = _is_current(DynamoViews(status.views_table, dynamodb), job_id, records)
        built = _is_current(anew, job_id, records)
    return sum(stands[each] != built[each] for each in stands)


def _is_current(
    views: DynamoViews, job_id: str, records: list[Entry | Job]
) -> dict[str, Row | JobView | Tally | None]:
    """What the views say of a job and of all time, but for how often a job's totals were written."""
    entries = (each for each in records if isinstance(each, Entry))
    pictures = list(dict.fromkeys(entry.picture_id for entry in entries if entry.job_id == job_id))
    view = views.job(job_id)
    return {
        **dict(zip(pictures, views.rows(pictures), strict=True)),
        job_id: replace(view, revision=0) if view else None,
        "totals": views.totals(),
    }


def wrong(result: Result, pictures: int) -> Iterator[str]:
    """Whatever of it is not as it must be."""
    torn = -(-pictures // TORN)
    if (result.view.tally.rejected, result.view.tally.rendered) != (torn, pictures - torn):
        yield f"the totals are {result.view.tally.counts}"
    if len(result.ids) != 1:
        yield f"completions have {len(result.ids)} ids"
    if result.told < pictures:
        yield f"{result.told} ends were announced"
    if max(result.writes) > pictures / 10:
        yield f"one of the items of the job's totals was written {max(result.writes)} times"
    if result.differences:
        yield f"{result.differences} views are other than views built anew"


def page(result: Result) -> str:
    view = result.view
    counts = ", ".join(f"{count} {state}" for state, count in Counter(view.tally.counts).items() if count)
    return f"""# A job of {view.size:,} pictures

Written by `make jobs` (bench/jobs.py), which fails unless the totals are exact, the job completes under one
id, none of the items of its totals is written more than once for ten uploads, and the views are as the ledger
gives them anew.

| what | figure |
|---|---|
| uploads | {view.size:,} JPEG of 64 x 48, one in {TORN} cut short |
| totals | {counts} |
| ends announced, each under an id of its own | {result.told:,} |
| ids of `job.completed` | {len(result.ids)} |
| writes of the job's totals | {sum(result.writes):,}, over {len(result.writes)} items |
| of the item written most | {max(result.writes):,} |
| views other than those built anew | {result.differences} |
| `POST /jobs` | {result.made_seconds:.1f} s |
| from then until it was complete | {result.ended_seconds:.0f} s |
| machine | {platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()} |
| versions | Python {platform.python_version()}, Pillow {version("pillow")}, MiniStack {pinned_ministack()} |
| date | {datetime.now(UTC):%Y-%m-%d} |
| seed | each picture's number, 0 to {TORN - 1} |

The local stack's one thread brings `project` about one picture at a time, so that nearly every picture is a
write; AWS reads a stream four times a second and brings what has come since.
"""


if __name__ == "__main__":
    try:
        main()
    except Fault as fault:
        raise SystemExit(f"darkroom: {fault}") from None
