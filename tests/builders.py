"""Builders of values for tests: name the values that matter; the rest have defaults."""

import json
from collections.abc import Mapping
from copy import replace
from typing import Any
from urllib.parse import quote_plus

from darkroom.adapters.items import item_of, job_item_of, to_wire
from darkroom.domain.auth import AuthMode
from darkroom.domain.entries import Attempt, Entry, Outcome, State
from darkroom.domain.jobs import AnnouncedUpload, Job
from darkroom.domain.receipts import Decision, Original, Receipt, Rejection, Rendered
from darkroom.domain.renditions import Encoded, Format, Rendition
from darkroom.domain.uploads import EXPECTED_VERSION, Upload
from darkroom.services.keys import Keys
from darkroom.services.members import member_key
from darkroom.services.reconciling import Reconciler
from darkroom.services.rendering import Renderer
from darkroom.web.auth import Authorizer, TokenCache
from darkroom.web.http import Responder
from darkroom_cli.stack import Status
from tests.cloudformation import PROJECT
from tests.fakes import FakeLedger, FakeOriginals, FakeProfiles, FakeRenditions, FakeTokenDocument

UPLOADS = "uploads"
# Id of the S3 request that stored an upload.
REQUEST = "C3D13FE58DE4C810"


def an_upload(key: str = "image.png", version: str = "v1", **changes: Any) -> Upload:
    default = Upload(
        bucket=UPLOADS,
        key=key,
        version=version,
        etag="d41d8cd98f00b204e9800998ecf8427e",
        size_bytes=1000,
        arrived="2026-01-02T03:04:05.678Z",
        request_id=REQUEST,
    )
    return replace(default, **changes)


def a_rendition(format: Format = Format.JPEG, width: int = 640, **changes: Any) -> Rendition:  # noqa: A002
    default = Rendition(
        format, width, width * 3 // 4, 75, size_bytes=width, key=f"prefix/{width}.{format.extension}"
    )
    return replace(default, **changes)


def a_receipt(*renditions: Rendition, **changes: Any) -> Receipt:
    default = Receipt(
        profile="default",
        profile_hash="0123456789abcdef",
        engine="engine 1",
        at="2026-01-02T03:04:06.000Z",
        size_bytes=1000,
        original=Original("png", 1280, 960, 1000),
        renditions=renditions or (a_rendition(width=100), a_rendition(width=640)),
        decisions=(Decision("avif_skipped", "AVIF was skipped: over its time budget."),),
        milliseconds={"decode": 1.5},
    )
    return replace(default, **changes)


def a_rejected_receipt(reason: str = "corrupt_image", sentence: str = "It is damaged.") -> Receipt:
    return replace(
        a_receipt(), original=None, renditions=(), decisions=(), rejection=Rejection(reason, sentence)
    )


def an_entry(
    key: str = "image.png", state: State = State.RENDERED, revision: int = 2, **changes: Any
) -> Entry:
    """Builds a rendered upload, or one in another state; other changes apply to its upload."""
    receipts = {State.RENDERED: a_receipt(), State.REJECTED: a_rejected_receipt()}
    receipt = changes.pop("receipt", receipts.get(state))
    attempts = changes.pop("attempts", (an_attempt(),))
    message = changes.pop("message", "")
    return Entry(
        an_upload(key, **changes), state, revision, attempts, receipt, "2026-01-02T03:04:06.789Z", message
    )


def an_announcement(name: str = "image.png", **changes: Any) -> AnnouncedUpload:
    return replace(AnnouncedUpload(name, 1000, "image/png"), **changes)


def a_job(id: str = "a" * 32, size: int = 3, **changes: Any) -> Job:  # noqa: A002
    return replace(Job(id, size, "2026-01-02T03:04:05.000Z"), **changes)


def a_member(number: int = 0, state: State = State.EXPECTED, job_id: str = "a" * 32, **changes: Any) -> Entry:
    """Builds a member of a job: its announcement, or an upload in another state."""
    key = member_key(job_id, number, f"{number}.png")
    if state is State.EXPECTED:
        upload = an_upload(key, EXPECTED_VERSION, etag="", arrived=a_job().created)
        return Entry(upload, state, 1, since=a_job().created, job_id=job_id, number=number)
    return replace(an_entry(key, state, **changes), job_id=job_id, number=number)


