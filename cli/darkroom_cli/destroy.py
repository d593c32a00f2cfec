"""`darkroom destroy`: deletes a stack, and with `--everything` also the data that can't be recreated."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import ClientError
from rich.console import Console
from rich.filesize import decimal

from darkroom.web.pages.formatting import counted
from darkroom_cli.cloudformation import describe_stack, resources_of, template_resources
from darkroom_cli.faults import Fault
from darkroom_cli.tokens import tokens_parameter

_RETAINED = ("Retain", "RetainExceptOnCreate")
_DELETED = "DELETE_COMPLETE"
# Pictures still in progress may refill a bucket before CloudFormation deletes it.
_ATTEMPTS = 3
_POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Resource:
    """The type and the physical id of a stack's resource."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class StackResources:
    """A stack's resources, split by deletion policy; `exists` is false for an already deleted stack."""

    name: str
    id: str
    exists: bool
    deleted: tuple[Resource, ...]
    retained: tuple[Resource, ...]

    def buckets(self) -> list[str]:
        """Returns the buckets deleted with the stack; CloudFormation deletes only empty buckets."""
        return [resource.id for resource in self.deleted if resource.kind == "AWS::S3::Bucket"]


@dataclass(frozen=True, slots=True)
class Contents:
    """A bucket's number of versions and delete markers, and their size."""

    objects: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Account:
    """The AWS clients in one region."""

    region: str
    cloudformation: Any = field(repr=False)
    s3: Any = field(repr=False)
    dynamodb: Any = field(repr=False)
    appconfig: Any = field(repr=False)
    ssm: Any = field(repr=False)

    @classmethod
    def of(cls, region: str) -> "Account":
        session = boto3.Session(region_name=region)
        return cls(
            region,
            session.client("cloudformation"),
            session.client("s3"),
            session.client("dynamodb"),
            session.client("appconfig"),
            session.client("ssm"),
        )


type Ask = Callable[[str], str]


def destroy(account: Account, name: str, everything: bool, ask: Ask | None, console: Console) -> None:
    """Deletes a stack after confirmation; without `ask` it deletes at once. Raises Fault."""
    stack = find_stack(account, name)
    retained = [resource for resource in stack.retained if _exists(account, resource)]
    if not stack.exists and not (everything and retained):
        if not retained:
            raise Fault(f"There is no stack {name} in {account.region}.")
        raise Fault(
            f"The stack {name} in {account.region} is already deleted, but its data is still there."
            f" To delete the data, run `{_everything(account, name)}`."
        )
    lost = _describe(account, retained) if everything else []
    _print_plan(stack, lost, console)
    if ask:
        _confirm(stack, lost, ask)
    if stack.exists:
        _delete_stack(account, stack, console)
        console.print(f"The stack {name} is deleted.")
    _delete_tokens(account, name)
    if everything:
        for resource in sorted(retained, key=lambda resource: _ORDER.index(resource.kind)):
            _DELETE[resource.kind](account, resource.id, console)
        console.print("All its data is deleted.")
    else:
        _print_retained(account, name, retained, console)


def _everything(account: Account, name: str) -> str:
    return f"darkroom destroy --stack {name} --region {account.region} --everything"


def find_stack(account: Account, name: str) -> StackResources:
    """Returns the resources of a stack, or of the last deleted stack of that name. Raises Fault."""
    description = describe_stack(account.cloudformation, name)
    if description is None:
        return _deleted_stack(account, name)
    status = description["StackStatus"]
    if status == "REVIEW_IN_PROGRESS":  # neither resources nor a template: its changes were never made
        return StackResources(name, description["StackId"], True, (), ())
    if status.endswith("_IN_PROGRESS"):
        raise Fault(f"Stack {name} is being changed ({status}): wait until it is done, then try again.")
    policies = _deletion_policies(account, description["StackId"])
    deleted: list[Resource] = []
    retained: list[Resource] = []
    for summary in resources_of(account.cloudformation, description["StackId"]):
        # Of a resource that could not be created, another stack may have the name, and its own data there.
        if summary["ResourceStatus"] not in (_DELETED, "CREATE_FAILED") and summary.get("PhysicalResourceId"):
            is_retained = policies.get(summary["LogicalResourceId"]) in _RETAINED
            (retained if is_retained else deleted).append(_resource(summary))
    return StackResources(name, description["StackId"], True, tuple(deleted), _deletable(retained))


