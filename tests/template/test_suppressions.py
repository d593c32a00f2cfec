"""What checkov is told to pass over: with a reason, and none for more than it holds for."""

import re

import pytest

from tests.cloudformation import PROJECT, Node, load_template

RESOURCES: Node = load_template()["Resources"]
SKIPPED = [
    (name, skip)
    for name, each in RESOURCES.items()
    for skip in each.get("Metadata", {}).get("checkov", {}).get("skip", [])
]


@pytest.mark.parametrize(("name", "skip"), SKIPPED, ids=[f"{name}-{skip['id']}" for name, skip in SKIPPED])
def test_what_one_resource_is_excused_from_has_a_reason(name: str, skip: Node) -> None:
    assert re.fullmatch(r"CKV2?_AWS_\d+", skip["id"])
    assert len(skip["comment"].split()) >= 5


def test_what_every_resource_of_a_kind_is_excused_from_has_a_reason() -> None:
    lines = (PROJECT / "tools/checkov.yaml").read_text().splitlines()
    excused = [line for line in lines if line.strip().startswith("- CKV")]

    assert excused
    assert all(re.fullmatch(r"  - CKV2?_AWS_\d+ # .{30,}", line) for line in excused)


def test_what_holds_for_one_resource_excuses_no_other() -> None:
    everywhere = (PROJECT / "tools/checkov.yaml").read_text()

    assert SKIPPED
    assert not [skip["id"] for _, skip in SKIPPED if re.search(rf"{skip['id']}\b", everywhere)]
