"""The metrics that docs/operations.md lists, for the tests that hold functions and template to them."""

import re

from tests.cloudformation import PROJECT

# Name, unit, the function, and what it is told apart by beside that.
type Metric = tuple[str, str, str, str]


def documented() -> set[Metric]:
    text = (PROJECT / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([a-z, ]+) \|(?: `(\w+)`)? +\|", text, re.MULTILINE)
    return {(name, unit, function, by) for name, unit, some, by in rows for function in some.split(", ")}
