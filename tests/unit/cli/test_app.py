"""The command line as a whole: help, version, completion, and errors without a traceback."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from typer import Typer

from darkroom_cli import app as command_line
from darkroom_cli.app import app, main
from darkroom_cli.faults import Fault, Terminated

PROGRAM = (sys.executable, "-c", "from darkroom_cli.app import main; main()")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, check=False, env=os.environ | environment
    )


def commands(group: Typer, *before: str) -> Iterator[tuple[str, ...]]:
    for command in group.registered_commands:
        assert command.callback
        yield (*before, command.name or command.callback.__name__.replace("_", "-"))
    for subgroup in group.registered_groups:
        assert subgroup.typer_instance
        assert subgroup.name
        yield from commands(subgroup.typer_instance, subgroup.name)


@pytest.mark.parametrize("command", [(), *commands(app)], ids=" ".join)
def test_every_command_explains_itself(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["darkroom", *command, "-h"])

    with pytest.raises(SystemExit) as end:
        main()

    shown = capsys.readouterr().out
    assert end.value.code == 0
    assert shown.startswith(f"Usage: {' '.join(('darkroom', *command))} ")
    assert "<" not in shown  # a type of Python
    assert not re.search(r"[a-z]\.\.\.", shown)  # a sentence that is cut off


def test_the_version_is_that_of_the_package() -> None:
    done = run("--version")

    assert (done.returncode, done.stdout) == (0, f"darkroom {version('darkroom')}\n")


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("darkroom rend", {"render"}),
        ("darkroom render --format av", {"avif"}),
        ("darkroom compare --profile d", {"default"}),
        ("darkroom profile pu", {"push"}),
    ],
)
def test_the_shell_completes_commands_formats_and_profiles(
    words: str, completed: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["darkroom"])
    monkeypatch.setenv("_DARKROOM_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))

    with pytest.raises(SystemExit):
        main()

    assert set(capsys.readouterr().out.split()) == completed


def ended_by(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int | str | None:
    """Runs a command that raises an error; returns the exit code."""
    failing = typer.Typer(pretty_exceptions_enable=False)

    @failing.command()
    def fail() -> None:
        raise error

    monkeypatch.setattr(command_line, "app", failing)
    monkeypatch.setattr(sys, "argv", ["darkroom"])
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as end:
            main()
    finally:
        signal.signal(signal.SIGTERM, before)
    return end.value.code


def test_a_fault_is_one_sentence_and_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended_by(Fault("It does not work \x1b[2J.", 66), monkeypatch) == 66
    assert capsys.readouterr().err == "darkroom: It does not work \\x1b[2J.\n"


@pytest.mark.parametrize("focus", ["left", "0.5", "0.5,1.5", "1,2,3"])
def test_a_focus_that_is_none_is_a_wrong_option(focus: str, tmp_path: Path) -> None:
    done = run("drop", "--focus", focus, str(tmp_path))

    assert done.returncode == 2
    assert done.stderr == "darkroom: --focus takes two numbers from 0 to 1, like 0.31,0.40, or auto.\n"


def test_a_command_names_a_file_that_can_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret.png").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may read every file
    monkeypatch.setattr(
        sys, "argv", ["darkroom", "render", str(tmp_path / "secret.png"), str(tmp_path / "out")]
    )

    with pytest.raises(SystemExit) as end:
        main()

    assert end.value.code == 66
    assert "secret.png: can't be read: Permission denied\n" in capsys.readouterr().err


def test_termination_is_one_line_and_143(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended_by(Terminated(), monkeypatch) == 143
    assert capsys.readouterr().err == "darkroom: Terminated.\n"


def test_an_internal_error_names_a_file_with_the_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))

    assert ended_by(ZeroDivisionError("by zero"), monkeypatch) == 70

    shown = capsys.readouterr().err
    [file] = tmp_path.iterdir()
    assert "Traceback" not in shown
    assert shown.startswith("darkroom: Internal error, please report it: ZeroDivisionError: by zero\n")
    assert str(file) in shown
    assert "Traceback" in file.read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_standard_output_is_one_sentence(unbuffered: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )

    sentence = "darkroom: The output can't be written: No space left on device.\n"
    assert (done.returncode, done.stderr) == (73, sentence)


def test_names_that_the_encoding_of_the_output_lacks_are_escaped() -> None:
    program = r"import darkroom_cli.app as cli; cli.app = lambda **_: print('\u5199.png'); cli.main()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "\\u5199.png\n", "")


def test_nothing_is_printed_when_the_reader_of_a_pipe_ends() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*PROGRAM, "--help"], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)

    assert b"Traceback" not in done.stderr
