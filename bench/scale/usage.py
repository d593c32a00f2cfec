"""Counts the calls to AWS per picture, by running the real services on an in-process account."""

import json
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import batched
from typing import Any

import boto3
from moto import mock_aws

from bench.template import Node, load_template, of_type
from darkroom.adapters.clients import dynamodb_client, s3_client
from darkroom.adapters.dynamodb import DynamoLedger, DynamoViews
from darkroom.adapters.events import EventBridgeBus
from darkroom.adapters.jobs import DynamoJobs
from darkroom.adapters.live import DynamoChannels
from darkroom.adapters.s3 import S3Originals, S3Renditions
from darkroom.adapters.streams import records_of
from darkroom.domain.jobs import AnnouncedUpload
from darkroom.domain.profile import Profile
from darkroom.domain.receipts import Original, Rendered
from darkroom.domain.uploads import Upload
from darkroom.imaging.pipeline import PIPELINE, step_name
from darkroom.ports import SendResult
from darkroom.services.jobs import Jobs
from darkroom.services.keys import Keys
from darkroom.services.live import CONNECTION_SECONDS, Pusher
from darkroom.services.members import member_key
from darkroom.services.projecting import BATCH, Broadcast, Projection
from darkroom.services.reconciling import Reconciler, Worker
from darkroom.services.rendering import Renderer

type Item = Mapping[str, Mapping[str, Any]]

_REGION = "us-east-1"
_WRITE_UNIT_BYTES, _READ_UNIT_BYTES = 1024, 4096
_IN_A_TRANSACTION = 2
_ITEM_OVERHEAD_BYTES = 100  # billed by DynamoDB for each stored item


@dataclass
class Usage:
    """Calls by service and operation, and units by table or table/index.

    `projecting` are the calls made by `project`; `kept_bytes` is the size of the tables in the end,
    `kept_ledger_bytes` that of the ledger alone.
    """

    calls: Counter[str] = field(default_factory=Counter)
    projecting: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    reads: Counter[str] = field(default_factory=Counter)
    kept_bytes: int = 0
    kept_ledger_bytes: int = 0
    messages: int = 0
    batches: int = 0
    records: int = 0

    def per_picture(self, pictures: int) -> "PerPicture":
        """Divides all counts by the number of pictures."""

        def share(counter: Counter[str]) -> dict[str, float]:
            return {name: count / pictures for name, count in sorted(counter.items())}

        return PerPicture(
            share(self.calls),
            share(self.projecting),
            share(self.writes),
            share(self.reads),
            self.kept_bytes / pictures,
            self.kept_ledger_bytes / pictures,
            self.messages / pictures,
            self.batches / pictures,
            self.records / pictures,
        )


@dataclass(frozen=True, slots=True)
class PerPicture:
    """The usage of one picture, on average."""

    calls: Mapping[str, float]
    projecting: Mapping[str, float]
    writes: Mapping[str, float]
    reads: Mapping[str, float]
    kept_bytes: float
    kept_ledger_bytes: float
    messages: float
    batches: float
    records: float

    def units(self, kind: Mapping[str, float], table: str) -> float:
        """Sums the units of a table with all its indexes."""
        return sum(count for name, count in kind.items() if name.split("/")[0] == table)


