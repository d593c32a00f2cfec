"""What each function measures, with units and dimensions, is what docs/operations.md lists, and no more."""

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


class House:
    """All functions on one account, and what they have measured."""

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
        answer = self._invoke(function, event)
        lines = [json.loads(line) for line in self._capsys.readouterr().out.splitlines()]
        self.measured += [line for line in lines if "_aws" in line]
        return answer

    def put(self, key: str, content: bytes) -> str:
        return self._s3.put_object(Bucket=UPLOADS, Key=key, Body=content)["VersionId"]

    def render(self, key: str, version: str, **told: Any) -> None:
        self.call("render", a_message(a_notification(key, bucket=UPLOADS, version=version, **told)))

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
            if all(line.get(each) == value for each, value in dimensions.items())
            for value in line.get(name, [])
        ]


@pytest.fixture
def house(
    invoke: Invoke, s3: S3Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> House:
    return House(invoke, s3, monkeypatch, capsys)


def test_the_functions_measure_what_the_docs_list_in_the_units_that_they_name(
    house: House,
    dynamodb: DynamoDBClient,
    live_profile: LiveProfile,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue = sqs_client().create_queue(QueueName="render")["QueueUrl"]
    monkeypatch.setenv("RENDER_QUEUE_URL", queue)
    monkeypatch.setenv("JOB_TIMEOUT_MINUTES", "0")
    ledger = DynamoLedger("ledger", dynamodb)

    # An upload that a newer one overtakes, one that is rejected, and one that is deleted.
    first, second = house.put("a.png", a_small_png(1)), house.put("a.png", a_small_png(2))
    house.render("a.png", second, sequencer="02")
    house.render("a.png", first, sequencer="01")
    house.render("a.png", second, sequencer="02")
    house.render("b.png", house.put("b.png", b"no picture"))
    removed = "ObjectRemoved:Delete"
    house._s3.delete_object(Bucket=UPLOADS, Key="a.png", VersionId=second)
    house.render("a.png", second, event=removed, sequencer="03")
    house.call("render", an_event("render-foreign-message"))
    # Faults of ours: a profile that is none, and what can't be parked, projected or answered.
    good = live_profile.deploy
    good(b'{"built_in": "nonesuch"}')
    house.render("c.png", house.put("c.png", a_small_png(3)))
    good(b'{"built_in": "default"}')
    dead = an_event("park-dead-letter")
    house.call("park", dead)
    house.call("park", an_event("render-foreign-message"))
    [parked] = [e for e in ledger.of_picture(picture_id_of(UPLOADS, "image.png")) if e.state is State.FAILED]
    for action in ("retry", "skip"):
        house.call("web", a_request(f"/failures/{parked.id}/{action}", "POST"))
    house.call("web", an_event("web-post-multipart"))
    house.call("project", a_batch(a_member(0, State.RENDERED), a_job(size=1, revision=2)))
    uploads = json.dumps({"uploads": [{"name": "a.png", "size": 1, "type": "image/png"}]})
    house.call("web", a_request("/jobs", "POST", uploads, content_type="application/json"))
    house.call("sweep", {})
    dynamodb.delete_table(TableName="ledger")
    house.call("park", dead)
    dynamodb.delete_table(TableName="views")
    house.call("web", an_event("web-get-home"))
    # And tokens that can't be read.
    for name, value in {"AUTH": "token", "TOKENS_PARAMETER": "x", "AWS_ENDPOINT_URL_SSM": NOWHERE}.items():
        monkeypatch.setenv(name, value)
    house.call("web", a_request(authorization="Bearer x"))

    assert house.metrics == documented()


def test_bytes_and_seconds_are_those_of_the_picture(house: House, dynamodb: DynamoDBClient) -> None:
    content = a_small_png(1)
    house.render("a.png", version := house.put("a.png", content))

    entry = DynamoLedger("ledger", dynamodb).find(picture_id_of(UPLOADS, "a.png"), version)
    assert entry
    assert entry.receipt
    renditions = entry.receipt.renditions
    assert house.values("BytesIn") == [len(content)]
    assert house.values("BytesOut") == [sum(each.size_bytes for each in renditions)]
    assert house.values("BytesSaved") == [entry.receipt.saved_bytes]
    assert house.values("Renditions") == [len(renditions)]
    spent = sum(entry.receipt.milliseconds.values()) / 1000
    assert sum(house.values("StepSeconds")) == pytest.approx(spent, abs=0.01)
    [decoded] = house.values("StepPeakMB", step="decode")
    assert decoded > 5
    [waited] = house.values("SecondsToRendered")
    assert waited > 60  # the event says that it came long ago


def test_a_redelivery_counts_no_picture_twice(house: House) -> None:
    version = house.put("a.png", a_small_png(1))
    for _ in range(3):
        house.render("a.png", version)

    assert (house.values("Rendered"), house.values("Repeated")) == ([1], [1, 1])
    assert len(house.values("BytesIn")) == 1


def test_a_rejection_is_counted_by_its_reason(house: House) -> None:
    house.render("a.png", house.put("a.png", b"no picture"))

    assert house.values("Rejected", reason="unsupported_format") == [1]