def _deleted_stack(account: Account, name: str) -> StackResources:
    """Finds the resources retained by a deleted stack; CloudFormation lists it for 90 days."""
    pages = account.cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=[_DELETED])
    stacks = [stack for page in pages for stack in page["StackSummaries"] if stack["StackName"] == name]
    if not stacks:
        raise Fault(f"There is no stack {name} in {account.region}.")
    newest = max(stacks, key=lambda stack: stack["CreationTime"])["StackId"]
    events = account.cloudformation.get_paginator("describe_stack_events").paginate(StackName=newest)
    retained = [
        _resource(event)
        for page in events
        for event in page["StackEvents"]
        if event["ResourceStatus"] == "DELETE_SKIPPED"
    ]
    return StackResources(name, newest, False, (), _deletable(retained))


def _resource(summary: Any) -> Resource:
    return Resource(summary["ResourceType"], summary["PhysicalResourceId"])


def _deletable(retained: list[Resource]) -> tuple[Resource, ...]:
    return tuple(resource for resource in dict.fromkeys(retained) if resource.kind in _DELETE)


def _deletion_policies(account: Account, stack_id: str) -> dict[str, str]:
    resources = template_resources(account.cloudformation, stack_id)
    return {name: resource.get("DeletionPolicy", "Delete") for name, resource in resources.items()}


def _exists(account: Account, resource: Resource) -> bool:
    try:
        match resource.kind:
            case "AWS::S3::Bucket":
                account.s3.head_bucket(Bucket=resource.id)
            case "AWS::DynamoDB::Table":
                account.dynamodb.describe_table(TableName=resource.id)
            case "AWS::AppConfig::Application":
                account.appconfig.get_application(ApplicationId=resource.id)
    except ClientError as fault:
        if fault.response["Error"]["Code"] in ("404", "NoSuchBucket", "ResourceNotFoundException"):
            return False
        raise
    return True


def contents(account: Account, bucket: str) -> Contents:
    """Counts a bucket's versions and delete markers."""
    objects = size = 0
    for page in account.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        versions = page.get("Versions", [])
        objects += len(versions) + len(page.get("DeleteMarkers", []))
        size += sum(version["Size"] for version in versions)
    return Contents(objects, size)


def _describe(account: Account, resources: list[Resource]) -> list[str]:
    """Returns a line for each resource: type, name and size."""
    lines = []
    for resource in resources:
        if resource.kind == "AWS::S3::Bucket":
            found = contents(account, resource.id)
            size = f"{counted(found.objects, 'object')}, {decimal(found.size_bytes)}"
            lines.append(f"the bucket {resource.id}: {size}")
        elif resource.kind == "AWS::DynamoDB::Table":
            table = account.dynamodb.describe_table(TableName=resource.id)["Table"]
            # DynamoDB updates both numbers every six hours.
            size = f"about {table.get('ItemCount', 0):,} entries, {decimal(table.get('TableSizeBytes', 0))}"
            lines.append(f"the ledger {resource.id}: {size}")
        else:
            lines.append(f"the pushed profiles in the AppConfig application {resource.id}")
    return lines


def _print_plan(stack: StackResources, lost: list[str], console: Console) -> None:
    if stack.exists:
        console.print(
            f"This deletes {len(stack.deleted)} resources of the stack {stack.name}.", highlight=False
        )
        for bucket in stack.buckets():
            console.print(f"  the bucket {bucket}, with all its objects", highlight=False, soft_wrap=True)
    for line in lost:
        console.print(f"  {line} (permanently)", highlight=False, soft_wrap=True)


def _confirm(stack: StackResources, lost: list[str], ask: Ask) -> None:
    questions = []
    if stack.exists:
        questions.append((f"To delete the stack, type its name, {stack.name}", stack.name))
    if lost:
        phrase = "delete everything"
        questions.append(
            (f"Data deleted permanently cannot be recovered. To confirm, type: {phrase}", phrase)
        )
    for question, expected in questions:
        if ask(question).strip() != expected:
            raise Fault("Nothing was deleted: the confirmation does not match.")


def _print_retained(account: Account, name: str, retained: list[Resource], console: Console) -> None:
    if retained:
        console.print("Kept, because it cannot be recreated:")
        for line in (*_describe(account, retained), f"To delete this too: {_everything(account, name)}"):
            console.print(f"  {line}", highlight=False, soft_wrap=True)


