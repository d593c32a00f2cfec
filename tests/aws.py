"""Buckets, tables and profiles with the properties of template.yaml."""

import os
import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from types_boto3_appconfig import AppConfigClient
from types_boto3_dynamodb import DynamoDBClient
from types_boto3_s3 import S3Client

from tests.cloudformation import load_template

_RESOURCES = load_template()["Resources"]
# Credentials for moto.
ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
}

# Variables of the developer's shell that must not affect a test.
_FOREIGN = ("AWS_", "DARKROOM_", "POWERTOOLS_", "FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_")


def forget_environment(patch: pytest.MonkeyPatch) -> None:
    """Removes accounts, stacks and terminal settings from the environment."""
    for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
        patch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        patch.setenv(name, os.devnull)
    # A proxy cannot connect back to this machine.
    no_proxy = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
    for name in ("NO_PROXY", "no_proxy"):
        patch.setenv(name, ",".join(filter(None, [no_proxy, "localhost", "127.0.0.1"])))


def make_bucket(client: S3Client, logical_id: str, name: str) -> None:
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    versioning = _RESOURCES[logical_id]["Properties"].get("VersioningConfiguration")
    if versioning:
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration=versioning)


def make_table(client: DynamoDBClient, logical_id: str, name: str) -> None:
    properties: dict[str, Any] = _RESOURCES[logical_id]["Properties"]
    names = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
    client.create_table(TableName=name, **{key: properties[key] for key in names if key in properties})


@dataclass(frozen=True)
class LiveProfile:
    """An AppConfig configuration on the emulator, without a deployed profile at first."""

    application: str
    environment: str
    configuration: str
    strategy: str
    client: AppConfigClient

    def deploy(self, document: bytes) -> None:
        """Deploys a document, valid or not."""
        version = self.client.create_hosted_configuration_version(
            ApplicationId=self.application,
            ConfigurationProfileId=self.configuration,
            Content=document,
            ContentType="application/json",
        )
        self.client.start_deployment(
            ApplicationId=self.application,
            EnvironmentId=self.environment,
            ConfigurationProfileId=self.configuration,
            ConfigurationVersion=str(version["VersionNumber"]),
            DeploymentStrategyId=self.strategy,
        )


def make_live_profile(endpoint: str) -> LiveProfile:
    """Creates a new configuration: the emulator outlives the test."""
    client = boto3.client("appconfig", endpoint_url=endpoint)
    application = client.create_application(Name="darkroom")["Id"]
    configuration: dict[str, Any] = _RESOURCES["LiveProfile"]["Properties"]
    strategy: dict[str, Any] = _RESOURCES["ProfileStrategy"]["Properties"]
    return LiveProfile(
        application,
        client.create_environment(ApplicationId=application, Name="live")["Id"],
        client.create_configuration_profile(**configuration | {"ApplicationId": application})["Id"],
        client.create_deployment_strategy(**strategy | {"Name": "at-once"})["Id"],
        client,
    )


def free_port() -> int:
    """Returns a free port below the ephemeral range: no client connection can take it."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
