"""Compares the needs of a load with AWS's limits, and computes its cost per month."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bench.scale.usage import PerPicture, deployed
from darkroom.domain import prices
from darkroom.services.sweeping import ScanCursor

MINUTES_A_MONTH = 730 * 60
QUOTAS_AS_OF = "2026-11"
_INDEX_SHARDS = 4  # adapters/items.py
_PARTITION_WRITES = 1_000
# Assumed, not measured: one call to DynamoDB or EventBridge, and one to S3 with a picture's bytes. AWS's
# documentation says single-digit milliseconds, and tens of milliseconds.
CALL_SECONDS, OBJECT_SECONDS = 0.010, 0.040
_OTHER_FUNCTIONS_GB = 0.5
_LOG_BYTES_A_PICTURE = 3_000  # five of our lines, and Lambda's own
_RETENTION_MONTHS = 1.0
_PROFILE_SECONDS = 30  # maximum age of a warm function's profile: adapters/appconfig.py
# The metrics in docs/operations.md, one per function, reason and step, with one release at a time.
METRICS = 56
# X-Ray samples a function's first call in each second, and 5% of the others.
# https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
_TRACED_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Load:
    """A rate of pictures, with the mean rendering time, the memory, and the calls of each picture."""

    pictures_a_minute: float
    rendering_seconds: float
    memory_gb: float
    per_picture: PerPicture

    @property
    def rate(self) -> float:
        return self.pictures_a_minute / 60

    @property
    def concurrent_renderings(self) -> float:
        """The mean number of concurrent renderings, by Little's law."""
        return self.rate * self.rendering_seconds

    @property
    def batch_seconds(self) -> float:
        """The duration of one batch of the stream: its calls, one after the other."""
        return CALL_SECONDS * sum(self.per_picture.projecting.values()) / self.per_picture.batches

    @property
    def batches(self) -> float:
        """Batches a second."""
        return self.rate * self.per_picture.batches

    @property
    def concurrent_projections(self) -> float:
        return self.batches * self.batch_seconds

    @property
    def shards(self) -> float:
        """The minimum number of shards: one for each partition needed by the writes."""
        return max(1.0, self.writes("ledger") / _PARTITION_WRITES)

    def calls(self, name: str) -> float:
        """Calls a second of one operation."""
        return self.rate * self.per_picture.calls.get(name, 0.0)

    @property
    def original_reads(self) -> float:
        """GET and HEAD of originals a second."""
        return self.calls("s3:GetObject") + self.calls("s3:HeadObject")

    def writes(self, table: str) -> float:
        """Write units a second, indexes included."""
        return self.rate * self.per_picture.units(self.per_picture.writes, table)

    def reads(self, table: str) -> float:
        """Read units a second, indexes included."""
        return self.rate * self.per_picture.units(self.per_picture.reads, table)


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit, with the load's need and the way to raise it."""

    what: str
    need: float
    limit: float
    unit: str
    set_by: str
    raised_by: str
    source: str

    @property
    def share(self) -> float:
        return self.need / self.limit


_SQS_SCALING = "docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"
_LAMBDA = "docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
_DYNAMODB = "docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html"
_PARTITIONS = "docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"
_S3 = "docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html"
_SQS = "docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"
_EVENTS = "docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"
_GATEWAY = "docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"

# Factor over the mean, because pictures arrive at random and in bursts.
_PEAK = 1.25


