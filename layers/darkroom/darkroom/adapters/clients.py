"""boto3 clients, configured once for everything that Darkroom asks of AWS."""

from typing import TYPE_CHECKING

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

# Standard mode retries throttles and lost answers with back-off; the read time-out ends a hung call
# long before the function's own.
_CALLS = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=3,
    read_timeout=15,
    max_pool_connections=10,
)
# SigV4 and the bucket's own regional host: the global one redirects, and a browser's preflight fails there.
# botocore itself falls back to path style where the endpoint is an IP address, as on the local stack.
_S3_CALLS = _CALLS.merge(
    Config(
        signature_version="s3v4",
        s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
    )
)
# Done without if need be: the profile and who may come in, when what is known of them is too old, and pushes.
_QUICK_CALLS = _CALLS.merge(
    Config(
        retries={"mode": "standard", "total_max_attempts": 2},
        connect_timeout=1,
        read_timeout=2,
    )
)


def s3_client(region: str | None = None, endpoint: str | None = None) -> "S3Client":
    """Region and endpoint default to the environment's (AWS_REGION, AWS_ENDPOINT_URL)."""
    return boto3.client("s3", region_name=region, endpoint_url=endpoint, config=_S3_CALLS)


def dynamodb_client(region: str | None = None, endpoint: str | None = None) -> "DynamoDBClient":
    """Region and endpoint default to the environment's (AWS_REGION, AWS_ENDPOINT_URL)."""
    return boto3.client("dynamodb", region_name=region, endpoint_url=endpoint, config=_CALLS)


def sqs_client(region: str | None = None, endpoint: str | None = None) -> "SQSClient":
    """Region and endpoint default to the environment's (AWS_REGION, AWS_ENDPOINT_URL)."""
    return boto3.client("sqs", region_name=region, endpoint_url=endpoint, config=_CALLS)


def events_client(region: str | None = None, endpoint: str | None = None) -> "EventBridgeClient":
    """Region and endpoint default to the environment's (AWS_REGION, AWS_ENDPOINT_URL)."""
    return boto3.client("events", region_name=region, endpoint_url=endpoint, config=_CALLS)


def appconfigdata_client(region: str | None = None, endpoint: str | None = None) -> "AppConfigDataClient":
    """Region and endpoint default to the environment's (AWS_REGION, AWS_ENDPOINT_URL)."""
    return boto3.client("appconfigdata", region_name=region, endpoint_url=endpoint, config=_QUICK_CALLS)


def ssm_client(region: str | None = None, endpoint: str | None = None) -> "SSMClient":
    """Region and endpoint default to the environment's (AWS_REGION, AWS_ENDPOINT_URL)."""
    return boto3.client("ssm", region_name=region, endpoint_url=endpoint, config=_QUICK_CALLS)


def connections_client(endpoint: str, region: str | None = None) -> "ApiGatewayManagementApiClient":
    """For the connections of the WebSocket API whose stage is at `endpoint`; region as above."""
    return boto3.client(
        "apigatewaymanagementapi", region_name=region, endpoint_url=endpoint, config=_QUICK_CALLS
    )
