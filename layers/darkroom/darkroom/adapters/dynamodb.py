"""The ledger and the views as DynamoDB tables."""

import heapq
import json
import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import chain
from typing import TYPE_CHECKING

from darkroom.adapters.items import (
    INDEX_SHARDS,
    JOB_ITEM,
    Item,
    Key,
    change_of,
    entry_of,
    from_wire,
    is_entry,
    item_of,
    job_key,
    keyed,
    shard_of,
    superseded_key,
    superseded_of,
    superseded_partition,
    to_wire,
)
from darkroom.adapters.tables import DynamoTable, key_of, replacing
from darkroom.domain.entries import Entry, Latest, State, SupersededRenditions
from darkroom.domain.errors import BadRequest
from darkroom.domain.jobs import Job
from darkroom.domain.rows import JobView, Row, Tally
from darkroom.domain.uploads import Upload
from darkroom.ports import AliasMatch, Commit, Replacement

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

# Range keys of a picture's Latest item, and of the row of a job's member, which is stored next to the views
# of its uploads. No S3 version id looks like these keys.
_LATEST = "latest"
_ROW = "row"
# Partition keys. No picture id looks like them.
_SCAN_CURSORS = "scan-cursors"
_TOTALS = "totals"
# The totals of all time are spread over items and added up when they are read; 32 items let a hundred batches
# of the stream be projected in parallel.
_TOTALS_SHARDS = tuple(str(shard) for shard in range(32))
# A job's totals are spread over these items, next to the job itself in the views. Small batches of the stream
# update the totals often; the shards share those writes.
_JOB_SHARDS = tuple(f"tally:{shard:02}" for shard in range(16))


@dataclass(frozen=True, slots=True)
class DynamoLedger(DynamoTable):
    """ports.Ledger on a table keyed by picture and version."""

    def find(self, picture_id: str, version: str) -> Entry | None:
        item = self._get(picture_id, version)
        return entry_of(item) if item and is_entry(item) else None

    def latest(self, picture_id: str) -> Latest | None:
        item = self._get(picture_id, _LATEST)
        return _latest_of(item) if item else None

    def of_picture(self, picture_id: str) -> list[Entry]:
        # One page: a key that is overwritten every second has millions of versions.
        entries = (entry_of(item) for item in next(self._partition_pages(picture_id)) if is_entry(item))
        return [entry for entry in entries if not entry.is_announcement]

    def find_each(self, uploads: Collection[Upload]) -> list[Entry | None]:
        return self._read_many([(upload.picture_id, upload.version) for upload in uploads], entry_of)

    def latest_each(self, picture_ids: Collection[str]) -> list[Latest | None]:
        return self._read_many([(picture_id, _LATEST) for picture_id in picture_ids], _latest_of)

    def all_entries(self) -> Iterator[Entry]:
        return (record for record in self.records() if isinstance(record, Entry))

    def records(self) -> Iterator[Entry | Job]:
        pages = self.client.get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        for page in pages:
            yield from filter(None, map(change_of, map(from_wire, page["Items"])))

    def cursor(self, name: str) -> str:
        item = self._get(_SCAN_CURSORS, name)
        return item["cursor"] if item else ""

    def save_cursor(self, name: str, cursor: str) -> None:
        self.client.put_item(TableName=self.table, Item=to_wire(keyed((_SCAN_CURSORS, name), cursor=cursor)))

    def live_entries(self, latests: Sequence[Latest | None]) -> list[list[Entry]]:
        keys = [
            [(latest.picture_id, version) for version in latest.live_versions] if latest else []
            for latest in latests
        ]
        items = self._get_many(chain(*keys))
        entries = [[entry_of(items[key]) for key in of_picture if key in items] for of_picture in keys]
        return [[entry for entry in of_picture if entry.is_live] for of_picture in entries]

    def advance(self, *items: Entry | Latest | SupersededRenditions, unchanged: Latest | None = None) -> bool:
        writes = [_write(self.table, item) for item in items]
        if unchanged:
            writes.append(
                {
                    "ConditionCheck": {
                        "TableName": self.table,
                        "Key": key_of(unchanged.picture_id, _LATEST),
                        "ConditionExpression": "revision = :now",
                        "ExpressionAttributeValues": {":now": {"N": str(unchanged.revision)}},
                    }
                }
            )
        return self._transact(writes)

    def superseded_renditions(self, before: str, limit: int) -> list[SupersededRenditions]:
        partitions = map(superseded_partition, INDEX_SHARDS)
        items = chain.from_iterable(self._before(partition, before, limit) for partition in partitions)
        return [superseded_of(item) for item in items][:limit]

    def forget(self, superseded_renditions: Collection[SupersededRenditions]) -> None:
        self._delete_many(map(superseded_key, superseded_renditions))


def _latest_item_of(latest: Latest) -> Item:
    return keyed(
        (latest.picture_id, _LATEST),
        revision=latest.revision,
        latest_version=latest.version,
        live_versions=json.dumps(latest.live_versions),
    )


