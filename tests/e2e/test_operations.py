"""An operator's commands on a stack: sweep, render again, rebuild the views."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from darkroom.adapters.dynamodb import DynamoLedger, DynamoViews
from darkroom.domain.entries import State
from darkroom.domain.keys import picture_id_of
from tests.e2e.conftest import Stack, wait_for
from tests.pictures import a_small_png


def test_sweep_renders_a_lost_upload_and_removes_an_orphan(second_stack: Stack) -> None:
    """The bucket's notifications are off during the upload, so no event is sent."""
    stack, bucket = second_stack, second_stack.status["uploads_bucket"]
    s3 = stack.client("s3")
    notifications = s3.get_bucket_notification_configuration(Bucket=bucket)
    notifications.pop("ResponseMetadata")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    stack.put("lost.png", a_small_png())
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=notifications)
    renditions = stack.status["renditions_bucket"]
    s3.put_object(Bucket=renditions, Key=f"{picture_id_of(bucket, 'lost.png')}/0/orphan.jpg", Body=b"")

    swept = stack.darkroom("sweep", "--after-minutes", "0", "--keep-hours", "0")

    assert swept.returncode == 0, swept.stderr
    assert "1 lost upload was enqueued again" in swept.stdout
    assert stack.settled("lost.jpg")["status"] == "rendered"
    # The first sweep keeps the orphan: while an upload is being rendered, its renditions have no receipt yet.
    swept = stack.darkroom("sweep", "--after-minutes", "0", "--keep-hours", "0")
    assert "No lost uploads" in swept.stdout
    assert not [key for key in listed(s3, renditions) if "orphan" in key]
    # No current rendition was removed.
    assert listed(s3, renditions) >= {
        rendition["key"] for rendition in stack.settled("lost.jpg")["renditions"]
    }


def listed(s3: Any, bucket: str) -> set[str]:
    return {entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])}


@pytest.mark.full  # waits until every warm function has reloaded its profile
def test_stale_results_are_rendered_again_after_confirmation(
    second_stack: Stack, push: Callable[[Mapping[str, Any]], None]
) -> None:
    stack = second_stack
    before = stack.rendered("stale.png", a_small_png())
    push({"built_in": "squoosh"})

    estimate = stack.darkroom("sweep", "--stale", "--dry-run")
    assert estimate.returncode == 0, estimate.stderr
    assert "US$" in estimate.stdout
    assert stack.darkroom("sweep", "--stale", "--yes").returncode == 0

    def renewed() -> Any:
        now = stack.get("/stale.jpg", "application/json")
        assert now.status == 200  # the old result stays visible
        return now.json["profile"] == "squoosh"

    assert before["profile"] != "squoosh"
    wait_for(renewed, "the new result")
    wait_for(
        lambda: "No stale uploads" in stack.darkroom("sweep", "--stale", "--dry-run").stdout,
        "all results to be renewed",
    )


def test_a_deleted_views_table_is_rebuilt_from_the_ledger(second_stack: Stack) -> None:
    stack = second_stack
    stack.rendered("kept.png", a_small_png())
    dynamodb, table = stack.client("dynamodb"), stack.status["views_table"]
    dynamodb.delete_table(TableName=table)

    rebuilt = stack.darkroom("rebuild-views")

    assert rebuilt.returncode == 0, rebuilt.stderr
    assert stack.settled("kept.jpg")["status"] == "rendered"
    ledger = {entry.id: entry for entry in DynamoLedger(stack.status["ledger_table"], dynamodb).all_entries()}
    views = DynamoViews(table, dynamodb)
    shown = [view for entry in ledger.values() for view in views.of_picture(entry.picture_id)]
    assert {view.id: view for view in shown} == ledger
    assert any(entry.state is State.RENDERED for entry in ledger.values())


def test_stats_print_savings_and_cost(stack: Stack) -> None:
    def figures() -> Any:
        stack.rendered("figures.png", a_small_png(81))
        stats = json.loads(stack.darkroom("stats", "--json").stdout)
        return stats if "project" in stats["period"]["functions"] and stats["period"]["pictures"] else None

    stats = wait_for(figures, "the functions' log lines")

    assert stats["totals"]["rendered"] >= 1
    assert stats["period"]["renditions"] >= 1
    assert stats["period"]["functions"]["render"]["gb_seconds"] > 0
    assert stats["period"]["dollars_per_thousand"] > 0
    assert "US$ per 1,000 pictures" in stack.darkroom("stats").stdout
