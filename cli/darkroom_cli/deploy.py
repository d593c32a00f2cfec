"""`darkroom deploy` (`make deploy`): builds and deploys to AWS, and creates the first token."""

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
from botocore.exceptions import BotoCoreError, ClientError, WaiterError
from rich.console import Console

from darkroom_cli.cloudformation import describe_stack, outputs_of
from darkroom_cli.faults import Fault
from darkroom_cli.local.up import python_folder
from darkroom_cli.stack import PROJECT, Status, status_from
from darkroom_cli.tokens import ensure_first_token

# At most 24 characters: a bucket's name adds account and region, and is limited to 63.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,22}[a-z0-9]")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+){1,2}-[0-9]")
_ARCHITECTURE = "Architecture"
_SECTION = "[default.global.parameters]"
# Lambda limits a version's description to 256 characters. The description of `web` contains the values of the
# two parameters below and 37 other characters.
_DESCRIBED = ("AllowedOrigins", "RenditionsBaseUrl")
_DESCRIBED_CHARACTERS = 219
# Not the local stack's build folder: that build is for this machine's processor.
_BUILD = Path(".aws-sam/cloud")


@dataclass(frozen=True, slots=True)
class Target:
    """The stack to deploy: its name and region. Raises Fault if either is not valid."""

    stack: str
    region: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.stack):
            raise Fault(
                f"{self.stack!r} is not a valid stack name: it becomes part of bucket names, so use 2 to 24"
                " lowercase letters, digits and hyphens, beginning with a letter."
            )
        if not _REGION.fullmatch(self.region):
            raise Fault(f"{self.region!r} is not an AWS region; regions look like eu-central-1.")

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
    """Builds and deploys, then prints the next commands. Raises Fault."""
    target = _target(stack, region, ask, console)
    account = _account(target)
    overridden = parameters or configured_overrides((PROJECT / "samconfig.toml").read_text())
    description = _description(target) or {}
    state = description.get("StackStatus")
    rolled_back = state == "ROLLBACK_COMPLETE"  # a first deployment failed, and its resources are deleted
    current = {
        parameter["ParameterKey"]: parameter["ParameterValue"]
        for parameter in ([] if rolled_back else description.get("Parameters", []))
    }
    _check(target, account, state, current, overridden)
    if rolled_back:
        _delete_rolled_back(target, description["StackId"], console)
    _sam("build", "--build-dir", str(_BUILD), *_option(build_overrides(current, overridden)))
    role_option = ("--role-arn", role) if role else ()
    no_prompt = () if ask else ("--no-confirm-changeset", "--no-progressbar")
    exit_code = _sam(
        *("deploy", "--template-file", str(_BUILD / "template.yaml"), "--no-fail-on-empty-changeset"),
        *("--stack-name", target.stack, "--region", target.region, *role_option, *no_prompt),
        *_option(parameters),
        may_fail=True,
    )
    if exit_code:
        raise Fault(_failure_reason(target))
    outputs = outputs_of(target.stack, target.region)
    if outputs is None:
        raise Fault("Nothing was deployed: the changes were not confirmed.")
    status = status_from(outputs, target.stack, target.region, None)
    console.print(f"\nDarkroom is running at {status.web}/", style="bold", soft_wrap=True, highlight=False)
    if status.auth == "token":
        _first_token(target, status, console)
    for command in _next_commands(target):
        console.print(f"  {command}", style="cyan", highlight=False, markup=False, soft_wrap=True)


def _target(stack: str | None, region: str | None, ask: bool, console: Console) -> Target:
    """Takes the options, else samconfig.toml, else prompts and saves the replies in samconfig.toml."""
    file = PROJECT / "samconfig.toml"
    configured = tomllib.loads(file.read_text())["default"]["global"]["parameters"]
    region = region or configured.get("region")
    if region:
        return Target(stack or configured["stack_name"], region)
    if not ask or not sys.stdin.isatty():
        raise Fault(
            "No AWS region is set; add --region, or set it in samconfig.toml"
            " under [default.global.parameters].",
            2,
        )
    console.print("The stack name and the region will be saved in samconfig.toml.")
    default = boto3.Session().region_name
    target = prompt_target(
        lambda question, reply: str(typer.prompt(question, reply)), stack or configured["stack_name"], default
    )
    file.write_text(with_target(file.read_text(), target))
    return target


