"""template.yaml for the tests, which read it from here: those of tests/mutation put another in its place."""

from bench.template import Node, load_template, of_type, parse_template
from darkroom_cli.stack import PROJECT

__all__ = ["PROJECT", "Node", "load_template", "of_type", "parse_template"]
