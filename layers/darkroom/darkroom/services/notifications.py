"""What the render queue carries: S3 notifications, and strangers."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from darkroom.domain.keys import digest, is_folder
from darkroom.domain.timestamps import now, timestamp
from darkroom.domain.uploads import NO_VERSION, Removal, Upload


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """One queue message, read: the changes that it names, and why the rest of it concerns nobody here."""

    changes: tuple[Upload | Removal, ...]
    ignored: tuple[str, ...]

    def correlation(self, otherwise: str) -> str:
        """What it is called in the logs: as the first upload that it tells of."""
        return self.changes[0].correlation if self.changes else otherwise


def parse_queue_message(body: str, bucket: str, message: str = "") -> QueueMessage:
    """What a message says has happened in `bucket`. Never raises: all else is ignored, with why.

    The message's own id stands for a request whose id it does not tell.
    """
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return QueueMessage((), ("not JSON",))
    if not isinstance(said, dict):
        return QueueMessage((), ("not an object",))
    if said.get("Event") == "s3:TestEvent":
        return QueueMessage((), ("the test event that S3 sends when a notification is set up",))
    records = said.get("Records")
    if not isinstance(records, list) or not records:
        return QueueMessage((), ("no records",))
    found = [_change(record, bucket, message) for record in records]
    return QueueMessage(
        tuple(each for each in found if not isinstance(each, str)),
        tuple(each for each in found if isinstance(each, str)),
    )


def notification_of(upload: Upload) -> str:
    """The S3 notification for an upload; `parse_queue_message` reads the same upload from it."""
    item = {"key": quote_plus(upload.key, safe="/"), "size": upload.size_bytes, "eTag": upload.etag}
    item |= {"versionId": upload.version} | ({"sequencer": upload.sequencer} if upload.sequencer else {})
    told = {"bucket": {"name": upload.bucket}, "object": item}
    # Where nobody has told it, one that is the same each time.
    request = upload.request or digest(upload.picture_id, upload.version)
    record = {
        "eventName": "ObjectCreated:Put",
        "eventTime": upload.arrived,
        "responseElements": {_REQUEST: request},
        "s3": told,
    }
    return json.dumps({"Records": [record]})


# https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
_MARKERS = {"ObjectRemoved:DeleteMarkerCreated", "LifecycleExpiration:DeleteMarkerCreated"}
_LONGEST = 1024  # of a key, a version and an ETag, in bytes
_REQUEST = "x-amz-request-id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_SEQUENCER = re.compile(r"[0-9A-Fa-f]{1,64}")
_LARGEST_BYTES = 1 << 50
_TOLD = 100  # characters of what a stranger says
_DELETIONS = {"ObjectRemoved:Delete", "LifecycleExpiration:Delete"}


def _change(record: Any, bucket: str, message: str) -> Upload | Removal | str:
    """What a record says has happened, or why it concerns nobody here."""
    try:
        event, told = str(record["eventName"]).removeprefix("s3:"), record["s3"]
        source, item = told["bucket"]["name"], told["object"]
        # Decoded once, here: a key that was itself percent-encoded stays as it was put.
        key = unquote_plus(item["key"], errors="strict")
        version, etag = str(item.get("versionId") or NO_VERSION), str(item.get("eTag") or "").strip('"')
        longest = max(len(text.encode()) for text in (key, version, etag))
        told_size = item.get("size")
        size_bytes = -1 if told_size is None else int(told_size)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return "a record that S3 would not write"
    if not key:
        return "a record without a key"
    sequencer = str(item.get("sequencer"))
    # Any other would come after all that S3 writes, and keep what comes later from being shown.
    sequencer = sequencer if _SEQUENCER.fullmatch(sequencer) else ""
    # Nor could the ledger hold it; S3's own limit is 5 TB.
    if longest > _LONGEST or abs(size_bytes) > _LARGEST_BYTES:
        return "a record that S3 would not write"
    request = _request_of(record) or message
    if source != bucket:
        return f"another bucket: {ascii(source)[:_TOLD]}"
    if event in _MARKERS | _DELETIONS:
        return Removal(source, key, version, sequencer, event in _MARKERS, request)
    if not event.startswith("ObjectCreated:"):
        return f"an event of no concern: {ascii(event)[:_TOLD]}"
    if is_folder(key, size_bytes):
        return "a folder, as the S3 console makes them"
    return Upload(
        bucket=source,
        key=key,
        version=version,
        etag=etag,
        size_bytes=size_bytes,
        sequencer=sequencer,
        arrived=_moment(record.get("eventTime")),
        request=request,
    )


def _moment(told: Any) -> str:
    """When it happened, as the ledger writes it; now, where that is not to be understood."""
    try:
        moment = datetime.fromisoformat(told)
        return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (TypeError, ValueError, OverflowError):
        return now()


def _request_of(record: dict[str, Any]) -> str:
    """The id of the request that a record tells of; it stands in logs, so it is one or nothing."""
    elements = record.get("responseElements")
    told = str(elements.get(_REQUEST, "")) if isinstance(elements, dict) else ""
    return told if _REQUEST_ID.fullmatch(told) else ""
