"""What an operator does, on a stack: sweep, render anew, rebuild the views."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from darkroom.adapters.dynamodb import DynamoLedger, DynamoViews
from darkroom.domain.entries import State
from darkroom.domain.keys import picture_id_of
from tests.e2e.conftest import Stack, wait_for
from tests.pictures import a_small_png


def test_a_lost_upload_is_found_and_rendered_and_an_orphan_is_removed(second_stack: Stack) -> None:
    """The bucket says nothing of this upload: its notifications are switched off when it comes."""
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
    # Not while the upload was under way: what it writes has no receipt yet.
    swept = stack.darkroom("sweep", "--after-minutes", "0", "--keep-hours", "0")
    assert "No lost uploads" in swept.stdout
    assert not [each for each in listed(s3, renditions) if "orphan" in each]
    # Nothing that is shown was taken for unnamed.
    assert listed(s3, renditions) >= {each["key"] for each in stack.settled("lost.jpg")["renditions"]}


def listed(s3: Any, bucket: str) -> set[str]:
    return {each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])}


@pytest.mark.full  # waits until every warm function has read its profile anew
def test_results_of_another_profile_are_rendered_again_when_that_is_agreed_to(
    second_stack: Stack, push: Callable[[Mapping[str, Any]], None]
) -> None:
    stack = second_stack
    before = stack.rendered("stale.png", a_small_png())
    push({"built_in": "squoosh"})

    asked = stack.darkroom("sweep", "--stale", "--dry-run")
    assert asked.returncode == 0, asked.stderr
    assert "US$" in asked.stdout
    assert stack.darkroom("sweep", "--stale", "--yes").returncode == 0

    def renewed() -> Any:
        now = stack.get("/stale.jpg", "application/json")
        assert now.status == 200  # it is shown all the while
        return now.json["profile"] == "squoosh"

    assert before["profile"] != "squoosh"
    wait_for(renewed, "the result renewed")
    wait_for(
        lambda: "No stale results" in stack.darkroom("sweep", "--stale", "--dry-run").stdout, "all of them"
    )


def test_a_views_table_that_is_gone_is_restored_from_the_ledger(second_stack: Stack) -> None:
    stack = second_stack
    stack.rendered("kept.png", a_small_png())
    dynamodb, table = stack.client("dynamodb"), stack.status["views_table"]
    dynamodb.delete_table(TableName=table)

    rebuilt = stack.darkroom("rebuild-views")

    assert rebuilt.returncode == 0, rebuilt.stderr
    assert stack.settled("kept.jpg")["status"] == "rendered"
    ledger = {each.id: each for each in DynamoLedger(stack.status["ledger_table"], dynamodb).every()}
    views = DynamoViews(table, dynamodb)
    shown = [view for entry in ledger.values() for view in views.of_picture(entry.picture_id)]
    assert {view.id: view for view in shown} == ledger
    assert any(entry.state is State.RENDERED for entry in ledger.values())


def test_stats_say_what_was_saved_and_what_it_cost(stack: Stack) -> None:
    def figures() -> Any:
        stack.rendered("figures.png", a_small_png(81))
        told = json.loads(stack.darkroom("stats", "--json").stdout)
        return told if "project" in told["period"]["functions"] and told["period"]["pictures"] else None

    told = wait_for(figures, "the functions' logs")

    assert told["totals"]["rendered"] >= 1
    assert told["period"]["renditions"] >= 1
    assert told["period"]["functions"]["render"]["gb_seconds"] > 0
    assert told["period"]["dollars_per_thousand"] > 0
    assert "US$ per 1,000 pictures" in stack.darkroom("stats").stdout
