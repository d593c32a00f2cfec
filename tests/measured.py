"""Reads the metrics in docs/operations.md, to compare them with the functions and the template."""

import re

from tests.cloudformation import PROJECT

# Name, unit, function, and the dimension beside the function.
type Metric = tuple[str, str, str, str]


def documented() -> set[Metric]:
    text = (PROJECT / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([a-z, ]+) \|(?: `(\w+)`)? +\|", text, re.MULTILINE)
    return {
        (name, unit, function, dimension)
        for name, unit, functions, dimension in rows
        for function in functions.split(", ")
    }
