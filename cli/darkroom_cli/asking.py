"""Questions on the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from darkroom_cli.faults import Fault


def prompt(question: str) -> str:
    """Asks for a text. Raises Fault if there is no answer."""
    with _answered():
        return str(typer.prompt(question))


def confirmation(*, yes: bool) -> Callable[[str], bool]:
    """Returns a function that asks a question of yes or no; with `yes` it returns True without asking.

    It raises Fault if there is no answer.
    """

    def confirm(question: str) -> bool:
        with _answered():
            return yes or typer.confirm(question)

    return confirm


@contextmanager
def _answered() -> Iterator[None]:
    try:
        yield
    except typer.Abort as fault:
        raise Fault("There was no answer. Without a terminal, confirm with --yes.") from fault
