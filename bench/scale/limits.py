"""What so many pictures a minute need, beside what AWS gives, and what they cost a month."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bench.scale.usage import PerPicture, deployed
from darkroom.services.sweeping import ScanCursor
from darkroom_cli import prices

MINUTES_A_MONTH = 730 * 60
QUOTAS_AS_OF = "2026-11"
_INDEX_SHARDS = 4  # of each index of the views: adapters/items.py
_PARTITION_WRITES = 1_000
# What was not measured, for want of an account: one call to DynamoDB or EventBridge, and one to S3 with a
# picture's bytes, as AWS's own pages speak of single-digit and tens of milliseconds.
CALL_SECONDS, OBJECT_SECONDS = 0.010, 0.040
_OTHER_FUNCTIONS_GB = 0.5
_LOG_BYTES_A_PICTURE = 3_000  # five lines of ours, and Lambda's own
_RETENTION_MONTHS = 1.0
_PROFILE_SECONDS = 30  # how often a warm function asks for the profile: adapters/appconfig.py
# What docs/operations.md lists, one for each function, reason and step, with one release at a time.
METRICS = 53
# X-Ray takes the first call of a function in a second, and of the others one in twenty.
# https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
_TRACED_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Load:
    """Pictures a minute, how long each is rendered (mean, seconds), in so much memory, and what each asks."""

    pictures_a_minute: float
    service_seconds: float
    memory_gb: float
    asked: PerPicture

    @property
    def rate(self) -> float:
        return self.pictures_a_minute / 60

    @property
    def rendering(self) -> float:
        """Little's law: how many are rendered at once, on average."""
        return self.rate * self.service_seconds

    @property
    def batch_seconds(self) -> float:
        """How long one batch of the stream takes: its calls, one after the other."""
        return CALL_SECONDS * sum(self.asked.projecting.values()) / self.asked.batches

    @property
    def batches(self) -> float:
        return self.rate * self.asked.batches

    @property
    def projecting(self) -> float:
        return self.batches * self.batch_seconds

    @property
    def shards(self) -> float:
        """DynamoDB has as many of a stream as partitions of the table: at least what its writes need."""
        return max(1.0, self.writes("ledger") / _PARTITION_WRITES)

    def calls(self, name: str) -> float:
        """A second."""
        return self.rate * self.asked.calls.get(name, 0.0)

    def writes(self, table: str) -> float:
        return self.rate * self.asked.units(self.asked.writes, table)

    def reads(self, table: str) -> float:
        return self.rate * self.asked.units(self.asked.reads, table)


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that binds somewhere: what is needed, what there is, and what moves it."""

    what: str
    need: float
    limit: float
    unit: str
    whose: str
    moves: str
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

# Headroom for what Little's law leaves out: arrivals come by chance, and in bursts.
_PEAK = 1.25


def limits(load: Load) -> list[Limit]:
    """Everything that could bind, the nearest first."""
    rendering = _PEAK * load.rendering
    told = [
        Limit(
            "pictures rendered at once",
            rendering,
            5,
            "at once",
            "ours, a default",
            "`MaximumConcurrency`, up to 1,000",
            "template.yaml",
        ),
        Limit(
            "the event source of the render queue",
            rendering,
            1_000,
            "at once",
            "AWS",
            "`RenderPollers`: ten at once each, 20,000 in all",
            _SQS_SCALING,
        ),
        Limit(
            "functions that run at once, in a new account",
            rendering + load.projecting,
            10,
            "at once",
            "AWS",
            "quota: concurrent executions",
            _LAMBDA,
        ),
        Limit(
            "functions that run at once",
            rendering + load.projecting,
            1_000,
            "at once",
            "AWS",
            "quota: concurrent executions, to tens of thousands",
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
            "written to the ledger",
            load.writes("ledger"),
            40_000,
            "units/s",
            "AWS",
            "quota: table-level write throughput",
            _DYNAMODB,
        ),
        Limit(
            "written to the views and their indexes",
            load.writes("views"),
            40_000,
            "units/s",
            "AWS",
            "quota: table-level write throughput",
            _DYNAMODB,
        ),
        Limit(
            "read of the ledger",
            load.reads("ledger"),
            40_000,
            "units/s",
            "AWS",
            "quota: table-level read throughput",
            _DYNAMODB,
        ),
        Limit(
            "read of the views",
            load.reads("views"),
            40_000,
            "units/s",
            "AWS",
            "quota: table-level read throughput",
            _DYNAMODB,
        ),
        Limit(
            "one partition of an index, all of one name",
            load.rate / _INDEX_SHARDS,
            _PARTITION_WRITES,
            "units/s",
            "AWS",
            "`_SHELVES` in adapters/items.py, and the views rebuilt",
            _PARTITIONS,
        ),
        Limit(
            "batches of the ledger's stream at once",
            load.projecting / load.shards,
            1,
            "per shard",
            "ours, a default",
            "`ProjectParallelism`, up to 10",
            "template.yaml",
        ),
        Limit(
            "originals put under one prefix",
            load.rate,
            3_500,
            "PUT/s",
            "AWS",
            "more prefixes: S3 splits them as they grow hot",
            _S3,
        ),
        Limit(
            "originals read under one prefix",
            load.calls("s3:GetObject"),
            5_500,
            "GET/s",
            "AWS",
            "more prefixes",
            _S3,
        ),
        Limit(
            "renditions put, over 256 prefixes of two digits",
            (load.calls("s3:PutObject") - load.rate) / 256,
            3_500,
            "PUT/s",
            "AWS",
            "their keys begin with a hash: S3 splits by as many digits as it takes",
            _S3,
        ),
        Limit(
            "events announced",
            load.calls("events:PutEvents"),
            10_000,
            "calls/s",
            "AWS",
            "quota: PutEvents (600 to 2,400 in most regions)",
            _EVENTS,
        ),
        Limit(
            "messages to those who follow a job",
            load.rate * load.asked.messages,
            10_000,
            "messages/s",
            "AWS",
            "quota: requests a second of API Gateway, which HTTP shares",
            _GATEWAY,
        ),
    ]
    return sorted(told, key=lambda each: -each.share)


def first_of_aws(load: Load) -> Limit:
    """Which of AWS's limits is nearest, in an account that is not new and with parameters raised."""
    return next(
        each
        for each in limits(load)
        if each.whose == "AWS" and "new account" not in each.what and "event source" not in each.what
    )


