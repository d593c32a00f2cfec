"""The functions, loaded as in Lambda, on moto."""

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from moto import mock_aws
from types_boto3_dynamodb import DynamoDBClient
from types_boto3_s3 import S3Client

from darkroom.adapters.clients import dynamodb_client, s3_client, sqs_client
from darkroom.adapters.dynamodb import DynamoLedger, DynamoViews
from darkroom.domain.entries import Entry, State
from darkroom.services.projecting import Projection
from tests.aws import ACCOUNT, LiveProfile, make_bucket, make_live_profile, make_table
from tests.builders import an_entry
from tests.cloudformation import PROJECT

UPLOADS = "darkroom-uploads-000000000000-us-east-1"  # as in events/
ENVIRONMENT = {
    "UPLOADS_BUCKET": UPLOADS,
    "RENDITIONS_BUCKET": "renditions",
    "REPORTS_BUCKET": "reports",
    "LEDGER_TABLE": "ledger",
    "RENDER_QUEUE_URL": "http://127.0.0.1:9/no-queue",
    "DEAD_LETTERS_URL": "http://127.0.0.1:9/no-queue",
    "VIEWS_TABLE": "views",
    "CHANNELS_TABLE": "channels",
    "LIVE_ENDPOINT": "http://127.0.0.1:9/no-gateway",
    "EVENT_BUS": "darkroom",
    "AUTH": "open",
    "ALIAS_WAIT_SECONDS": "0",
    "POST_WAIT_SECONDS": "0",
    "POWERTOOLS_METRICS_NAMESPACE": "Darkroom",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "3538",
}

FAILED_UPLOAD = replace(an_entry("late.png", State.FAILED, bucket=UPLOADS), message="{}")
CONNECTION = "L0SM9cOFvHcCIhw="  # as in events/

type Invoke = Callable[[str, dict[str, Any]], Any]


def call_handler(function: str, event: dict[str, Any]) -> Any:
    """Loads a function and calls its handler with an event."""
    return started(function)(event)


def started(function: str, milliseconds: int = 30_000) -> Callable[[dict[str, Any]], Any]:
    """Loads a function and returns its handler, for invocations with so many milliseconds left."""
    path = PROJECT / "functions" / function / "app.py"
    spec = importlib.util.spec_from_file_location(f"{function}_app", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    context = SimpleNamespace(
        function_name=function,
        memory_limit_in_mb=3538,
        invoked_function_arn=f"arn:aws:lambda:eu-central-1:123456789012:function:{function}",
        function_version="7",
        aws_request_id="52fdfc07-2182-154f-163f-5f0f9a621d72",
        get_remaining_time_in_millis=lambda: milliseconds,
    )
    return lambda event: module.handler(event, context)


@contextmanager
def a_web_handler(service: str, *more: Entry, **settings: str) -> Iterator[Callable[[dict[str, Any]], Any]]:
    """Handler of `web` in its own AWS account, with image.png, FAILED_UPLOAD and the entries `more`."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        environment = ENVIRONMENT | ACCOUNT | settings | {"POWERTOOLS_SERVICE_NAME": service}
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setenv("RENDER_QUEUE_URL", sqs_client().create_queue(QueueName="render")["QueueUrl"])
        s3, dynamodb = _buckets(), _tables()
        rendered = an_entry("image.png", bucket=UPLOADS)
        for key in rendered.rendition_keys:
            s3.put_object(Bucket="renditions", Key=key, Body=b"jpeg")
        for entry in (rendered, *more, FAILED_UPLOAD):
            Projection(DynamoViews("views", dynamodb)).apply([entry])
            DynamoLedger("ledger", dynamodb).advance(replace(entry, revision=1))
        yield started("web")


def break_aws(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    """Makes every AWS call fail with these words."""

    def refuse(*_: Any) -> None:
        try:
            raise OSError(words)
        except OSError as fault:
            raise ConnectionError(words) from fault

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)


def _buckets() -> S3Client:
    client = s3_client()
    make_bucket(client, "UploadsBucket", UPLOADS)
    make_bucket(client, "RenditionsBucket", "renditions")
    make_bucket(client, "ReportsBucket", "reports")
    return client


def _tables() -> DynamoDBClient:
    client = dynamodb_client()
    for name in ("Ledger", "Views", "Channels"):
        make_table(client, name, name.lower())
    return client


@pytest.fixture
def s3(aws: None) -> S3Client:
    return _buckets()


@pytest.fixture
def dynamodb(aws: None) -> DynamoDBClient:
    boto3.client("events").create_event_bus(Name="darkroom")
    return _tables()


@pytest.fixture
def live_profile(aws: None, local_aws: str) -> LiveProfile:
    live = make_live_profile(local_aws)
    live.deploy(b'{"built_in": "default"}')
    return live


@pytest.fixture
def invoke(
    s3: S3Client,
    dynamodb: DynamoDBClient,
    live_profile: LiveProfile,
    local_aws: str,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Invoke:
    """A function that loads a handler and calls it with an event."""
    environment = {
        # A logger of the same service would still write to the captured output of an earlier test.
        "POWERTOOLS_SERVICE_NAME": request.node.name,
        "AWS_ENDPOINT_URL_APPCONFIGDATA": local_aws,
        "PROFILE_APPLICATION": live_profile.application,
        "PROFILE_ENVIRONMENT": live_profile.environment,
        "LIVE_PROFILE": live_profile.configuration,
    }
    for name, value in (ENVIRONMENT | environment).items():
        monkeypatch.setenv(name, value)

    return call_handler


@pytest.fixture
def use_local_aws(local_aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Points boto3 in this process at the emulator."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
