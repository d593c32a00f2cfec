"""Entries as DynamoDB items: the same shape in the ledger, its stream and the views."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from darkroom.domain.entries import Attempt, Entry, Latest, Outcome, State, SupersededRenditions
from darkroom.domain.jobs import Announced, IdempotentRequest, Job
from darkroom.domain.rows import JobView, Row, Tally
from darkroom.domain.serialization import parse_receipt, serialize_receipt
from darkroom.domain.uploads import Upload

type Attributes = dict[str, str | int]

_INDEX_SHARDS = 4
# How long what was announced and never came is kept; the tables drop it by themselves. Not a job's: that
# has an end of its own.
_EXPECTED_SECONDS = 24 * 3600

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def to_wire(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _serialize(value) for name, value in item.items()}


def from_wire(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _deserialize(value) for name, value in item.items()}


def item_of(entry: Entry) -> Attributes:
    """One entry as plain attributes. The receipt is JSON text: DynamoDB has no floats."""
    upload = entry.upload
    noted = entry.since or upload.arrived
    passing = entry.state is State.EXPECTED and not entry.job_id
    expires: Attributes = {"expires": _seconds(noted) + _EXPECTED_SECONDS} if passing else {}
    member: Attributes = {"job": entry.job_id, "number": entry.number} if entry.job_id else {}
    return (
        expires
        | member
        | {
            "picture": upload.picture_id,
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
            "request": upload.request,
            "receipt": json.dumps(serialize_receipt(entry.receipt)) if entry.receipt else "",
        }
    )


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
            request=item["request"],
        ),
        state=State(item["state"]),
        revision=int(item["revision"]),
        attempts=tuple(
            Attempt(**each | {"outcome": Outcome(each["outcome"]) if each["outcome"] else None})
            for each in json.loads(item["attempts"])
        ),
        since=item["since"],
        message=item["message"],
        receipt=parse_receipt(json.loads(item["receipt"])) if item["receipt"] else None,
        job_id=item.get("job", ""),
        number=int(item.get("number", 0)),
    )


# The range key of the item that holds what is latest; no version of S3's is called that.
LATEST = "latest"


def is_entry(item: Mapping[str, Any]) -> bool:
    """Whether an item is an upload's. Others say what is latest, how far a walk has come, what a job is."""
    return "state" in item


def latest_item_of(latest: Latest) -> Attributes:
    """What is latest under a key, as plain attributes."""
    return {
        "picture": latest.picture_id,
        "version": LATEST,
        "revision": latest.revision,
        "sequencer": latest.sequencer,
        "on_top": latest.version,
        "current_versions": json.dumps(latest.current_versions),
    }


def latest_of(item: Mapping[str, Any]) -> Latest:
    """The value that `latest_item_of` made this of."""
    current_versions = json.loads(item["current_versions"])
    return Latest(
        item["picture"], item["sequencer"], item["on_top"], int(item["revision"]), tuple(current_versions)
    )


_SUPERSEDED = "superseded:"


def superseded_partition(shard: str) -> str:
    """A partition of what was discarded, by the time at which it was; spread like the indexes."""
    return f"{_SUPERSEDED}{shard}"


def superseded_key(superseded_renditions: SupersededRenditions) -> dict[str, str]:
    moment = (
        f"{superseded_renditions.since}.{superseded_renditions.picture_id}.{superseded_renditions.version}"
    )
    return {"picture": superseded_partition(shard_of(superseded_renditions.picture_id)), "version": moment}


def superseded_item_of(superseded_renditions: SupersededRenditions) -> dict[str, str]:
    return superseded_key(superseded_renditions) | {"keys": json.dumps(superseded_renditions.keys)}


def superseded_of(item: Mapping[str, Any]) -> SupersededRenditions:
    """The value that `discarded_item_of` made this of."""
    # A time has a point of its own, before its milliseconds.
    seconds, rest, picture_id, version = str(item["version"]).split(".", 3)
    return SupersededRenditions(picture_id, version, f"{seconds}.{rest}", tuple(json.loads(item["keys"])))


# The partition of the items that say how far a walk has come; no picture's id is called that.
SCAN_CURSORS = "scan-cursors"


def shard_of(picture_id: str) -> str:
    """Which part of each index a picture stands on.

    One partition takes 1,000 writes a second, and what is new is written at one end of it: without shelves
    that would be the most that Darkroom takes of all pictures, of failures, or of those of one name.
    """
    return str(int(picture_id[:8], 16) % _INDEX_SHARDS)


