"""Buckets and tables in an in-process account, made as template.yaml describes them."""

from typing import Any

from types_boto3_dynamodb import DynamoDBClient
from types_boto3_s3 import S3Client

from tests.cloudformation import load_template

_RESOURCES = load_template()["Resources"]


def make_bucket(client: S3Client, logical_id: str, name: str) -> None:
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    versioning = _RESOURCES[logical_id]["Properties"].get("VersioningConfiguration")
    if versioning:
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration=versioning)


def make_table(client: DynamoDBClient, logical_id: str, name: str) -> None:
    properties: dict[str, Any] = _RESOURCES[logical_id]["Properties"]
    kept = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
    client.create_table(TableName=name, **{key: properties[key] for key in kept if key in properties})
