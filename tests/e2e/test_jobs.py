"""A job on a stack, permissions enforced: announced, sent by its forms, told of, complete, taken along."""

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


def complete(stack: Stack, made: dict[str, Any]) -> dict[str, Any]:
    """Sends what was announced; the job once it is complete."""
    for row in made["rows"]:
        assert send(row["post"], contents(row["number"])).status in (200, 201, 204)

    def ended() -> dict[str, Any] | None:
        job = stack.get(f"/jobs/{made['id']}", "application/json").json
        return job if job["state"] == "complete" else None

    return wait_for(ended, "the job complete")


@contextmanager
def events_of(stack: Stack) -> Iterator[list[dict[str, Any]]]:
    """What the stack announces meanwhile, as a rule of somebody's brings it into a queue of theirs."""
    rules, queues = stack.client("events"), stack.client("sqs")
    url = queues.create_queue(QueueName="somebody")["QueueUrl"]
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
    rules.put_rule(Name="somebody", EventBusName=bus, EventPattern='{"source": ["darkroom"]}')
    rules.put_targets(Rule="somebody", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    told: list[dict[str, Any]] = []

    def completed() -> bool:
        answer = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            told.append(json.loads(message["Body"]))
            queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return not answer.get("Messages") and any(each["detail-type"] == "job.completed" for each in told)

    yield told
    wait_for(completed, "the completion announced")


def test_a_job_is_announced_sent_completed_and_taken_along(second_stack: Stack, tmp_path: Path) -> None:
    stack = second_stack
    with events_of(stack) as told:
        made, again = (announce(stack, SIZE, "taken along") for _ in range(2))
        assert made["id"] == again["id"]
        job = complete(stack, made)

    assert (job["counts"]["rendered"], job["counts"]["rejected"], job["waiting"]) == (SIZE - 1, 1, 0)
    assert job["revision"] <= SIZE + 2  # its record is written over twice
    completions = {each["detail"]["id"] for each in told if each["detail-type"] == "job.completed"}
    assert len(completions) == 1
    ends = {each["detail"]["key"] for each in told if each["detail-type"].startswith("upload.")}
    assert ends >= {row["key"] for row in made["rows"]}

    page = stack.get(f"/jobs/{made['id']}/uploads", "application/json").json
    assert [row["state"] for row in page["uploads"]].count("rendered") == SIZE - 1
    assert page["uploads"][TORN]["reason"] == "corrupt_image"
    assert "post" not in page["uploads"][0]
    before = sum(row["bytes_before"] for row in page["uploads"])
    assert (job["bytes_before"], job["bytes_after"]) == (
        before,
        sum(row["bytes_after"] for row in page["uploads"]),
    )
    assert "rejected" in stack.get(f"/jobs/{made['id']}/receipts.csv").text

    script = stack.get(f"/jobs/{made['id']}/fetch.sh").text
    subprocess.run(
        [shutil.which("sh") or "sh"],
        input=script,
        text=True,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        check=True,
        timeout=120,
    )
    folders = list((tmp_path / f"job-{made['id'][:8]}").iterdir())
    assert len(folders) == SIZE - 1
    assert all(path.stat().st_size for folder in folders for path in folder.iterdir())


def test_a_jobs_views_that_are_built_anew_are_the_same(second_stack: Stack) -> None:
    stack = second_stack
    dynamodb, table = stack.client("dynamodb"), stack.status["views_table"]
    views = DynamoViews(table, dynamodb)
    made = announce(stack, TORN + 1, "built anew")
    complete(stack, made)
    pictures = [row["picture"] for row in made["rows"]]

    def stands() -> Any:
        job = views.job(made["id"])
        assert job
        return (views.rows(pictures), job.tally, job.record, job.size, views.totals())

    before = stands()
    dynamodb.delete_table(TableName=table)
    rebuilt = stack.darkroom("rebuild-views")

    assert rebuilt.returncode == 0, rebuilt.stderr
    assert stands() == before
