"""A job on a stack with permissions enforced: announced, uploaded, completed, downloaded."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from darkroom.adapters.dynamodb import DynamoViews
from tests.e2e.conftest import Stack, send, wait_for
from tests.pictures import a_small_png

SIZE = 12
TORN = 3


def contents(number: int) -> bytes:
    return a_small_png(number)[: 60 if number == TORN else None]


def announce(stack: Stack, size: int, key: str) -> Any:
    pictures = {f"{number} <b>.png": contents(number) for number in range(size)}
    return stack.announce(pictures, Idempotency_Key=key)


def complete(stack: Stack, announced: dict[str, Any]) -> dict[str, Any]:
    """Uploads the announced pictures. Waits for the complete job."""
    for row in announced["rows"]:
        assert send(row["post"], contents(row["number"])).status in (200, 201, 204)

    def completed() -> dict[str, Any] | None:
        job = stack.get(f"/jobs/{announced['id']}", "application/json").json
        return job if job["state"] == "complete" else None

    return wait_for(completed, "the job to be complete")


@contextmanager
def events_of(stack: Stack) -> Iterator[list[dict[str, Any]]]:
    """Collects the stack's events through a rule and a queue."""
    rules, queues = stack.client("events"), stack.client("sqs")
    url = queues.create_queue(QueueName="subscriber")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    queues.set_queue_attributes(
        QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}
    )
    bus = stack.status["event_bus"]
    rules.put_rule(Name="subscriber", EventBusName=bus, EventPattern='{"source": ["darkroom"]}')
    rules.put_targets(Rule="subscriber", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    events: list[dict[str, Any]] = []

    def completed() -> bool:
        response = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in response.get("Messages", []):
            events.append(json.loads(message["Body"]))
            queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return not response.get("Messages") and any(
            event["detail-type"] == "job.completed" for event in events
        )

    yield events
    wait_for(completed, "the job.completed event")


def test_a_job_is_announced_uploaded_completed_and_downloaded(second_stack: Stack, tmp_path: Path) -> None:
    stack = second_stack
    with events_of(stack) as events:
        announced, again = (announce(stack, SIZE, "download") for _ in range(2))
        assert announced["id"] == again["id"]
        job = complete(stack, announced)

    assert (job["counts"]["rendered"], job["counts"]["rejected"], job["waiting"]) == (SIZE - 1, 1, 0)
    assert job["revision"] <= SIZE + 2  # its record is written twice more
    completions = {event["detail"]["id"] for event in events if event["detail-type"] == "job.completed"}
    assert len(completions) == 1
    ends = {event["detail"]["key"] for event in events if event["detail-type"].startswith("upload.")}
    assert ends >= {row["key"] for row in announced["rows"]}

    page = stack.get(f"/jobs/{announced['id']}/uploads", "application/json").json
    assert [row["state"] for row in page["uploads"]].count("rendered") == SIZE - 1
    assert page["uploads"][TORN]["reason"] == "corrupt_image"
    assert "post" not in page["uploads"][0]
    before = sum(row["bytes_before"] for row in page["uploads"])
    assert (job["bytes_before"], job["bytes_after"]) == (
        before,
        sum(row["bytes_after"] for row in page["uploads"]),
    )
    assert "rejected" in stack.get(f"/jobs/{announced['id']}/receipts.csv").text

    script = stack.get(f"/jobs/{announced['id']}/fetch.sh").text
    subprocess.run(
        [shutil.which("sh") or "sh"],
        input=script,
        text=True,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        check=True,
        timeout=120,
    )
    folders = list((tmp_path / f"job-{announced['id'][:8]}").iterdir())
    assert len(folders) == SIZE - 1
    assert all(path.stat().st_size for folder in folders for path in folder.iterdir())


def test_rebuilt_job_views_are_the_same(second_stack: Stack) -> None:
    stack = second_stack
    dynamodb, table = stack.client("dynamodb"), stack.status["views_table"]
    views = DynamoViews(table, dynamodb)
    announced = announce(stack, TORN + 1, "rebuild")
    complete(stack, announced)
    pictures = [row["picture"] for row in announced["rows"]]

    def stored_views() -> Any:
        job = views.job(announced["id"])
        assert job
        return (views.rows(pictures), job.tally, job.job_revision, job.size, views.totals())

    before = stored_views()
    dynamodb.delete_table(TableName=table)
    rebuilt = stack.darkroom("rebuild-views")

    assert rebuilt.returncode == 0, rebuilt.stderr
    assert stored_views() == before