WATCHING = "watching (CloudWatch: alarms, dashboard, metrics; X-Ray)"


def cost(load: Load, architecture: str, rendition_bytes: float, original_bytes: float) -> Mapping[str, float]:
    """US dollars a month, by component; nothing is looked at yet, which costs besides."""
    pictures = load.pictures_a_minute * MINUTES_A_MONTH
    asked, gb_second = load.asked, prices.LAMBDA_GB_SECOND[architecture]
    calls = asked.calls
    writes, reads = sum(asked.writes.values()), sum(asked.reads.values())
    others = asked.batches * load.batch_seconds * _OTHER_FUNCTIONS_GB
    stored_gb = pictures * rendition_bytes / 1e9
    log_gb = pictures * _LOG_BYTES_A_PICTURE / 1e9
    asks_for_profile = max(1.0, load.rendering) * MINUTES_A_MONTH * 60 / _PROFILE_SECONDS
    return {
        "rendering (Lambda)": gb_second.of(pictures * load.service_seconds * load.memory_gb)
        + prices.LAMBDA_REQUEST.of(pictures),
        "projecting (Lambda)": gb_second.of(pictures * others)
        + prices.LAMBDA_REQUEST.of(pictures * asked.batches),
        "renditions and originals (S3 requests)": prices.S3_PUT.of(pictures * calls.get("s3:PutObject", 0))
        + prices.S3_GET.of(pictures * calls.get("s3:GetObject", 0)),
        "DynamoDB written": prices.DYNAMODB_WRITE.of(pictures * writes),
        "DynamoDB read": prices.DYNAMODB_READ.of(pictures * reads),
        # Sent by S3, received and deleted.
        "the queue (SQS)": prices.SQS_REQUEST.of(3 * pictures),
        "events announced (EventBridge)": prices.EVENTBRIDGE_EVENT.of(pictures),
        "those who follow jobs (WebSocket)": prices.WEBSOCKET_MESSAGE.of(pictures * asked.messages),
        "logs": prices.LOGS_INGESTED.of(log_gb) + prices.LOGS_STORED.of(log_gb * _RETENTION_MONTHS),
        "the live profile (AppConfig)": prices.APPCONFIG_REQUEST.of(asks_for_profile),
        WATCHING: _watching(load),
        "one month's ledger and views kept for a month (DynamoDB)": prices.DYNAMODB_STORAGE.of(
            pictures * asked.kept_bytes / 1e9
        ),
        "one month's renditions kept for a month (S3)": prices.S3_STORAGE.of(stored_gb),
        "one month's originals kept for a month (S3)": prices.S3_STORAGE.of(pictures * original_bytes / 1e9),
    }


def _watching(load: Load) -> float:
    """US dollars a month, most of it whether pictures come or not: a metric is billed while it is told."""
    traces = sum(map(traced, (load.rate, load.batches))) * 60 * MINUTES_A_MONTH
    return (
        prices.ALARM.of(deployed("AWS::CloudWatch::Alarm"))
        + prices.DASHBOARD.of(deployed("AWS::CloudWatch::Dashboard"))
        + prices.METRIC.of(METRICS)
        + prices.XRAY_TRACE.of(traces)
    )


def traced(calls: float) -> float:
    """How many traces a second, at most, so many calls of one function a second leave."""
    return min(calls, 1) + _TRACED_SHARE * max(0, calls - 1)


# One page of a listing, and the entries of its thousand objects, a hundred at a time: assumed as above.
_PAGE_SECONDS = 0.25 + 10 * CALL_SECONDS
_OBJECTS_A_PAGE = 1_000
_RUNS_A_DAY = 4 * 24
_SCAN_SECONDS = 600.0  # of a run's fifteen minutes, those that it may look for lost uploads
LEAST_PAGES = 10  # SWEEP_PAGES
SEEN_A_DAY = _RUNS_A_DAY * _OBJECTS_A_PAGE * _SCAN_SECONDS / _PAGE_SECONDS


def scan_days(objects: float, least_pages: int) -> float:
    """Days that the sweep takes to have seen every upload of a bucket."""
    pages = objects / _OBJECTS_A_PAGE
    a_run = min(_SCAN_SECONDS / _PAGE_SECONDS, ScanCursor(whole=math.ceil(pages)).due(least_pages))
    return pages / a_run / _RUNS_A_DAY
