"""Skipped checkov checks: each has a reason and the smallest possible scope."""

import re

import pytest
import yaml

from tests.cloudformation import PROJECT, Node, load_template

RESOURCES: Node = load_template()["Resources"]
SKIPPED = [
    (name, skip)
    for name, resource in RESOURCES.items()
    for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
]
CONFIGURATION = PROJECT / "tests/template/checkov.yaml"


def skipped_everywhere() -> set[str]:
    return set(yaml.safe_load(CONFIGURATION.read_text())["skip-check"])


@pytest.mark.parametrize(("name", "skip"), SKIPPED, ids=[f"{name}-{skip['id']}" for name, skip in SKIPPED])
def test_what_one_resource_is_excused_from_has_a_reason(name: str, skip: Node) -> None:
    assert re.fullmatch(r"CKV2?_AWS_\d+", skip["id"])
    assert len(skip["comment"].split()) >= 5


def test_what_every_resource_of_a_kind_is_excused_from_has_a_reason() -> None:
    text = CONFIGURATION.read_text()

    assert [check for check in skipped_everywhere() if not re.search(rf"- {check} # .{{30,}}", text)] == []


def test_what_holds_for_one_resource_excuses_no_other() -> None:
    assert not {skip["id"] for _, skip in SKIPPED} & skipped_everywhere()
