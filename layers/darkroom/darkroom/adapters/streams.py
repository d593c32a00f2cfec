"""Batches of the ledger's DynamoDB stream."""

from collections.abc import Iterable
from typing import Any

from darkroom.adapters.items import change_of, from_wire
from darkroom.services.projecting import Record


def records_of(event: dict[str, Any]) -> list[Record]:
    """Parses the records of a batch, each with its change to the views, if any."""
    return [_record_of(record["dynamodb"]) for record in event["Records"]]


def _record_of(change: dict[str, Any]) -> Record:
    sequence_number = change["SequenceNumber"]
    try:
        # An expired item has no image. Its view has its own expiry.
        item = from_wire(change.get("NewImage", {}))
        return Record(sequence_number, change_of(item) if item else None)
    except Exception as fault:  # noqa: BLE001 - an unreadable record fails like one that cannot be projected
        return Record(sequence_number, fault=fault)


def partial_batch_response(sequence_numbers: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """Returns the response for failed records: Lambda retries the batch from the first of them."""
    return {"batchItemFailures": [{"itemIdentifier": number} for number in sequence_numbers]}