@dataclass
class Meter:
    """Counts the calls of boto3 clients, and keeps the ledger's writes as records for its stream."""

    usage: Usage = field(default_factory=Usage)
    ledger_items: list[Item] = field(default_factory=list)
    view_items: dict[str, Item] = field(default_factory=dict)

    def listen(self, client: Any) -> None:
        service = client.meta.service_model.service_name
        client.meta.events.register(f"provide-client-params.{service}", self._on_request)
        client.meta.events.register(f"after-call.{service}", self._on_response)

    def _on_request(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        operation = model.name
        self.usage.calls[f"{model.service_model.service_name}:{operation}"] += 1
        if operation == "TransactWriteItems":
            for write in params["TransactItems"]:
                [(kind, action)] = write.items()
                self._wrote(action["TableName"], action.get("Item", {}), _IN_A_TRANSACTION, kind == "Put")
        elif operation == "PutItem":
            self._wrote(params["TableName"], params["Item"], 1, put=True)
        elif operation == "BatchWriteItem":
            for table, writes in params["RequestItems"].items():
                for write in writes:
                    self._wrote(table, write["PutRequest"]["Item"], 1, put=True)

    def _wrote(self, table: str, item: Item, times: int, put: bool) -> None:
        # An update or a condition check of a small item is one unit.
        self.usage.writes[table] += times * max(1, math.ceil(_size(item) / _WRITE_UNIT_BYTES))
        if table == "ledger" and put:
            self.ledger_items.append(item)
        if table == "views" and put:
            key = json.dumps([item["picture"], item["version"]])
            for index, attribute in _INDEXES.items():
                before, now = self.view_items.get(key, {}).get(attribute), item.get(attribute)
                # Indexes hold keys only: no write if the key stays the same.
                if before != now:
                    self.usage.writes[f"views/{index}"] += (before is not None) + (now is not None)
            self.view_items[key] = item

    def _on_response(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        operation = model.name
        if operation == "GetItem":
            self._read("ledger", [parsed.get("Item", {})])
        elif operation == "BatchGetItem":
            for table, items in parsed["Responses"].items():
                self._read(table, items)
        elif operation == "Query":
            size = sum(map(_size, parsed["Items"]))
            self.usage.reads["views"] += max(1, math.ceil(size / _READ_UNIT_BYTES))

    def _read(self, table: str, items: Sequence[Item]) -> None:
        self.usage.reads[table] += sum(max(1, math.ceil(_size(item) / _READ_UNIT_BYTES)) for item in items)


_INDEXES = {"by-alias": "alias", "recent": "recent_shard", "failed": "failed_shard"}


def _size(item: Item) -> int:
    """Computes an item's size by DynamoDB's rules: names, UTF-8 strings, two digits a byte for numbers."""
    return sum(len(name) + _length(value) for name, value in item.items())


def _length(value: Mapping[str, Any]) -> int:
    [(kind, content)] = value.items()
    return len(content) // 2 + 2 if kind == "N" else len(str(content).encode())


@dataclass
class CountingSockets:
    """A ports.Sockets that counts messages and delivers none."""

    usage: Usage

    def send(self, connection: str, text: str) -> bool:  # noqa: ARG002 - the port's
        self.usage.messages += 1
        return True

    def send_each(self, connections: Collection[str], texts: Sequence[str]) -> SendResult:
        self.usage.messages += len(connections) * len(texts)
        return SendResult()

    def close(self, connection: str) -> None:
        pass


@dataclass(frozen=True)
class _Fixed:
    profile: Profile

    def current(self) -> Profile:
        return self.profile


@contextmanager
def _account() -> Iterator[None]:
    with mock_aws():
        boto3.setup_default_session(
            aws_access_key_id="none",
            aws_secret_access_key="none",  # noqa: S106 - for an account in this process
            region_name=_REGION,
        )
        try:
            yield
        finally:
            boto3.DEFAULT_SESSION = None


def measure(rendered: Rendered, profile: Profile, pictures: int, *, as_job: bool, batch: int) -> PerPicture:
    """Counts the calls for `pictures` pictures, each rendered as `rendered`.

    The pictures are put into the bucket singly, or as one job with one follower. The stream delivers `batch`
    records at a time.
    """
    with _account():
        meter = Meter()
        s3, dynamodb, events = s3_client(), dynamodb_client(), boto3.client("events")
        _create_resources(s3, dynamodb, events)
        for client in (s3, dynamodb, events):
            meter.listen(client)
        ledger, views = DynamoLedger("ledger", dynamodb), DynamoViews("views", dynamodb)
        channels, job = DynamoChannels("channels", dynamodb), ""
        if as_job:
            jobs = Jobs("uploads", DynamoJobs("ledger", dynamodb), views)
            job = jobs.create([AnnouncedUpload(f"{n}.jpg", 1, "image/jpeg") for n in range(pictures)]).id
            channels.join(job, "connection", CONNECTION_SECONDS)
        originals, renditions = S3Originals("uploads", s3), S3Renditions("renditions", s3)
        renderer = Renderer(originals, renditions, _Fixed(profile), "engine")
        reconciler = Reconciler(Keys(originals, ledger), renditions, renderer)
        sockets = CountingSockets(meter.usage)
        broadcast = Broadcast(
            Projection(views),
            EventBridgeBus("darkroom", events),
            Pusher(channels, sockets, _raise),
            sleep=lambda _: None,
        )
        for number in range(pictures):
            name = f"{number}.jpg"
            key = member_key(job, number, name) if as_job else f"holiday/{name}"
            version = s3.put_object(Bucket="uploads", Key=key, Body=b"pixels")["VersionId"]
            upload = Upload("uploads", key, version, size_bytes=4_000_000)
            reconciler.apply(upload, Worker(lambda _content, _profile: rendered))
        _project(meter, broadcast, batch)
        client, ledger_scan = boto3.client("dynamodb"), {"TableName": "ledger"}
        meter.usage.kept_ledger_bytes = _kept_bytes(client, ledger_scan)
        indexes = [{"TableName": "views", "IndexName": index} for index in _INDEXES]
        meter.usage.kept_bytes = _kept_bytes(client, ledger_scan, {"TableName": "views"}, *indexes)
        return meter.usage.per_picture(pictures)


def _project(meter: Meter, broadcast: Broadcast, batch: int) -> None:
    # A picture's two entries are seconds apart, so they are delivered in different batches.
    items = sorted(meter.ledger_items, key=lambda item: int(item.get("revision", {"N": "0"})["N"]))
    before = Counter(meter.usage.calls)
    for images in batched(items, min(batch, BATCH), strict=False):
        records = [
            {"dynamodb": {"SequenceNumber": str(n), "NewImage": item}} for n, item in enumerate(images)
        ]
        projected = broadcast.process(records_of({"Records": records}))
        assert not projected.faults  # noqa: S101 - counts of failed calls would be wrong
        meter.usage.batches += 1
        meter.usage.records += len(images)
    meter.usage.projecting = meter.usage.calls - before


def _kept_bytes(dynamodb: Any, *scans: Mapping[str, str]) -> int:
    """Sums the bytes that pictures take in the scanned tables and indexes.

    Excludes items that expire within days, and totals, whose number does not grow.
    """
    return sum(
        _size(item) + _ITEM_OVERHEAD_BYTES
        for scan in scans
        for page in dynamodb.get_paginator("scan").paginate(**scan)
        for item in page["Items"]
        if not item.keys() & {"expires", "bytes_after"}
    )


def _raise(fault: Exception) -> None:
    raise fault


def _create_resources(s3: Any, dynamodb: Any, events: Any) -> None:
    """Creates the buckets and tables, with the properties in template.yaml."""
    for name in ("uploads", "renditions"):
        s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
    for logical in ("Ledger", "Views", "Channels"):
        properties = _template()["Resources"][logical]["Properties"]
        names = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
        dynamodb.create_table(
            TableName=logical.lower(), **{name: properties[name] for name in names if name in properties}
        )
    events.create_event_bus(Name="darkroom")


@cache
def _template() -> Node:
    return load_template()


def deployed(kind: str) -> int:
    """Counts the template's resources of a type, such as AWS::CloudWatch::Alarm."""
    return len(of_type(_template(), kind))


def original_of(size_bytes: int) -> Original:
    return Original("jpeg", 4032, 3024, size_bytes)


def number_of_each_step() -> dict[str, float]:
    """Returns a number for every step, as in a receipt."""
    return {step_name(step): 100.0 for step in PIPELINE}
