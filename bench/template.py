"""Loads template.yaml as plain values."""

from pathlib import Path
from typing import Any

import yaml

from darkroom_cli.stack import PROJECT

type Node = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """A YAML loader for CloudFormation's short forms of intrinsic functions."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> Node:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)  # noqa: S101 - there is no fourth kind
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _intrinsic)


def load_template(path: Path = PROJECT / "template.yaml") -> Node:
    return parse_template(path.read_text())


def parse_template(text: str) -> Node:
    return dict(yaml.load(text, _Loader))  # noqa: S506 - a SafeLoader with plain values added


def of_type(template: Node, kind: str) -> dict[str, Node]:
    """Returns the properties of all resources of a type, by logical id."""
    resources = template["Resources"].items()
    return {name: resource["Properties"] for name, resource in resources if resource["Type"] == kind}


def layers_of(template: Node, function: str) -> list[str]:
    """Returns the logical ids of a function's layers; files of later ones replace those of earlier ones."""
    parts = template["Globals"]["Function"], of_type(template, "AWS::Serverless::Function")[function]
    return [layer["Ref"] for part in parts for layer in part.get("Layers", [])]