def _delete_stack(account: Account, stack: StackResources, console: Console) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        for bucket in stack.buckets():
            empty(account, bucket, console)
        account.cloudformation.delete_stack(StackName=stack.id)
        if _wait_for_deletion(account, stack, console):
            return
        refilled = [bucket for bucket in stack.buckets() if _first_thousand(account, bucket)]
        if not refilled or attempt == _ATTEMPTS:
            raise Fault(_failure_reason(account, stack))


def empty(account: Account, bucket: str, console: Console) -> int:
    """Deletes every version and delete marker, and returns their number. Raises Fault."""
    done = 0
    with console.status(f"Emptying {bucket} ...") as progress:
        while batch := _first_thousand(account, bucket):  # also deletes objects written in the meantime
            response = account.s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
            for fault in response.get("Errors", []):
                reason = f"{fault['Key']}: {fault['Message']} ({fault['Code']})"
                raise Fault(f"Cannot empty the bucket {bucket}: {reason}.")
            done += len(batch)
            progress.update(f"Emptying {bucket}: {done:,} objects ...")
    return done


def _first_thousand(account: Account, bucket: str) -> list[dict[str, str]]:
    """Returns one DeleteObjects batch; empty if the bucket is already deleted."""
    try:
        page = account.s3.list_object_versions(Bucket=bucket, MaxKeys=1000)
    except account.s3.exceptions.NoSuchBucket:
        return []
    versions = (*page.get("Versions", []), *page.get("DeleteMarkers", []))
    return [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in versions]


def _wait_for_deletion(account: Account, stack: StackResources, console: Console) -> bool:
    """Waits until CloudFormation has finished; returns False if the deletion failed."""
    with console.status("Deleting the stack ...") as progress:
        while True:
            description = describe_stack(account.cloudformation, stack.id)
            if description is None:
                return True
            if description["StackStatus"] == "DELETE_FAILED":
                return False
            deleted = sum(
                resource["ResourceStatus"] == _DELETED
                for resource in resources_of(account.cloudformation, stack.id)
            )
            progress.update(f"Deleting the stack: {deleted} of {len(stack.deleted)} resources deleted ...")
            time.sleep(_POLL_SECONDS)


def _failure_reason(account: Account, stack: StackResources) -> str:
    reasons = [
        f"{resource['LogicalResourceId']}: {resource.get('ResourceStatusReason', 'no reason given')}"
        for resource in resources_of(account.cloudformation, stack.id)
        if resource["ResourceStatus"] == "DELETE_FAILED"
    ]
    return "CloudFormation could not delete these resources; fix the cause and try again.\n  " + "\n  ".join(
        reasons
    )


def _delete_tokens(account: Account, name: str) -> None:
    with suppress(account.ssm.exceptions.ParameterNotFound):
        account.ssm.delete_parameter(Name=tokens_parameter(name))


def _delete_bucket(account: Account, bucket: str, console: Console) -> None:
    empty(account, bucket, console)
    account.s3.delete_bucket(Bucket=bucket)


def _delete_table(account: Account, table: str, _: Console) -> None:
    account.dynamodb.delete_table(TableName=table)


def _delete_application(account: Account, application: str, _: Console) -> None:
    """Deletes versions, profiles and the application, in this order: AppConfig deletes only empty parents."""
    appconfig = account.appconfig
    profiles = appconfig.get_paginator("list_configuration_profiles").paginate(ApplicationId=application)
    for profile in [profile for page in profiles for profile in page["Items"]]:
        ids = {"ApplicationId": application, "ConfigurationProfileId": profile["Id"]}
        versions = appconfig.get_paginator("list_hosted_configuration_versions").paginate(**ids)
        for version in [version for page in versions for version in page["Items"]]:
            appconfig.delete_hosted_configuration_version(**ids, VersionNumber=version["VersionNumber"])
        appconfig.delete_configuration_profile(**ids)
    appconfig.delete_application(ApplicationId=application)


# Retained resource types in deletion order; profiles are deleted with their application.
_DELETE: dict[str, Callable[[Account, str, Console], None]] = {
    "AWS::S3::Bucket": _delete_bucket,
    "AWS::DynamoDB::Table": _delete_table,
    "AWS::AppConfig::Application": _delete_application,
}
RETAINED_KINDS = _DELETE.keys()
_ORDER = list(_DELETE)
