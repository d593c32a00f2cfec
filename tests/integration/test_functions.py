"""Each function with the raw events that AWS sends, also used by `sam local invoke`."""

import json
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from types_boto3_dynamodb import DynamoDBClient
from types_boto3_s3 import S3Client

from darkroom.adapters.clients import sqs_client
from darkroom.adapters.dynamodb import DynamoLedger, DynamoViews
from darkroom.adapters.items import keyed
from darkroom.adapters.jobs import manifest_key
from darkroom.adapters.s3 import S3Reports
from darkroom.bootstrap.web import bootstrap
from darkroom.domain.entries import State
from darkroom.domain.keys import picture_id_of
from darkroom.domain.uploads import Upload
from darkroom.services.notifications import trial_message
from darkroom.services.projecting import Projection
from darkroom.services.trials import Trials
from darkroom.web.routes import ROUTES
from tests.aws import LiveProfile
from tests.builders import a_batch, a_job, a_member, a_message, a_notification, a_request, an_entry, an_event
from tests.cloudformation import PROJECT
from tests.integration.conftest import UPLOADS, Invoke
from tests.pictures import a_small_png


@pytest.fixture
def ledger(dynamodb: DynamoDBClient) -> DynamoLedger:
    return DynamoLedger("ledger", dynamodb)


@pytest.fixture
def views(dynamodb: DynamoDBClient) -> DynamoViews:
    return DynamoViews("views", dynamodb)


@pytest.mark.parametrize(
    ("event", "key"),
    [("render-s3-put", "image.png"), ("render-s3-put-odd-key", 'it\'s "odd" 100% ü.png')],
)
def test_an_upload_is_rendered_into_the_renditions_bucket(
    invoke: Invoke, s3: S3Client, ledger: DynamoLedger, event: str, key: str
) -> None:
    version = s3.put_object(Bucket=UPLOADS, Key=key, Body=a_small_png())["VersionId"]

    assert invoke("render", an_event(event)) == {"batchItemFailures": []}

    # The event has no version id: the latest version is rendered.
    entry = ledger.find(picture_id_of(UPLOADS, key), version)
    assert entry
    assert entry.state is State.RENDERED
    assert entry.receipt
    stored = {item["Key"] for item in s3.list_objects_v2(Bucket="renditions")["Contents"]}
    assert stored == {rendition.key for rendition in entry.receipt.renditions}
    assert not [key for key in stored if "image" in key or "odd" in key]


def test_an_outdated_version_is_superseded(invoke: Invoke, s3: S3Client, ledger: DynamoLedger) -> None:
    version = s3.put_object(Bucket=UPLOADS, Key="image.png", Body=a_small_png())["VersionId"]
    s3.put_object(Bucket=UPLOADS, Key="image.png", Body=a_small_png())
    event = a_message(a_notification("image.png", bucket=UPLOADS, version=version))

    assert invoke("render", event) == {"batchItemFailures": []}

    entry = ledger.find(picture_id_of(UPLOADS, "image.png"), version)
    assert entry
    assert entry.state is State.SUPERSEDED


def test_a_corrupt_upload_is_rejected_and_acknowledged(
    invoke: Invoke, s3: S3Client, ledger: DynamoLedger
) -> None:
    version = s3.put_object(Bucket=UPLOADS, Key="image.png", Body=a_small_png()[:200])["VersionId"]

    assert invoke("render", an_event("render-s3-put")) == {"batchItemFailures": []}

    entry = ledger.find(picture_id_of(UPLOADS, "image.png"), version)
    assert entry
    assert entry.rejection
    assert entry.rejection.reason == "corrupt_image"


def test_a_cold_start_without_a_valid_profile_fails_the_message_and_is_counted(
    invoke: Invoke,
    s3: S3Client,
    ledger: DynamoLedger,
    live_profile: LiveProfile,
    capsys: pytest.CaptureFixture[str],
) -> None:
    version = s3.put_object(Bucket=UPLOADS, Key="image.png", Body=a_small_png())["VersionId"]
    event = an_event("render-s3-put")
    live_profile.deploy(b'{"built_in": "nonesuch"}')

    failed = invoke("render", event)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    live_profile.deploy(b'{"built_in": "fast"}')
    again = invoke("render", event)

    assert failed == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
    [warning] = [line for line in lines if line.get("message") == "profile_fault"]
    assert warning["level"] == "WARNING"
    assert "built_in: must be the name of a built-in profile" in warning["reason"]
    assert [1.0] in [line.get("ProfileFault") for line in lines]
    assert again == {"batchItemFailures": []}
    entry = ledger.find(picture_id_of(UPLOADS, "image.png"), version)
    assert entry
    assert entry.receipt
    assert entry.receipt.profile == "fast"


@pytest.mark.parametrize("event", ["render-s3-test-event", "render-foreign-message"])
def test_a_foreign_message_is_acknowledged_without_an_entry(
    invoke: Invoke, dynamodb: DynamoDBClient, event: str
) -> None:
    assert invoke("render", an_event(event)) == {"batchItemFailures": []}

    assert dynamodb.scan(TableName="ledger")["Count"] == 0


