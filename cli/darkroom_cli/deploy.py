"""`darkroom deploy`, which is `make deploy`: asks two things once, builds, deploys, makes the first token."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from darkroom_cli.local.up import python_folder
from darkroom_cli.stack import PROJECT, Fault, Status, described, outputs_of, status_from
from darkroom_cli.tokens import ensure_first_token

# The longest name that leaves room in a bucket's 63 characters for the rest of it, in any region.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,22}[a-z0-9]")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+){1,2}-[0-9]")
_SECTION = "[default.global.parameters]"
# The description that tells versions of `web` apart holds 256 characters; what else stands in it takes 37.
_DESCRIBED = ("AllowedOrigins", "RenditionsBaseUrl")
_DESCRIBED_CHARACTERS = 219
# A build of its own: the local stack's is for this machine's processor.
_BUILD = Path(".aws-sam/cloud")


@dataclass(frozen=True, slots=True)
class Place:
    """Which stack, and where. Raises Fault for a name or a region that can't be."""

    stack: str
    region: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.stack):
            raise Fault(
                f"{self.stack!r} can't be a stack's name: it is part of its buckets' names, so 2 to 24 small"
                " letters, digits and hyphens, a letter first; choose another."
            )
        if not _REGION.fullmatch(self.region):
            raise Fault(f"{self.region!r} is no region's name; one is like eu-central-1.")

    def __str__(self) -> str:
        return f"--stack {self.stack} --region {self.region}"


def deploy(
    stack: str | None,
    region: str | None,
    parameters: list[str],
    role: str | None,
    ask: bool,
    console: Console,
) -> None:
    """Builds and deploys, then says what to do next. Raises Fault."""
    place = _place(stack, region, ask, console)
    account = _account(place)
    _clear_the_way(place, account, parameters or kept_overrides((PROJECT / "samconfig.toml").read_text()))
    overrides = ["--parameter-overrides", *parameters] if parameters else []
    _sam("build", "--build-dir", str(_BUILD), *overrides)
    by = ("--role-arn", role) if role else ()
    quietly = () if ask else ("--no-confirm-changeset", "--no-progressbar")
    done = _sam(
        *("deploy", "--template-file", str(_BUILD / "template.yaml"), "--no-fail-on-empty-changeset"),
        *("--stack-name", place.stack, "--region", place.region, *by, *quietly, *overrides),
        may_fail=True,
    )
    if done:
        raise Fault(_why_it_failed(place))
    outputs = outputs_of(place.stack, place.region)
    if outputs is None:
        raise Fault("Nothing was deployed: the changes were not agreed to.")
    status = status_from(outputs, place.stack, place.region, None)
    console.print(f"\nDarkroom is up: {status.web}/", style="bold", soft_wrap=True, highlight=False)
    if status.auth == "token":
        _first_token(place, status, console)
    for command in _next(place):
        console.print(f"  {command}", style="cyan", highlight=False, markup=False, soft_wrap=True)


# Which stack, and where


def _place(stack: str | None, region: str | None, ask: bool, console: Console) -> Place:
    """As named, else as samconfig.toml has it, else as answered, which is then written there."""
    file = PROJECT / "samconfig.toml"
    kept = tomllib.loads(file.read_text())["default"]["global"]["parameters"]
    region = region or kept.get("region")
    if region:
        return Place(stack or kept["stack_name"], region)
    if not ask or not sys.stdin.isatty():
        raise Fault("Say where, by --region, or in samconfig.toml under [default.global.parameters].", 2)
    console.print("Two questions, once; the answers are kept in samconfig.toml.")
    default = boto3.Session().region_name
    place = asked(
        lambda question, answer: str(typer.prompt(question, answer)), stack or kept["stack_name"], default
    )
    file.write_text(with_place(file.read_text(), place))
    return place


def asked(ask: Callable[[str, str | None], str], stack: str, region: str | None) -> Place:
    """Asks for both, and again until the answers can be."""
    while True:
        try:
            return Place(
                ask("Name of the stack, which its buckets are named for", stack).strip(),
                ask("Region, like eu-central-1", region).strip(),
            )
        except Fault as fault:
            typer.echo(str(fault), err=True)


def with_place(samconfig: str, place: Place) -> str:
    """samconfig.toml with these answers and all else as it was."""
    head, section, rest = samconfig.partition(_SECTION + "\n")
    own, blank, others = rest.partition("\n\n")
    lines = [line for line in own.splitlines() if not re.match(r"(stack_name|region)\s*=", line)]
    answers = [f'stack_name = "{place.stack}"', f'region = "{place.region}"']
    return head + section + "\n".join([*answers, *lines]) + blank + others


# What can be known to go wrong


def _account(place: Place) -> str:
    """The account's number. Raises Fault without credentials that it takes."""
    way = "sign in (`aws sso login`, `aws configure`), or name a profile by AWS_PROFILE, and try again."
    try:
        return str(boto3.client("sts", region_name=place.region).get_caller_identity()["Account"])
    except ClientError as fault:
        raise Fault(
            f"AWS does not take the credentials here ({fault.response['Error']['Code']}): {way}"
        ) from fault
    except BotoCoreError as fault:
        raise Fault(f"There are no AWS credentials here that can be used ({fault}): {way}") from fault


