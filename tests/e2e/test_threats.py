"""Attacks by forms, ids and uploads on a stack with permissions enforced. See docs/security.md."""

import asyncio
import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.e2e.conftest import Stack, fetch, send, wait_for
from tests.pictures import a_small_png

type Fields = dict[str, str]

PICTURE = a_small_png(60)


def announce(stack: Stack, name: str = "a.png") -> Any:
    """Announces a job of one upload."""
    return stack.announce({name: PICTURE})


def keys_of(stack: Stack, prefix: str) -> list[str]:
    """Lists the keys of all versions in the uploads bucket under a prefix."""
    versions = stack.client("s3").get_paginator("list_object_versions")
    pages = versions.paginate(Bucket=stack.status["uploads_bucket"], Prefix=prefix)
    return [version["Key"] for page in pages for version in page.get("Versions", [])]


def with_policy(fields: Fields, **changes: Any) -> Fields:
    """Changes the form's policy but keeps its signature."""
    policy = json.loads(b64decode(fields["policy"])) | changes
    return fields | {"policy": b64encode(json.dumps(policy).encode()).decode()}


CHANGED: dict[str, Callable[[Fields], Fields]] = {
    "another key": lambda fields: fields | {"key": "another.png"},
    "a key beside it": lambda fields: fields | {"key": fields["key"] + ".png"},
    "a key above it": lambda fields: fields | {"key": f"{fields['key']}/../../a.png"},
    "a name for S3 to fill in": lambda fields: fields | {"key": "${filename}"},
    "another type": lambda fields: fields | {"Content-Type": "text/html"},
    "a redirect": lambda fields: fields | {"success_action_redirect": "https://evil.test/"},
    "open to all": lambda fields: fields | {"acl": "public-read"},
    "no conditions": lambda fields: with_policy(fields, conditions=[]),
    "more time": lambda fields: with_policy(fields, expiration="2099-01-01T00:00:00Z"),
    "no signature": lambda fields: {k: fields[k] for k in fields if k != "x-amz-signature"},
    "no policy": lambda fields: {k: fields[k] for k in ("key", "Content-Type")},
    "another signature": lambda fields: fields | {"x-amz-signature": "0" * 64},
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_changed_form_is_refused(stack: Stack, change: str) -> None:
    [row] = announce(stack)["rows"]
    fields = CHANGED[change](row["post"]["fields"])
    before = keys_of(stack, "")

    refused = send(row["post"] | {"fields": fields}, PICTURE)

    assert refused.status in (400, 403), refused.text
    assert keys_of(stack, "") == before


@pytest.mark.parametrize("size", [0, len(PICTURE) + 1, 2 * len(PICTURE)])
def test_a_form_refuses_any_other_size(stack: Stack, size: int) -> None:
    [row] = announce(stack)["rows"]

    refused = send(row["post"], (2 * PICTURE)[:size])

    assert refused.status == 400
    assert keys_of(stack, row["key"]) == []


def test_a_form_expires_after_five_minutes(stack: Stack) -> None:
    [row] = announce(stack)["rows"]
    signed = {
        seconds: stack.client("s3").generate_presigned_post(
            stack.status["uploads_bucket"], f"expired/{seconds}.png", ExpiresIn=seconds
        )
        for seconds in (60, -1)
    }

    ends = datetime.fromisoformat(json.loads(b64decode(row["post"]["fields"]["policy"]))["expiration"])
    assert timedelta(0) < ends - datetime.now(UTC) <= timedelta(minutes=5)
    assert send(signed[60], PICTURE).status == 204
    assert send(signed[-1], PICTURE).status == 403
    assert keys_of(stack, "expired/") == ["expired/60.png"]


def test_a_form_sent_twice_adds_versions_but_counts_once(stack: Stack) -> None:
    job = announce(stack)
    [row] = job["rows"]

    for content in (PICTURE, PICTURE, a_small_png(61)[: len(PICTURE)]):
        assert send(row["post"], content).status == 204

    def complete() -> Any:
        found = fetch(f"{stack.status['web']}/jobs/{job['id']}", "application/json").json
        return found if found["state"] == "complete" else None

    counts = wait_for(complete, "the job to be complete")["counts"]
    assert sum(counts.values()) == 1
    assert keys_of(stack, row["key"].partition("/")[0]) == [row["key"]] * 3


def test_a_picture_does_not_reveal_its_job(stack: Stack) -> None:
    job = announce(stack)
    [row] = job["rows"]
    assert send(row["post"], PICTURE).status == 204
    picture = f"{stack.status['web']}/pictures/{row['picture']}"

    wait_for(lambda: fetch(picture, "application/json").status == 200, "the picture to be rendered")

    pages = [fetch(picture, accept).text for accept in ("text/html", "application/json")]
    assert not [page for page in pages if job["id"] in page]
    for guess in (row["picture"], row["key"].partition("/")[0], "0" * 32, secrets.token_hex(16)):
        for rest in ("", "/uploads", "/receipts.csv", "/receipts.json", "/fetch.sh"):
            assert fetch(f"{stack.status['web']}/jobs/{guess}{rest}", "application/json").status == 404


def test_a_job_contains_only_its_own_uploads(stack: Stack) -> None:
    own, other = announce(stack, "mine.png"), announce(stack, "theirs.png")

    for rest in ("/uploads", "/receipts.csv", "/receipts.json", "/fetch.sh"):
        response = fetch(f"{stack.status['web']}/jobs/{own['id']}{rest}", "application/json")

        assert response.status == 200
        assert other["rows"][0]["key"] not in response.text
        assert other["rows"][0]["picture"] not in response.text


def test_a_ticket_works_only_once(stack: Stack) -> None:
    job = announce(stack)
    hello = {"action": "hello", "job": job["id"], "ticket": job["live"]["ticket"]}

    async def say_hello_twice() -> list[str]:
        async with ClientSession() as client:
            kinds = []
            for _ in range(2):
                async with client.ws_connect(job["live"]["url"]) as socket:
                    await socket.send_json(hello)
                    # A change of the job may arrive before its state.
                    while (message := await socket.receive_json(timeout=180))["type"] == "job.progress":
                        continue
                    kinds.append(message["type"])
            return kinds

    assert asyncio.run(say_hello_twice()) == ["state", "refused"]


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"


@pytest.mark.parametrize(
    ("name", "content"), [("a.svg", SVG), ("b.png", SVG), ("c.jpg", HTML), ("d.html", HTML)]
)
def test_svg_and_html_are_rejected_and_never_served(stack: Stack, name: str, content: bytes) -> None:
    def rejected() -> Any:
        """Returns the receipt, or None if the response came before it."""
        response = stack.post(content, name, "application/json")
        assert response.status in (202, 422)
        return response.json if response.status == 422 else None

    receipt = wait_for(rejected, "an upload to be rejected during its POST")

    assert receipt["rejection"]["reason"] == "unsupported_format"
    page = fetch(f"{stack.status['web']}/pictures/{receipt['id']}", "text/html")
    assert b"alert(1)" not in page.body
    image = fetch(f"{stack.status['web']}/pictures/{receipt['id']}", "image/*")
    assert image.status == 404
    bucket, key = stack.status["uploads_bucket"], receipt["key"]
    assert fetch(f"{stack.status['aws_endpoint']}/{bucket}/{key}").status == 403


def test_a_presigned_url_expires(stack: Stack) -> None:
    [rendition, *_] = stack.rendered("expiring.png", PICTURE)["renditions"]
    bucket, key = stack.status["renditions_bucket"], rendition["key"]

    url = stack.client("s3").generate_presigned_url("get_object", {"Bucket": bucket, "Key": key}, ExpiresIn=1)

    wait_for(lambda: fetch(url).status == 403, "the URL to expire")
    assert fetch(f"{stack.status['aws_endpoint']}/{bucket}/{key}").status == 403  # nor without a signature


def test_an_uploaded_rendition_is_rendered_once_without_a_loop(stack: Stack) -> None:
    s3, renditions = stack.client("s3"), stack.status["renditions_bucket"]
    first = stack.rendered("loop.png", PICTURE)
    [*_, rendition] = s3.list_objects_v2(Bucket=renditions, Prefix=f"{first['id']}/")["Contents"]
    content = s3.get_object(Bucket=renditions, Key=rendition["Key"])["Body"].read()

    again = stack.rendered(rendition["Key"], content)  # under the rendition's own key
    s3.put_object(
        Bucket=renditions, Key="loop-back.png", Body=PICTURE
    )  # the renditions bucket sends no events

    stack.rendered("loop-after.png", a_small_png(62))
    assert again["key"] == rendition["Key"]
    assert stack.get("/loop-back.jpg", "application/json").status == 404
    assert keys_of(stack, rendition["Key"]) == [rendition["Key"]]
