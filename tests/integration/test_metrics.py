"""The metrics of the functions equal the list in docs/operations.md, with units and dimensions."""

import json
from typing import Any

import pytest
from types_boto3_dynamodb import DynamoDBClient
from types_boto3_s3 import S3Client

from darkroom.adapters.clients import sqs_client
from darkroom.adapters.dynamodb import DynamoLedger
from darkroom.domain.entries import State
from darkroom.domain.keys import picture_id_of
from tests.aws import LiveProfile
from tests.builders import a_batch, a_job, a_member, a_message, a_notification, a_request, an_event
from tests.integration.conftest import UPLOADS, Invoke
from tests.measured import Metric, documented
from tests.pictures import a_small_png

NOWHERE = "http://127.0.0.1:9"


class Functions:
    """All functions on one account, and the metrics in their logs."""

    def __init__(
        self,
        invoke: Invoke,
        s3: S3Client,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self._invoke, self._s3 = invoke, s3
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self.measured: list[dict[str, Any]] = []

    def call(self, function: str, event: dict[str, Any]) -> Any:
        self._monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"measured-{function}")
        response = self._invoke(function, event)
        lines = [json.loads(line) for line in self._capsys.readouterr().out.splitlines()]
        self.measured += [line for line in lines if "_aws" in line]
        return response

    def put(self, key: str, content: bytes) -> str:
        return self._s3.put_object(Bucket=UPLOADS, Key=key, Body=content)["VersionId"]

    def render(self, key: str, version: str, **changes: Any) -> None:
        self.call("render", a_message(a_notification(key, bucket=UPLOADS, version=version, **changes)))

    @property
    def metrics(self) -> set[Metric]:
        return {
            (
                metric["Name"],
                metric["Unit"],
                line["service"].removeprefix("measured-"),
                "".join(name for name in dimensions if name != "service"),
            )
            for line in self.measured
            for directive in line["_aws"]["CloudWatchMetrics"]
            for dimensions in directive["Dimensions"]
            for metric in directive["Metrics"]
        }

    def values(self, name: str, **dimensions: str) -> list[float]:
        return [
            value
            for line in self.measured
            if all(line.get(dimension) == value for dimension, value in dimensions.items())
            for value in line.get(name, [])
        ]


@pytest.fixture
def functions(
    invoke: Invoke, s3: S3Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Functions:
    return Functions(invoke, s3, monkeypatch, capsys)


def test_the_metrics_match_the_documented_list(
    functions: Functions,
    dynamodb: DynamoDBClient,
    live_profile: LiveProfile,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue = sqs_client().create_queue(QueueName="render")["QueueUrl"]
    monkeypatch.setenv("RENDER_QUEUE_URL", queue)
    monkeypatch.setenv("JOB_TIMEOUT_MINUTES", "0")
    ledger = DynamoLedger("ledger", dynamodb)

    # A superseded upload, a rejected one, and a deleted one.
    first, second = functions.put("a.png", a_small_png(1)), functions.put("a.png", a_small_png(2))
    functions.render("a.png", second)
    functions.render("a.png", first)
    functions.render("a.png", second)
    functions.render("b.png", functions.put("b.png", b"no picture"))
    removed = "ObjectRemoved:Delete"
    functions._s3.delete_object(Bucket=UPLOADS, Key="a.png", VersionId=second)
    functions.render("a.png", second, event=removed)
    functions.call("render", an_event("render-foreign-message"))
    # An invalid profile, then faults of park, project and web.
    live_profile.deploy(b'{"built_in": "nonesuch"}')
    functions.render("c.png", functions.put("c.png", a_small_png(3)))
    live_profile.deploy(b'{"built_in": "default"}')
    unread = functions.put("image.png", a_small_png())
    dead = a_message(a_notification("image.png", bucket=UPLOADS, version=unread), "park-dead-letter")
    functions.call("park", dead)
    functions.call("park", an_event("render-foreign-message"))
    [failed] = [e for e in ledger.of_picture(picture_id_of(UPLOADS, "image.png")) if e.state is State.FAILED]
    for action in ("retry", "skip"):
        functions.call("web", a_request(f"/failures/{failed.id}/{action}", "POST"))
    functions.call("web", an_event("web-post-multipart"))
    shown = a_member(0, State.RENDERED)
    functions.call("project", a_batch(shown, a_job(size=1, revision=2)))
    uploads = json.dumps({"uploads": [{"name": "a.png", "size": 1, "type": "image/png"}]})
    functions.call("web", a_request("/jobs", "POST", uploads, content_type="application/json"))
    functions.call("web", a_request(f"/pictures/{shown.picture_id}", "DELETE"))
    functions.call("sweep", {})
    dynamodb.delete_table(TableName="ledger")
    functions.call("park", dead)
    dynamodb.delete_table(TableName="views")
    functions.call("web", an_event("web-get-home"))
    # Tokens that cannot be read.
    for name, value in {"AUTH": "token", "TOKENS_PARAMETER": "x", "AWS_ENDPOINT_URL_SSM": NOWHERE}.items():
        monkeypatch.setenv(name, value)
    functions.call("web", a_request(authorization="Bearer x"))

    assert functions.metrics == documented()


def test_metrics_of_bytes_and_seconds_match_the_receipt(
    functions: Functions, dynamodb: DynamoDBClient
) -> None:
    content = a_small_png(1)
    functions.render("a.png", version := functions.put("a.png", content))

    entry = DynamoLedger("ledger", dynamodb).find(picture_id_of(UPLOADS, "a.png"), version)
    assert entry
    assert entry.receipt
    renditions = entry.receipt.renditions
    assert functions.values("BytesIn") == [len(content)]
    assert functions.values("BytesOut") == [sum(rendition.size_bytes for rendition in renditions)]
    assert functions.values("BytesSaved") == [entry.receipt.saved_bytes]
    assert functions.values("Renditions") == [len(renditions)]
    seconds = sum(entry.receipt.milliseconds.values()) / 1000
    assert sum(functions.values("StepSeconds")) == pytest.approx(seconds, abs=0.01)
    [peak_mb] = functions.values("StepPeakMB", step="decode")
    assert peak_mb > 5
    [duration] = functions.values("SecondsToRendered")
    assert duration > 60  # the event's time is long ago


def test_a_redelivery_counts_as_repeated(functions: Functions) -> None:
    version = functions.put("a.png", a_small_png(1))
    for _ in range(3):
        functions.render("a.png", version)

    assert (functions.values("Rendered"), functions.values("Repeated")) == ([1], [1, 1])
    assert len(functions.values("BytesIn")) == 1


def test_a_rejection_is_counted_by_reason(functions: Functions) -> None:
    functions.render("a.png", functions.put("a.png", b"no picture"))

    assert functions.values("Rejected", reason="unsupported_format") == [1]
