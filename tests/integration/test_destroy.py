"""`darkroom destroy` on the local AWS, with a small stack of every type of resource to delete."""

import io
import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from darkroom_cli.destroy import RETAINED_KINDS, Account, Contents, contents, destroy, empty, find_stack
from darkroom_cli.faults import Fault
from darkroom_cli.tokens import tokens_parameter
from tests.aws import make_bucket
from tests.cloudformation import load_template

REGION = "us-east-1"


def _template(retained: str, deleted: str) -> str:
    """Returns a template with two buckets, a ledger and a profile, and template.yaml's deletion policies."""
    resources = load_template()["Resources"]
    policies = {
        name: {"DeletionPolicy": resource["DeletionPolicy"]}
        for name, resource in resources.items()
        if _is_retained(resource)
    }
    ledger = {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "picture", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "picture", "KeyType": "HASH"}],
    }
    profile = {"ApplicationId": {"Ref": "ProfileApplication"}, "Name": "profile", "LocationUri": "hosted"}
    versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "UploadsBucket": ("AWS::S3::Bucket", {"BucketName": retained, **versioned}),
        "RenditionsBucket": ("AWS::S3::Bucket", {"BucketName": deleted, **versioned}),
        "Ledger": ("AWS::DynamoDB::Table", ledger),
        "ProfileApplication": ("AWS::AppConfig::Application", {"Name": retained}),
        "LiveProfile": ("AWS::AppConfig::ConfigurationProfile", profile),
        "Queue": ("AWS::SQS::Queue", {}),
    }
    return json.dumps(
        {
            "Resources": {
                name: {"Type": kind, "Properties": properties, **policies.get(name, {})}
                for name, (kind, properties) in kinds.items()
            }
        }
    )


def _is_retained(resource: dict[str, Any]) -> bool:
    return str(resource.get("DeletionPolicy", "Delete")) != "Delete"


class DeployedStack:
    """A deployed stack, and the output of the command."""

    def __init__(self) -> None:
        self.name = f"destroy-{uuid.uuid4().hex[:8]}"
        self.uploads, self.renditions = f"{self.name}-uploads", f"{self.name}-renditions"
        self.account = Account.of(REGION)
        self.output = io.StringIO()

    def create(self) -> None:
        body = _template(self.uploads, self.renditions)
        self.account.cloudformation.create_stack(StackName=self.name, TemplateBody=body)
        self.account.cloudformation.get_waiter("stack_create_complete").wait(
            StackName=self.name, WaiterConfig={"Delay": 1}
        )

    def destroy(self, *replies: str, everything: bool = False, yes: bool = False) -> str:
        """Destroys the stack with these replies to the prompts; returns the output with the prompts."""
        remaining = list(replies)

        def ask(question: str) -> str:
            self.output.write(question + "\n")
            return remaining.pop(0)

        console = Console(file=self.output, width=200)
        destroy(self.account, self.name, everything, None if yes else ask, console)
        assert not remaining
        return self.output.getvalue()

    def put(self, bucket: str, *keys: str) -> None:
        put = lambda key: self.account.s3.put_object(Bucket=bucket, Key=key, Body=b"12345")  # noqa: E731
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, keys))

    def exists(self) -> bool:
        return exists(lambda: self.account.cloudformation.describe_stacks(StackName=self.name))


def exists(request: Callable[[], Any]) -> bool:
    try:
        request()
    except ClientError:
        return False
    return True


@pytest.fixture
def stack(use_local_aws: None) -> Iterator[DeployedStack]:
    stack = DeployedStack()
    stack.create()
    yield stack
    if stack.exists() or exists(lambda: stack.account.s3.head_bucket(Bucket=stack.uploads)):
        stack.destroy(yes=True, everything=True)


def test_renditions_are_deleted_and_originals_kept(stack: DeployedStack) -> None:
    stack.put(stack.uploads, "original.png")
    stack.put(stack.renditions, "rendition.webp", "rendition.avif")
    stack.put(stack.renditions, "rendition.webp")
    stack.account.s3.delete_object(Bucket=stack.renditions, Key="rendition.avif")

    output = stack.destroy(stack.name)

    assert not stack.exists()
    assert not exists(lambda: stack.account.s3.head_bucket(Bucket=stack.renditions))
    assert contents(stack.account, stack.uploads).objects == 1
    assert f"the bucket {stack.uploads}: 1 object, 5 bytes" in output
    assert f"darkroom destroy --stack {stack.name} --region {REGION} --everything" in output


