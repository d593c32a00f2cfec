"""`darkroom deploy` on an emulated CloudFormation, with a stand-in for SAM's program."""

import io
import json
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from darkroom_cli import deploy as command
from darkroom_cli.faults import Fault
from tests.cloudformation import load_template
from tests.integration.test_destroy import exists

REGION = "us-east-1"
_PARAMETERS = {"Architecture": load_template()["Parameters"]["Architecture"]}
_OUTPUTS = {name: {"Value": "none"} for name in load_template()["Outputs"]}
_BODY = json.dumps(
    {
        "Parameters": _PARAMETERS,
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": _OUTPUTS,
    }
)

_run = subprocess.run


class Stack:
    """A stack that `darkroom deploy` deploys, and what it passes to SAM's program.

    A state other than the emulator's is one that a failed or unconfirmed deployment has on AWS.
    """

    def __init__(self) -> None:
        self.name = f"deploy-{uuid.uuid4().hex[:8]}"
        self.state: str | None = None
        self.built: list[dict[str, str]] = []
        self.deployed: list[dict[str, str]] = []
        events = boto3._get_default_session().events
        events.register("after-call.cloudformation.DescribeStacks", self._replace_state)
        events.register("after-call.cloudformation.DeleteStack", self._forget_state)
        self.cloudformation = boto3.client("cloudformation", region_name=REGION)

    def deploy(self, *parameters: str) -> str:
        """Deploys without prompts and returns the output."""
        output = io.StringIO()
        command.deploy(self.name, REGION, list(parameters), None, False, Console(file=output, width=200))
        return output.getvalue()

    def sam(self, arguments: list[str], **options: Any) -> Any:
        """Builds nothing, and deploys a small stack with the parameters of SAM's command line."""
        if not arguments[0].endswith("/sam"):
            return _run(arguments, **options)
        overrides = self._overrides(arguments)
        if arguments[1] == "build":
            self.built.append(overrides)
        else:
            self._update(overrides)
        return SimpleNamespace(returncode=0)

    def exists(self) -> bool:
        return exists(lambda: self.cloudformation.describe_stacks(StackName=self.name))

    def _overrides(self, arguments: list[str]) -> dict[str, str]:
        if "--parameter-overrides" not in arguments:
            return {}
        first = arguments.index("--parameter-overrides") + 1
        last = arguments.index("--config-file")
        return dict(argument.split("=", 1) for argument in arguments[first:last])

    def _update(self, overrides: dict[str, str]) -> None:
        """Creates or updates the stack; like SAM's, an update keeps the values of other parameters."""
        parameters: list[Any] = [
            {"ParameterKey": name, "ParameterValue": value} for name, value in overrides.items()
        ]
        cloudformation = self.cloudformation
        if not self.exists():
            cloudformation.create_stack(StackName=self.name, TemplateBody=_BODY, Parameters=parameters)
            created = cloudformation.get_waiter("stack_create_complete")
            created.wait(StackName=self.name, WaiterConfig={"Delay": 1})
        else:
            parameters += [
                {"ParameterKey": name, "UsePreviousValue": True} for name in _PARAMETERS.keys() - overrides
            ]
            with suppress(ClientError):  # there may be nothing to update
                cloudformation.update_stack(StackName=self.name, TemplateBody=_BODY, Parameters=parameters)
                updated = cloudformation.get_waiter("stack_update_complete")
                updated.wait(StackName=self.name, WaiterConfig={"Delay": 1})
        [stack] = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        self.deployed.append({item["ParameterKey"]: item["ParameterValue"] for item in stack["Parameters"]})

    def _replace_state(self, parsed: Any, **_: Any) -> None:
        for stack in parsed.get("Stacks", []):
            stack["StackStatus"] = self.state or stack["StackStatus"]

    def _forget_state(self, **_: Any) -> None:
        self.state = None


@pytest.fixture
def stack(use_local_aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    stack = Stack()
    monkeypatch.setattr(subprocess, "run", stack.sam)
    yield stack
    stack.cloudformation.delete_stack(StackName=stack.name)


@pytest.mark.parametrize(
    ("first", "second", "built"),
    [
        (["Architecture=x86_64"], [], "x86_64"),
        (["Architecture=arm64"], [], "arm64"),
        ([], ["Architecture=x86_64"], "x86_64"),
        (["Architecture=x86_64"], ["Architecture=arm64"], "arm64"),
        (["Architecture=arm64"], ["Architecture=x86_64"], "x86_64"),
    ],
)
def test_the_build_is_for_the_architecture_that_the_stack_gets(
    stack: Stack, first: list[str], second: list[str], built: str
) -> None:
    stack.deploy(*first)
    stack.deploy(*second)

    assert stack.built[1]["Architecture"] == stack.deployed[1]["Architecture"] == built


def test_the_first_build_is_for_the_templates_default_architecture(stack: Stack) -> None:
    stack.deploy()

    assert stack.built == [{}]


def test_a_first_deployment_that_failed_is_deployed_again_under_its_name(stack: Stack) -> None:
    stack.deploy("Architecture=x86_64")
    stack.state = "ROLLBACK_COMPLETE"

    output = stack.deploy()

    assert f"Deleting stack {stack.name}: its first deployment failed and left it empty" in output
    assert stack.built[1] == {}, "a failed deployment's parameters are not kept"
    assert stack.deployed[1] == {"Architecture": "arm64"}


def test_a_stack_whose_changes_were_never_confirmed_is_deployed(stack: Stack) -> None:
    stack.deploy()
    stack.state = "REVIEW_IN_PROGRESS"

    with pytest.raises(Fault, match="Nothing was deployed: the changes were not confirmed"):
        # The emulator keeps the state, which AWS changes.
        stack.deploy()

    assert len(stack.built) == len(stack.deployed) == 2


@pytest.mark.parametrize("state", ["ROLLBACK_FAILED", "DELETE_FAILED"])
def test_a_stack_with_resources_left_is_not_deleted_by_a_deployment(stack: Stack, state: str) -> None:
    stack.deploy()
    stack.state = state

    with pytest.raises(Fault, match=f"{state}.*darkroom destroy --stack {stack.name} --region {REGION}"):
        stack.deploy()

    assert stack.exists()
    assert len(stack.built) == 1
