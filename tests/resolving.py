"""Resolves the intrinsic functions of template.yaml, for a stack with the default parameters on moto."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.cloudformation import Node

ACCOUNT_ID, REGION = "123456789012", "eu-central-1"

_PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT_ID,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "darkroom",
    "AWS::URLSuffix": "amazonaws.com",
}


def arn_of(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{resource}"


@dataclass(frozen=True, slots=True)
class Resolver:
    """Values of a template. A resource without a name has its logical id as its name."""

    template: Node
    parameters: Mapping[str, str] = field(default_factory=dict)

    def value(self, node: Any) -> str:
        """Returns the text of a value. Raises ValueError for an unknown function."""
        match node:
            case {"Ref": str(name)}:
                return self._ref(name)
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                return self._attribute(name, attribute)
            case {"Fn::Sub": [str(text), dict(variables)]}:
                return self._substituted(text, {name: self.value(part) for name, part in variables.items()})
            case {"Fn::Sub": str(text)}:
                return self._substituted(text, {})
            case {"Fn::Join": [str(separator), dict(part)]}:
                return separator.join(filter(None, [self.value(part)]))
            case {"Fn::If": [str(condition), then, otherwise]}:
                return self.value(then if self.condition({"Condition": condition}) else otherwise)
            case str() | int():
                return str(node)
        raise ValueError(f"cannot resolve {node}")

    def condition(self, node: Any) -> bool:
        """Evaluates a condition."""
        match node:
            case {"Condition": str(name)}:
                return self.condition(self.template["Conditions"][name])
            case {"Fn::Equals": [left, right]}:
                return self.value(left) == self.value(right)
            case {"Fn::Not": [inner]}:
                return not self.condition(inner)
            case {"Fn::And": parts}:
                return all(map(self.condition, parts))
            case {"Fn::Or": parts}:
                return any(map(self.condition, parts))
        raise ValueError(f"cannot evaluate {node}")

    def _substituted(self, text: str, variables: Mapping[str, str]) -> str:
        def replacement(found: re.Match[str]) -> str:
            name, _, attribute = found[1].partition(".")
            if name in variables:
                return variables[name]
            return self._attribute(name, attribute) if attribute else self._ref(name)

        return re.sub(r"\$\{([\w:.]+)\}", replacement, text)

    def _ref(self, name: str) -> str:
        if name in _PSEUDO_PARAMETERS:
            return _PSEUDO_PARAMETERS[name]
        if name in self.template["Parameters"]:
            return self.parameters.get(name, str(self.template["Parameters"][name]["Default"]))
        resource = self.template["Resources"][name]
        if resource["Type"] == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT_ID}/{name}"
        return self.value(resource["Properties"].get("BucketName", name))

    def _attribute(self, name: str, attribute: str) -> str:
        kind = self.template["Resources"][name]["Type"]
        return {
            ("AWS::S3::Bucket", "Arn"): f"arn:aws:s3:::{self._ref(name)}",
            ("AWS::SQS::Queue", "Arn"): arn_of("sqs", name),
            ("AWS::DynamoDB::Table", "Arn"): arn_of("dynamodb", f"table/{name}"),
            ("AWS::DynamoDB::Table", "StreamArn"): arn_of("dynamodb", f"table/{name}/stream/newest"),
            ("AWS::Events::EventBus", "Arn"): arn_of("events", f"event-bus/{name}"),
            ("AWS::Logs::LogGroup", "Arn"): arn_of("logs", f"log-group:{name}:*"),
        }[kind, attribute]
