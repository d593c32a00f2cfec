"""Values for tests, with the noise hidden: name what matters, the rest is ordinary."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus

from darkroom.adapters.items import item_of, job_item_of, to_wire
from darkroom.domain.auth import AuthMode
from darkroom.domain.entries import Attempt, Entry, Outcome, State
from darkroom.domain.jobs import Announced, Job
from darkroom.domain.receipts import Decision, Original, Receipt, Rejection, Rendered
from darkroom.domain.renditions import Encoded, Format, Rendition
from darkroom.domain.uploads import EXPECTED_VERSION, Upload
from darkroom.services.members import member_key
from darkroom.web.auth import Authorizer, TokenCache
from darkroom.web.http import Responder
from darkroom_cli.stack import Status
from tests.cloudformation import PROJECT
from tests.fakes import FakeTokenDocument

UPLOADS = "uploads"
# Of the request that has stored an upload, as S3 calls it.
REQUEST = "C3D13FE58DE4C810"


def an_upload(key: str = "image.png", version: str = "v1", **changes: Any) -> Upload:
    ordinary = Upload(
        bucket=UPLOADS,
        key=key,
        version=version,
        etag="d41d8cd98f00b204e9800998ecf8427e",
        size_bytes=1000,
        sequencer="0055AED6DCD90281E5",
        arrived="2026-01-02T03:04:05.678Z",
        request=REQUEST,
    )
    return replace(ordinary, **changes)


def a_rendition(format: Format = Format.JPEG, width: int = 640, **changes: Any) -> Rendition:  # noqa: A002
    ordinary = Rendition(
        format, width, width * 3 // 4, 75, size_bytes=width, key=f"prefix/{width}.{format.extension}"
    )
    return replace(ordinary, **changes)


def a_receipt(*renditions: Rendition, **changes: Any) -> Receipt:
    ordinary = Receipt(
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
    return replace(ordinary, **changes)


def a_rejected_receipt(reason: str = "corrupt_image", sentence: str = "It is damaged.") -> Receipt:
    return replace(
        a_receipt(), original=None, renditions=(), decisions=(), rejection=Rejection(reason, sentence)
    )


def an_entry(
    key: str = "image.png", state: State = State.RENDERED, revision: int = 2, **changes: Any
) -> Entry:
    """A rendered upload, or one in another state; changes go to its upload."""
    receipts = {State.RENDERED: a_receipt(), State.REJECTED: a_rejected_receipt()}
    receipt = changes.pop("receipt", receipts.get(state))
    attempts = changes.pop("attempts", (an_attempt(),))
    message = changes.pop("message", "")
    return Entry(
        an_upload(key, **changes), state, revision, attempts, receipt, "2026-01-02T03:04:06.789Z", message
    )


def an_announcement(name: str = "image.png", **changes: Any) -> Announced:
    return replace(Announced(name, 1000, "image/png"), **changes)


def a_job(id: str = "a" * 32, size: int = 3, **changes: Any) -> Job:  # noqa: A002
    return replace(Job(id, size, "2026-01-02T03:04:05.000Z"), **changes)


def a_member(number: int = 0, state: State = State.EXPECTED, job_id: str = "a" * 32, **changes: Any) -> Entry:
    """One member of a job as it was announced, or what has come of it."""
    key = member_key(job_id, number, f"{number}.png")
    if state is State.EXPECTED:
        upload = an_upload(key, EXPECTED_VERSION, etag="", sequencer="", arrived=a_job().created)
        return Entry(upload, state, 1, since=a_job().created, job_id=job_id, number=number)
    return an_entry(key, state, **changes).of_job(job_id, number)


def an_attempt(outcome: Outcome | None = Outcome.CONCLUDED, why: str = "") -> Attempt:
    return Attempt("2026-01-02T03:04:05.789Z", "2026-01-02T03:05:05.789Z", outcome, why)


def a_rendering(*encoded: Encoded) -> Rendered:
    """What an engine hands over."""
    return Rendered(
        original=Original("png", 1280, 960, 1000),
        renditions=encoded or (an_encoded(width=100), an_encoded(width=640)),
        decisions=(),
        milliseconds={"decode": 1.5},
    )


def an_encoded(format: Format = Format.JPEG, width: int = 640) -> Encoded:  # noqa: A002
    return Encoded(format, width, width * 3 // 4, 75, f"{format} {width}".encode())


def a_notification(key: str = "image.png", **changes: Any) -> str:
    """One S3 notification as the queue carries it; the key is encoded as S3 does."""
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
                "sequencer": changes.get("sequencer", "0055AED6DCD90281E5"),
            },
        },
    }
    return json.dumps({"Records": [record]})


def an_event(name: str) -> dict[str, Any]:
    """One of the raw events in events/."""
    event = json.loads((PROJECT / "events" / f"{name}.json").read_text())
    assert isinstance(event, dict)
    return event


def a_request(path: str = "/", method: str = "GET", body: str = "", **headers: str) -> dict[str, Any]:
    """A request as an HTTP API hands it over; headers have "_" for a hyphen."""
    event = an_event("web-get-home")
    event |= {"rawPath": path, "routeKey": f"{method} {path}", "body": body}
    event["requestContext"]["http"] |= {"path": path, "method": method}
    event["headers"] |= {name.replace("_", "-"): value for name, value in headers.items()}
    return event


def a_message(body: str, event: str = "render-s3-put") -> dict[str, Any]:
    """One of a queue's raw events, with another body."""
    told = an_event(event)
    told["Records"][0]["body"] = body
    return told


def a_batch(*told: Entry | Job | Mapping[str, Any]) -> dict[str, Any]:
    """What the ledger's stream tells of entries, jobs and other items, numbered from 0."""
    return {
        "Records": [
            {"eventName": "MODIFY", "dynamodb": {"SequenceNumber": str(number), "NewImage": to_wire(item)}}
            for number, item in enumerate(map(_item, told))
        ]
    }


def _item(told: Entry | Job | Mapping[str, Any]) -> Mapping[str, Any]:
    match told:
        case Entry():
            return item_of(told)
        case Job():
            return job_item_of(told)
    return told


def a_status(**changes: Any) -> Status:
    """A stack in the cloud, whose every address is called as its place is."""
    names: dict[str, Any] = {name: name for name in Status.__dataclass_fields__}
    return Status(**names | {"aws_endpoint": None} | changes)


def an_authorizer(
    auth: AuthMode,
    token_cache: TokenCache | None = None,
    *,
    public_pages: bool = False,
    allowed_origins: frozenset[str] = frozenset(),
) -> Authorizer:
    """A gate; of nobody's making known unless it is told who may come in."""
    nobody = TokenCache(FakeTokenDocument(), report=lambda _: None)
    return Authorizer(auth, public_pages, allowed_origins, token_cache or nobody, Responder())
