"""Domain objects as DynamoDB items, the same in the ledger, its stream and the views."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from darkroom.domain.entries import Attempt, Entry, Outcome, State, SupersededRenditions
from darkroom.domain.jobs import Job
from darkroom.domain.serialization import parse_receipt, serialize_receipt
from darkroom.domain.uploads import Upload

type Key = tuple[str, str]  # partition key and range key
type Item = dict[str, Any]

_INDEX_SHARDS = 4
# Time to live of an announced upload without a job. The announcements of a job end at the job's timeout.
_EXPECTED_SECONDS = 24 * 3600

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def to_wire(item: Mapping[str, Any]) -> Item:
    return {name: _serialize(value) for name, value in item.items()}


def from_wire(item: Mapping[str, Any]) -> Item:
    return {name: _deserialize(value) for name, value in item.items()}


def keyed(key: Key, **attributes: Any) -> Item:
    partition, range_key = key
    return {"picture": partition, "version": range_key, **attributes}


def item_of(entry: Entry) -> Item:
    """Returns an entry's item. The receipt is JSON text, because boto3 accepts no floats."""
    upload = entry.upload
    since = entry.since or upload.arrived
    item: Item = {
        "picture": upload.picture_id,
        "version": upload.version,
        "state": entry.state.value,
        "revision": entry.revision,
        "attempts": json.dumps([asdict(attempt) for attempt in entry.attempts]),
        "since": since,
        "message": entry.message,
        "bucket": upload.bucket,
        "key": upload.key,
        "etag": upload.etag,
        "size_bytes": upload.size_bytes,
        "latest_revision": entry.latest_revision,
        "generation": entry.generation,
        "arrived": upload.arrived,
        "request": upload.request_id,
        "focus": upload.focus,
        "chosen_focus": upload.chosen_focus,
        "receipt": json.dumps(serialize_receipt(entry.receipt)) if entry.receipt else "",
    }
    if entry.job_id:
        item |= {"job": entry.job_id, "number": entry.number}
    elif entry.state is State.EXPECTED:
        item["expires"] = int(datetime.fromisoformat(since).timestamp()) + _EXPECTED_SECONDS
    return item


def entry_of(item: Item) -> Entry:
    """Parses an entry's item; other attributes are ignored."""
    return Entry(
        upload=Upload(
            bucket=item["bucket"],
            key=item["key"],
            version=item["version"],
            etag=item["etag"],
            size_bytes=int(item["size_bytes"]),
            arrived=item["arrived"],
            request_id=item["request"],
            focus=item.get("focus", ""),  # items of earlier releases have neither
            chosen_focus=item.get("chosen_focus", ""),
        ),
        state=State(item["state"]),
        revision=int(item["revision"]),
        attempts=tuple(
            Attempt(**attempt | {"outcome": Outcome(attempt["outcome"]) if attempt["outcome"] else None})
            for attempt in json.loads(item["attempts"])
        ),
        since=item["since"],
        message=item["message"],
        receipt=parse_receipt(json.loads(item["receipt"])) if item["receipt"] else None,
        job_id=item.get("job", ""),
        number=int(item.get("number", 0)),
        latest_revision=int(item["latest_revision"]),
        generation=int(item["generation"]),
    )


def is_entry(item: Item) -> bool:
    """Distinguishes the item of an upload from Latest items, scan cursors and jobs."""
    return "state" in item


def superseded_partition(shard: str) -> str:
    """Returns the partition key of one shard of superseded renditions. A shard is sorted by time."""
    return f"superseded:{shard}"


def superseded_key(superseded_renditions: SupersededRenditions) -> Key:
    picture_id = superseded_renditions.picture_id
    range_key = f"{superseded_renditions.since}.{picture_id}.{superseded_renditions.version}"
    return superseded_partition(shard_of(picture_id)), range_key


def superseded_of(item: Item) -> SupersededRenditions:
    # The time itself contains a dot, before its milliseconds.
    seconds, milliseconds, picture_id, version = str(item["version"]).split(".", 3)
    return SupersededRenditions(
        picture_id, version, f"{seconds}.{milliseconds}", tuple(json.loads(item["keys"]))
    )


def shard_of(picture_id: str) -> str:
    """Returns the shard of a picture in each index.

    DynamoDB limits a partition to 1,000 writes per second. Without shards, this limit would apply to all
    pictures together, to all failures together, and to all pictures of one name.
    """
    return str(int(picture_id[:8], 16) % _INDEX_SHARDS)


INDEX_SHARDS = tuple(str(shard) for shard in range(_INDEX_SHARDS))


# Each job has its own partition; no picture id has this prefix.
_JOB = "job:"
JOB_ITEM = "job"


def job_key(job_id: str, range_key: str = JOB_ITEM) -> Key:
    """Returns the key of a job's item in the ledger and in the views, or of another item of its partition."""
    return f"{_JOB}{job_id}", range_key


def job_item_of(job: Job) -> Item:
    return keyed(job_key(job.id), size=job.size, created=job.created, revision=job.revision)


def job_of(item: Item) -> Job:
    job_id = str(item["picture"]).removeprefix(_JOB)
    return Job(job_id, int(item["size"]), item["created"], int(item["revision"]))


def change_of(item: Item) -> Entry | Job | None:
    """Parses an upload's or a job's item; None for the other items of the ledger."""
    if is_entry(item):
        return entry_of(item)
    is_job = item["version"] == JOB_ITEM and str(item["picture"]).startswith(_JOB)
    return job_of(item) if is_job else None