def an_attempt(outcome: Outcome | None = Outcome.CONCLUDED, detail: str = "") -> Attempt:
    return Attempt("2026-01-02T03:04:05.789Z", "2026-01-02T03:05:05.789Z", outcome, detail)


def a_rendering(*encoded: Encoded) -> Rendered:
    """Builds the output of an engine."""
    return Rendered(
        original=Original("png", 1280, 960, 1000),
        renditions=encoded or (an_encoded(width=100), an_encoded(width=640)),
        decisions=(),
        milliseconds={"decode": 1.5},
    )


def an_encoded(format: Format = Format.JPEG, width: int = 640) -> Encoded:  # noqa: A002
    return Encoded(format, width, width * 3 // 4, 75, f"{format} {width}".encode())


def a_reconciler(
    originals: FakeOriginals,
    renditions: FakeRenditions,
    ledger: FakeLedger,
    profiles: FakeProfiles | None = None,
    engine_version: str = "engine 1",
) -> Reconciler:
    """Builds a reconciler and its renderer on the same fakes."""
    renderer = Renderer(originals, renditions, profiles or FakeProfiles(), engine_version)
    return Reconciler(Keys(originals, ledger), renditions, renderer)


def a_notification(key: str = "image.png", **changes: Any) -> str:
    """Builds the queue message of an S3 notification, with the key encoded as S3 does."""
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": "2026-01-02T03:04:05.678Z",
        "eventName": changes.get("event", "ObjectCreated:Put"),
        "responseElements": {"x-amz-request-id": changes.get("request", REQUEST), "x-amz-id-2": "EXAMPLE"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {
                "name": changes.get("bucket", UPLOADS),
                "arn": f"arn:aws:s3:::{changes.get('bucket', UPLOADS)}",
            },
            "object": {
                "key": quote_plus(key, safe="/"),
                "size": changes.get("size_bytes", 1000),
                "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                "versionId": changes.get("version", "v1"),
                "sequencer": "0055AED6DCD90281E5",
            },
        },
    }
    return json.dumps({"Records": [record]})


def an_event(name: str) -> dict[str, Any]:
    """Reads a raw event from events/."""
    event = json.loads((PROJECT / "events" / f"{name}.json").read_text())
    assert isinstance(event, dict)
    return event


def a_request(path: str = "/", method: str = "GET", body: str = "", **headers: str) -> dict[str, Any]:
    """Builds the event of an HTTP API request; header names have "_" for a hyphen."""
    event = an_event("web-get-home")
    event |= {"rawPath": path, "routeKey": f"{method} {path}", "body": body}
    event["requestContext"]["http"] |= {"path": path, "method": method}
    event["headers"] |= {name.replace("_", "-"): value for name, value in headers.items()}
    return event


def a_message(body: str, event: str = "render-s3-put") -> dict[str, Any]:
    """Reads a raw event of a queue and replaces its body."""
    message = an_event(event)
    message["Records"][0]["body"] = body
    return message


def a_batch(*changes: Entry | Job | Mapping[str, Any]) -> dict[str, Any]:
    """Builds a batch of the ledger's stream: entries, jobs and other items, numbered from 0."""
    return {
        "Records": [
            {"eventName": "MODIFY", "dynamodb": {"SequenceNumber": str(number), "NewImage": to_wire(item)}}
            for number, item in enumerate(map(_item, changes))
        ]
    }


def _item(change: Entry | Job | Mapping[str, Any]) -> Mapping[str, Any]:
    match change:
        case Entry():
            return item_of(change)
        case Job():
            return job_item_of(change)
    return change


def a_status(**changes: Any) -> Status:
    """Builds a stack in the cloud; each output has its own name as its value."""
    names: dict[str, Any] = {name: name for name in Status.__dataclass_fields__}
    return Status(**names | {"aws_endpoint": None} | changes)


def an_authorizer(
    auth: AuthMode,
    token_cache: TokenCache | None = None,
    *,
    public_pages: bool = False,
    allowed_origins: frozenset[str] = frozenset(),
) -> Authorizer:
    """Builds an authorizer, by default without any token."""
    no_tokens = TokenCache(FakeTokenDocument(), report=lambda _: None)
    return Authorizer(auth, public_pages, allowed_origins, token_cache or no_tokens, Responder())
