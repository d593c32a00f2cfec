"""Questions have an answer, or the command ends with the remedy."""

import io
from collections.abc import Callable

import pytest

from darkroom_cli.asking import confirmation, prompt
from darkroom_cli.faults import Fault


@pytest.mark.parametrize("ask", [prompt, confirmation(yes=False)])
def test_without_a_terminal_the_option_is_named(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[str], object]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())

    with pytest.raises(Fault, match="--yes"):
        ask("Delete 2 pictures?")


@pytest.mark.parametrize(("typed", "confirmed"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_a_question_is_answered(monkeypatch: pytest.MonkeyPatch, typed: str, confirmed: bool) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))

    assert confirmation(yes=False)("Delete 2 pictures?") is confirmed


def test_yes_asks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert confirmation(yes=True)("Delete 2 pictures?")
    assert capsys.readouterr().out == ""