def _clear_the_way(place: Place, account: str, parameters: Sequence[str]) -> None:
    """Raises Fault for what a deployment would run into."""
    found = _found(place) or {}
    state = found.get("StackStatus")
    kept = {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])}
    hindrance = hindered(place, state) or overlong(kept, parameters)
    if hindrance:
        raise Fault(hindrance)
    bucket = f"{place.stack}-uploads-{account}-{place.region}"
    if state is None and _is_taken(bucket, place.region):
        raise Fault(
            f"The bucket {bucket} of an earlier stack is still there, with its pictures: choose another name"
            f" by --stack, or delete them for good by `darkroom destroy {place} --everything`."
        )


def hindered(place: Place, state: str | None) -> str | None:
    """Why a stack in this state can't be deployed to, and what helps; None where it can."""
    aws = f"aws cloudformation %s --stack-name {place.stack} --region {place.region}"
    if state in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "CREATE_FAILED"):
        return (
            f"Stack {place.stack} is what a first deployment or a deletion has left that failed ({state}):"
            f" clear it away by `darkroom destroy {place}`, then deploy again."
        )
    if state == "UPDATE_ROLLBACK_FAILED":
        return (
            f"Stack {place.stack} could not go back to what it was ({state}): see which resource is in the"
            f" way by `{aws % 'describe-stack-events'}`, mend it, go on by"
            f" `{aws % 'continue-update-rollback'}`, then deploy again."
        )
    if state and state.endswith("_IN_PROGRESS") and state != "REVIEW_IN_PROGRESS":
        return f"Stack {place.stack} is being changed ({state}); wait until that is over, and deploy again."
    return None


def kept_overrides(samconfig: str) -> list[str]:
    """The parameters that samconfig.toml sets, which SAM takes where the command names none."""
    sections = tomllib.loads(samconfig)["default"]
    told = sections["global"]["parameters"] | sections["deploy"]["parameters"]
    overrides = told.get("parameter_overrides", "")
    return shlex.split(overrides) if isinstance(overrides, str) else list(overrides)


def overlong(kept: Mapping[str, str], parameters: Sequence[str]) -> str | None:
    """Why parameters like NAME=VALUE, over those that a stack keeps, would fail half-way; None where not."""
    values = {**kept, **dict(each.split("=", 1) for each in parameters if "=" in each)}
    characters = sum(len(values.get(name, "")) for name in _DESCRIBED)
    if characters <= _DESCRIBED_CHARACTERS:
        return None
    return (
        f"{' and '.join(_DESCRIBED)} have {characters} characters together; Lambda's description of a version"
        f" has room for {_DESCRIBED_CHARACTERS}."
    )


def _found(place: Place) -> Any:
    """As CloudFormation has it; None where there is no such stack."""
    return described(boto3.client("cloudformation", region_name=place.region), place.stack)


def _is_taken(bucket: str, region: str) -> bool:
    try:
        boto3.client("s3", region_name=region).head_bucket(Bucket=bucket)
    except ClientError as fault:
        return bool(fault.response["Error"]["Code"] == "403")
    return True


# SAM


def _sam(*arguments: str, may_fail: bool = False) -> int:
    """Runs SAM on this terminal; its exit code. Raises Fault."""
    program = PROJECT / ".tools/sam/bin/sam"
    if not program.exists():
        raise Fault("SAM is not installed here; `make setup` installs it.")
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    }
    environment |= {
        "PATH": os.pathsep.join([str(python_folder(PROJECT)), os.environ.get("PATH", os.defpath)]),
        "SAM_CLI_TELEMETRY": "0",
    }
    # Named in full: else SAM looks for it beside the template, which is the built one.
    command = [str(program), *arguments, "--config-file", str(PROJECT / "samconfig.toml")]
    code = subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode
    if code and not may_fail:
        raise Fault(f"`sam {shlex.join(arguments[:1])}` failed; its last lines say why.")
    return code


def _why_it_failed(place: Place) -> str:
    """The first thing that failed, by CloudFormation's own words, and what to do."""
    state = (_found(place) or {}).get("StackStatus")
    if state is None or state == "REVIEW_IN_PROGRESS":
        return "SAM deployed nothing; its last lines say why."
    cloudformation = boto3.client("cloudformation", region_name=place.region)
    events = cloudformation.describe_stack_events(StackName=place.stack)["StackEvents"]
    first = first_failure(list(events))
    what = f"{first['LogicalResourceId']}: {first['ResourceStatusReason']}" if first else "see above"
    back = "the stack is as it was before; mend that, and deploy again."
    return f"The deployment failed ({what}). " + (hindered(place, state) or back[0].upper() + back[1:])


def first_failure(events: list[Any]) -> Any:
    """Of the newest deployment: events come newest first, and most failures only follow from one."""
    failed = None
    for event in events:
        status, reason = event["ResourceStatus"], event.get("ResourceStatusReason", "")
        if status.endswith("_FAILED") and reason and "cancelled" not in reason:
            failed = event
        if event["ResourceType"] == "AWS::CloudFormation::Stack" and status in (
            "CREATE_IN_PROGRESS",
            "UPDATE_IN_PROGRESS",
        ):
            break
    return failed


# What comes next


def _first_token(place: Place, status: Status, console: Console) -> None:
    if not sys.stdout.isatty():  # a pipeline's log is no place for it
        console.print(f"Make the first token, which is shown once: darkroom token first {place}")
    elif not ensure_first_token(status):
        console.print(f"Its tokens are as they were: darkroom token list {place}")


def _next(place: Place) -> tuple[str, str, str]:
    return (
        f"uv run darkroom drop photo.jpg {place}",
        f"uv run darkroom failures {place}",
        f"uv run darkroom destroy {place}",
    )
