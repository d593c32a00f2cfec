"""template.yaml for the tests, which read it from here: those of tests/mutation put another in its place."""

from tools.cloudformation import Node, load_template, of_type, parse_template
from tools.stack import PROJECT

__all__ = ["PROJECT", "Node", "load_template", "of_type", "parse_template"]
