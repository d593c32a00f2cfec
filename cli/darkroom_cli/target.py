"""The stack selected by the options `--stack` and `--region`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from darkroom.domain.errors import TokensUnavailable
from darkroom_cli.cloudformation import outputs_of
from darkroom_cli.faults import NO_CREDENTIALS, Fault
from darkroom_cli.stack import LocalStack, Status, check_checkout, status_from, use_local

Stack = Annotated[
    str | None, typer.Option(metavar="NAME", help="Name of a stack in AWS. Default: the local stack.")
]
Region = Annotated[
    str | None, typer.Option(metavar="REGION", help="AWS region. Default: from the AWS configuration.")
]


@contextmanager
def connect(stack: str | None, region: str | None) -> Iterator[Status]:
    """Yields the status of the stack in AWS, or of the local stack. Raises Fault, also for AWS errors."""
    with aws_faults():
        yield _local_status(region) if stack is None else _aws_status(stack, region_or_default(region))


def _local_status(region: str | None) -> Status:
    if region:
        raise Fault("--region needs --stack; the local stack has a fixed region.", 2)
    check_checkout("for a stack in AWS, add --stack and --region")
    local_stack = LocalStack.find(os.environ)
    status = local_stack.status()
    use_local(local_stack)
    return status


def _aws_status(stack: str, region: str) -> Status:
    outputs = outputs_of(stack, region)
    if outputs is None:
        raise Fault(f"There is no deployed stack {stack} in {region}.")
    return status_from(outputs, stack, region, None)


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
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except NoCredentialsError as fault:
        raise Fault(NO_CREDENTIALS) from fault
    except (BotoCoreError, ClientError, TokensUnavailable) as fault:
        raise Fault(f"AWS request failed: {fault}") from fault