INDEX_SHARDS = tuple(str(shard) for shard in range(_INDEX_SHARDS))


def sharded(shard: str, alias: str) -> str:
    """The part of an alias that one shelf has."""
    return f"{shard}/{alias}"


# A job has a partition of its own, beside those of pictures; no picture's id begins so.
_JOB = "job:"
_JOB_ITEM = "job"
_MANIFEST = "page:"
# The partition of the jobs that fall due one day, by the time at which they were created.
DUE = "jobs"
_REQUEST = "request:"


def job_key(job_id: str) -> dict[str, str]:
    """Where a job's record stands, in the ledger and in the views."""
    return {"picture": f"{_JOB}{job_id}", "version": _JOB_ITEM}


def is_job(item: Mapping[str, Any]) -> bool:
    """Whether an item of the ledger is a job's record."""
    return item["version"] == _JOB_ITEM and str(item["picture"]).startswith(_JOB)


def job_item_of(job: Job) -> Attributes:
    return {**job_key(job.id), "size": job.size, "created": job.created, "revision": job.revision}


def job_of(item: Mapping[str, Any]) -> Job:
    """The job that `job_item_of` made this of."""
    name = str(item["picture"]).removeprefix(_JOB)
    return Job(name, int(item["size"]), item["created"], int(item["revision"]))


def manifest_key(job_id: str, page: int) -> dict[str, str]:
    return {"picture": f"{_JOB}{job_id}", "version": f"{_MANIFEST}{page:04}"}


def manifest_item_of(job_id: str, page: int, announced: Sequence[Announced]) -> dict[str, str]:
    """A hundred members fit many times over: a name has 255 characters at most."""
    return manifest_key(job_id, page) | {"announced": json.dumps([asdict(each) for each in announced])}


def manifest_of(item: Mapping[str, Any]) -> list[Announced]:
    return [Announced(**each) for each in json.loads(item["announced"])]


def due_item_of(job: Job) -> dict[str, str]:
    return {"picture": DUE, "version": f"{job.created}.{job.id}"}


def due_job_of(item: Mapping[str, Any]) -> Job:
    created, _, name = str(item["version"]).rpartition(".")
    return Job(name, 0, created)


def request_key(request: str) -> dict[str, str]:
    return {"picture": f"{_REQUEST}{request}", "version": "request"}


def request_item_of(idempotent_request: IdempotentRequest) -> Attributes:
    return {
        **request_key(idempotent_request.request),
        "digest": idempotent_request.digest,
        "job": idempotent_request.job_id,
        "expires": idempotent_request.expires,
    }


def request_of(item: Mapping[str, Any]) -> IdempotentRequest:
    request = str(item["picture"]).removeprefix(_REQUEST)
    return IdempotentRequest(request, item["digest"], item["job"], int(item["expires"]))


# The range key of a member's row, beside the views of its uploads; no version of S3's is called that.
ROW = "row"


def row_item_of(row: Row) -> Attributes:
    """As JSON text: nothing but its revision is asked for by itself."""
    return {
        "picture": row.picture_id,
        "version": ROW,
        "revision": row.revision,
        "row": json.dumps(asdict(row)),
    }


def row_of_item(item: Mapping[str, Any]) -> Row:
    told = json.loads(item["row"])
    return Row(**told | {"state": State(told["state"])})


# The partition of the totals of all time, which are spread over items and added up when they are read: over
# as many as let a hundred batches of the stream be projected side by side.
TOTALS = "totals"
TOTALS_SHARDS = tuple(str(shard) for shard in range(32))


# Beside a job's record in the views, the items that its totals are spread over: none is written for more than
# its share of the uploads, however small the batches are that tell of them.
JOB_SHARDS = tuple(f"tally:{shard:02}" for shard in range(16))


def job_view_of(job_id: str, items: Sequence[Mapping[str, Any]]) -> JobView:
    """What all of a job's items in the views say together."""
    record = next((item for item in items if item["version"] == _JOB_ITEM), {})
    return JobView(
        id=job_id,
        size=int(record.get("size", 0)),
        created=record.get("created", ""),
        record=int(record.get("record", 0)),
        tally=sum(map(tally_of, items), Tally()),
        revision=sum(int(item["revision"]) for item in items),
    )


def tally_of(item: Mapping[str, Any]) -> Tally:
    return Tally(**{each.name: int(item.get(each.name, 0)) for each in fields(Tally)})
