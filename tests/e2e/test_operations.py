"""An operator's commands on a stack: sweep, render again, rebuild the views."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from darkroom.adapters.dynamodb import DynamoLedger, DynamoViews
from darkroom.domain.entries import State
from darkroom.domain.keys import picture_id_of
from tests.e2e.conftest import Stack, fetch, send, wait_for
from tests.pictures import a_photograph, a_small_png

JSON = "application/json"


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


@pytest.mark.full  # waits until every warm function has reloaded its profile
def test_a_picture_has_its_own_focus(
    second_stack: Stack, push: Callable[[Mapping[str, Any]], None], tmp_path: Path
) -> None:
    """By metadata, `POST /`, a job, `darkroom drop`, and by a choice afterwards, which gives new files."""
    stack, picture = second_stack, a_photograph(600, 300, kind="PNG")
    crop = {"fit": "cover", "ratio": [1, 1]}
    push(
        {
            "name": "own",
            "ladders": {"main": {"widths": [64], "formats": {"jpeg": {"quality": 80}}, "crop": crop}},
        }
    )
    kind = "multipart/form-data; boundary=X"
    field = '--X\r\nContent-Disposition: form-data; name="focus"\r\n\r\n0,0.5\r\n'
    file = '--X\r\nContent-Disposition: form-data; name="upload"; filename="posted.png"\r\n\r\n'
    body = (field + file).encode() + picture + b"\r\n--X--\r\n"
    uploads = [{"name": "announced.png", "size": len(picture), "type": "image/png", "focus": [0.5, 0.5]}]

    stack.client("s3").put_object(
        Bucket=stack.status["uploads_bucket"], Key="put.png", Body=picture, Metadata={"focus": "1,0.5"}
    )
    assert fetch(f"{stack.status['web']}/", method="POST", body=body, Content_Type=kind).status < 300
    announced = json.dumps({"uploads": uploads}).encode()
    job = fetch(f"{stack.status['web']}/jobs", JSON, "POST", announced, Content_Type=JSON).json
    assert send(job["rows"][0]["post"], picture).status == 204

    (tmp_path / "dropped.png").write_bytes(picture)
    dropped = stack.darkroom("drop", "--focus", "0.375,0.5", tmp_path / "dropped.png")
    assert dropped.returncode == 0, dropped.stderr

    found = [stack.settled(f"{name}.jpg") for name in ("put", "posted", "announced", "dropped")]
    assert [receipt["windows"][0]["left"] for receipt in found] == [300, 0, 150, 75]
    before = found[0]
    chosen = fetch(
        f"{stack.status['web']}/pictures/{before['id']}/focus", JSON, "POST", b"focus=0.25,0.5",
        Content_Type="application/x-www-form-urlencoded",
    )  # fmt: skip
    assert chosen.status == 202

    def again() -> dict[str, Any] | None:
        receipt = stack.settled("put.jpg")
        return receipt if receipt["at"] != before["at"] else None

    after = wait_for(again, "the picture to be rendered again")
    assert after["windows"][0]["left"] == 0
    assert after["version"] == before["version"]
    assert not {r["key"] for r in after["renditions"]} & {r["key"] for r in before["renditions"]}


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
