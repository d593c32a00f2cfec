"""Runs the tests of tests/template/ on wrong templates, in this process.

Simple mutants are generated: each part of template.yaml is removed, each value is changed. changes.py has the
others. `python -m tests.mutation.mutants` lists a failing mutant for each assertion.
"""

import ast
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, field
from functools import cached_property, partial
from io import StringIO
from itertools import product
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any
from unittest.mock import patch

from tests import cloudformation
from tests.cloudformation import PROJECT, Node, load_template
from tests.mutation.changes import CHANGES, EXCUSED, Change

type Run = Callable[[], None]


@dataclass(frozen=True)
class Module:
    """One test file, executed again for each mutant."""

    path: Path

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text())

    @cached_property
    def code(self) -> CodeType:
        return compile(self.tree, str(self.path), "exec")

    @cached_property
    def assertions(self) -> set["Assertion"]:
        """The assertions of its tests, except the excused ones."""
        tests = [
            node for node in self.tree.body if isinstance(node, ast.FunctionDef) and node.name[:5] == "test_"
        ]
        lines = self.path.read_text().splitlines()
        return {
            Assertion(self.path.name, test.name, node.lineno, node.end_lineno or node.lineno)
            for test in tests
            for node in ast.walk(test)
            if isinstance(node, ast.Assert) and not lines[node.lineno - 1].strip().startswith((*EXCUSED,))
        }


@dataclass(frozen=True, slots=True, order=True)
class Assertion:
    """An `assert` of a test and its lines."""

    file: str
    test: str
    first: int
    last: int

    def __str__(self) -> str:
        return f"tests/template/{self.file}:{self.first} {self.test}"


def modules() -> list[Module]:
    return [Module(path) for path in sorted((PROJECT / "tests/template").glob("test_*.py"))]


@dataclass
class Outcome:
    """Failed assertions, each with the first mutant to fail it, and tests with other errors."""

    failed_by: dict[Assertion, str] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def missing(self, module: Module) -> set[Assertion]:
        return module.assertions - self.failed_by.keys()

    def run(self, mutant: str, module: Module, tests: set[str]) -> None:
        """Runs some tests of a module and records their failures."""
        namespace: dict[str, Any] = {"__name__": module.path.stem, "__file__": str(module.path)}
        with redirect_stdout(StringIO()):
            try:
                exec(module.code, namespace)  # noqa: S102 - the project's own tests
            except Exception as fault:  # noqa: BLE001 - recorded: the module did not load
                self.broken.add(f"{module.path.name}: {fault!r}")
                return
            for test in tests:
                for run in _runs(namespace[test]):
                    if failed := self._failed(run, test, module):
                        self.failed_by.setdefault(failed, mutant)

    def _failed(self, run: Run, test: str, module: Module) -> Assertion | None:
        """The failed assertion of the test itself; None if all pass or if another error occurs."""
        try:
            run()
        except AssertionError as fault:
            trace = fault.__traceback__
            while trace and trace.tb_next:
                trace = trace.tb_next
            if trace and trace.tb_frame.f_code.co_name == test:
                matching = (
                    assertion
                    for assertion in module.assertions
                    if assertion.first <= trace.tb_lineno <= assertion.last
                )
                return next(matching, None)  # None for an excused assertion
        except Exception as fault:  # noqa: BLE001 - recorded: the test did not run
            self.broken.add(f"{module.path.name} {test}: {fault!r}")
        return None


def _runs(test: FunctionType) -> Iterator[Run]:
    """A test with each combination of its parameters."""
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    for chosen in product(*(list(mark.args[1]) for mark in marks)):
        arguments: dict[str, Any] = {}
        for mark, values in zip(marks, chosen, strict=True):
            names = (
                mark.args[0].replace(" ", "").split(",") if isinstance(mark.args[0], str) else mark.args[0]
            )
            arguments |= dict(zip(names, values if len(names) > 1 else [values], strict=True))
        yield partial(test, **arguments)


def simple(template: Node) -> Iterator[tuple[str, Callable[[Node], None]]]:
    """Removes each part, then changes each value, then changes each value in a second way."""
    places = list(_places(template))
    for place in places:
        yield f"{'.'.join(map(str, place))} removed", partial(_remove, place=place)
    for another in range(2):
        for place in places:
            for other in _others(_at(template, place))[another : another + 1]:
                yield f"{'.'.join(map(str, place))}: {other!r}", partial(_change, place=place, other=other)


type Place = tuple[str | int, ...]


def _places(node: Any, above: Place = ()) -> Iterator[Place]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, value in inner:
        yield (*above, name)
        yield from _places(value, (*above, name))


def _others(value: Any) -> list[Any]:
    match value:
        case bool():
            return [not value]
        case int():
            return [0, 1_000_000]
        case str():
            return [f"{value}-other", "*"]
    return []


def _at(node: Any, place: Place) -> Any:
    for name in place:
        node = node[name]
    return node


def _remove(template: Node, place: Place) -> None:
    del _at(template, place[:-1])[place[-1]]


def _change(template: Node, place: Place, other: Any) -> None:
    _at(template, place[:-1])[place[-1]] = other


def run_mutants() -> Outcome:
    """Runs mutants until each assertion has failed, or no mutant is left."""
    outcome, every = Outcome(), modules()
    for change in CHANGES:
        with changed(change):
            mutant = load_template()
            with patch.object(cloudformation, "load_template", lambda mutant=mutant: mutant):
                _run(outcome, every, change.name)
    template = load_template()
    whole = pickle.dumps(template)
    for name, mutate in simple(template):
        mutant = pickle.loads(whole)  # noqa: S301 - a copy of the template loaded above
        mutate(mutant)
        with patch.object(cloudformation, "load_template", lambda mutant=mutant: mutant):
            if not _run(outcome, every, name):
                break
    return outcome


def changed(change: Change) -> ExitStack:
    """Replaces a text of a file for all readers."""
    read_text = Path.read_text

    def read(path: Path, *arguments: Any, **named: Any) -> str:
        text = read_text(path, *arguments, **named)
        return change.applied(text) if path == PROJECT / change.file else text

    stack = ExitStack()
    stack.enter_context(patch.object(Path, "read_text", read))
    return stack


def _run(outcome: Outcome, every: list[Module], mutant: str) -> bool:
    """Runs the tests with assertions that never failed; False if there are none."""
    left = {module.path: outcome.missing(module) for module in every}
    for module in every:
        if left[module.path]:
            outcome.run(mutant, module, {assertion.test for assertion in left[module.path]})
    return any(left.values())


if __name__ == "__main__":
    for assertion, mutant in sorted(run_mutants().failed_by.items()):
        sys.stdout.write(f"{assertion}\n    {mutant}\n")
