"""What the ledger and the views ask of DynamoDB alike: many items at once, and transactions."""

import time
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from typing import TYPE_CHECKING, Any

from darkroom.adapters.items import from_wire, to_wire
from darkroom.services.retries import Backoff

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

type Key = tuple[str, str]  # partition and range, in the ledger and in the views
type Item = dict[str, Any]

READ_AT_ONCE = 100  # the most that DynamoDB takes
_WRITTEN_AT_ONCE = 25  # likewise
_WRITERS = 8
# Another transaction holds one of the items for milliseconds.
_CONFLICTS = Backoff(first_seconds=0.1, longest_seconds=0.8)
_CONFLICT_ATTEMPTS = 5
# A throttled table, or an answer over 16 MB. Endless: the function has a deadline of its own.
_UNPROCESSED = Backoff(first_seconds=0.1, longest_seconds=2)


def key_of(partition: str, range_key: str) -> Item:
    return to_wire({"picture": partition, "version": range_key})


def get(client: "DynamoDBClient", table: str, partition: str, range_key: str) -> Item | None:
    answer = client.get_item(TableName=table, Key=key_of(partition, range_key), ConsistentRead=True)
    return from_wire(answer["Item"]) if "Item" in answer else None


def get_each(client: "DynamoDBClient", table: str, keys: Iterable[Key]) -> dict[Key, Item]:
    """Those of many items that are there, read consistently."""
    found: dict[Key, Item] = {}
    for some in batched(dict.fromkeys(keys), READ_AT_ONCE, strict=False):
        wanted: list[Any] = [key_of(*key) for key in some]
        for seconds in _UNPROCESSED.delays():
            answer = client.batch_get_item(RequestItems={table: {"Keys": wanted, "ConsistentRead": True}})
            for wire in answer["Responses"].get(table, []):
                item = from_wire(wire)
                found[item["picture"], item["version"]] = item
            left = answer.get("UnprocessedKeys", {}).get(table)
            if not left:
                break
            # An answer has 16 MB at most, and less where the table is throttled; it names what it left out.
            wanted = list(left["Keys"])
            time.sleep(seconds)
    return found


def read_each[T](
    client: "DynamoDBClient", table: str, keys: Collection[Key], read: Callable[[Item], T]
) -> list[T | None]:
    """What many items say, in the order of their keys; None for each that is not there."""
    found = get_each(client, table, keys)
    return [read(found[key]) if key in found else None for key in keys]


def put_each(client: "DynamoDBClient", table: str, items: Iterable[Item]) -> None:
    """Puts many items, whatever stood there."""
    _write_each(client, table, ({"PutRequest": {"Item": to_wire(item)}} for item in items))


def delete_each(client: "DynamoDBClient", table: str, keys: Iterable[Key]) -> None:
    """Deletes many items; those that are not there are passed over."""
    _write_each(client, table, ({"DeleteRequest": {"Key": key_of(*key)}} for key in keys))


def _write_each(client: "DynamoDBClient", table: str, requests: Iterable[Any]) -> None:
    """Beside one another, since one call takes few."""

    def write(some: tuple[Any, ...]) -> None:
        waiting = list(some)
        for seconds in _UNPROCESSED.delays():
            answer = client.batch_write_item(RequestItems={table: waiting})
            waiting = list(answer.get("UnprocessedItems", {}).get(table, []))
            if not waiting:
                return
            time.sleep(seconds)

    # The pool is closed here: whoever forks finds no thread alive.
    with ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(write, batched(requests, _WRITTEN_AT_ONCE, strict=False)))


def transact(client: "DynamoDBClient", writes: "Sequence[TransactWriteItemTypeDef]") -> bool:
    """Makes all writes or none; False if a condition fails. Retries transaction conflicts."""
    # The token makes a call whose response was lost the same call when it is repeated.
    token = str(uuid.uuid4())
    for seconds in (*_CONFLICTS.delays(_CONFLICT_ATTEMPTS), None):
        try:
            client.transact_write_items(TransactItems=writes, ClientRequestToken=token)
        except client.exceptions.TransactionCanceledException as fault:
            reasons = {reason.get("Code") for reason in fault.response.get("CancellationReasons", [])}
            if "ConditionalCheckFailed" in reasons:
                return False
            if "TransactionConflict" not in reasons or seconds is None:
                raise
            time.sleep(seconds)
        else:
            return True
    raise AssertionError("the last attempt returns or raises")
