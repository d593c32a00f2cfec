"""Builds the sweep for the schedule and the command line."""

import os

from darkroom.adapters.clients import dynamodb_client, lazy, s3_client, sqs_client
from darkroom.adapters.dynamodb import DynamoLedger
from darkroom.adapters.jobs import DynamoJobs
from darkroom.adapters.s3 import S3Originals, S3Renditions
from darkroom.adapters.sqs import SqsQueue
from darkroom.services.sweeping import Sweep
from darkroom.settings import SweepSettings, read_settings


def bootstrap() -> tuple[Sweep, SweepSettings]:
    settings = read_settings(SweepSettings, os.environ)
    return sweep_with(settings, region=None, endpoint=None), settings


def sweep_with(settings: SweepSettings, region: str | None, endpoint: str | None) -> Sweep:
    """Builds the sweep. If None, region and endpoint default to AWS_REGION and AWS_ENDPOINT_URL."""
    s3, dynamodb = s3_client(region, endpoint), dynamodb_client(region, endpoint)
    return Sweep(
        originals=S3Originals(settings.uploads_bucket, s3),
        renditions=S3Renditions(settings.renditions_bucket, s3),
        ledger=DynamoLedger(settings.ledger_table, dynamodb),
        jobs=DynamoJobs(settings.ledger_table, dynamodb),
        queue=SqsQueue(settings.render_queue_url, lazy(lambda: sqs_client(region, endpoint))),
        after_minutes=settings.sweep_after_minutes,
        keep_hours=settings.keep_superseded_hours,
        job_timeout_minutes=settings.job_timeout_minutes,
    )