def prompt_target(ask: Callable[[str, str | None], str], stack: str, region: str | None) -> Target:
    """Prompts for name and region until both are valid."""
    while True:
        try:
            return Target(
                ask("Stack name, also the prefix of its buckets", stack).strip(),
                ask("AWS region, like eu-central-1", region).strip(),
            )
        except Fault as fault:
            typer.echo(str(fault), err=True)


def with_target(samconfig: str, target: Target) -> str:
    """Returns samconfig.toml with this name and region, otherwise unchanged."""
    head, section, rest = samconfig.partition(_SECTION + "\n")
    body, blank, others = rest.partition("\n\n")
    lines = [line for line in body.splitlines() if not re.match(r"(stack_name|region)\s*=", line)]
    replaced = [f'stack_name = "{target.stack}"', f'region = "{target.region}"']
    return head + section + "\n".join([*replaced, *lines]) + blank + others


def _account(target: Target) -> str:
    """Returns the AWS account id. Raises Fault without valid credentials."""
    remedy = "sign in (`aws sso login`, `aws configure`) or set AWS_PROFILE, and try again."
    try:
        return str(boto3.client("sts", region_name=target.region).get_caller_identity()["Account"])
    except ClientError as fault:
        code = fault.response["Error"]["Code"]
        raise Fault(f"AWS rejected the credentials ({code}): {remedy}") from fault
    except BotoCoreError as fault:
        raise Fault(f"No usable AWS credentials were found ({fault}): {remedy}") from fault


def _check(
    target: Target, account: str, state: str | None, current: Mapping[str, str], overridden: Sequence[str]
) -> None:
    """Raises Fault for a known obstacle, before anything is built."""
    obstacle = blocking_state(target, state) or too_long(current, overridden)
    if obstacle:
        raise Fault(obstacle)
    bucket = f"{target.stack}-uploads-{account}-{target.region}"
    if state in (None, "ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS") and _bucket_exists(bucket, target.region):
        raise Fault(
            f"The bucket {bucket} of an earlier stack still exists, with its pictures: choose another name"
            " with --stack, or delete the pictures permanently with"
            f" `darkroom destroy {target} --everything`."
        )


def blocking_state(target: Target, state: str | None) -> str | None:
    """Returns the error and remedy if a stack cannot be deployed in its state, else None."""
    aws = f"aws cloudformation %s --stack-name {target.stack} --region {target.region}"
    if state in ("ROLLBACK_FAILED", "DELETE_FAILED", "CREATE_FAILED"):
        return (
            f"Stack {target.stack} is left over from a failed first deployment or deletion ({state}):"
            f" delete it with `darkroom destroy {target}`, then deploy again."
        )
    if state == "UPDATE_ROLLBACK_FAILED":
        return (
            f"The rollback of stack {target.stack} failed ({state}): find the failed resource with"
            f" `{aws % 'describe-stack-events'}`, repair it, run"
            f" `{aws % 'continue-update-rollback'}`, then deploy again."
        )
    if state and state.endswith("_IN_PROGRESS") and state != "REVIEW_IN_PROGRESS":
        return f"Stack {target.stack} is being changed ({state}): wait until it is done, then deploy again."
    return None


def _delete_rolled_back(target: Target, stack_id: str, console: Console) -> None:
    """Deletes the stack of a failed first deployment: it has no resources, and can't be deployed again."""
    console.print(f"Deleting stack {target.stack}: its first deployment failed and left it empty ...")
    cloudformation = boto3.client("cloudformation", region_name=target.region)
    try:
        cloudformation.delete_stack(StackName=stack_id)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack_id)
    except (ClientError, WaiterError) as fault:
        raise Fault(
            f"The stack could not be deleted ({fault}): delete it with `darkroom destroy {target}`."
        ) from fault


