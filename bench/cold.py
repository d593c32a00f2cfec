"""`make cold`: what each function's start takes and what memory it should have, into docs/performance.md."""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from bench import memory
from bench.page import machine, write_sections
from bench.runs import Command, paired
from darkroom import settings
from darkroom_cli.faults import Fault
from darkroom_cli.local.up import running_stack
from darkroom_cli.stack import PROJECT, LocalStack

FUNCTIONS = ("render", "park", "project", "web", "live", "sweep")
_KINDS = (
    settings.RenderSettings,
    settings.ParkSettings,
    settings.ProjectSettings,
    settings.WebSettings,
    settings.LiveSettings,
    settings.SweepSettings,
)
# Nobody is asked before the first event, so that none of it need exist.
_ENVIRONMENT = {
    each.name.upper(): "nowhere" for kind in _KINDS for each in fields(kind) if each.default is MISSING
} | {
    "LIVE_ENDPOINT": "https://127.0.0.1:9/nowhere",
    "LIVE_URL": "wss://127.0.0.1:9/live",
    "POWERTOOLS_METRICS_NAMESPACE": "Darkroom",
    "POWERTOOLS_SERVICE_NAME": "cold",
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nobody",
    "AWS_DEFAULT_REGION": "eu-central-1",
}

# CPython tells of each bytecode instruction it executes. The same code executes the same number on every
# machine, busy or idle: what time can't be, a bound that a test can hold.
_COUNTED = """
import sys
executed = 0


def note(code, offset):
    global executed
    executed += 1


events = sys.monitoring.events
sys.monitoring.use_tool_id(sys.monitoring.PROFILER_ID, "cold")
sys.monitoring.register_callback(sys.monitoring.PROFILER_ID, events.INSTRUCTION, note)
sys.monitoring.set_events(sys.monitoring.PROFILER_ID, events.INSTRUCTION)
"""
_TOLD = """
sys.monitoring.set_events(sys.monitoring.PROFILER_ID, 0)
print(executed)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="of the starts, one beside the other")
    parser.add_argument("--before", type=Path, help="another checkout, whose starts are shown beside these")
    asked = parser.parse_args()
    console = Console()
    made = [_starts_section(asked.rounds, asked.before)]
    with running_stack(LocalStack.of(os.environ), console) as status:
        made.append(memory.section(status))
    console.print(write_sections(made), highlight=False, markup=False)


def starting(function: str, project: Path = PROJECT, first: str = "", then: str = "") -> Command:
    """What Lambda does before a function's first event: imports it, whereby its clients are made.

    `first` and `then` are what else is done before and after.
    """
    path = f"{project / 'functions' / function}:{project / 'layers' / 'darkroom'}"
    program = "\n".join((first, "import app", then))
    return [sys.executable, "-c", program], {"PATH": os.defpath, "PYTHONPATH": path} | _ENVIRONMENT


def work(function: str, then: str = "") -> float:
    """The bytecode instructions that a function's start executes, as a multiple of importing boto3 alone."""
    return _count(starting(function, first=_COUNTED, then=then + _TOLD)) / _boto3_alone()


@cache
def _boto3_alone() -> int:
    return _count(([sys.executable, "-c", f"{_COUNTED}import boto3{_TOLD}"], {"PATH": os.defpath}))


def _count(command: Command) -> int:
    line, environment = command
    return int(subprocess.run(line, env=environment, capture_output=True, text=True, check=True).stdout)


def _ratios(starts: Mapping[str, Command], rounds: int) -> dict[str, float]:
    """The processor's time that each start takes, as a multiple of importing boto3 alone.

    Both above a bare interpreter; medians of rounds in which each process runs once, so that a busy machine
    disturbs all alike.
    """
    alone: dict[str, Command] = {
        name: ([sys.executable, "-c", program], {"PATH": os.defpath})
        for name, program in {"bare": "pass", "boto3": "import boto3"}.items()
    }
    runs = paired(alone | dict(starts), rounds)
    bare = runs["bare"].cpu_seconds
    return {name: (runs[name].cpu_seconds - bare) / (runs["boto3"].cpu_seconds - bare) for name in starts}


def _starts_section(rounds: int, before: Path | None) -> str:
    starts = {each: starting(each) for each in FUNCTIONS}
    if before:
        starts |= {f"{each} before": starting(each, before) for each in FUNCTIONS}
    found = _ratios(starts, rounds)
    commit = _commit(before) if before else ""
    rows = [
        f"| {each} | {work(each):.2f} | {found[each]:.2f} |"
        + (f" {found[f'{each} before']:.2f} |" if before else "")
        for each in FUNCTIONS
    ]
    return "\n".join(
        [
            "## Cold starts",
            "",
            "From the interpreter's start until the first event can come, as a multiple of importing boto3:",
            "the bytecode instructions, which tests/unit/test_cold_start.py bounds (it says too what each",
            "function may import), and the processor's time above a bare interpreter's, medians of",
            f"{rounds} rounds. {machine()}, boto3 {version('boto3')}.",
            "",
            "| function | instructions | time |" + (f" time at {commit} |" if before else ""),
            "|---|---|---|" + ("---|" if before else ""),
            *rows,
        ]
    )


def _commit(project: Path) -> str:
    line = ["git", "-C", str(project), "rev-parse", "--short", "HEAD"]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    try:
        main()
    except Fault as fault:
        raise SystemExit(f"darkroom: {fault}") from None
