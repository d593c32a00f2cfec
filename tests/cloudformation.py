"""template.yaml as plain values, for the tests that hold it to its promises."""

from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parent.parent

type Node = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, as their long ones."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> Node:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _intrinsic)


def load_template(path: Path = PROJECT / "template.yaml") -> Node:
    return parse_template(path.read_text())


def parse_template(text: str) -> Node:
    template = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader with plain values added
    assert isinstance(template, dict)
    return template