def limits(load: Load) -> list[Limit]:
    """Lists all limits, the nearest first."""
    rendering = _PEAK * load.concurrent_renderings
    found = [
        Limit(
            "concurrent renderings",
            rendering,
            5,
            "",
            "Darkroom, a default",
            "`MaximumConcurrency`, up to 1,000",
            "template.yaml",
        ),
        Limit(
            "the event source of the render queue",
            rendering,
            1_000,
            "",
            "AWS",
            "`RenderPollers`: ten renderings per poller, up to 20,000",
            _SQS_SCALING,
        ),
        Limit(
            "concurrent executions in a new account",
            rendering + load.concurrent_projections,
            10,
            "",
            "AWS",
            "quota: concurrent executions",
            _LAMBDA,
        ),
        Limit(
            "concurrent executions",
            rendering + load.concurrent_projections,
            1_000,
            "",
            "AWS",
            "quota: concurrent executions, up to tens of thousands",
            _LAMBDA,
        ),
        Limit(
            "messages of the render queue in flight",
            rendering,
            120_000,
            "messages",
            "AWS",
            "quota",
            _SQS,
        ),
        Limit(
            "writes to the ledger",
            load.writes("ledger"),
            40_000,
            "units/s",
            "AWS",
            "quota: table-level write throughput",
            _DYNAMODB,
        ),
        Limit(
            "writes to the views and their indexes",
            load.writes("views"),
            40_000,
            "units/s",
            "AWS",
            "quota: table-level write throughput",
            _DYNAMODB,
        ),
        Limit(
            "reads of the ledger",
            load.reads("ledger"),
            40_000,
            "units/s",
            "AWS",
            "quota: table-level read throughput",
            _DYNAMODB,
        ),
        Limit(
            "reads of the views",
            load.reads("views"),
            40_000,
            "units/s",
            "AWS",
            "quota: table-level read throughput",
            _DYNAMODB,
        ),
        Limit(
            "one partition of an index, if all pictures have one name",
            load.rate / _INDEX_SHARDS,
            _PARTITION_WRITES,
            "units/s",
            "AWS",
            "`_INDEX_SHARDS` in adapters/items.py, then rebuild the views",
            _PARTITIONS,
        ),
        Limit(
            "concurrent batches of the ledger's stream",
            load.concurrent_projections / load.shards,
            1,
            "per shard",
            "Darkroom, a default",
            "`ProjectParallelism`, up to 10",
            "template.yaml",
        ),
        Limit(
            "PUT of originals under one prefix",
            load.rate,
            3_500,
            "PUT/s",
            "AWS",
            "more prefixes: S3 splits them under load",
            _S3,
        ),
        Limit(
            "GET and HEAD of originals under one prefix",
            load.original_reads,
            5_500,
            "GET/s",
            "AWS",
            "more prefixes",
            _S3,
        ),
        Limit(
            "PUT of renditions, over 256 prefixes of two digits",
            (load.calls("s3:PutObject") - load.rate) / 256,
            3_500,
            "PUT/s",
            "AWS",
            "keys begin with a hash: S3 splits by as many digits as needed",
            _S3,
        ),
        Limit(
            "events published",
            load.calls("events:PutEvents"),
            10_000,
            "calls/s",
            "AWS",
            "quota: PutEvents (600 to 2,400 in most regions)",
            _EVENTS,
        ),
        Limit(
            "messages to followers of jobs",
            load.rate * load.per_picture.messages,
            10_000,
            "messages/s",
            "AWS",
            "quota: API Gateway's requests a second, shared with HTTP",
            _GATEWAY,
        ),
    ]
    return sorted(found, key=lambda limit: -limit.share)


def nearest_aws_limit(load: Load) -> Limit:
    """Returns AWS's nearest limit, for an account that is not new and with parameters raised."""
    return next(
        limit
        for limit in limits(load)
        if limit.set_by == "AWS" and "new account" not in limit.what and "event source" not in limit.what
    )


# Each worker of `render` receives the profile once; Lambda replaces workers after some hours (assumed).
_WORKER_MINUTES = 120
# Lambda polls a queue with five connections, each for 20 s while the queue is empty.
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
_POLLED_QUEUES = 2  # the render queue and the dead letters
POLLS_A_MINUTE = _POLLED_QUEUES * 5 * 60 / 20
POLLING = "polling of empty queues (SQS)"
MONITORING = "monitoring (CloudWatch: alarms, dashboard, metrics; X-Ray)"


