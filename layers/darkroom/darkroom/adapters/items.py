"""Entries as DynamoDB items: the same shape in the ledger, its stream and the views."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from darkroom.documents import receipt_document, receipt_from
from darkroom.model import Attempt, Entry, Latest, Outcome, State, Upload

_SHELVES = 4
# How long what was announced and never came is kept; the tables drop it by themselves.
_EXPECTED_SECONDS = 24 * 3600


def item_of(entry: Entry) -> dict[str, str | int]:
    """One entry as plain attributes. The receipt is JSON text: DynamoDB has no floats."""
    upload = entry.upload
    noted = entry.since or upload.arrived
    expires = {"expires": _seconds(noted) + _EXPECTED_SECONDS} if entry.state is State.EXPECTED else {}
    return expires | {
        "picture": upload.picture,
        "version": upload.version,
        "state": entry.state.value,
        "revision": entry.revision,
        "attempts": json.dumps([asdict(attempt) for attempt in entry.attempts]),
        "since": noted,
        "message": entry.message,
        "bucket": upload.bucket,
        "key": upload.key,
        "etag": upload.etag,
        "size_bytes": upload.size_bytes,
        "sequencer": upload.sequencer,
        "arrived": upload.arrived,
        "receipt": json.dumps(receipt_document(entry.receipt)) if entry.receipt else "",
    }


def _seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


def entry_of(item: Mapping[str, Any]) -> Entry:
    """The entry that `item_of` made this of; extra attributes are passed over."""
    return Entry(
        upload=Upload(
            bucket=item["bucket"],
            key=item["key"],
            version=item["version"],
            etag=item["etag"],
            size_bytes=int(item["size_bytes"]),
            sequencer=item["sequencer"],
            arrived=item["arrived"],
        ),
        state=State(item["state"]),
        revision=int(item["revision"]),
        attempts=tuple(
            Attempt(**each | {"outcome": Outcome(each["outcome"]) if each["outcome"] else None})
            for each in json.loads(item["attempts"])
        ),
        since=item["since"],
        message=item["message"],
        receipt=receipt_from(json.loads(item["receipt"])) if item["receipt"] else None,
    )


# The range key of the item that holds what is latest; no version of S3's is called that.
LATEST = "latest"


def is_entry(item: Mapping[str, Any]) -> bool:
    """Whether an item of the ledger is an upload's; others say what is latest, or how far a walk has come."""
    return "state" in item


def latest_item_of(latest: Latest) -> dict[str, str | int]:
    """What is latest under a key, as plain attributes."""
    return {
        "picture": latest.picture,
        "version": LATEST,
        "revision": latest.revision,
        "sequencer": latest.sequencer,
        "on_top": latest.version,
    }


def latest_of(item: Mapping[str, Any]) -> Latest:
    """The value that `latest_item_of` made this of."""
    return Latest(item["picture"], item["sequencer"], item["on_top"], int(item["revision"]))


# The partition of the items that say how far a walk has come; no picture's id is called that.
WALKS = "walks"


def shelf_of(picture: str) -> str:
    """Which part of the index of recent uploads a picture stands on; spreads its writes over partitions."""
    return str(int(picture[:8], 16) % _SHELVES)


SHELVES = tuple(str(shelf) for shelf in range(_SHELVES))
