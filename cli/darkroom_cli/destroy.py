"""`darkroom destroy`: a stack emptied and deleted; what can't be made again is kept unless that is asked."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import boto3
import typer
from botocore.exceptions import ClientError
from rich.console import Console
from rich.filesize import decimal

from darkroom_cli.stack import Fault, described, resources_of, template_resources
from darkroom_cli.tokens import tokens_parameter

_RETAINED = ("Retain", "RetainExceptOnCreate")
_GONE = "DELETE_COMPLETE"
# Pictures that are on their way may fill a bucket again before CloudFormation comes to it.
_TRIES = 3
_POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a stack: its type, and what AWS knows it by."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class ViewState:
    """A stack as CloudFormation has it; `exists` is false for one that was deleted before."""

    name: str
    id: str
    exists: bool
    deleted: tuple[Resource, ...]
    kept: tuple[Resource, ...]

    def buckets(self) -> list[str]:
        """Those that go with the stack, which must be empty for that."""
        return [each.id for each in self.deleted if each.kind == "AWS::S3::Bucket"]


@dataclass(frozen=True, slots=True)
class Contents:
    """What a bucket holds: versions and delete markers count alike, as objects."""

    objects: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Account:
    """The services that are asked, in one region."""

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
    """Deletes the stack, having asked unless `ask` is None. Raises Fault."""
    stack = standing(account, name)
    kept = [each for each in stack.kept if _is_there(account, each)]
    if not stack.exists and not (everything and kept):
        left = f" What it kept goes by `{_again(account, name)}`." if kept else ""
        raise Fault(f"There is no stack {name} in {account.region}.{left}")
    lost = _describe(account, kept) if everything else []
    _say_what_goes(stack, lost, console)
    if ask:
        _agree(stack, lost, ask)
    if stack.exists:
        _delete_stack(account, stack, console)
        console.print(f"The stack {name} is deleted.")
    _forget_access(account, name)
    if everything:
        for each in sorted(kept, key=lambda one: _ORDER.index(one.kind)):
            _REMOVE[each.kind](account, each.id, console)
        console.print("Nothing of it is left.")
    else:
        _say_what_is_kept(account, name, kept, console)


def _again(account: Account, name: str) -> str:
    return f"darkroom destroy --stack {name} --region {account.region} --everything"


# Gather


def standing(account: Account, name: str) -> ViewState:
    """A stack that stands, or what the newest of that name has left that was deleted. Raises Fault."""
    found = described(account.cloudformation, name)
    if found is None:
        return _left_over(account, name)
    status = found["StackStatus"]
    if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        raise Fault(f"Stack {name} is being changed ({status}); wait until that is over, and try again.")
    policies = _deletion_policies(account, found["StackId"])
    deleted: list[Resource] = []
    kept: list[Resource] = []
    for each in resources_of(account.cloudformation, found["StackId"]):
        if each["ResourceStatus"] != _GONE and each.get("PhysicalResourceId"):
            stays = policies.get(each["LogicalResourceId"]) in _RETAINED
            (kept if stays else deleted).append(_resource(each))
    return ViewState(name, found["StackId"], True, tuple(deleted), _known(kept))


def _left_over(account: Account, name: str) -> ViewState:
    """CloudFormation remembers a stack for 90 days, and what it passed over when it deleted it."""
    pages = account.cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=[_GONE])
    named = [each for page in pages for each in page["StackSummaries"] if each["StackName"] == name]
    if not named:
        raise Fault(f"There is no stack {name} in {account.region}.")
    newest = max(named, key=lambda each: each["CreationTime"])["StackId"]
    events = account.cloudformation.get_paginator("describe_stack_events").paginate(StackName=newest)
    kept = [
        _resource(each)
        for page in events
        for each in page["StackEvents"]
        if each["ResourceStatus"] == "DELETE_SKIPPED"
    ]
    return ViewState(name, newest, False, (), _known(kept))


def _resource(told: Any) -> Resource:
    return Resource(told["ResourceType"], told["PhysicalResourceId"])


def _known(kept: list[Resource]) -> tuple[Resource, ...]:
    return tuple(each for each in dict.fromkeys(kept) if each.kind in _REMOVE)


def _deletion_policies(account: Account, stack_id: str) -> dict[str, str]:
    resources = template_resources(account.cloudformation, stack_id)
    return {name: resource.get("DeletionPolicy", "Delete") for name, resource in resources.items()}


def _is_there(account: Account, resource: Resource) -> bool:
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
    """Counted by pages of a thousand."""
    objects = size = 0
    for page in account.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        versions = page.get("Versions", [])
        objects += len(versions) + len(page.get("DeleteMarkers", []))
        size += sum(each["Size"] for each in versions)
    return Contents(objects, size)


def _describe(account: Account, kept: list[Resource]) -> list[str]:
    """A line for each: what it is, its name, and how much is in it."""
    lines = []
    for each in kept:
        if each.kind == "AWS::S3::Bucket":
            held = contents(account, each.id)
            lines.append(f"the bucket {each.id}: {held.objects:,} objects, {decimal(held.size_bytes)}")
        elif each.kind == "AWS::DynamoDB::Table":
            table = account.dynamodb.describe_table(TableName=each.id)["Table"]
            # DynamoDB counts every six hours.
            about = f"about {table.get('ItemCount', 0):,} entries, {decimal(table.get('TableSizeBytes', 0))}"
            lines.append(f"the ledger {each.id}: {about}")
        else:
            lines.append(f"the profiles that were pushed, in the AppConfig application {each.id}")
    return lines


# Ask


def _say_what_goes(stack: ViewState, lost: list[str], console: Console) -> None:
    if stack.exists:
        console.print(f"Of the stack {stack.name} go {len(stack.deleted)} resources;", highlight=False)
        for bucket in stack.buckets():
            console.print(f"  the bucket {bucket} is emptied", highlight=False, soft_wrap=True)
    for line in lost:
        console.print(f"  {line} - for good", highlight=False, soft_wrap=True)


def _agree(stack: ViewState, lost: list[str], ask: Ask) -> None:
    questions = []
    if stack.exists:
        questions.append((f"Type the stack's name, {stack.name}, to delete it", stack.name))
    if lost:
        phrase = "delete everything"
        questions.append((f"What is deleted for good can't be made again. Type: {phrase}", phrase))
    for question, expected in questions:
        if ask(question).strip() != expected:
            raise Fault("Nothing was deleted: that was something else.")


def _say_what_is_kept(account: Account, name: str, kept: list[Resource], console: Console) -> None:
    if kept:
        console.print("Kept, since it can't be made again:")
        for line in (*_describe(account, kept), f"To delete that too: {_again(account, name)}"):
            console.print(f"  {line}", highlight=False, soft_wrap=True)


# Apply


def _delete_stack(account: Account, stack: ViewState, console: Console) -> None:
    for attempt in range(1, _TRIES + 1):
        for bucket in stack.buckets():
            empty(account, bucket, console)
        account.cloudformation.delete_stack(StackName=stack.id)
        if _deletion_ended(account, stack, console) == _GONE:
            return
        full = [bucket for bucket in stack.buckets() if _first_thousand(account, bucket)]
        if not full or attempt == _TRIES:
            raise Fault(_why_not(account, stack))


def empty(account: Account, bucket: str, console: Console) -> int:
    """Deletes every version and delete marker; how many there were. Raises Fault."""
    done = 0
    with console.status(f"Emptying {bucket} ...") as told:
        while some := _first_thousand(account, bucket):  # until nothing is left, whatever comes meanwhile
            answer = account.s3.delete_objects(Bucket=bucket, Delete={"Objects": some, "Quiet": True})
            for fault in answer.get("Errors", []):
                what = f"{fault['Key']}: {fault['Message']} ({fault['Code']})"
                raise Fault(f"{bucket} can't be emptied: {what}.")
            done += len(some)
            told.update(f"Emptying {bucket}: {done:,} objects ...")
    return done


def _first_thousand(account: Account, bucket: str) -> list[dict[str, str]]:
    """As many as one call deletes; none where an earlier try has deleted the bucket."""
    try:
        page = account.s3.list_object_versions(Bucket=bucket, MaxKeys=1000)
    except account.s3.exceptions.NoSuchBucket:
        return []
    found = (*page.get("Versions", []), *page.get("DeleteMarkers", []))
    return [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]


def _deletion_ended(account: Account, stack: ViewState, console: Console) -> str:
    with console.status("Deleting the stack ...") as told:
        while True:
            [now] = account.cloudformation.describe_stacks(StackName=stack.id)["Stacks"]
            status = str(now["StackStatus"])
            if status in (_GONE, "DELETE_FAILED"):
                return status
            gone = sum(
                each["ResourceStatus"] == _GONE for each in resources_of(account.cloudformation, stack.id)
            )
            told.update(f"Deleting the stack: {gone} resources of {len(stack.deleted)} are gone ...")
            time.sleep(_POLL_SECONDS)


def _why_not(account: Account, stack: ViewState) -> str:
    reasons = [
        f"{each['LogicalResourceId']}: {each.get('ResourceStatusReason', 'no reason is given')}"
        for each in resources_of(account.cloudformation, stack.id)
        if each["ResourceStatus"] == "DELETE_FAILED"
    ]
    return "CloudFormation could not delete all of it; mend this and try again.\n  " + "\n  ".join(reasons)


def _forget_access(account: Account, name: str) -> None:
    """The tokens of a stack that is gone open nothing."""
    with suppress(account.ssm.exceptions.ParameterNotFound):
        account.ssm.delete_parameter(Name=tokens_parameter(name))


def _remove_bucket(account: Account, bucket: str, console: Console) -> None:
    empty(account, bucket, console)
    account.s3.delete_bucket(Bucket=bucket)


def _remove_table(account: Account, table: str, _: Console) -> None:
    account.dynamodb.delete_table(TableName=table)


def _remove_application(account: Account, application: str, _: Console) -> None:
    """With its profiles, and each with the versions under which AppConfig deletes none."""
    appconfig = account.appconfig
    profiles = appconfig.get_paginator("list_configuration_profiles").paginate(ApplicationId=application)
    for profile in [each for page in profiles for each in page["Items"]]:
        one = {"ApplicationId": application, "ConfigurationProfileId": profile["Id"]}
        versions = appconfig.get_paginator("list_hosted_configuration_versions").paginate(**one)
        for version in [each for page in versions for each in page["Items"]]:
            appconfig.delete_hosted_configuration_version(**one, VersionNumber=version["VersionNumber"])
        appconfig.delete_configuration_profile(**one)
    appconfig.delete_application(ApplicationId=application)


# What a stack keeps, in the order in which it goes; a profile goes with its application.
_REMOVE: dict[str, Callable[[Account, str, Console], None]] = {
    "AWS::S3::Bucket": _remove_bucket,
    "AWS::DynamoDB::Table": _remove_table,
    "AWS::AppConfig::Application": _remove_application,
}
KEPT = _REMOVE.keys()
_ORDER = list(_REMOVE)


def typed(question: str) -> str:
    """Asks on the terminal."""
    return str(typer.prompt(question))