def cost(load: Load, architecture: str, rendition_bytes: float, original_bytes: float) -> Mapping[str, float]:
    """Computes US dollars a month by component, excluding views of pictures."""
    pictures = load.pictures_a_minute * MINUTES_A_MONTH
    used, gb_second = load.per_picture, prices.LAMBDA_GB_SECOND[architecture]
    calls = used.calls
    writes, reads = sum(used.writes.values()), sum(used.reads.values())
    others = used.batches * load.batch_seconds * _OTHER_FUNCTIONS_GB
    stored_gb = pictures * rendition_bytes / 1e9
    log_gb = pictures * _LOG_BYTES_A_PICTURE / 1e9
    workers = max(1.0, load.concurrent_renderings)
    profile_requests = workers * MINUTES_A_MONTH * 60 / _PROFILE_SECONDS
    return {
        "rendering (Lambda)": gb_second.of(pictures * load.rendering_seconds * load.memory_gb)
        + prices.LAMBDA_REQUEST.of(pictures),
        "projecting (Lambda)": gb_second.of(pictures * others)
        + prices.LAMBDA_REQUEST.of(pictures * used.batches),
        "renditions and originals (S3 requests)": prices.S3_PUT.of(pictures * calls.get("s3:PutObject", 0))
        + prices.S3_GET.of(pictures * (calls.get("s3:GetObject", 0) + calls.get("s3:HeadObject", 0))),
        "DynamoDB writes": prices.DYNAMODB_WRITE.of(pictures * writes),
        "DynamoDB reads": prices.DYNAMODB_READ.of(pictures * reads),
        # Sent by S3, received, hidden until the invocation ends, deleted.
        "queue (SQS)": prices.SQS_REQUEST.of(4 * pictures),
        "events published (EventBridge)": prices.EVENTBRIDGE_EVENT.of(pictures),
        "messages to followers of jobs (WebSocket)": prices.WEBSOCKET_MESSAGE.of(pictures * used.messages),
        "logs": prices.LOGS_INGESTED.of(log_gb) + prices.LOGS_STORED.of(log_gb * _RETENTION_MONTHS),
        "profile (AppConfig)": prices.APPCONFIG_REQUEST.of(profile_requests)
        + prices.APPCONFIG_RECEIVED.of(workers * MINUTES_A_MONTH / _WORKER_MINUTES),
        POLLING: prices.SQS_REQUEST.of(POLLS_A_MINUTE * MINUTES_A_MONTH),
        MONITORING: _monitoring(load),
        "one month's ledger and views kept for a month (DynamoDB)": prices.DYNAMODB_STORAGE.of(
            pictures * used.kept_bytes / 1e9
        ),
        "point-in-time recovery of one month's ledger (DynamoDB)": prices.DYNAMODB_RECOVERY.of(
            pictures * used.kept_ledger_bytes / 1e9
        ),
        "one month's renditions kept for a month (S3)": prices.S3_STORAGE.of(stored_gb),
        "one month's originals kept for a month (S3)": prices.S3_STORAGE.of(pictures * original_bytes / 1e9),
    }


def _monitoring(load: Load) -> float:
    """Computes US dollars a month for monitoring, most of it independent of traffic."""
    traces = sum(map(traced, (load.rate, load.batches))) * 60 * MINUTES_A_MONTH
    return (
        prices.ALARM.of(deployed("AWS::CloudWatch::Alarm"))
        + prices.DASHBOARD.of(deployed("AWS::CloudWatch::Dashboard"))
        + prices.METRIC.of(METRICS)
        + prices.XRAY_TRACE.of(traces)
    )


def traced(calls: float) -> float:
    """Computes the maximum number of traces a second, from a function's calls a second."""
    return min(calls, 1) + _TRACED_SHARE * max(0, calls - 1)


# One page of a listing, and reading the entries of its thousand objects, a hundred at a time; assumed.
_PAGE_SECONDS = 0.25 + 10 * CALL_SECONDS
_OBJECTS_A_PAGE = 1_000
_RUNS_A_DAY = 4 * 24
_SCAN_SECONDS = 600.0  # the part of a run's fifteen minutes for finding lost uploads
LEAST_PAGES = 10  # SWEEP_PAGES
SCANNED_A_DAY = _RUNS_A_DAY * _OBJECTS_A_PAGE * _SCAN_SECONDS / _PAGE_SECONDS


def scan_days(objects: float, least_pages: int) -> float:
    """Computes the days for one full scan of a bucket by the sweep."""
    pages = objects / _OBJECTS_A_PAGE
    a_run = min(
        _SCAN_SECONDS / _PAGE_SECONDS, ScanCursor(full_scan_pages=math.ceil(pages)).pages_per_run(least_pages)
    )
    return pages / a_run / _RUNS_A_DAY