@pytest.mark.full
@pytest.mark.usefixtures("aws")
def test_a_bucket_with_thousands_of_versions_is_emptied() -> None:
    account = Account.of("eu-central-1")
    make_bucket(account.s3, "UploadsBucket", "full")
    keys = [{"Key": f"{number:04}"} for number in range(1100)]
    for key in keys:
        account.s3.put_object(Bucket="full", Body=b"12345", **key)
    account.s3.delete_objects(Bucket="full", Delete={"Objects": keys[:1000]})  # each gets a delete marker
    assert contents(account, "full") == Contents(2100, 1100 * 5)

    assert empty(account, "full", Console(file=io.StringIO())) == 2100

    assert contents(account, "full") == Contents(0, 0)
    account.s3.delete_bucket(Bucket="full")


def test_everything_needs_two_confirmations_and_lists_the_data(stack: DeployedStack) -> None:
    stack.put(stack.uploads, "one.png", "two.png")
    stack.account.s3.delete_object(Bucket=stack.uploads, Key="one.png")
    application = _application(stack)
    _push_profiles(stack, application, 3)

    output = stack.destroy(stack.name, "delete everything", everything=True)

    assert f"the bucket {stack.uploads}: 3 objects, 10 bytes (permanently)" in output
    assert not exists(lambda: stack.account.s3.head_bucket(Bucket=stack.uploads))
    assert not exists(lambda: stack.account.appconfig.get_application(ApplicationId=application))
    tables = stack.account.dynamodb.list_tables()["TableNames"]
    assert not [name for name in tables if name.startswith(stack.name)]


def test_kept_data_can_be_deleted_later(stack: DeployedStack) -> None:
    stack.put(stack.uploads, "original.png")
    stack.destroy(stack.name)

    with pytest.raises(Fault, match=f"{stack.name} in us-east-1 is already deleted, .*--everything"):
        stack.destroy()
    stack.destroy("delete everything", everything=True)

    assert not exists(lambda: stack.account.s3.head_bucket(Bucket=stack.uploads))
    with pytest.raises(Fault, match=r"There is no stack [\w-]+ in us-east-1\.$"):
        stack.destroy(everything=True)


def test_a_wrong_confirmation_deletes_nothing(stack: DeployedStack) -> None:
    stack.put(stack.renditions, "rendition.webp")

    for reply in ("something else", ""):
        with pytest.raises(Fault, match="Nothing was deleted"):
            stack.destroy(reply)
    with pytest.raises(Fault, match="Nothing was deleted"):
        stack.destroy(stack.name, "yes", everything=True)

    assert stack.exists()
    assert contents(stack.account, stack.renditions).objects == 1


def test_tokens_are_deleted_with_the_stack(stack: DeployedStack) -> None:
    name = tokens_parameter(stack.name)
    stack.account.ssm.put_parameter(Name=name, Value="{}", Type="SecureString")

    stack.destroy(yes=True)

    assert not exists(lambda: stack.account.ssm.get_parameter(Name=name))


@pytest.mark.usefixtures("use_local_aws")
def test_an_unknown_stack_is_a_fault() -> None:
    with pytest.raises(Fault, match="There is no stack nobodys in us-east-1"):
        destroy(Account.of(REGION), "nobodys", False, None, Console(file=io.StringIO()))


def test_every_retained_resource_type_can_be_deleted() -> None:
    retained = {
        resource["Type"] for resource in load_template()["Resources"].values() if _is_retained(resource)
    }

    # A profile is deleted with its application, a policy with its bucket.
    assert retained - {"AWS::AppConfig::ConfigurationProfile", "AWS::S3::BucketPolicy"} == RETAINED_KINDS


def _application(stack: DeployedStack) -> str:
    resources = boto3.client("cloudformation", region_name=REGION).describe_stack_resources(
        StackName=stack.name
    )["StackResources"]
    [found] = [
        resource["PhysicalResourceId"]
        for resource in resources
        if resource["LogicalResourceId"] == "ProfileApplication"
    ]
    return str(found)


def _push_profiles(stack: DeployedStack, application: str, count: int) -> None:
    appconfig = stack.account.appconfig
    [profile] = appconfig.list_configuration_profiles(ApplicationId=application)["Items"]
    for _ in range(count):
        appconfig.create_hosted_configuration_version(
            ApplicationId=application,
            ConfigurationProfileId=profile["Id"],
            Content=b"{}",
            ContentType="application/json",
        )


