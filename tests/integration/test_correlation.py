"""One upload has the same correlation id in all logs, from its request to the push."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from types_boto3_dynamodb import DynamoDBClient
from types_boto3_s3 import S3Client

from darkroom.adapters.items import from_wire
from darkroom.adapters.live import DynamoChannels
from tests.builders import a_batch, a_message, a_notification, a_request, an_event
from tests.gateway import Gateway, a_gateway
from tests.integration.conftest import CONNECTION, UPLOADS, Invoke
from tests.pictures import a_small_png

JSON = "application/json"


@pytest.fixture
def gateway(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    with a_gateway() as gateway:
        monkeypatch.setenv("LIVE_ENDPOINT", gateway.address)
        gateway.sent[CONNECTION] = []
        yield gateway


def the_stream(dynamodb: DynamoDBClient) -> dict[str, Any]:
    """A stream batch of all items of the ledger."""
    return a_batch(*map(from_wire, dynamodb.scan(TableName="ledger")["Items"]))


def correlation_ids(capsys: pytest.CaptureFixture[str], message: str) -> list[str]:
    """The correlation ids of the log lines with this message."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line.get("correlation_id") for line in lines if line.get("message") == message]


def test_a_posted_picture_has_one_correlation_id_in_web_render_and_project(
    invoke: Invoke, s3: S3Client, dynamodb: DynamoDBClient, capsys: pytest.CaptureFixture[str]
) -> None:
    event = an_event("web-post-multipart")
    event["headers"]["accept"] = "application/json"

    response = json.loads(invoke("web", event)["body"])
    stored = correlation_ids(capsys, "stored")
    notification = a_notification(response["key"], bucket=UPLOADS, version="null", request="OTHER")
    invoke("render", a_message(notification))
    rendered = correlation_ids(capsys, "rendered")
    invoke("project", the_stream(dynamodb))

    correlation_id = response["correlation_id"]
    assert response["key"] == f"{correlation_id}/image.png"
    assert (stored, rendered, set(correlation_ids(capsys, "projected"))) == (
        [correlation_id],
        [correlation_id],
        {correlation_id},
    )


def test_a_push_has_the_correlation_id_of_the_logs(
    invoke: Invoke,
    s3: S3Client,
    dynamodb: DynamoDBClient,
    gateway: Gateway,
    capsys: pytest.CaptureFixture[str],
) -> None:
    uploads = json.dumps({"uploads": [{"name": "a.png", "size": 100, "type": "image/png"}]})
    request = a_request("/jobs", "POST", uploads, content_type=JSON, accept=JSON)

    job = json.loads(invoke("web", request)["body"])
    [row] = job["rows"]
    DynamoChannels("channels", dynamodb).join(job["id"], CONNECTION, 1 << 40)
    version = s3.put_object(Bucket=UPLOADS, Key=row["key"], Body=a_small_png())["VersionId"]
    notification = a_notification(row["key"], bucket=UPLOADS, version=version)
    invoke("render", a_message(notification))
    rendered = correlation_ids(capsys, "rendered")
    invoke("project", the_stream(dynamodb))

    correlation_id = row["correlation_id"]
    pushed = [push for text in gateway.sent[CONNECTION] for push in json.loads(text)["uploads"]]
    assert row["key"] == f"{correlation_id}/a.png"
    assert rendered == [correlation_id]
    assert set(correlation_ids(capsys, "projected")) == {correlation_id}
    assert [(push["type"], push["correlation_id"]) for push in pushed] == [
        ("upload.rendered", correlation_id)
    ]


def test_a_direct_upload_has_the_s3_request_id_as_correlation_id(
    invoke: Invoke, s3: S3Client, dynamodb: DynamoDBClient, capsys: pytest.CaptureFixture[str]
) -> None:
    version = s3.put_object(Bucket=UPLOADS, Key="image.png", Body=a_small_png())["VersionId"]
    notification = a_notification("image.png", bucket=UPLOADS, version=version, request="C3D13FE58DE4C810")

    invoke("render", a_message(notification))
    rendered = correlation_ids(capsys, "rendered")
    invoke("project", the_stream(dynamodb))

    assert rendered == correlation_ids(capsys, "projected") == ["C3D13FE58DE4C810"]


def test_a_failed_upload_keeps_its_correlation_id(
    invoke: Invoke, s3: S3Client, dynamodb: DynamoDBClient, capsys: pytest.CaptureFixture[str]
) -> None:
    version = s3.put_object(Bucket=UPLOADS, Key="image.png", Body=a_small_png())["VersionId"]
    notification = a_notification("image.png", bucket=UPLOADS, version=version, request="C3D13FE58DE4C810")
    s3.delete_bucket(Bucket="renditions")

    invoke("render", a_message(notification))
    failed = correlation_ids(capsys, "message failed")
    invoke("park", a_message(notification, "park-dead-letter"))

    assert failed == correlation_ids(capsys, "recorded as failed") == ["C3D13FE58DE4C810"]
