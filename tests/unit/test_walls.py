"""The imports of the entry points: they are no package, so import-linter skips them."""

import ast
from pathlib import Path

import pytest

from tests.cloudformation import PROJECT

ENTRY_POINTS = sorted((PROJECT / "functions").glob("*/app.py"))


def imports(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def test_functions_contain_only_entry_points() -> None:
    files = {
        path
        for path in (PROJECT / "functions").rglob("*")
        if path.is_file() and "__pycache__" not in str(path)
    }

    assert files == set(ENTRY_POINTS)


@pytest.mark.parametrize("path", ENTRY_POINTS, ids=lambda path: path.parent.name)
def test_an_entry_point_imports_neither_boto3_nor_pillow(path: Path) -> None:
    assert {name.split(".")[0] for name in imports(path)}.isdisjoint({"boto3", "botocore", "PIL", "jinja2"})


def test_only_render_imports_the_imaging_package() -> None:
    assert [path.parent.name for path in ENTRY_POINTS if "darkroom.imaging" in imports(path)] == ["render"]
