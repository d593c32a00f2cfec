"""What the render queue carries: S3 notifications, and strangers."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from darkroom.model import NO_VERSION, Upload, now


@dataclass(frozen=True, slots=True)
class Mail:
    """One queue message, read: the uploads that it names, and why the rest of it concerns nobody here."""

    uploads: tuple[Upload, ...]
    ignored: tuple[str, ...]


def read_mail(body: str, bucket: str) -> Mail:
    """The uploads into `bucket` that a message names. Never raises: all else is ignored, with why."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return Mail((), ("not JSON",))
    if not isinstance(message, dict):
        return Mail((), ("not an object",))
    if message.get("Event") == "s3:TestEvent":
        return Mail((), ("the test event that S3 sends when a notification is set up",))
    records = message.get("Records")
    if not isinstance(records, list) or not records:
        return Mail((), ("no records",))
    uploads, ignored = [], []
    for record in records:
        found = _upload(record, bucket)
        if isinstance(found, Upload):
            uploads.append(found)
        else:
            ignored.append(found)
    return Mail(tuple(uploads), tuple(ignored))


def _upload(record: Any, bucket: str) -> Upload | str:
    """The upload that a record names, or why it names none."""
    try:
        event, told = str(record["eventName"]), record["s3"]
        source, item = told["bucket"]["name"], told["object"]
        # Decoded once, here: a key that was itself percent-encoded stays as it was put.
        key = unquote_plus(item["key"], errors="strict")
        key.encode()
        size_bytes = int(item.get("size", 0))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return "a record that S3 would not write"
    if not key:
        return "a record without a key"
    if source != bucket:
        return f"another bucket: {source!a}"
    if not event.removeprefix("s3:").startswith("ObjectCreated:"):
        return f"an event of no concern: {event!a}"
    if key.endswith("/") and not size_bytes:
        return "a folder, as the S3 console makes them"
    return Upload(
        bucket=source,
        key=key,
        version=str(item.get("versionId") or NO_VERSION),
        etag=str(item.get("eTag", "")).strip('"'),
        size_bytes=size_bytes,
        sequencer=str(item.get("sequencer", "")),
        arrived=str(record.get("eventTime") or now()),
    )
