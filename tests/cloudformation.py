"""Loads template.yaml for the tests; tests/mutation replaces `load_template` with a mutant's."""

from bench.template import Node, layers_of, load_template, of_type, parse_template
from darkroom_cli.stack import PROJECT

__all__ = ["PROJECT", "Node", "layers_of", "load_template", "of_type", "parse_template"]