def test_an_internal_fault_fails_the_message(invoke: Invoke, s3: S3Client, dynamodb: DynamoDBClient) -> None:
    s3.put_object(Bucket=UPLOADS, Key="image.png", Body=a_small_png())
    dynamodb.delete_table(TableName="ledger")
    event = an_event("render-s3-put")

    assert invoke("render", event) == {
        "batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]
    }


def test_a_key_cannot_forge_a_log_line(
    invoke: Invoke, s3: S3Client, capsys: pytest.CaptureFixture[str]
) -> None:
    key = 'a\n{"level": "ERROR"}.png'
    version = s3.put_object(Bucket=UPLOADS, Key=key, Body=a_small_png())["VersionId"]

    invoke("render", a_message(a_notification(key, bucket=UPLOADS, version=version)))

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "ERROR" not in [line.get("level") for line in lines]
    assert 'a\\n{"level": "ERROR"}.png' in [line.get("key") for line in lines]


@pytest.fixture
def dead_letter(s3: S3Client) -> dict[str, Any]:
    version = s3.put_object(Bucket=UPLOADS, Key="image.png", Body=a_small_png())["VersionId"]
    return a_message(a_notification("image.png", bucket=UPLOADS, version=version), "park-dead-letter")


def test_park_records_a_failed_entry_with_its_message(
    invoke: Invoke, ledger: DynamoLedger, dead_letter: dict[str, Any]
) -> None:
    assert invoke("park", dead_letter) == {"batchItemFailures": []}

    [entry] = ledger.of_picture(picture_id_of(UPLOADS, "image.png"))
    assert entry.state is State.FAILED
    assert entry.message == dead_letter["Records"][0]["body"]


def test_a_dead_letter_stays_in_its_queue_if_park_fails(
    invoke: Invoke, dynamodb: DynamoDBClient, dead_letter: dict[str, Any]
) -> None:
    dynamodb.delete_table(TableName="ledger")

    assert invoke("park", dead_letter) == {
        "batchItemFailures": [{"itemIdentifier": dead_letter["Records"][0]["messageId"]}]
    }


