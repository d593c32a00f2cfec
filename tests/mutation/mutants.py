"""Templates that are wrong on purpose, and the tests of tests/template/ run on them, in this process.

Simple mutants make themselves: each part of template.yaml left out, each value changed. changes.py has what
they do not come to. `python -m tests.mutation.mutants` says of each assertion which mutant makes it fail.
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
    """One file of tests, which is run anew for each mutant."""

    path: Path

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text())

    @cached_property
    def code(self) -> CodeType:
        return compile(self.tree, str(self.path), "exec")

    @cached_property
    def assertions(self) -> set["Assertion"]:
        """Those of its tests, but for the excused."""
        tests = [
            each for each in self.tree.body if isinstance(each, ast.FunctionDef) and each.name[:5] == "test_"
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
    """An `assert` of a test, by its lines."""

    file: str
    test: str
    first: int
    last: int

    def __str__(self) -> str:
        return f"tests/template/{self.file}:{self.first} {self.test}"


def modules() -> list[Module]:
    return [Module(path) for path in sorted((PROJECT / "tests/template").glob("test_*.py"))]


@dataclass
class Shown:
    """Which assertions have failed, each with the first mutant that made it fail; and what did not run."""

    by: dict[Assertion, str] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def missing(self, module: Module) -> set[Assertion]:
        return module.assertions - self.by.keys()

    def fail(self, mutant: str, module: Module, tests: set[str]) -> None:
        """Runs some tests of a module, in the world as it is now, and notes what fails."""
        namespace: dict[str, Any] = {"__name__": module.path.stem, "__file__": str(module.path)}
        with redirect_stdout(StringIO()):
            try:
                exec(module.code, namespace)  # noqa: S102 - our own tests
            except Exception as fault:  # noqa: BLE001 - where not even the tests can be read, nothing is shown
                self.broken.add(f"{module.path.name}: {fault!r}")
                return
            for test in tests:
                for run in _runs(namespace[test]):
                    if failed := self._failed(run, test, module):
                        self.by.setdefault(failed, mutant)

    def _failed(self, run: Run, test: str, module: Module) -> Assertion | None:
        """The assertion of the test itself that fails; None if all hold, or if something else goes wrong."""
        try:
            run()
        except AssertionError as fault:
            trace = fault.__traceback__
            while trace and trace.tb_next:
                trace = trace.tb_next
            if trace and trace.tb_frame.f_code.co_name == test:
                lines = (each for each in module.assertions if each.first <= trace.tb_lineno <= each.last)
                return next(lines, None)  # None for an excused one
        except Exception as fault:  # noqa: BLE001 - as above
            self.broken.add(f"{module.path.name} {test}: {fault!r}")
        return None


def _runs(test: FunctionType) -> Iterator[Run]:
    """A test with each combination of its parameters."""
    marks = [each for each in getattr(test, "pytestmark", []) if each.name == "parametrize"]
    for chosen in product(*(list(each.args[1]) for each in marks)):
        arguments: dict[str, Any] = {}
        for mark, values in zip(marks, chosen, strict=True):
            names = (
                mark.args[0].replace(" ", "").split(",") if isinstance(mark.args[0], str) else mark.args[0]
            )
            arguments |= dict(zip(names, values if len(names) > 1 else [values], strict=True))
        yield partial(test, **arguments)


def simple(template: Node) -> Iterator[tuple[str, Callable[[Node], None]]]:
    """Each part left out and each value changed; then each changed once more, which few assertions need."""
    places = list(_places(template))
    for place in places:
        yield f"{'.'.join(map(str, place))} left out", partial(_leave_out, place=place)
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


def _leave_out(template: Node, place: Place) -> None:
    del _at(template, place[:-1])[place[-1]]


def _change(template: Node, place: Place, other: Any) -> None:
    _at(template, place[:-1])[place[-1]] = other


def show() -> Shown:
    """Runs what is needed until each assertion has failed, or there is no mutant left."""
    shown, every = Shown(), modules()
    for change in CHANGES:
        with changed(change):
            mutant = load_template()
            with patch.object(cloudformation, "load_template", lambda mutant=mutant: mutant):
                _try(shown, every, change.name)
    template = load_template()
    whole = pickle.dumps(template)
    for name, mutate in simple(template):
        mutant = pickle.loads(whole)  # noqa: S301 - a copy of what was just read
        mutate(mutant)
        with patch.object(cloudformation, "load_template", lambda mutant=mutant: mutant):
            if not _try(shown, every, name):
                break
    return shown


def changed(change: Change) -> ExitStack:
    """The world with another text in a file."""
    true_read = Path.read_text

    def read(path: Path, *arguments: Any, **named: Any) -> str:
        text = true_read(path, *arguments, **named)
        return change.applied(text) if path == PROJECT / change.file else text

    stack = ExitStack()
    stack.enter_context(patch.object(Path, "read_text", read))
    return stack


def _try(shown: Shown, every: list[Module], mutant: str) -> bool:
    """Runs the tests that have assertions left; False when there are none."""
    left = {module.path: shown.missing(module) for module in every}
    for module in every:
        if left[module.path]:
            shown.fail(mutant, module, {each.test for each in left[module.path]})
    return any(left.values())


if __name__ == "__main__":
    for assertion, mutant in sorted(show().by.items()):
        sys.stdout.write(f"{assertion}\n    {mutant}\n")
