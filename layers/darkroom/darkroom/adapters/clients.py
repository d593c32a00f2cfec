"""boto3 clients with the timeouts and retries of Darkroom."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient
    from types_boto3_appconfigdata import AppConfigDataClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient
    from types_boto3_ssm import SSMClient

# Standard mode retries throttling and lost responses with backoff. The read timeout ends a hung call long
# before the function times out.
_CALLS = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=3,
    read_timeout=15,
    max_pool_connections=10,
    user_agent="darkroom",  # botocore's own is put together for each call: a quarter of a call's time
)
# SigV4 and the bucket's regional host: the global host redirects, and a browser's preflight fails there.
# botocore itself falls back to path style if the endpoint is an IP address, as on the local stack.
_S3_CALLS = _CALLS.merge(
    Config(
        signature_version="s3v4",
        s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
    )
)
# For calls with a fallback: reading the profile and the tokens (the cached ones stay valid), sending to
# connections (clients then poll), and changing a visibility timeout (the present one stays).
_QUICK_CALLS = _CALLS.merge(
    Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=1, read_timeout=2)
)


def s3_client(region: str | None = None, endpoint: str | None = None) -> "S3Client":
    """Creates a client; region and endpoint default to AWS_REGION and AWS_ENDPOINT_URL."""
    return boto3.client("s3", region_name=region, endpoint_url=endpoint, config=_S3_CALLS)


def dynamodb_client(region: str | None = None, endpoint: str | None = None) -> "DynamoDBClient":
    return boto3.client("dynamodb", region_name=region, endpoint_url=endpoint, config=_CALLS)


def sqs_client(region: str | None = None, endpoint: str | None = None) -> "SQSClient":
    return boto3.client("sqs", region_name=region, endpoint_url=endpoint, config=_CALLS)


def visibility_client() -> "SQSClient":
    """Creates a client that changes visibility timeouts and sends nothing."""
    return boto3.client("sqs", config=_QUICK_CALLS)


def events_client(region: str | None = None, endpoint: str | None = None) -> "EventBridgeClient":
    return boto3.client("events", region_name=region, endpoint_url=endpoint, config=_CALLS)


def appconfigdata_client(endpoint: str | None = None) -> "AppConfigDataClient":
    return boto3.client("appconfigdata", endpoint_url=endpoint, config=_QUICK_CALLS)


def ssm_client(region: str | None = None, endpoint: str | None = None) -> "SSMClient":
    return boto3.client("ssm", region_name=region, endpoint_url=endpoint, config=_QUICK_CALLS)


def connections_client(endpoint: str) -> "ApiGatewayManagementApiClient":
    """Creates a client for the connections of the WebSocket API stage at `endpoint`."""
    return boto3.client("apigatewaymanagementapi", endpoint_url=endpoint, config=_QUICK_CALLS)


def lazy[C](create: Callable[[], C]) -> C:
    """Defers the creation of a client to its first use.

    For clients that few invocations need: a cold start does not wait for them.
    """
    return cast("C", _LazyClient(create))


class _LazyClient:
    def __init__(self, create: Callable[[], Any]) -> None:
        self._client = cache(create)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client(), name)
