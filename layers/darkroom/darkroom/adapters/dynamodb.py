"""The ledger and the views as DynamoDB tables."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from darkroom.adapters.items import SHELVES, entry_of, item_of, shelf_of
from darkroom.model import Entry
from darkroom.ports import Named

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

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
        answer = self.client.get_item(
            TableName=self.table,
            Key=_to_wire({"picture": picture, "version": version}),
            ConsistentRead=True,
        )
        return entry_of(_from_wire(answer["Item"])) if "Item" in answer else None

    def advance(self, entry: Entry) -> bool:
        before = entry.revision - 1
        # No item has revision 0, so a first revision is written over nothing only.
        over = "revision = :before" if before else "attribute_not_exists(picture) OR revision = :before"
        try:
            self.client.put_item(
                TableName=self.table,
                Item=_to_wire(item_of(entry)),
                ConditionExpression=over,
                ExpressionAttributeValues={":before": {"N": str(before)}},
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True


@dataclass(frozen=True, slots=True)
class DynamoViews:
    """ports.Views on a table keyed by picture and version, with the indexes `by-alias` and `recent`."""

    table: str
    client: "DynamoDBClient"

    def apply(self, entry: Entry) -> bool:
        item = item_of(entry) | {"alias": entry.alias, "shelf": shelf_of(entry.picture)}
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
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="picture = :picture",
            ExpressionAttributeValues={":picture": {"S": picture}},
            ConsistentRead=True,
        )
        return [entry_of(_from_wire(item)) for page in pages for item in page["Items"]]

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

    def recent(self, limit: int) -> list[Entry]:
        shelves = [
            self.client.query(
                TableName=self.table,
                IndexName="recent",
                KeyConditionExpression="shelf = :shelf",
                ExpressionAttributeValues={":shelf": {"S": shelf}},
                ScanIndexForward=False,
                Limit=limit,
            )["Items"]
            for shelf in SHELVES
        ]
        entries = [entry_of(_from_wire(item)) for shelf in shelves for item in shelf]
        return heapq.nlargest(limit, entries, key=lambda entry: entry.upload.arrived)
