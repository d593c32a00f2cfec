"""The roles of pipeline.yaml hold what CloudFormation's resource handlers call.

CloudFormation publishes, in each resource's schema, the permissions that its create, read, update, delete
and list handlers need. cfn-lint carries these schemas.
"""

import json
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cloudformation import PROJECT, load_template, parse_template

HANDLERS = ("create", "read", "update", "delete", "list")

# The resources that the SAM transform adds.
OF_SAM = {
    "AWS::Serverless::Function": {
        "AWS::Lambda::Alias",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::Lambda::Permission",
        "AWS::Lambda::Version",
        "AWS::Scheduler::Schedule",
    },
    "AWS::Serverless::LayerVersion": {"AWS::Lambda::LayerVersion"},
}

NO_CUSTOMER_KEY = "no resource of the template is encrypted with a customer's KMS key"
# By pattern: permissions that no handler uses for this template, and why.
UNUSED = {
    "apigateway:*agResource": "IAM has no such action: tags are set by PUT on /tags",
    "cloudfront:*ConnectionGroup": "the distribution has no tenants",
    "cloudfront:CreateDistributionWithTags": "the distribution is tagged by TagResource",
    "cloudfront:GetVpcOrigin": "the origin is a bucket",
    "cloudfront:UpdateDistributionWithStagingConfig": "there is no staging distribution",
    "ec2:Describe*": "no function is in a VPC",
    "elasticfilesystem:DescribeMountTargets": "no function mounts a file system",
    "firehose:TagDeliveryStream": "logs go to no delivery stream",
    "iam:*PermissionsBoundary": "no role has a permissions boundary",
    "iam:ListRoles": "deploying a stack lists no roles, and the action can not be limited to some",
    "iam:CreateServiceLinkedRole": "the tables have no contributor insights and no autoscaling",
    "kinesis:*": "the tables stream to Lambda, not to Kinesis",
    "kms:*": NO_CUSTOMER_KEY,
    "s3files:ListMountTargets": "no function mounts a bucket",
    "s3tables:*": "no bucket keeps metadata tables",
}


@cache
def handlers() -> dict[str, set[str]]:
    """The permissions of every resource type's handlers."""
    package = find_spec("cfnlint")
    assert package
    assert package.origin
    folder = Path(package.origin).parent / "data" / "schemas" / "resources"
    schemas = (json.loads(path.read_text()) for path in folder.glob("*.json"))
    return {
        schema["typeName"]: {
            permission
            for handler in HANDLERS
            for permission in schema["handlers"].get(handler, {}).get("permissions", ())
        }
        for schema in schemas
        if "handlers" in schema
    }


def resource_types() -> set[str]:
    declared = {resource["Type"] for resource in load_template()["Resources"].values()}
    return set().union(*(OF_SAM.get(kind, {kind}) for kind in declared))


def actions_of(role: str, text: str) -> Iterator[str]:
    for policy in parse_template(text)["Resources"][role]["Properties"]["Policies"]:
        for statement in policy.get("PolicyDocument", {}).get("Statement", ()):
            actions = statement["Action"]
            yield from [actions] if isinstance(actions, str) else actions


def matches(permission: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(permission.lower(), pattern.lower()) for pattern in patterns)


def missing(resource_type: str, text: str) -> set[str]:
    """The handlers' permissions that neither the role grants nor the list of unused ones names."""
    granted = list(actions_of("ChangeRole", text))
    needed = handlers()[resource_type]
    return {name for name in needed if not matches(name, granted) and not matches(name, UNUSED)}


PIPELINE = (PROJECT / "pipeline.yaml").read_text()


@pytest.mark.parametrize("resource_type", sorted(resource_types()))
def test_the_service_role_may_call_what_the_resources_handlers_call(resource_type: str) -> None:
    assert missing(resource_type, PIPELINE) == set()


def test_a_permission_that_is_removed_is_missed() -> None:
    line = "                  - iam:ListRolePolicies\n"
    without = PIPELINE.replace(line, "")

    assert without != PIPELINE
    assert missing("AWS::IAM::Role", without) == {"iam:ListRolePolicies"}


@pytest.mark.parametrize("pattern", UNUSED)
def test_every_exception_is_needed_by_some_handler(pattern: str) -> None:
    needed = set().union(*(handlers()[resource_type] for resource_type in resource_types()))

    assert any(matches(permission, [pattern]) for permission in needed)
