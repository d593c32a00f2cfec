"""The stack a command works on: `--stack` and `--region`, parsed once for all commands."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from darkroom_cli.cloudformation import outputs_of
from darkroom_cli.faults import Fault
from darkroom_cli.stack import LocalStack, Status, status_from, use_local

Stack = Annotated[str | None, typer.Option(help="Name of a stack in AWS. Default: the local stack.")]
Region = Annotated[str | None, typer.Option(help="AWS region. Default: from the AWS configuration.")]


@dataclass(frozen=True, slots=True)
class Target:
    """The local stack, or the stack in AWS with this name."""

    local_stack: LocalStack
    stack: str | None
    region: str | None

    def status(self) -> Status:
        """Returns the stack's addresses; for the local stack, also points boto3 at it. Raises Fault."""
        if self.stack is None:
            if self.region:
                raise Fault("--region needs --stack; the local stack has no region.", 2)
            status = self.local_stack.status()
            use_local(self.local_stack)
            return status
        region = region_or_default(self.region)
        outputs = outputs_of(self.stack, region)
        if outputs is None:
            raise Fault(f"There is no stack {self.stack} in {region}.")
        return status_from(outputs, self.stack, region, None)


@contextmanager
def connect(stack: str | None, region: str | None) -> Iterator[Status]:
    """Yields the status of a command's target; AWS errors become Faults. Raises Fault."""
    with aws_faults():
        yield Target(LocalStack.of(os.environ), stack, region).status()


def region_or_default(region: str | None) -> str:
    """Returns the region, by default the one in the AWS configuration. Raises Fault without any."""
    import boto3

    region = region or boto3.Session().region_name
    if not region:
        raise Fault("No AWS region is configured; add --region.")
    return str(region)


@contextmanager
def aws_faults() -> Iterator[None]:
    """Turns errors of AWS requests into Faults."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as fault:
        raise Fault(f"AWS request failed: {fault}") from fault