def _latest_of(item: Item) -> Latest:
    return Latest(
        picture_id=item["picture"],
        version=item["latest_version"],
        revision=int(item["revision"]),
        live_versions=tuple(json.loads(item["live_versions"])),
    )


def _write(table: str, item: Entry | Latest | SupersededRenditions) -> "TransactWriteItemTypeDef":
    if isinstance(item, SupersededRenditions):
        stored = keyed(superseded_key(item), keys=json.dumps(item.keys))
        return {"Put": {"TableName": table, "Item": to_wire(stored)}}
    stored = item_of(item) if isinstance(item, Entry) else _latest_item_of(item)
    return {"Put": replacing(table, stored, item.revision - 1)}


# The position of an entry in a list: time, picture id and version. Several entries may have the same time.
type Place = tuple[str, str, str]


def _cursor(at: str, picture_id: str, version: str) -> str:
    """Returns an opaque cursor to the entries after this place."""
    return urlsafe_b64encode(json.dumps([at, picture_id, version]).encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> Place:
    """Parses a cursor made by `_cursor`. Raises BadRequest."""
    try:
        place = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        place = None
    if not isinstance(place, list) or len(place) != 3 or not all(map(_can_be_a_key, place)):
        raise BadRequest("Invalid cursor.")
    return place[0], place[1], place[2]


def _can_be_a_key(value: object) -> bool:
    """True for a valid key attribute: 1 to 1,024 ASCII characters."""
    return isinstance(value, str) and value.isascii() and 0 < len(value) <= 1024


@dataclass(frozen=True, slots=True)
class DynamoViews(DynamoTable):
    """ports.Views on a table keyed by picture and version, with the indexes by-alias, recent and failed."""

    failed_page: int = 100

    def commit(self, commit: Commit) -> bool:
        items = [
            *((_view_item_of(entry.new), entry.before) for entry in commit.entries),
            *((_row_item_of(row.new), row.before) for row in commit.rows),
        ]
        writes: list[TransactWriteItemTypeDef] = [
            {"Put": replacing(self.table, item, before)} for item, before in items
        ]
        if commit.job:
            writes.append(self._job_update(commit.job))
        # Random shards, so that concurrent batches rarely conflict.
        if commit.job_delta != Tally():
            shard = job_key(commit.job_id, random.choice(_JOB_SHARDS))  # noqa: S311 - no secret
            writes.append(self._addition(shard, commit.job_delta.amounts | {"revision": 1}))
        if commit.delta != Tally():
            shard = _TOTALS, random.choice(_TOTALS_SHARDS)  # noqa: S311 - no secret
            writes.append(self._addition(shard, commit.delta.amounts))
        return self._transact(writes)

    def _job_update(self, replacement: Replacement[Job]) -> "TransactWriteItemTypeDef":
        job, before = replacement.new, replacement.before
        values = {":one": 1, ":size": job.size, ":created": job.created, ":revision": job.revision}
        return {
            "Update": {
                "TableName": self.table,
                "Key": key_of(*job_key(job.id)),
                "UpdateExpression": "ADD revision :one "
                "SET #size = :size, created = :created, job_revision = :revision",
                "ConditionExpression": "job_revision = :before"
                if before
                else "attribute_not_exists(job_revision)",
                "ExpressionAttributeNames": {"#size": "size"},  # a reserved word
                "ExpressionAttributeValues": to_wire(values | ({":before": before} if before else {})),
            }
        }

    def _addition(self, key: Key, amounts: Mapping[str, int]) -> "TransactWriteItemTypeDef":
        """Adds to attributes of an item, which need not exist."""
        return {
            "Update": {
                "TableName": self.table,
                "Key": key_of(*key),
                "UpdateExpression": "ADD " + ", ".join(f"#{name} :{name}" for name in amounts),
                "ExpressionAttributeNames": {f"#{name}": name for name in amounts},
                "ExpressionAttributeValues": to_wire(
                    {f":{name}": amount for name, amount in amounts.items()}
                ),
            }
        }

    def find_each(self, uploads: Collection[tuple[str, str]]) -> list[Entry | None]:
        return self._read_many(uploads, entry_of)

    def rows(self, picture_ids: Collection[str]) -> list[Row | None]:
        return self._read_many([(picture_id, _ROW) for picture_id in picture_ids], _row_of)

    def job(self, job_id: str) -> JobView | None:
        view = self._job(job_id)
        # A read during a transaction may mix old and new items, and a job must not appear complete too early:
        # a complete job is read again until two reads agree.
        while view and view.complete and (again := self._job(job_id)) != view:
            view = again
        return view

    def _job(self, job_id: str) -> JobView | None:
        partition, _ = job_key(job_id)
        items = list(chain.from_iterable(self._partition_pages(partition)))
        if not items:
            return None
        job = next((item for item in items if item["version"] == JOB_ITEM), {})
        return JobView(
            id=job_id,
            size=int(job.get("size", 0)),
            created=job.get("created", ""),
            job_revision=int(job.get("job_revision", 0)),
            tally=sum(map(_tally_of, items), Tally()),
            revision=sum(int(item["revision"]) for item in items),
        )

    def totals(self) -> Tally:
        items = self._get_many((_TOTALS, shard) for shard in _TOTALS_SHARDS)
        return sum(map(_tally_of, items.values()), Tally())

    def of_picture(self, picture_id: str) -> list[Entry]:
        items = chain.from_iterable(self._partition_pages(picture_id))
        return [entry_of(item) for item in items if is_entry(item)]

    def named(self, alias: str) -> Iterator[AliasMatch]:
        shards = (
            self._index("by-alias", "alias = :alias", {":alias": _sharded(shard, alias)})
            for shard in INDEX_SHARDS
        )
        for item in heapq.merge(*shards, key=lambda item: str(item["arrived"]), reverse=True):
            yield AliasMatch(item["picture"], item["key"])

    def recent(self, limit: int, cursor: str = "") -> tuple[list[Entry], str]:
        return self._list("recent", "arrived", limit, cursor)

    def failed(self, cursor: str = "") -> tuple[list[Entry], str]:
        entries, cursor = self._list("failed", "since", self.failed_page, cursor, oldest=True)
        # An index is eventually consistent.
        return [entry for entry in entries if entry.state is State.FAILED], cursor

    def _list(
        self, index: str, range_key: str, limit: int, cursor: str, *, oldest: bool = False
    ) -> tuple[list[Entry], str]:
        """Returns at most `limit` entries of an index after a cursor, and the next cursor, if any."""
        after = _read_cursor(cursor) if cursor else None
        shards = (
            self._shard_page(index, range_key, shard, limit + 1, after, oldest=oldest)
            for shard in INDEX_SHARDS
        )
        places = sorted(chain(*shards), reverse=not oldest)
        entries = self.find_each([(picture_id, version) for _, picture_id, version in places[:limit]])
        next_cursor = _cursor(*places[limit - 1]) if len(places) > limit else ""
        # An entry may have been deleted since its index was read.
        return [entry for entry in entries if entry], next_cursor

    def _shard_page(
        self, index: str, range_key: str, shard: str, limit: int, after: Place | None, *, oldest: bool
    ) -> list[Place]:
        """Returns the places after `after`: at least `limit`, or all if there are fewer.

        Places of the same time are never separated.
        """
        condition, values = f"{index}_shard = :shard", {":shard": shard}
        if after:
            condition += f" AND {range_key} {'>=' if oldest else '<='} :at"
            values[":at"] = after[0]
        places: list[Place] = []
        for item in self._index(index, condition, values, limit, oldest=oldest):
            place = (str(item[range_key]), str(item["picture"]), str(item["version"]))
            if len(places) >= limit and place[0] != places[-1][0]:
                break
            if after is None or (place > after if oldest else place < after):
                places.append(place)
        return places

    def _index(
        self, index: str, condition: str, values: Item, page_size: int = 100, *, oldest: bool = False
    ) -> Iterator[Item]:
        """Reads one partition of an index, newest first; with `oldest`, oldest first."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            IndexName=index,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=to_wire(values),
            ScanIndexForward=oldest,
            PaginationConfig={"PageSize": page_size},
        )
        return (from_wire(item) for page in pages for item in page["Items"])


def _sharded(shard: str, alias: str) -> str:
    """Returns the partition key of an alias in one shard."""
    return f"{shard}/{alias}"


def _view_item_of(entry: Entry) -> Item:
    """Returns an entry's item with the index keys for its lists."""
    item = item_of(entry)
    if not entry.is_removal:
        # An announced upload that never arrived must not hide an upload of the same name that arrived.
        if not (entry.is_announcement and entry.state.terminal):
            item["alias"] = _sharded(shard_of(entry.picture_id), entry.alias)
        # The announcements of a job would push everything else off the home page.
        if not (entry.is_announcement and entry.job_id):
            item["recent_shard"] = shard_of(entry.picture_id)
    # An announcement cannot be retried.
    if entry.state is State.FAILED and not entry.is_announcement:
        item["failed_shard"] = shard_of(entry.picture_id)
    return item


def _row_item_of(row: Row) -> Item:
    """Returns the item of a row. The row is JSON text: only its revision is used by conditions."""
    return keyed((row.picture_id, _ROW), revision=row.revision, row=json.dumps(asdict(row)))


def _row_of(item: Item) -> Row:
    row = json.loads(item["row"])
    return Row(**row | {"state": State(row["state"])})


def _tally_of(item: Item) -> Tally:
    return Tally(**{field.name: int(item.get(field.name, 0)) for field in fields(Tally)})