def build_overrides(current: Mapping[str, str], overridden: Sequence[str]) -> list[str]:
    """Returns the build's NAME=VALUE parameters: the overridden ones, and the stack's current architecture.

    A deployment keeps the current values of other parameters; the build would take the template's default
    architecture, and build libraries that the functions can't load.
    """
    kept = [f"{_ARCHITECTURE}={current[_ARCHITECTURE]}"] if _ARCHITECTURE in current else []
    return [*kept, *overridden]  # SAM uses the last value of a name


def _option(parameters: Sequence[str]) -> tuple[str, ...]:
    return ("--parameter-overrides", *parameters) if parameters else ()


def configured_overrides(samconfig: str) -> list[str]:
    """Returns the parameters in samconfig.toml; SAM uses them if the command line has none."""
    sections = tomllib.loads(samconfig)["default"]
    configured = sections["global"]["parameters"] | sections["deploy"]["parameters"]
    overrides = configured.get("parameter_overrides", "")
    return shlex.split(overrides) if isinstance(overrides, str) else list(overrides)


def too_long(current: Mapping[str, str], parameters: Sequence[str]) -> str | None:
    """Returns an error if the stack's parameters, updated by NAME=VALUE, exceed Lambda's limit, else None."""
    values = {**current, **dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)}
    characters = sum(len(values.get(name, "")) for name in _DESCRIBED)
    if characters <= _DESCRIBED_CHARACTERS:
        return None
    return (
        f"{' and '.join(_DESCRIBED)} have {characters} characters together; shorten them to"
        f" {_DESCRIBED_CHARACTERS} characters, because Lambda's version description must hold both."
    )


def _description(target: Target) -> Any:
    return describe_stack(boto3.client("cloudformation", region_name=target.region), target.stack)


def _bucket_exists(bucket: str, region: str) -> bool:
    try:
        boto3.client("s3", region_name=region).head_bucket(Bucket=bucket)
    except ClientError as fault:
        return bool(fault.response["Error"]["Code"] == "403")
    return True


def _sam(*arguments: str, may_fail: bool = False) -> int:
    """Runs SAM on this terminal and returns its exit code. Raises Fault."""
    program = PROJECT / ".tools/sam/bin/sam"
    if not program.exists():
        raise Fault("SAM is not installed; install it with `make setup`.")
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    }
    environment |= {
        "PATH": os.pathsep.join([str(python_folder(PROJECT)), os.environ.get("PATH", os.defpath)]),
        "SAM_CLI_TELEMETRY": "0",
    }
    # An absolute path: SAM would look for the file beside the built template.
    command = [str(program), *arguments, "--config-file", str(PROJECT / "samconfig.toml")]
    code = subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode
    if code and not may_fail:
        raise Fault(f"`sam {shlex.join(arguments[:1])}` failed; see its last lines above.")
    return code


def _failure_reason(target: Target) -> str:
    """Returns CloudFormation's reason for the first failure, and the remedy."""
    state = (_description(target) or {}).get("StackStatus")
    if state is None or state == "REVIEW_IN_PROGRESS":
        return "SAM deployed nothing; see its last lines above."
    cloudformation = boto3.client("cloudformation", region_name=target.region)
    events = cloudformation.describe_stack_events(StackName=target.stack)["StackEvents"]
    first = first_failure(list(events))
    reason = f"{first['LogicalResourceId']}: {first['ResourceStatusReason']}" if first else "see above"
    rolled_back = "The stack was rolled back; fix the cause, then deploy again."
    return f"The deployment failed ({reason}). {blocking_state(target, state) or rolled_back}"


def first_failure(events: list[Any]) -> Any:
    """Returns the first failure of the newest deployment, usually the cause of the others.

    Events are in order from new to old.
    """
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


def _first_token(target: Target, status: Status, console: Console) -> None:
    if not sys.stdout.isatty():  # keeps the token out of a pipeline's log
        console.print(
            "If the stack has no token yet, create one (shown only once):"
            f" uv run darkroom token first {target}"
        )
    elif not ensure_first_token(status):
        console.print(f"Existing tokens stay valid. List them: uv run darkroom token list {target}")


def _next_commands(target: Target) -> tuple[str, str, str]:
    return (
        f"uv run darkroom drop photo.jpg {target}",
        f"uv run darkroom failures {target}",
        f"uv run darkroom destroy {target}",
    )
