"""`make cold`: measures each function's cold start and memory, into docs/performance.md."""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from bench import memory
from bench.page import commit_of, machine, write_sections
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
# No service is called before the first event, so none of these need to exist.
_ENVIRONMENT = {
    name.upper(): "nowhere" for kind in _KINDS for name in kind._fields if name not in kind._field_defaults
} | {
    "LIVE_ENDPOINT": "https://127.0.0.1:9/nowhere",
    "LIVE_URL": "wss://127.0.0.1:9/live",
    "POWERTOOLS_METRICS_NAMESPACE": "Darkroom",
    "POWERTOOLS_SERVICE_NAME": "cold",
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nobody",
    "AWS_DEFAULT_REGION": "eu-central-1",
}

# Counts executed bytecode instructions. Unlike time, the count is the same on every machine, busy or idle, so
# that a test can bound it.
_START_COUNTING = """
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
_PRINT_COUNT = """
sys.monitoring.set_events(sys.monitoring.PROFILER_ID, 0)
print(executed)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="rounds of starting every function once")
    parser.add_argument("--before", type=Path, help="another checkout to compare with, after `make build`")
    arguments = parser.parse_args()
    console = Console()
    with running_stack(LocalStack.of(os.environ), console) as status:  # builds the functions and layers
        sections = [memory.section(status)]
    sections.insert(0, _starts_section(arguments.rounds, arguments.before))
    console.print(write_sections(sections), highlight=False, markup=False)


def starting(function: str, first: str = "", then: str = "") -> Command:
    """Returns a command to start a function as Lambda does: import it, which creates its clients.

    `first` and `then` are code to run before and after.
    """
    path = f"{PROJECT / 'functions' / function}:{PROJECT / 'layers' / 'darkroom'}"
    program = "\n".join((first, "import app", then))
    return [sys.executable, "-c", program], {"PATH": os.defpath, "PYTHONPATH": path} | _ENVIRONMENT


def _starting_as_built(function: str, project: Path) -> Command:
    """Returns a command to start a built function with its layers, which Lambda mounts read-only."""
    line, environment = starting(function)
    path = memory.path_as_built(function, project)
    return line, environment | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def work(function: str, then: str = "") -> float:
    """Counts the bytecode instructions of a function's start, as a multiple of importing boto3 alone."""
    return _count(starting(function, first=_START_COUNTING, then=then + _PRINT_COUNT)) / _boto3_alone()


def work_of_engine() -> float:
    """Counts the bytecode instructions of importing the engine alone, as the same multiple."""
    program = f"{_START_COUNTING}import darkroom.imaging{_PRINT_COUNT}"
    environment = {"PATH": os.defpath, "PYTHONPATH": str(PROJECT / "layers" / "darkroom")}
    return _count(([sys.executable, "-c", program], environment)) / _boto3_alone()


@cache
def _boto3_alone() -> int:
    program = f"{_START_COUNTING}import boto3{_PRINT_COUNT}"
    return _count(([sys.executable, "-c", program], {"PATH": os.defpath}))


def _count(command: Command) -> int:
    line, environment = command
    return int(subprocess.run(line, env=environment, capture_output=True, text=True, check=True).stdout)


def _ratios(starts: Mapping[str, Command], rounds: int) -> dict[str, float]:
    """Measures the processor time of each start, as a multiple of importing boto3 alone.

    Both without a bare interpreter's time; medians of rounds in which every process runs once, so that a busy
    machine affects all alike.
    """
    alone: dict[str, Command] = {
        name: ([sys.executable, "-c", program], {"PATH": os.defpath})
        for name, program in {"bare": "pass", "boto3": "import boto3"}.items()
    }
    runs = paired(alone | dict(starts), rounds)
    bare = runs["bare"].cpu_seconds
    return {name: (runs[name].cpu_seconds - bare) / (runs["boto3"].cpu_seconds - bare) for name in starts}


def _starts_section(rounds: int, before: Path | None) -> str:
    starts = {function: _starting_as_built(function, PROJECT) for function in FUNCTIONS}
    if before:
        starts |= {f"{function} before": _starting_as_built(function, before) for function in FUNCTIONS}
    ratios = _ratios(starts, rounds)
    commit = commit_of(before) if before else ""
    rows = [
        f"| {function} | {work(function):.2f} | {ratios[function]:.2f} |"
        + (f" {ratios[f'{function} before']:.2f} |" if before else "")
        for function in FUNCTIONS
    ]
    return "\n".join(
        [
            "## Cold starts",
            "",
            "From the interpreter's start until a function is ready for its first event, as a multiple of",
            "importing boto3. Instructions: executed bytecode; tests/unit/test_cold_start.py limits it, and",
            "the imports of each function. Time: processor time of the function and layers as built, which",
            "are read-only as in Lambda, minus that of a bare interpreter,",
            f"medians of {rounds} rounds. {machine()}, boto3 {version('boto3')}.",
            "",
            "| function | instructions | time |" + (f" time at {commit} |" if before else ""),
            "|---|---|---|" + ("---|" if before else ""),
            *rows,
        ]
    )


if __name__ == "__main__":
    try:
        main()
    except Fault as fault:
        raise SystemExit(f"darkroom: {fault}") from None
