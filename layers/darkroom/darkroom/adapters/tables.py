"""Batched calls and transactions on the tables keyed by picture and version: the ledger and the views."""

import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, Any

from darkroom.adapters.items import Item, Key, from_wire, keyed, to_wire
from darkroom.services.retries import Backoff

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import PutTypeDef, TransactWriteItemTypeDef

# DynamoDB's limits for BatchGetItem and BatchWriteItem.
_READ_BATCH = 100
_WRITE_BATCH = 25
_WRITERS = 8
# Reasons to retry a cancelled transaction, because botocore does not retry it. A conflict with another
# transaction lasts milliseconds; a throttled on-demand table needs seconds to scale.
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
_CONFLICT = Backoff(first_seconds=0.1, longest_seconds=0.8)
_THROTTLED = Backoff(first_seconds=0.5, longest_seconds=4)
_REPEATED = {
    "TransactionConflict": _CONFLICT,
    "ProvisionedThroughputExceeded": _THROTTLED,
    "ThrottlingError": _THROTTLED,
}
_ATTEMPTS = 5
# For a throttled table, or a response over 16 MB. Attempts are unlimited: the function has its own deadline.
_UNPROCESSED = Backoff(first_seconds=0.1, longest_seconds=2)


def key_of(partition: str, range_key: str) -> Item:
    return to_wire(keyed((partition, range_key)))


def replacing(table: str, item: Item, before: int) -> "PutTypeDef":
    """Returns a put of an item on the condition that the stored item has revision `before`.

    With 0, the condition is that no item is stored.
    """
    return {
        "TableName": table,
        "Item": to_wire(item),
        # DynamoDB rejects a value that the condition does not use, so both conditions use :before. No item
        # has revision 0.
        "ConditionExpression": "revision = :before"
        if before
        else "attribute_not_exists(picture) OR revision = :before",
        "ExpressionAttributeValues": {":before": {"N": str(before)}},
    }


@dataclass(frozen=True, slots=True)
class DynamoTable:
    """One table keyed by picture and version; every read of an item is consistent."""

    table: str
    client: "DynamoDBClient"
    read_batch: int = _READ_BATCH
    writers: int = _WRITERS
    sleep: Callable[[float], None] = time.sleep

    def _get(self, partition: str, range_key: str) -> Item | None:
        response = self.client.get_item(
            TableName=self.table, Key=key_of(partition, range_key), ConsistentRead=True
        )
        return from_wire(response["Item"]) if "Item" in response else None

    def _get_many(self, keys: Iterable[Key]) -> dict[Key, Item]:
        """Returns the items by key; missing items are left out."""
        items: dict[Key, Item] = {}
        for batch in batched(dict.fromkeys(keys), self.read_batch, strict=False):
            pending: list[Any] = [key_of(*key) for key in batch]
            for seconds in _UNPROCESSED.delays():
                response = self.client.batch_get_item(
                    RequestItems={self.table: {"Keys": pending, "ConsistentRead": True}}
                )
                for wire in response["Responses"].get(self.table, []):
                    item = from_wire(wire)
                    items[item["picture"], item["version"]] = item
                unprocessed = response.get("UnprocessedKeys", {}).get(self.table)
                if not unprocessed:
                    break
                pending = list(unprocessed["Keys"])
                self.sleep(seconds)
        return items

    def _partition_pages(self, partition: str) -> Iterator[list[Item]]:
        """Reads the items of one partition, in pages of at most 1 MB."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="picture = :partition",
            ExpressionAttributeValues={":partition": {"S": partition}},
            ConsistentRead=True,
        )
        return (list(map(from_wire, page["Items"])) for page in pages)

    def _before(self, partition: str, before: str, limit: int) -> list[Item]:
        """Reads the first `limit` items of a partition with a range key below `before`."""
        response = self.client.query(
            TableName=self.table,
            KeyConditionExpression="picture = :partition AND version < :before",
            ExpressionAttributeValues={":partition": {"S": partition}, ":before": {"S": before}},
            Limit=limit,
            ConsistentRead=True,
        )
        return list(map(from_wire, response["Items"]))

    def _read_many[T](self, keys: Collection[Key], parse: Callable[[Item], T]) -> list[T | None]:
        """Returns the parsed items in the order of their keys; None for a missing item."""
        items = self._get_many(keys)
        return [parse(items[key]) if key in items else None for key in keys]

    def _put_many(self, items: Iterable[Item]) -> None:
        """Puts items without a condition."""
        self._write_many({"PutRequest": {"Item": to_wire(item)}} for item in items)

    def _delete_many(self, keys: Iterable[Key]) -> None:
        """Deletes items. Idempotent: deleting a missing item is no error."""
        self._write_many({"DeleteRequest": {"Key": key_of(*key)}} for key in keys)

    def _write_many(self, requests: Iterable[Any]) -> None:
        def write(batch: tuple[Any, ...]) -> None:
            pending = list(batch)
            for seconds in _UNPROCESSED.delays():
                response = self.client.batch_write_item(RequestItems={self.table: pending})
                pending = list(response.get("UnprocessedItems", {}).get(self.table, []))
                if not pending:
                    return
                self.sleep(seconds)

        # The pool is closed before returning: no thread may be alive when render forks.
        with ThreadPoolExecutor(self.writers) as pool:
            list(pool.map(write, batched(requests, _WRITE_BATCH, strict=False)))

    def _transact(self, writes: "Sequence[TransactWriteItemTypeDef]") -> bool:
        """Makes all writes or none; False if a condition fails. Retries conflicts and throttling."""
        # The token makes a retry after a lost response idempotent.
        token = str(uuid.uuid4())
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self.client.transact_write_items(TransactItems=writes, ClientRequestToken=token)
            except self.client.exceptions.TransactionCanceledException as fault:
                reasons = {reason.get("Code", "") for reason in fault.response.get("CancellationReasons", [])}
                if "ConditionalCheckFailed" in reasons:
                    return False
                waits = [_REPEATED[reason].seconds(attempt) for reason in reasons & _REPEATED.keys()]
                if not waits or attempt == _ATTEMPTS:
                    raise
                self.sleep(max(waits))
            else:
                return True
        raise AssertionError("the last attempt returns or raises")
