"""The ledger and the views as DynamoDB tables."""

import heapq
import json
import random
import time
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from darkroom.adapters.items import (
    LATEST,
    SHELVES,
    WALKS,
    entry_of,
    is_entry,
    item_of,
    latest_item_of,
    latest_of,
    shelf_of,
)
from darkroom.errors import BadRequest
from darkroom.model import EXPECTED_VERSION, Entry, Latest, State, Upload
from darkroom.ports import Named

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def _to_wire(item: dict[str, Any]) -> dict[str, Any]:
    return {name: _serialize(value) for name, value in item.items()}


def _from_wire(item: dict[str, Any]) -> dict[str, Any]:
    return {name: _deserialize(value) for name, value in item.items()}


@dataclass(frozen=True, slots=True)
class DynamoLedger:
    """ports.Ledger on a table keyed by picture and version."""

    table: str
    client: "DynamoDBClient"

    def find(self, picture: str, version: str) -> Entry | None:
        item = self._get(picture, version)
        return entry_of(item) if item and is_entry(item) else None

    def latest(self, picture: str) -> Latest | None:
        item = self._get(picture, LATEST)
        return latest_of(item) if item else None

    def _get(self, picture: str, version: str) -> dict[str, Any] | None:
        key = _to_wire({"picture": picture, "version": version})
        answer = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return _from_wire(answer["Item"]) if "Item" in answer else None

    def of_picture(self, picture: str) -> list[Entry]:
        items = _items_of_picture(self.client, self.table, picture)
        return [entry_of(item) for item in items if is_entry(item) and item["version"] != EXPECTED_VERSION]

    def find_each(self, uploads: Collection[Upload]) -> list[Entry | None]:
        found: dict[tuple[str, str], Entry] = {}
        wanted = dict.fromkeys((each.picture, each.version) for each in uploads)
        for some in batched(wanted, _FOUND_AT_ONCE, strict=False):
            keys: list[Any] = [
                _to_wire({"picture": picture, "version": version}) for picture, version in some
            ]
            while keys:  # an answer has 16 MB at most, and names what it left out
                answer = self.client.batch_get_item(
                    RequestItems={self.table: {"Keys": keys, "ConsistentRead": True}}
                )
                for wire in answer["Responses"].get(self.table, []):
                    entry = entry_of(_from_wire(wire))
                    found[entry.picture, entry.upload.version] = entry
                left = answer.get("UnprocessedKeys", {}).get(self.table)
                keys = list(left["Keys"]) if left else []
        return [found.get((each.picture, each.version)) for each in uploads]

    def every(self) -> Iterator[Entry]:
        pages = self.client.get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        items = (_from_wire(wire) for page in pages for wire in page["Items"])
        return (entry_of(item) for item in items if is_entry(item))

    def cursor(self, name: str) -> str:
        item = self._get(WALKS, name)
        return item["cursor"] if item else ""

    def save_cursor(self, name: str, cursor: str) -> None:
        item = _to_wire({"picture": WALKS, "version": name, "cursor": cursor})
        self.client.put_item(TableName=self.table, Item=item)

    def advance(self, *moves: Entry | Latest, standing: Latest | None = None) -> bool:
        transaction: list[TransactWriteItemTypeDef] = [
            {
                "Put": {
                    "TableName": self.table,
                    "Item": _to_wire(item_of(move) if isinstance(move, Entry) else latest_item_of(move)),
                    # No item has revision 0, so a first revision is written over nothing only.
                    "ConditionExpression": "revision = :before"
                    if move.revision > 1
                    else "attribute_not_exists(picture) OR revision = :before",
                    "ExpressionAttributeValues": {":before": {"N": str(move.revision - 1)}},
                }
            }
            for move in moves
        ]
        if standing:
            transaction.append(
                {
                    "ConditionCheck": {
                        "TableName": self.table,
                        "Key": _to_wire({"picture": standing.picture, "version": LATEST}),
                        "ConditionExpression": "revision = :now",
                        "ExpressionAttributeValues": {":now": {"N": str(standing.revision)}},
                    }
                }
            )
        # The token makes a call whose answer was lost the same call when it is made again.
        token = str(uuid.uuid4())
        for patience_seconds in (*_PATIENCE_SECONDS, None):
            try:
                self.client.transact_write_items(TransactItems=transaction, ClientRequestToken=token)
            except self.client.exceptions.TransactionCanceledException as fault:
                reasons = {reason.get("Code") for reason in fault.response.get("CancellationReasons", [])}
                if "ConditionalCheckFailed" in reasons:
                    return False
                if "TransactionConflict" not in reasons or patience_seconds is None:
                    raise
                time.sleep(random.uniform(0, patience_seconds))  # noqa: S311 - jitter, not a secret
            else:
                return True
        raise AssertionError("the last turn returns or raises")


def _place(entry: Entry) -> tuple[str, str, str]:
    """Where an entry stands among all; several may arrive at once."""
    return entry.upload.arrived, entry.picture, entry.upload.version