def test_a_stack_whose_changes_were_never_made_is_deleted(use_local_aws: None) -> None:
    stack = DeployedStack()
    stack.account.cloudformation.create_change_set(
        StackName=stack.name,
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=_template(stack.uploads, stack.renditions),
    )
    [description] = stack.account.cloudformation.describe_stacks(StackName=stack.name)["Stacks"]
    assert description["StackStatus"] == "REVIEW_IN_PROGRESS"
    stack.account = replace(stack.account, cloudformation=_WithoutTemplate(stack.account.cloudformation))

    output = stack.destroy(stack.name)

    assert f"This deletes 0 resources of the stack {stack.name}." in output
    assert not stack.exists()


class _CloudFormation:
    """The emulator's CloudFormation; subclasses replace what differs on AWS."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class _WithoutTemplate(_CloudFormation):
    """CloudFormation with a stack whose first change set was not executed.

    On AWS it has no template (https://github.com/aws/aws-sam-cli/pull/5687); the emulator returns one.
    """

    def get_template(self, **_: str) -> Any:
        raise ClientError({"Error": {"Code": "ValidationError", "Message": "no template"}}, "GetTemplate")


class _FailedRollback(_CloudFormation):
    """CloudFormation with a failed first deployment, whose rollback failed too.

    The uploads bucket could not be deleted. The bucket for renditions could not be created: another stack
    has one of that name.
    """

    def describe_stacks(self, **arguments: str) -> Any:
        response = self._client.describe_stacks(**arguments)
        for stack in response["Stacks"]:
            stack["StackStatus"] = stack["StackStatus"].replace("CREATE_COMPLETE", "ROLLBACK_FAILED")
        return response

    def get_paginator(self, name: str) -> Any:
        paginator = self._client.get_paginator(name)
        if name != "list_stack_resources":
            return paginator
        return SimpleNamespace(paginate=lambda **arguments: map(self._fail, paginator.paginate(**arguments)))

    def _fail(self, page: Any) -> Any:
        states = {"UploadsBucket": "DELETE_FAILED", "RenditionsBucket": "CREATE_FAILED"}
        for resource in page["StackResourceSummaries"]:
            resource["ResourceStatus"] = states.get(resource["LogicalResourceId"], resource["ResourceStatus"])
        return page


def test_a_stack_whose_rollback_failed_is_deleted_without_the_buckets_of_others(stack: DeployedStack) -> None:
    stack.put(stack.uploads, "original.png")
    stack.put(stack.renditions, "of-another-stack.webp")
    account = stack.account
    stack.account = replace(account, cloudformation=_FailedRollback(account.cloudformation))

    found = find_stack(stack.account, stack.name)

    assert stack.uploads in [resource.id for resource in found.retained]
    assert found.buckets() == []
    output = stack.destroy(stack.name)
    assert not stack.exists()
    assert f"the bucket {stack.uploads}: 1 object, 5 bytes" in output
    assert stack.renditions not in output


class _RefilledBucket(_CloudFormation):
    """CloudFormation with a failed first deletion: a late rendition refills the bucket.

    The emulator would delete the full bucket; AWS does not.
    """

    def __init__(self, stack: DeployedStack) -> None:
        super().__init__(stack.account.cloudformation)
        self._stack, self.deletions = stack, 0

    def delete_stack(self, **arguments: str) -> None:
        self.deletions += 1
        if self.deletions == 1:
            self._stack.put(self._stack.renditions, "late.webp")
        else:
            self._client.delete_stack(**arguments)

    def describe_stacks(self, **arguments: str) -> Any:
        response = self._client.describe_stacks(**arguments)
        if self.deletions == 1:
            response["Stacks"][0]["StackStatus"] = "DELETE_FAILED"
        return response


def test_a_refilled_bucket_is_emptied_again(stack: DeployedStack) -> None:
    cloudformation = _RefilledBucket(stack)
    stack.account = replace(stack.account, cloudformation=cloudformation)

    stack.destroy(stack.name)

    assert cloudformation.deletions == 2
    assert not stack.exists()
    assert "is deleted" in stack.output.getvalue()
    assert not exists(lambda: stack.account.s3.head_bucket(Bucket=stack.renditions))
