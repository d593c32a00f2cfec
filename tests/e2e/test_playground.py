"""The playground on a stack: a trial has a result, and leaves nothing behind."""

from collections import Counter
from typing import Any

import pytest

from tests.e2e.conftest import Response, Stack, fetch, wait_for
from tests.pictures import a_photograph, a_small_png

PROFILE = """{
  "name": "tried",
  "ladders": {
    "main": {"widths": [160, 320], "formats": {"jpeg": {"target": 60}, "avif": {"target": 60}}},
    "square": {
      "widths": [80], "formats": {"jpeg": {"quality": 50}}, "crop": {"fit": "cover", "ratio": [1, 1]}
    }
  }
}"""


def start(stack: Stack, content: bytes = b"", **fields: str) -> Response:
    parts = [f'name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    if content:
        parts.append(b'name="upload"; filename="sent.jpg"\r\n\r\n' + content)
    body = b"".join(b"--X\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts)
    return fetch(
        f"{stack.status['web']}/playground",
        "application/json",
        "POST",
        body + b"--X--\r\n",
        Content_Type="multipart/form-data; boundary=X",
    )


def result_of(stack: Stack, trial_id: str) -> dict[str, Any]:
    def result() -> Any:
        response = stack.get(f"/playground/{trial_id}", "application/json")
        assert response.status in (200, 202)
        return response.json if response.status == 200 else None

    return dict(wait_for(result, "the result of the trial"))


def end(stack: Stack, trial_id: str) -> None:
    response = fetch(f"{stack.status['web']}/playground/{trial_id}/end", method="POST")
    assert response.status == 303
    assert stack.get(f"/playground/{trial_id}", "application/json").status == 404


def test_a_picture_of_the_stack_is_tried_with_another_profile(stack: Stack) -> None:
    picture = stack.rendered("tried.jpg", a_photograph(500, 400))
    started = start(stack, profile=PROFILE, picture=picture["id"])
    assert started.status == 202, started.text

    result = result_of(stack, started.json["id"])

    assert (result["status"], result["profile"], result["size_bytes"]) == (
        "rendered",
        "tried",
        picture["size_bytes"],
    )
    made = {(r["ladder"], r["format"], r["width"]) for r in result["renditions"]}
    assert made >= {("main", "jpeg", 320), ("main", "avif", 320), ("square", "jpeg", 80)}
    assert all(rendition["score"] for rendition in result["renditions"] if rendition["ladder"] == "main")
    assert all(fetch(rendition["url"]).status == 200 for rendition in result["renditions"])
    assert 0 < result["cost"]["total"] < 1
    page = stack.get(f"/playground/{started.json['id']}", "text/html").text
    assert "darkroom profile push profile.json" in page
    end(stack, started.json["id"])
    assert fetch(result["renditions"][0]["url"]).status == 404


def test_a_picture_that_is_damaged_is_rejected_in_words(stack: Stack) -> None:
    started = start(stack, a_photograph(500, 400)[:5000], profile=PROFILE)

    result = result_of(stack, started.json["id"])

    assert (result["status"], result["rejection"]["reason"]) == ("rejected", "corrupt_image")
    end(stack, started.json["id"])


def stored(stack: Stack) -> Counter[str]:
    """Everything that a stack stores: all objects with their versions, all items of the tables, all messages.

    The sweep's scan cursors are left out: it runs by itself.
    """
    s3, dynamodb, sqs = (stack.client(service) for service in ("s3", "dynamodb", "sqs"))
    found: Counter[str] = Counter()
    for name in ("uploads_bucket", "renditions_bucket", "reports_bucket"):
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=stack.status[name])
        versions = [
            item for page in pages for kind in ("Versions", "DeleteMarkers") for item in page.get(kind, [])
        ]
        found.update(f"{name}: {item['Key']} {item['VersionId']}" for item in versions)
    for name in ("ledger_table", "views_table"):
        pages = dynamodb.get_paginator("scan").paginate(TableName=stack.status[name])
        items = [repr(sorted(item.items())) for page in pages for item in page["Items"]]
        found.update(f"{name}: {item}" for item in items if "scan-cursors" not in item)
    for name in ("queue_url", "dead_letters_url"):
        counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = sqs.get_queue_attributes(QueueUrl=stack.status[name], AttributeNames=counts)
        found.update({f"{name}: {count}": int(attributes["Attributes"][count]) for count in counts})
    return found


def stored_if_idle(stack: Stack) -> Counter[str] | None:
    found = stored(stack)
    return found if stored(stack) == found else None


@pytest.mark.local("reads all tables, and no other client may write meanwhile")
def test_trials_leave_nothing_behind(stack: Stack) -> None:
    picture = stack.rendered("unchanged.jpg", a_photograph(400, 300))
    before = wait_for(lambda: stored_if_idle(stack), "the stack to be idle")

    of_the_stack = start(stack, profile=PROFILE, picture=picture["id"]).json["id"]
    result_of(stack, of_the_stack)
    sent = start(stack, a_photograph(300, 200), profile=PROFILE, trial=of_the_stack).json["id"]
    result_of(stack, sent)
    again = start(stack, profile='{"built_in": "fast"}', trial=sent).json["id"]
    assert start(stack, a_small_png(), profile="{}").status == 422
    end(stack, again)  # it may be waiting, in progress or done

    # What other tests left, such as the row of a closed connection, may go meanwhile.
    wait_for(lambda: not stored(stack) - before, "nothing to be left")
    assert stack.get(f"/pictures/{picture['id']}", "application/json").json["profile"] == "default"
