"""One upload followed by its name in the logs, from the request that stores it to the push."""

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
    """What the ledger's stream tells of all that stands there."""
    return a_batch(*map(from_wire, dynamodb.scan(TableName="ledger")["Items"]))


def names(capsys: pytest.CaptureFixture[str], message: str) -> list[str]:
    """What the lines that say `message` call their uploads."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line.get("correlation_id") for line in lines if line.get("message") == message]


def test_a_posted_picture_has_one_name_in_web_render_and_project(
    invoke: Invoke, s3: S3Client, dynamodb: DynamoDBClient, capsys: pytest.CaptureFixture[str]
) -> None:
    event = an_event("web-post-multipart")
    event["headers"]["accept"] = "application/json"

    answer = json.loads(invoke("web", event)["body"])
    stored = names(capsys, "stored")
    told = a_notification(answer["key"], bucket=UPLOADS, version="null", request="OTHER")
    invoke("render", a_message(told))
    rendered = names(capsys, "rendered")
    invoke("project", the_stream(dynamodb))

    name = answer["correlation_id"]
    assert answer["key"] == f"{name}/image.png"
    assert (stored, rendered, set(names(capsys, "projected"))) == ([name], [name], {name})


def test_the_push_calls_a_jobs_upload_as_the_logs_do(
    invoke: Invoke,
    s3: S3Client,
    dynamodb: DynamoDBClient,
    gateway: Gateway,
    capsys: pytest.CaptureFixture[str],
) -> None:
    uploads = json.dumps({"uploads": [{"name": "a.png", "size": 100, "type": "image/png"}]})
    announced = a_request("/jobs", "POST", uploads, content_type=JSON, accept=JSON)

    job = json.loads(invoke("web", announced)["body"])
    [row] = job["rows"]
    DynamoChannels("channels", dynamodb).join(job["id"], CONNECTION, 1 << 40)
    version = s3.put_object(Bucket=UPLOADS, Key=row["key"], Body=a_small_png())["VersionId"]
    told = a_notification(row["key"], bucket=UPLOADS, version=version)
    invoke("render", a_message(told))
    rendered = names(capsys, "rendered")
    invoke("project", the_stream(dynamodb))

    name = row["correlation_id"]
    pushed = [each for text in gateway.sent[CONNECTION] for each in json.loads(text)["uploads"]]
    assert row["key"] == f"{name}/a.png"
    assert rendered == [name]
    assert set(names(capsys, "projected")) == {name}
    assert [(each["type"], each["correlation_id"]) for each in pushed] == [("upload.rendered", name)]


def test_what_was_put_straight_into_the_bucket_is_called_after_that_request(
    invoke: Invoke, s3: S3Client, dynamodb: DynamoDBClient, capsys: pytest.CaptureFixture[str]
) -> None:
    version = s3.put_object(Bucket=UPLOADS, Key="image.png", Body=a_small_png())["VersionId"]
    told = a_notification("image.png", bucket=UPLOADS, version=version, request="C3D13FE58DE4C810")

    invoke("render", a_message(told))
    rendered = names(capsys, "rendered")
    invoke("project", the_stream(dynamodb))

    assert rendered == names(capsys, "projected") == ["C3D13FE58DE4C810"]


def test_what_fails_and_is_parked_keeps_its_name(
    invoke: Invoke, s3: S3Client, dynamodb: DynamoDBClient, capsys: pytest.CaptureFixture[str]
) -> None:
    version = s3.put_object(Bucket=UPLOADS, Key="image.png", Body=a_small_png())["VersionId"]
    told = a_notification("image.png", bucket=UPLOADS, version=version, request="C3D13FE58DE4C810")
    s3.delete_bucket(Bucket="renditions")

    invoke("render", a_message(told))
    failed = names(capsys, "failed")
    invoke("park", a_message(told, "park-dead-letter"))

    assert failed == names(capsys, "failed") == ["C3D13FE58DE4C810"]
