"""`make simulate`: performs random histories, and writes the figures into docs/reliability.md.

With --seed, performs one history and prints it: the shortest that still fails, or the whole history.
"""

import argparse
import os
import platform
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version

from rich.console import Console
from rich.progress import track

from tests.chaos.verify import ERRORS
from tests.cloudformation import PROJECT
from tests.simulation.shrink import describe, execute
from tests.simulation.workers import Fault

REPORT = PROJECT / "docs" / "reliability.md"
# `make simulate` replaces the text between these lines.
_BEGIN, _END = "<!-- Written by `make simulate`. -->\n", "<!-- End of the part by `make simulate`. -->\n"


@dataclass
class Figures:
    """The sums over all histories; `failed` has the seeds of those with findings."""

    histories: int = 0
    calls: int = 0
    faults: Counter[Fault] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    failed: list[int] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="perform only this history, and print it")
    parser.add_argument("--seeds", type=int, default=2000, help="number of histories (default: 2000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument(
        "--stop", action="store_true", help="stop at the first failed history, without printing it"
    )
    parser.add_argument("--report", action="store_true", help="write the figures into docs/reliability.md")
    arguments = parser.parse_args()
    # Wide enough for any line: the output must not depend on the terminal.
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    if arguments.seed is not None:
        console.print(describe(arguments.seed))
        raise SystemExit(bool(execute(arguments.seed)[1].findings))
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    figures = simulate(seeds, console, stop=arguments.stop)
    console.print(summary(seeds, figures))
    if arguments.report:
        before, _, rest = REPORT.read_text().partition(_BEGIN)
        REPORT.write_text(before + _BEGIN + summary(seeds, figures) + _END + rest.partition(_END)[2])
    if figures.failed:
        if not arguments.stop:
            console.print(describe(figures.failed[0]))
        raise SystemExit(f"darkroom: {len(figures.failed)} histories failed: {figures.failed[:20]}")


def simulate(seeds: range, console: Console, *, stop: bool) -> Figures:
    figures = Figures()
    for seed in track(seeds, "histories", console=console, disable=not console.is_terminal):
        history, verdict = execute(seed)
        figures.histories += 1
        figures.calls += history.calls
        figures.faults += history.faults
        figures.findings.update(error for error, _ in verdict.findings)
        if verdict.findings:
            figures.failed.append(seed)
            console.print(f"seed {seed}: {verdict} disallowed {verdict.count('disallowed')}")
            if stop:
                break
    return figures


def summary(seeds: range, figures: Figures) -> str:
    """Returns the figures as Markdown."""
    rows = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "versions": f"Python {platform.python_version()}, greenlet {version('greenlet')}",
        "seeds": f"{seeds[0]} to {seeds[-1]}",
        "histories": f"{figures.histories:,}",
        "calls of ports": f"{figures.calls:,}",
        **{f"fault: {fault.value}": f"{figures.faults[fault]:,}" for fault in Fault if fault.is_fault},
        **{error: f"{figures.findings[error]}" for error in (*ERRORS, "disallowed")},
    }
    lines = (f"| {name} | {value} |\n" for name, value in rows.items())
    return f"\n| | |\n|---|---|\n{''.join(lines)}\n"


if __name__ == "__main__":
    main()
