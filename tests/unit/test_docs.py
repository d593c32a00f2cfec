"""Checks the docs against the code: settings, routes, commands, errors, dependencies, figures and links."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import pytest
from typer import Typer

from darkroom import settings
from darkroom.domain.entries import State
from darkroom.domain.errors import RejectedPicture
from darkroom.domain.profile import Crop, Ladder, Limits, Profile
from darkroom.web.problems import PROBLEMS, Problem
from darkroom_cli.app import app
from tests.chaos.defences import DEFENCES, Defence
from tests.cloudformation import PROJECT, load_template

REFERENCE = (PROJECT / "docs" / "reference.md").read_text()
STEPS = (PROJECT / "layers" / "darkroom" / "darkroom" / "imaging" / "steps").glob("*.py")
README = (PROJECT / "README.md").read_text()
TEMPLATE = load_template()
RESOURCES = TEMPLATE["Resources"]
SETTINGS = (
    settings.RenderSettings,
    settings.ParkSettings,
    settings.SweepSettings,
    settings.ProjectSettings,
    settings.LiveSettings,
    settings.WebSettings,
)
LOCAL_VARIABLES = set(
    re.findall(r"DARKROOM_[A-Z_]+", (PROJECT / "cli" / "darkroom_cli" / "stack.py").read_text())
)


def for_each(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", sorted(set(names)))


@for_each(*(name.upper() for settings_type in SETTINGS for name in settings_type._fields))
def test_reference_lists_every_setting(name: str) -> None:
    assert f"`{name}`" in REFERENCE


@pytest.mark.parametrize("settings_type", SETTINGS)
def test_reference_lists_the_default_of_every_setting(settings_type: type[NamedTuple]) -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| `([^`]*)` \|", REFERENCE, re.MULTILINE))
    for name, default in settings_type._field_defaults.items():
        if name.upper() in rows:
            assert rows[name.upper()].strip('"') == as_variable(default)


def as_variable(value: object) -> str:
    """Returns the text of an environment variable with that value."""
    match value:
        case bool():
            return str(value).lower()
        case frozenset():
            return ",".join(sorted(value))
        case _:
            return str(value).removesuffix(".0")


@for_each(*LOCAL_VARIABLES)
def test_reference_lists_every_local_stack_variable(name: str) -> None:
    assert f"`{name}`" in REFERENCE


@for_each(*TEMPLATE["Parameters"])
def test_reference_lists_every_template_parameter_with_its_default(name: str) -> None:
    default = TEMPLATE["Parameters"][name]["Default"]
    cell = '""' if default == "" else default
    assert f"| `{name}` | `{cell}` |" in REFERENCE


@for_each(
    *(
        resource["Properties"]["RouteKey"]
        for resource in TEMPLATE["Resources"].values()
        if "Route" in resource["Type"]
    )
)
def test_reference_lists_every_route(name: str) -> None:
    assert "Every `GET` route also serves `HEAD`" in REFERENCE
    assert f"`{name.replace('HEAD', 'GET').replace('{proxy+}', '{anything}.jpg')}`" in REFERENCE


def commands(group: Typer) -> Iterator[str]:
    for command in group.registered_commands:
        assert command.callback
        yield command.name or command.callback.__name__.replace("_", "-")
    for subgroup in group.registered_groups:
        assert subgroup.typer_instance
        yield from (f"{subgroup.name} {name}" for name in commands(subgroup.typer_instance))


@for_each(*commands(app))
def test_reference_lists_every_command(name: str) -> None:
    assert f"`darkroom {name}" in REFERENCE


@for_each(*re.findall(r"^([a-z-]+):.*##", (PROJECT / "Makefile").read_text(), re.MULTILINE))
def test_reference_lists_every_make_target(name: str) -> None:
    assert f"`make {name}`" in REFERENCE


@for_each(*RejectedPicture.REASONS)
def test_reference_lists_every_rejection_reason(name: str) -> None:
    assert f"| `{name}` |" in REFERENCE


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_reference_lists_every_problem_with_status_and_meaning(problem: Problem) -> None:
    assert f"| `{problem.name}` | {problem.status} | {problem.meaning} |" in REFERENCE


@for_each(*(field.name for part in (Profile, Ladder, Limits, Crop) for field in fields(part)))
def test_reference_lists_every_profile_field(name: str) -> None:
    assert f"| `{name}` |" in REFERENCE


@for_each(*(code for step in STEPS for code in re.findall(r'_decision\(\s*"(\w+)"', step.read_text())))
def test_reference_lists_every_decision(name: str) -> None:
    assert f"`{name}`" in REFERENCE


@for_each(*State)
def test_reference_lists_every_upload_state(name: str) -> None:
    assert f"`{name}`" in REFERENCE


def test_readme_lists_every_dependency() -> None:
    groups = tomllib.loads((PROJECT / "pyproject.toml").read_text())["dependency-groups"]
    required = {re.split(r"[\[>=]", requirement)[0] for group in groups.values() for requirement in group}

    rows = re.findall(r"^\| ([\w, -]+) \| ", README, re.MULTILINE)
    documented = {name.strip().lower() for row in rows for name in row.split(",")}
    assert required - documented == set()


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda defence: defence.name)
def test_reliability_lists_every_defence_with_its_test(defence: Defence) -> None:
    reliability = (PROJECT / "docs" / "reliability.md").read_text()

    assert f"| {defence.name} | `{defence.test.rpartition('::')[2]}` |" in reliability


def test_readme_quotes_the_measured_throughput() -> None:
    measured = (PROJECT / "docs" / "throughput.md").read_text()
    [figure] = re.findall(r"^\| pictures a second \| ([\d.]+) \|$", measured, re.MULTILINE)

    assert f"renders {figure} pictures a second" in README


def test_readme_quotes_the_computed_cost() -> None:
    scale = (PROJECT / "docs" / "scale.md").read_text()
    [dollars] = re.findall(r"^\| for 1,000 pictures \| ([\d.]+) \|", scale, re.MULTILINE)

    assert f"US$ {float(dollars):.2f} for 1,000 pictures at 10 a minute" in README


@pytest.mark.parametrize("page", sorted((PROJECT / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_links_in_docs_point_to_existing_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text())

    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_links_in_readme_point_to_existing_files() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)

    assert links
    assert [link for link in links if "://" not in link and not (PROJECT / link).exists()] == []


def test_readme_has_at_most_180_lines() -> None:
    assert len(README.splitlines()) <= 180


def test_the_readme_states_the_saving_of_its_demo_once() -> None:
    before, after, percent = re.findall(r"(\S+ MB) became (\S+ KB): (\S+)% saved", README)[0]

    assert f"shrink from {before} to {after}, by {percent}%" in README


PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_percent_sign_follows_a_space(page: Path) -> None:
    assert re.findall(r".*\s%(?!\}).*", page.read_text()) == []


PATTERNS = (PROJECT / "docs" / "patterns.md").read_text()


@for_each(*re.findall(r"`(tests/[\w/]+\.py::\w+)`", PATTERNS))
def test_every_proof_of_a_pattern_is_a_test(name: str) -> None:
    file, _, test = name.partition("::")

    assert f"def {test}(" in (PROJECT / file).read_text()


def test_every_pattern_has_a_section_a_file_and_a_proof() -> None:
    rows = re.findall(r"^\| ([a-z -]+) \| \[.+\) \| `tests/.+` \|$", PATTERNS, re.MULTILINE)

    assert len(rows) == 6
    assert {f"## {row[0].upper()}{row[1:]}" for row in rows} <= set(PATTERNS.splitlines())


SECURITY = (PROJECT / "docs" / "security.md").read_text()
THREATS = re.findall(r"^\| (?!threat )([^|]+) \| [^|]+ \| ([^|]+) \|$", SECURITY, re.MULTILINE)


@pytest.mark.parametrize(("threat", "tests"), THREATS, ids=[threat for threat, _ in THREATS])
def test_every_threat_names_an_existing_test(threat: str, tests: str) -> None:
    proofs = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests)

    assert proofs
    for file, test in proofs:
        assert f"def {test}(" in (PROJECT / file).read_text()


def test_every_row_of_the_threat_tables_is_checked() -> None:
    tables = SECURITY.partition("## Threats")[2].partition("## Remaining risks")[0]
    lines = [line for line in tables.splitlines() if line.startswith("| ")]

    assert len(lines) == len(THREATS) + tables.count("| threat |")
    assert len(THREATS) > 40
