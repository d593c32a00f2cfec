"""Parses the messages of the render queue: S3 notifications, and messages from other senders."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from darkroom.domain.focus import parse_focus
from darkroom.domain.keys import digest, is_folder, is_id
from darkroom.domain.limits import MAX_VERSION_BYTES
from darkroom.domain.timestamps import now, timestamp
from darkroom.domain.uploads import NO_VERSION, Removal, S3Change, Upload


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A parsed queue message: its changes, and the reasons for ignoring its other records.

    Instead of both it may have the id of a trial.
    """

    changes: tuple[S3Change, ...]
    ignored: tuple[str, ...]
    trial_id: str = ""

    def correlation(self, default: str) -> str:
        """Returns the correlation id of the first change, or the trial's; `default` without both."""
        return self.changes[0].correlation if self.changes else self.trial_id or default


def parse_queue_message(body: str, bucket: str, message_id: str = "") -> QueueMessage:
    """Parses a message about `bucket`. Never raises: everything else is ignored, with a reason.

    `message_id` is used as the request id of records without one.
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return QueueMessage((), ("not JSON",))
    if not isinstance(message, dict):
        return QueueMessage((), ("not an object",))
    if message.get("Event") == "s3:TestEvent":
        return QueueMessage((), ("S3's test event for a new notification configuration",))
    trial_id = message.get(_TRIAL)
    if isinstance(trial_id, str) and is_id(trial_id):
        return QueueMessage((), (), trial_id)
    records = message.get("Records")
    if not isinstance(records, list) or not records:
        return QueueMessage((), ("no records",))
    parsed = [_parse_record(record, bucket, message_id) for record in records]
    return QueueMessage(
        changes=tuple(change for change in parsed if not isinstance(change, str)),
        ignored=tuple(reason for reason in parsed if isinstance(reason, str)),
    )


def notification_of(change: S3Change) -> str:
    """Returns an S3 notification for a change, the inverse of `parse_queue_message`."""
    item: dict[str, Any] = {"key": quote_plus(change.key, safe="/"), "versionId": change.version}
    # An unknown request id is replaced by one derived from the change, so that a repeated call returns the
    # same notification.
    request_id = change.request_id or digest(change.picture_id, change.version)
    record: dict[str, Any] = {"responseElements": {_REQUEST: request_id}}
    if isinstance(change, Removal):
        record |= {"eventName": "ObjectRemoved:" + ("DeleteMarkerCreated" if change.marker else "Delete")}
    else:
        record |= {"eventName": "ObjectCreated:Put", "eventTime": change.arrived}
        item |= {"size": change.size_bytes, "eTag": change.etag}
        if change.chosen_focus:
            item |= {_FOCUS: change.chosen_focus}
    record["s3"] = {"bucket": {"name": change.bucket}, "object": item}
    return json.dumps({"Records": [record]})


def trial_message(trial_id: str) -> str:
    """Returns the message that starts a trial."""
    return json.dumps({_TRIAL: trial_id})


_TRIAL = "darkroomTrial"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
_MARKERS = {"ObjectRemoved:DeleteMarkerCreated", "LifecycleExpiration:DeleteMarkerCreated"}
_MAX_TEXT_BYTES = 1024  # of a key and an ETag
_REQUEST = "x-amz-request-id"
_FOCUS = "darkroomFocus"
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_MAX_SIZE_BYTES = 1 << 50  # S3's own limit is 5 TB
_QUOTED_CHARACTERS = 100  # of a bucket or an event type in a reason
_DELETIONS = {"ObjectRemoved:Delete", "LifecycleExpiration:Delete"}


def _parse_record(record: Any, bucket: str, message_id: str) -> S3Change | str:
    """Parses a record; returns a reason if the record is to be ignored."""
    try:
        event, notification = str(record["eventName"]).removeprefix("s3:"), record["s3"]
        source, item = notification["bucket"]["name"], notification["object"]
        # Keys are decoded only here, so no key is decoded twice: if a name really contains "%20", those three
        # characters stay in the key.
        key = unquote_plus(item["key"], errors="strict")
        version, etag = str(item.get("versionId") or NO_VERSION), str(item.get("eTag") or "").strip('"')
        longest = max(len(text.encode()) for text in (key, etag))
        version_bytes = len(version.encode())
        size = item.get("size")
        size_bytes = -1 if size is None else int(size)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return "an invalid record"
    if not key:
        return "a record without a key"
    # The ledger could not store these.
    if longest > _MAX_TEXT_BYTES or version_bytes > MAX_VERSION_BYTES or abs(size_bytes) > _MAX_SIZE_BYTES:
        return "an invalid record"
    request_id = _request_id_of(record) or message_id
    if source != bucket:
        return f"another bucket: {ascii(source)[:_QUOTED_CHARACTERS]}"
    if event in _MARKERS | _DELETIONS:
        return Removal(source, key, version, marker=event in _MARKERS, request_id=request_id)
    if not event.startswith("ObjectCreated:"):
        return f"an event of another type: {ascii(event)[:_QUOTED_CHARACTERS]}"
    if is_folder(key, size_bytes):
        return "a folder created in the S3 console"
    return Upload(
        bucket=source,
        key=key,
        version=version,
        etag=etag,
        size_bytes=size_bytes,
        arrived=_moment(record.get("eventTime")),
        request_id=request_id,
        chosen_focus=_focus_of(item),
    )


def _focus_of(item: dict[str, Any]) -> str:
    """Returns the focus chosen on a picture's page, which asks for another rendering; S3 sends none."""
    focus = item.get(_FOCUS)
    return focus if isinstance(focus, str) and parse_focus(focus) else ""


def _moment(event_time: Any) -> str:
    """Returns the event's time as a timestamp; the current time if it is invalid."""
    try:
        moment = datetime.fromisoformat(event_time)
        return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (TypeError, ValueError, OverflowError):
        return now()


def _request_id_of(record: dict[str, Any]) -> str:
    """Returns the request id of a record; empty if invalid, because logs must not contain unchecked text."""
    elements = record.get("responseElements")
    request_id = str(elements.get(_REQUEST, "")) if isinstance(elements, dict) else ""
    return request_id if _REQUEST_ID.fullmatch(request_id) else ""