def _cursor(at: str, picture: str, version: str) -> str:
    """Where a list goes on, in words that mean nothing to a client."""
    return urlsafe_b64encode(json.dumps([at, picture, version]).encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[str, str, str]:
    """What `_cursor` made this of, or something that it might have. Raises BadRequest."""
    try:
        place = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        place = None
    if not isinstance(place, list) or len(place) != 3 or not all(map(_can_be_a_key, place)):
        raise BadRequest("The cursor is none that this list has given.")
    return place[0], place[1], place[2]


def _can_be_a_key(value: object) -> bool:
    """Whether DynamoDB would take it for a part of an item's key; ours are ASCII."""
    return isinstance(value, str) and value.isascii() and 0 < len(value) <= 1024


def _parked_key(since: str, picture: str, version: str) -> dict[str, str]:
    return {"parked": _PARKED, "since": since, "picture": picture, "version": version}


# Only what was given up stands in the index; hopefully little, so that one partition holds it.
_PARKED = "parked"
_FAILED_AT_ONCE = 100

_FOUND_AT_ONCE = 100  # the most that DynamoDB takes

# Another transaction holds one of the items, for milliseconds.
_PATIENCE_SECONDS = (0.05, 0.1, 0.2, 0.4)


def _items_of_picture(client: "DynamoDBClient", table: str, picture: str) -> Iterator[dict[str, Any]]:
    pages = client.get_paginator("query").paginate(
        TableName=table,
        KeyConditionExpression="picture = :picture",
        ExpressionAttributeValues={":picture": {"S": picture}},
        ConsistentRead=True,
    )
    return (_from_wire(item) for page in pages for item in page["Items"])


@dataclass(frozen=True, slots=True)
class DynamoViews:
    """ports.Views on a table keyed by picture and version, with the indexes by-alias, recent and parked."""

    table: str
    client: "DynamoDBClient"

    def apply(self, entry: Entry) -> bool:
        item = item_of(entry)
        if not entry.is_removal:  # which is never shown
            item |= {"alias": entry.alias, "shelf": shelf_of(entry.picture)}
        if entry.state is State.FAILED:
            item["parked"] = _PARKED
        try:
            self.client.put_item(
                TableName=self.table,
                Item=_to_wire(item),
                ConditionExpression="attribute_not_exists(picture) OR revision < :this",
                ExpressionAttributeValues={":this": {"N": str(entry.revision)}},
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def of_picture(self, picture: str) -> list[Entry]:
        return [entry_of(item) for item in _items_of_picture(self.client, self.table, picture)]

    def named(self, alias: str) -> Iterator[Named]:
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            IndexName="by-alias",
            KeyConditionExpression="alias = :alias",
            ExpressionAttributeValues={":alias": {"S": alias}},
            ScanIndexForward=False,
        )
        for page in pages:
            for item in page["Items"]:
                plain = _from_wire(item)
                yield Named(plain["picture"], plain["key"])

    def recent(self, limit: int, cursor: str = "") -> tuple[list[Entry], str]:
        after = _read_cursor(cursor) if cursor else None
        shelves = (self._shelf(shelf, limit + 1, after) for shelf in SHELVES)
        found = heapq.nlargest(limit + 1, (entry for shelf in shelves for entry in shelf), key=_place)
        return found[:limit], _cursor(*_place(found[limit - 1])) if len(found) > limit else ""

    def _shelf(self, shelf: str, limit: int, after: tuple[str, str, str] | None) -> list[Entry]:
        """The newest entries of one shelf that come after a place, and all that arrived with the last."""
        values = {":shelf": {"S": shelf}} | ({":at": {"S": after[0]}} if after else {})
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            IndexName="recent",
            KeyConditionExpression="shelf = :shelf" + (" AND arrived <= :at" if after else ""),
            ExpressionAttributeValues=values,
            ScanIndexForward=False,
            PaginationConfig={"PageSize": limit},
        )
        entries: list[Entry] = []
        for entry in (entry_of(_from_wire(item)) for page in pages for item in page["Items"]):
            if len(entries) >= limit and entry.upload.arrived != entries[-1].upload.arrived:
                break
            if after is None or _place(entry) < after:
                entries.append(entry)
        return entries

    def failed(self, cursor: str = "") -> tuple[list[Entry], str]:
        begin = {"ExclusiveStartKey": _to_wire(_parked_key(*_read_cursor(cursor)))} if cursor else {}
        answer = self.client.query(
            TableName=self.table,
            IndexName="parked",
            KeyConditionExpression="parked = :parked",
            ExpressionAttributeValues={":parked": {"S": _PARKED}},
            Limit=_FAILED_AT_ONCE,
            **begin,  # type: ignore[arg-type]  # the stubs take no unpacked option
        )
        entries = [entry_of(_from_wire(item)) for item in answer["Items"]]
        if "LastEvaluatedKey" not in answer:
            return entries, ""
        last = entries[-1]
        return entries, _cursor(last.since, last.picture, last.upload.version)
