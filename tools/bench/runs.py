"""Whole processes side by side: wall time, CPU time and peak memory."""

import os
import subprocess
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
    """Medians of `times` rounds; in each round every command runs once, so that all share what disturbs."""
    rounds = [{name: _once(command) for name, command in commands.items()} for _ in range(times)]
    return {
        name: Run(
            median(each[name].wall_seconds for each in rounds),
            median(each[name].cpu_seconds for each in rounds),
            median(each[name].peak_mb for each in rounds),
        )
        for name in commands
    }


def _once(command: Command) -> Run:
    line, environment = command
    started = time.perf_counter()
    process = subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{line[0]} ended with {process.returncode}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
