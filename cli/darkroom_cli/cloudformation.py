"""Reads deployed stacks through CloudFormation. boto3 is imported on use: it takes half a second."""

import json
from collections.abc import Iterator
from typing import Any


def outputs_of(stack: str, region: str) -> dict[str, str] | None:
    """Returns a stack's outputs by name, or None unless it is completely deployed."""
    import boto3

    description = describe_stack(boto3.client("cloudformation", region_name=region), stack)
    complete = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
    if description is None or description["StackStatus"] not in complete:
        return None
    return {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}


def describe_stack(cloudformation: Any, stack: str) -> Any:
    """Returns CloudFormation's description of a stack, or None if it does not exist."""
    from botocore.exceptions import ClientError

    try:
        [description] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as fault:
        if "does not exist" in str(fault):
            return None
        raise
    return None if description["StackStatus"] == "DELETE_COMPLETE" else description


def resources_of(cloudformation: Any, stack: str) -> Iterator[Any]:
    """Yields a stack's resources; DescribeStackResources would stop at 100."""
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        yield from page["StackResourceSummaries"]


def template_resources(cloudformation: Any, stack: str) -> dict[str, Any]:
    """Returns the resources of a stack's template after the SAM transform."""
    template = cloudformation.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
    parsed = json.loads(template) if isinstance(template, str) else template
    return dict(parsed["Resources"])


def functions_of(
    stack: str, region: str | None = None, endpoint: str | None = None
) -> Iterator[tuple[str, Any]]:
    """Yields each function's short name (`render` for RenderFunction) and its configuration."""
    import boto3

    functions = boto3.client("lambda", region_name=region, endpoint_url=endpoint)
    cloudformation = boto3.client("cloudformation", region_name=region, endpoint_url=endpoint)
    for resource in resources_of(cloudformation, stack):
        if resource["ResourceType"] == "AWS::Lambda::Function":
            name = resource["LogicalResourceId"].removesuffix("Function").lower()
            yield name, functions.get_function_configuration(FunctionName=resource["PhysicalResourceId"])
