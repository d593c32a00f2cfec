"""Limits that AWS enforces when the template is deployed, each with the page that states it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.dynamodb.parsing import reserved_keywords

from tests.cloudformation import PROJECT, Node, of_type, parse_template

TEXT = (PROJECT / "template.yaml").read_text()
LONGEST_STACK_NAME = "s" * 24  # docs/deploy.md: bucket names leave room for no more
ARN = "a" * 140  # longer than any ARN of the stack
SOURCES = PROJECT / "layers" / "darkroom" / "darkroom" / "adapters"


# Values that a deployed template would have, as long as they can be.


def longest(template: Node, value: Any) -> str:
    """The longest text that an expression of the template can become."""
    if not isinstance(value, dict):
        return str(value)
    [(function, argument)] = value.items()
    if function == "Ref":
        return longest_reference(template, argument)
    if function == "Fn::Sub":
        text = argument if isinstance(argument, str) else argument[0]
        return re.sub(r"\$\{([^}]+)\}", lambda found: longest_reference(template, found[1]), text)
    if function == "Fn::If":
        return max((longest(template, branch) for branch in argument[1:]), key=len)
    if function == "Fn::Join":
        return str(argument[0]).join(longest(template, part) for part in argument[1])
    return ARN


def longest_reference(template: Node, name: str) -> str:
    known = {
        "AWS::StackName": LONGEST_STACK_NAME,
        "AWS::AccountId": "1" * 12,
        "AWS::Region": "ap-southeast-1",
    }
    parameter = template["Parameters"].get(name)
    if parameter is None:
        return known.get(name, ARN)
    allowed = [str(value) for value in parameter.get("AllowedValues", [parameter.get("Default", "")])]
    return max([*allowed, "x" * int(parameter.get("MaxLength", 0))], key=len)


def broken_limits(text: str) -> Iterator[str]:
    """Every limit that a template exceeds, as a sentence."""
    template = parse_template(text)
    resources = template["Resources"]
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    if len(text.encode()) > 1_000_000:
        yield "a template has at most 1 MB"
    if len(resources) > 500:
        yield "a template has at most 500 resources"
    for section, most in (("Parameters", 200), ("Outputs", 200), ("Mappings", 200)):
        if len(template.get(section, {})) > most:
            yield f"a template has at most {most} of {section}"
    if len(template.get("Description", "").encode()) > 1024:
        yield "a template's description has at most 1,024 bytes"
    yield from long_descriptions(template)
    yield from long_environments(template)
    yield from bad_names(template)
    yield from large_policies(template)
    yield from wide_tables(template)
    yield from invalid_profile_store(template)
    yield from invalid_releases(template)


def long_descriptions(template: Node) -> Iterator[str]:
    # https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
    functions = of_type(template, "AWS::Serverless::Function")
    for name, function in functions.items():
        if len(longest(template, function.get("Description", ""))) > 256:
            yield f"{name}: a function's description has at most 256 characters"
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
    for name, role in of_type(template, "AWS::IAM::Role").items():
        if len(longest(template, role.get("Description", ""))) > 1000:
            yield f"{name}: a role's description has at most 1,000 characters"


def long_environments(template: Node) -> Iterator[str]:
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    shared = template["Globals"]["Function"].get("Environment", {}).get("Variables", {})
    for name, function in of_type(template, "AWS::Serverless::Function").items():
        variables = shared | function.get("Environment", {}).get("Variables", {})
        if sum(len(key) + len(longest(template, value)) for key, value in variables.items()) > 4096:
            yield f"{name}: all environment variables together have at most 4 KB"
        if len(function.get("Layers", [])) > 5:
            yield f"{name}: a function has at most 5 layers"


def bad_names(template: Node) -> Iterator[str]:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    for name, bucket in of_type(template, "AWS::S3::Bucket").items():
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", longest(template, bucket["BucketName"])):
            yield f"{name}: a bucket's name has 3 to 63 small letters, digits and hyphens"
    # https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
    for name, function in of_type(template, "AWS::Serverless::Function").items():
        if len(longest(template, function.get("FunctionName", ""))) > 64:
            yield f"{name}: a function's name has at most 64 characters"


def large_policies(template: Node) -> Iterator[str]:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    for name, role in of_type(template, "AWS::IAM::Role").items():
        documents = json.dumps([policy.get("PolicyDocument") for policy in role.get("Policies", ())])
        if len(re.sub(r"\s", "", documents)) > 10_240:
            yield f"{name}: the inline policies of a role have at most 10,240 characters"
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html
    for name, policy in of_type(template, "AWS::SQS::QueuePolicy").items():
        if len(json.dumps(policy["PolicyDocument"])) > 8192:
            yield f"{name}: a queue's policy has at most 8,192 bytes"


def wide_tables(template: Node) -> Iterator[str]:
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
    for name, table in of_type(template, "AWS::DynamoDB::Table").items():
        if len(table.get("GlobalSecondaryIndexes", [])) > 20:
            yield f"{name}: a table has at most 20 global secondary indexes"
        keys = [*table["KeySchema"]]
        keys += [key for index in table.get("GlobalSecondaryIndexes", []) for key in index["KeySchema"]]
        declared = {attribute["AttributeName"] for attribute in table["AttributeDefinitions"]}
        if declared != {key["AttributeName"] for key in keys}:
            yield f"{name}: the attribute definitions are those of the keys, and no others"


def invalid_profile_store(template: Node) -> Iterator[str]:
    # https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_CreateApplication.html, the same for
    # environments and deployment strategies; configuration profiles may have 128 characters
    named = ("Application", "Environment", "DeploymentStrategy")
    for kind in named:
        for name, resource in of_type(template, f"AWS::AppConfig::{kind}").items():
            if not 1 <= len(longest(template, resource["Name"])) <= 64:
                yield f"{name}: a name in AppConfig has 1 to 64 characters"
    # https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_Validator.html
    for name, profile in of_type(template, "AWS::AppConfig::ConfigurationProfile").items():
        if len(profile["Validators"]) > 2 or any(len(v["Content"]) > 32_768 for v in profile["Validators"]):
            yield f"{name}: a profile has at most 2 validators of 32,768 characters"


def invalid_releases(template: Node) -> Iterator[str]:
    # https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html
    for name, group in of_type(template, "AWS::CodeDeploy::DeploymentGroup").items():
        if len(group["AlarmConfiguration"]["Alarms"]) > 10:
            yield f"{name}: a deployment group has at most 10 alarms"
        # https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
        if not group["DeploymentConfigName"].startswith("CodeDeployDefault.Lambda"):
            yield f"{name}: a deployment of functions needs a configuration for Lambda"


def test_the_template_stays_within_the_limits_of_aws() -> None:
    assert list(broken_limits(TEXT)) == []


BROKEN = {
    "a function's description": (
        "  RenderFunction:\n",
        "    Properties:\n",
        f"      Description: {'d' * 257}\n",
    ),
    "a bucket's name": ("  ReportsBucket:\n", "      BucketName: ", "A_B-"),
    "a validator": ("  LiveProfile:\n", "          Content: >-\n", f"            {'x' * 33_000}\n"),
    "a release": ("  WebReleases:\n", "DeploymentConfigName: CodeDeployDefault.", "ECS"),
    "a table's attributes": (
        "  Views:\n",
        "      AttributeDefinitions:\n",
        "        - { AttributeName: unused, AttributeType: S }\n",
    ),
}


@pytest.mark.parametrize("limit", BROKEN)
def test_a_template_beyond_a_limit_is_noticed(limit: str) -> None:
    resource, line, addition = BROKEN[limit]
    start = TEXT.index(line, TEXT.index(resource)) + len(line)

    assert len(list(broken_limits(TEXT[:start] + addition + TEXT[start:]))) == 1


def test_no_dynamodb_expression_contains_a_reserved_word() -> None:
    """moto carries the list: docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html."""
    reserved = set(Path(reserved_keywords.__file__).with_suffix(".txt").read_text().split())
    written = re.compile(r'Expression"?[=:] ?f?"([^"]+)"')
    sources = "".join(path.read_text() for path in SOURCES.glob("*.py"))
    operators = {"AND", "OR", "NOT", "ADD", "SET", "ATTRIBUTE_NOT_EXISTS", "ATTRIBUTE_EXISTS"}
    words = {
        word.upper()
        for expression in written.findall(sources)
        for word in re.findall(r"(?<![:#{\w])[A-Za-z_]+", expression)
    }

    assert words >= {"PICTURE", "REVISION"}
    assert (words - operators) & reserved == set()
