"""Tries every allowed and denied action of each function's role on a stack with permissions enforced."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from darkroom_cli.cloudformation import resources_of
from tests.cloudformation import load_template
from tests.e2e.conftest import Stack
from tests.roles import grants, roles

pytestmark = pytest.mark.local("on AWS only Lambda can assume the functions' roles")

TEMPLATE = load_template()
GRANTS = grants(TEMPLATE)
ROLES = sorted(roles(TEMPLATE).values())
DENIED = {"AccessDenied", "AccessDeniedException", "ForbiddenException", "403"}
# Allowed actions that these tests do not try, and why.
UNTRIED = {
    "logs:CreateLogStream": "called by Lambda itself",
    "logs:PutLogEvents": "called by Lambda itself",
    "dynamodb:DescribeStream": "called by Lambda itself",
    "dynamodb:GetShardIterator": "called by Lambda itself",
    "dynamodb:GetRecords": "called by Lambda itself",
    "dynamodb:ListStreams": "called by Lambda itself",
    "appconfig:GetLatestConfiguration": "needs a token from StartConfigurationSession",
    "execute-api:Invoke": "only signs URLs: tests/e2e/test_live.py connects with one",
    "xray:PutTraceSegments": "called by Lambda itself",
    "xray:PutTelemetryRecords": "called by Lambda itself",
}
# The local stack does not enforce these; tests/template/test_access.py checks them in the template.
NOT_ENFORCED = {"appconfig:StartConfigurationSession"}


@dataclass(frozen=True)
class Actor:
    """An assumed role on a stack."""

    stack: Stack
    names: dict[str, str]  # physical, by logical
    credentials: dict[str, str]

    def client(self, service: str, endpoint: str = "") -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=endpoint or self.stack.status["aws_endpoint"],
            region_name=self.stack.status["region"],
            config=Config(retries={"total_max_attempts": 1}),
            **self.credentials,
        )

    @cached_property
    def s3(self) -> Any:
        return self.client("s3")

    @cached_property
    def sqs(self) -> Any:
        return self.client("sqs")

    @cached_property
    def dynamodb(self) -> Any:
        return self.client("dynamodb")

    @cached_property
    def sockets(self) -> Any:
        endpoint = f"{self.stack.status['aws_endpoint']}/_aws/execute-api/{self.names['LiveApi']}/live"
        return self.client("apigatewaymanagementapi", endpoint)

    def is_denied(self, attempt: Callable[["Actor"], object]) -> bool:
        """True if the role denies the call; any other error counts as allowed."""
        try:
            attempt(self)
        except ClientError as fault:
            return fault.response["Error"]["Code"] in DENIED
        return False


type Attempts = dict[tuple[str, str], Callable[[Actor], object]]


# No attempt changes anything: it names missing resources or fails a condition.


# The prefixes of keys that have permissions of their own.
_PREFIXES = {"ReportsBucket": ("", "jobs/", "trials/")}


def on_a_bucket(name: str) -> Attempts:
    def bucket(actor: Actor) -> dict[str, str]:
        return {"Bucket": actor.names[name]}

    attempts: Attempts = {
        ("s3:ListBucket", name): lambda actor: actor.s3.list_objects_v2(**bucket(actor), MaxKeys=1),
        ("s3:ListBucketVersions", name): lambda actor: actor.s3.list_object_versions(
            **bucket(actor), MaxKeys=1
        ),
        ("s3:DeleteBucketPolicy", name): lambda actor: actor.s3.delete_bucket_policy(**bucket(actor)),
    }
    for prefix in _PREFIXES.get(name, ("",)):
        attempts |= on_objects(name, prefix)
    return attempts


def on_objects(name: str, prefix: str) -> Attempts:
    def key(actor: Actor) -> dict[str, str]:
        return {"Bucket": actor.names[name], "Key": f"{prefix}nobody/"}  # a folder, not a picture

    every, version = f"{name}/{prefix}*", "0" * 32
    return {
        ("s3:GetObject", every): lambda actor: actor.s3.get_object(**key(actor)),
        ("s3:GetObjectVersion", every): lambda actor: actor.s3.get_object(**key(actor), VersionId=version),
        ("s3:PutObject", every): lambda actor: actor.s3.put_object(**key(actor), Body=b""),
        ("s3:DeleteObject", every): lambda actor: actor.s3.delete_object(**key(actor)),
        ("s3:DeleteObjectVersion", every): lambda actor: actor.s3.delete_object(
            **key(actor), VersionId=version
        ),
    }


def on_a_queue(name: str) -> Attempts:
    def queue(actor: Actor) -> dict[str, str]:
        return {"QueueUrl": actor.names[name]}

    def message(actor: Actor) -> dict[str, str]:
        return queue(actor) | {"ReceiptHandle": "nobody"}

    return {
        ("sqs:SendMessage", name): lambda actor: actor.sqs.send_message(
            **queue(actor), MessageBody="nobody", DelaySeconds=100_000
        ),
        ("sqs:ReceiveMessage", name): lambda actor: actor.sqs.receive_message(
            **queue(actor), VisibilityTimeout=0
        ),
        ("sqs:DeleteMessage", name): lambda actor: actor.sqs.delete_message(**message(actor)),
        ("sqs:ChangeMessageVisibility", name): lambda actor: actor.sqs.change_message_visibility(
            **message(actor), VisibilityTimeout=0
        ),
        ("sqs:GetQueueAttributes", name): lambda actor: actor.sqs.get_queue_attributes(**queue(actor)),
        ("sqs:SetQueueAttributes", name): lambda actor: actor.sqs.set_queue_attributes(
            **queue(actor), Attributes={}
        ),
    }


def on_a_table(name: str) -> Attempts:
    first, second = (key["AttributeName"] for key in TEMPLATE["Resources"][name]["Properties"]["KeySchema"])
    item = {first: {"S": "nobody"}, second: {"S": "nobody"}}
    is_there = {"ConditionExpression": f"attribute_exists({first})"}

    def table(actor: Actor) -> dict[str, str]:
        return {"TableName": actor.names[name]}

    def query(actor: Actor, partition: str = first, **index: str) -> object:
        return actor.dynamodb.query(
            **table(actor),
            **index,
            KeyConditionExpression="#p = :p",
            ExpressionAttributeNames={"#p": partition},
            ExpressionAttributeValues={":p": {"S": "nobody"}},
        )

    indexes = TEMPLATE["Resources"][name]["Properties"].get("GlobalSecondaryIndexes", [])
    by_index: Attempts = {
        ("dynamodb:Query", f"{name}/index/*"): lambda actor: [
            query(actor, index["KeySchema"][0]["AttributeName"], IndexName=index["IndexName"])
            for index in indexes
        ]
    }
    return (by_index if indexes else {}) | {
        ("dynamodb:GetItem", name): lambda actor: actor.dynamodb.get_item(**table(actor), Key=item),
        ("dynamodb:PutItem", name): lambda actor: actor.dynamodb.put_item(
            **table(actor), Item=item, **is_there
        ),
        ("dynamodb:UpdateItem", name): lambda actor: actor.dynamodb.update_item(
            **table(actor),
            Key=item,
            UpdateExpression="SET a = :a",
            ExpressionAttributeValues={":a": {"S": ""}},
            **is_there,
        ),
        ("dynamodb:DeleteItem", name): lambda actor: actor.dynamodb.delete_item(
            **table(actor), Key=item, **is_there
        ),
        ("dynamodb:ConditionCheckItem", name): lambda actor: actor.dynamodb.transact_write_items(
            TransactItems=[{"ConditionCheck": {**table(actor), "Key": item, **is_there}}]
        ),
        ("dynamodb:Query", name): query,
        ("dynamodb:Scan", name): lambda actor: actor.dynamodb.scan(**table(actor), Limit=1),
        ("dynamodb:BatchGetItem", name): lambda actor: actor.dynamodb.batch_get_item(
            RequestItems={actor.names[name]: {"Keys": [item]}}
        ),
        ("dynamodb:BatchWriteItem", name): lambda actor: actor.dynamodb.batch_write_item(
            RequestItems={actor.names[name]: [{"DeleteRequest": {"Key": item}}]}
        ),
        ("dynamodb:UpdateTable", name): lambda actor: actor.dynamodb.update_table(**table(actor)),
    }


def on_a_function(name: str) -> Attempts:
    return {
        ("lambda:InvokeFunction", name): lambda actor: actor.client("lambda").invoke(
            FunctionName=actor.names[name]
        ),
        ("lambda:UpdateFunctionConfiguration", name): lambda actor: actor.client(
            "lambda"
        ).update_function_configuration(FunctionName=actor.names[name]),
    }


_PROFILE = "application/ProfileApplication/environment/ProfileEnvironment/configuration/LiveProfile"
_TOKENS = "parameter/darkroom/StackName/tokens"
_CONNECTIONS = "LiveApi/live/{}/@connections/*"
_OTHER_ATTEMPTS: Attempts = {
    ("events:PutEvents", "Events"): lambda actor: actor.client("events").put_events(
        Entries=[
            {
                "EventBusName": actor.names["Events"],
                "Source": "nobody",
                "DetailType": "nothing",
                "Detail": "{}",
            }
        ]
    ),
    ("appconfig:StartConfigurationSession", _PROFILE): lambda actor: actor.client(
        "appconfigdata"
    ).start_configuration_session(
        ApplicationIdentifier=actor.names["ProfileApplication"],
        EnvironmentIdentifier=actor.names["ProfileEnvironment"],
        ConfigurationProfileIdentifier=actor.names["LiveProfile"],
    ),
    ("execute-api:ManageConnections", _CONNECTIONS.format("POST")): lambda actor: (
        actor.sockets.post_to_connection(ConnectionId="nobody", Data=b"nothing")
    ),
    ("execute-api:ManageConnections", _CONNECTIONS.format("DELETE")): lambda actor: (
        actor.sockets.delete_connection(ConnectionId="nobody")
    ),
    ("iam:ListRoles", "*"): lambda actor: actor.client("iam").list_roles(),
    ("ssm:GetParameter", _TOKENS): lambda actor: actor.client("ssm").get_parameter(
        Name=f"/darkroom/{actor.stack.status['stack']}/tokens", WithDecryption=True
    ),
    ("ssm:PutParameter", _TOKENS): lambda actor: actor.client("ssm").put_parameter(
        Name=f"/darkroom/{actor.stack.status['stack']}/tokens", Value="nobody", Type="String"
    ),
}
_KINDS: dict[str, Callable[[str], Attempts]] = {
    "AWS::S3::Bucket": on_a_bucket,
    "AWS::SQS::Queue": on_a_queue,
    "AWS::DynamoDB::Table": on_a_table,
    "AWS::Serverless::Function": on_a_function,
}
ATTEMPTS: Attempts = {
    key: attempt
    for name, resource in TEMPLATE["Resources"].items()
    if resource["Type"] in _KINDS
    for key, attempt in _KINDS[resource["Type"]](name).items()
} | _OTHER_ATTEMPTS


@pytest.fixture(scope="module")
def names(stack: Stack) -> dict[str, str]:
    """Physical resource ids by logical id."""
    resources = resources_of(stack.client("cloudformation"), stack.status["stack"])
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}


@pytest.fixture
def actor(stack: Stack, names: dict[str, str], role: str) -> Actor:
    arn = stack.client("iam").get_role(RoleName=names[role])["Role"]["Arn"]
    session = stack.client("sts").assume_role(RoleArn=arn, RoleSessionName="attempts")["Credentials"]
    return Actor(
        stack,
        names,
        {
            "aws_access_key_id": session["AccessKeyId"],
            "aws_secret_access_key": session["SecretAccessKey"],
            "aws_session_token": session["SessionToken"],
        },
    )


def allowed(role: str) -> set[tuple[str, str]]:
    return {(grant.action, grant.resource) for grant in GRANTS if grant.role == role}


def test_every_grant_is_tried_or_listed_as_untried() -> None:
    tried = {*ATTEMPTS}

    assert {(grant.action, grant.resource) for grant in GRANTS if grant.action not in UNTRIED} <= tried


@pytest.mark.parametrize("role", ROLES)
def test_a_role_allows_its_grants(actor: Actor, role: str) -> None:
    tried = ATTEMPTS.keys() & allowed(role)

    assert tried
    assert sorted(key for key in tried if actor.is_denied(ATTEMPTS[key])) == []


@pytest.mark.parametrize("role", ROLES)
def test_a_role_denies_everything_else(actor: Actor, role: str) -> None:
    tried = {key for key in ATTEMPTS.keys() - allowed(role) if key[0] not in NOT_ENFORCED}

    assert sorted(key for key in tried if not actor.is_denied(ATTEMPTS[key])) == []