def test_a_foreign_dead_letter_is_logged_and_dropped(
    invoke: Invoke, dynamodb: DynamoDBClient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke("park", an_event("render-foreign-message")) == {"batchItemFailures": []}

    assert dynamodb.scan(TableName="ledger")["Count"] == 0
    assert '"message":"ignored"' in capsys.readouterr().out


def test_sweep_enqueues_a_lost_upload(
    invoke: Invoke, s3: S3Client, ledger: DynamoLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqs = sqs_client()
    queue = sqs.create_queue(QueueName="render")["QueueUrl"]
    monkeypatch.setenv("RENDER_QUEUE_URL", queue)
    monkeypatch.setenv("SWEEP_AFTER_MINUTES", "0")
    version = s3.put_object(Bucket=UPLOADS, Key="image.png", Body=a_small_png())["VersionId"]
    s3.put_object(Bucket="renditions", Key="orphan", Body=b"")

    invoke("sweep", {})

    [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
    [record] = json.loads(message["Body"])["Records"]
    assert record["s3"]["object"]["versionId"] == version
    entry = ledger.find(picture_id_of(UPLOADS, "image.png"), version)
    assert entry
    assert entry.state is State.EXPECTED
    assert s3.list_objects_v2(Bucket="renditions")["KeyCount"] == 1  # too young to be removed


def test_a_repeated_stream_record_is_projected_once(invoke: Invoke, views: DynamoViews) -> None:
    event = an_event("project-stream-record")

    for _ in range(2):
        assert invoke("project", event) == {"batchItemFailures": []}

    [view] = views.of_picture(picture_id_of(UPLOADS, "image.png"))
    assert view.state is State.RENDERED
    assert [named.key for named in views.named("image.jpg")] == ["image.png"]


def test_project_writes_rows_and_totals_and_ignores_other_items(invoke: Invoke, views: DynamoViews) -> None:
    job = a_job(size=2, revision=2)
    torn = {"picture": "x", "version": "v1", "state": "rendered"}
    members = a_member(0, State.RENDERED), a_member(1, State.REJECTED)
    event = a_batch(keyed(manifest_key(job.id, 0), announced="[]"), members[0], job, torn, members[1])
    event["Records"].insert(4, {"dynamodb": {"SequenceNumber": "removed", "Keys": {}}})

    for _ in range(2):
        assert invoke("project", event) == {"batchItemFailures": [{"itemIdentifier": "3"}]}

    view = views.job(job.id)
    assert view
    assert view.complete
    assert (view.tally.rendered, view.tally.rejected, views.totals().rendered) == (1, 1, 1)


def test_a_failed_projection_is_reported_to_the_stream(invoke: Invoke, dynamodb: DynamoDBClient) -> None:
    dynamodb.delete_table(TableName="views")
    event = an_event("project-stream-record")

    assert invoke("project", event) == {
        "batchItemFailures": [{"itemIdentifier": event["Records"][0]["dynamodb"]["SequenceNumber"]}]
    }


@pytest.fixture
def shown(s3: S3Client, views: DynamoViews) -> None:
    """The rendered picture image.png."""
    entry = an_entry("image.png", bucket=UPLOADS)
    Projection(views).apply([entry])
    assert entry.receipt
    for rendition in entry.receipt.renditions:
        s3.put_object(Bucket="renditions", Key=rendition.key, Body=b"jpeg")


@pytest.mark.usefixtures("shown")
class TestWeb:
    def test_the_home_page_is_html(self, invoke: Invoke) -> None:
        response = invoke("web", an_event("web-get-home"))

        assert response["statusCode"] == 200
        assert response["headers"]["Content-Type"].startswith("text/html")
        assert response["headers"]["X-Content-Type-Options"] == "nosniff"
        assert "image.png" in response["body"]

    def test_a_picture_is_shown_as_a_page(self, invoke: Invoke) -> None:
        response = invoke("web", an_event("web-get-picture-html"))

        assert response["statusCode"] == 200
        assert "data:image/jpeg;base64,anBlZw==" in response["body"]
        assert not response.get("isBase64Encoded")

    def test_a_picture_is_returned_as_json(self, invoke: Invoke) -> None:
        response = invoke("web", an_event("web-get-picture-json"))

        assert response["headers"]["Content-Type"] == "application/json"
        receipt = json.loads(response["body"])
        assert receipt["status"] == "rendered"
        assert all("X-Amz-Signature" in rendition["url"] for rendition in receipt["renditions"])

    def test_an_image_request_is_redirected_to_a_rendition(self, invoke: Invoke) -> None:
        response = invoke("web", an_event("web-get-picture-image"))

        assert response["statusCode"] == 302
        assert "/prefix/640.jpg" in response["headers"]["Location"]

    def test_a_picture_page_has_its_own_path(self, invoke: Invoke) -> None:
        path = f"/pictures/{picture_id_of(UPLOADS, 'image.png')}"

        assert invoke("web", a_request(path))["statusCode"] == 200

    def test_every_route_has_a_handler(self, invoke: Invoke) -> None:
        invoke("web", an_event("web-get-home"))

        _, handlers = bootstrap(lambda *_: None, lambda _: None)
        assert handlers.keys() == {route.operation for route in ROUTES} | {"not_found", "broken"}

    def test_a_matching_etag_gets_304(self, invoke: Invoke) -> None:
        etag = invoke("web", a_request("/openapi.json"))["headers"]["ETag"]

        response = invoke("web", a_request("/openapi.json", if_none_match=etag))

        assert (response["statusCode"], response["body"]) == (304, "")
        assert response["headers"]["ETag"] == etag
        assert "Content-Type" not in response["headers"]

    @pytest.mark.parametrize(
        "path", ["/a b\"'<>?.jpg", "/ü😀\u0301.jpg", "/a/b/c.jpg", "/docs/x.jpg", "/%25.jpg", "/\n.jpg"]
    )
    def test_unusual_paths_are_404(self, invoke: Invoke, path: str) -> None:
        response = invoke("web", a_request(path))

        assert response["statusCode"] == 404
        assert "There is no picture or page at this address" in response["body"]


def test_a_posted_picture_is_stored_unchanged(invoke: Invoke, s3: S3Client, ledger: DynamoLedger) -> None:
    event = an_event("web-post-multipart")

    response = invoke("web", event)

    assert response["statusCode"] == 202  # nothing is rendered in this test
    [stored] = s3.list_objects_v2(Bucket=UPLOADS)["Contents"]
    assert stored["Key"].endswith("/image.png")
    content = s3.get_object(Bucket=UPLOADS, Key=stored["Key"])["Body"].read()
    assert content in b64decode(event["body"])
    assert Image.open(BytesIO(content)).size == (48, 32)
    expected = ledger.find(picture_id_of(UPLOADS, stored["Key"]), "expected")
    assert expected
    assert expected.state is State.EXPECTED


def test_every_event_file_is_used_by_a_test() -> None:
    source = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))

    assert [path.stem for path in (PROJECT / "events").iterdir() if f'"{path.stem}"' not in source] == []


@pytest.mark.parametrize("function", ["render", "park"])
def test_a_trial_is_in_the_reports_bucket_only(
    invoke: Invoke, s3: S3Client, ledger: DynamoLedger, function: str
) -> None:
    """Also after the last attempt: an operator has nothing to retry."""
    trials = Trials(S3Reports("reports", s3))
    version = s3.put_object(Bucket=UPLOADS, Key="image.png", Body=a_small_png())["VersionId"]
    trial = trials.create(Upload(UPLOADS, "image.png", version, size_bytes=100), '{"built_in": "fast"}')

    assert invoke(function, a_message(trial_message(trial.id))) == {"batchItemFailures": []}

    result = trials.result(trial.id)
    assert bool(result and result.receipt.renditions) == (function == "render")
    assert "Contents" not in s3.list_objects_v2(Bucket="renditions")
    assert list(ledger.records()) == []
    trials.end(trial.id)
    assert "Contents" not in s3.list_objects_v2(Bucket="reports")
