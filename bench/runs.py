"""Measures whole processes: wall time, CPU time and peak memory."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Run:
    wall_seconds: float
    cpu_seconds: float
    peak_mb: float


type Command = tuple[Sequence[str], dict[str, str]]


def paired(commands: dict[str, Command], times: int) -> dict[str, Run]:
    """Runs every command once per round and returns medians, so that disturbances affect all alike.

    Runs in a small process of its own: Linux counts a parent's memory in the peak of its child.
    """
    line = [sys.executable, "-m", "bench.runs"]
    request = json.dumps([commands, times])
    done = subprocess.run(line, input=request, capture_output=True, text=True, check=True)
    return {name: Run(*figures) for name, figures in json.loads(done.stdout).items()}


def _paired(commands: dict[str, Command], times: int) -> dict[str, tuple[float, ...]]:
    rounds = [{name: _once(command) for name, command in commands.items()} for _ in range(times)]
    return {
        name: tuple(median(figures) for figures in zip(*(runs[name] for runs in rounds), strict=True))
        for name in commands
    }


def _once(command: Command) -> tuple[float, float, float]:
    line, environment = command
    started = time.perf_counter()
    process = subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{line[0]} ended with {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    print(json.dumps(_paired(*json.load(sys.stdin))))  # noqa: T201
