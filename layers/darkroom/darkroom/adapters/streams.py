"""A DynamoDB stream's batches."""

from collections.abc import Iterable
from typing import Any

from darkroom.adapters.items import entry_of, from_wire, is_entry, is_job, job_of
from darkroom.domain.entries import Entry
from darkroom.domain.jobs import Job
from darkroom.services.projecting import Record


def records_of(event: dict[str, Any]) -> list[Record]:
    """The records of a batch of the ledger's stream, each with what it changes in the views, if anything."""
    return [_record_of(record["dynamodb"]) for record in event["Records"]]


def _record_of(change: dict[str, Any]) -> Record:
    name = change["SequenceNumber"]
    try:
        return Record(name, _change_of(change))
    except Exception as fault:  # noqa: BLE001 - what can't be read is told like what can't be written
        return Record(name, fault=fault)


def _change_of(change: dict[str, Any]) -> Entry | Job | None:
    # What has expired has no image; its view expires by itself.
    item = from_wire(change.get("NewImage", {}))
    if not item:
        return None
    return entry_of(item) if is_entry(item) else job_of(item) if is_job(item) else None


def failures(names: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """The answer that names the records that failed: Lambda repeats the batch from the first of them."""
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}
