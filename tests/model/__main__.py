"""`make model`: visits every state of the model, and writes the figures into docs/reliability.md.

With --without, prints a shortest history that goes wrong without a defence.
"""

import argparse
import os
import platform
import time
from datetime import UTC, datetime

from rich.console import Console

from tests.cloudformation import PROJECT
from tests.model.checker import Result, check, counterexample
from tests.model.defences import COUNTEREXAMPLES, QUICK, THOROUGH
from tests.model.history import describe
from tests.model.model import Model
from tests.model.protocol import Defence
from tests.model.world import Limits

REPORT = PROJECT / "docs" / "reliability.md"
# `make model` replaces the text between these lines.
_BEGIN, _END = "<!-- Written by `make model`. -->\n", "<!-- End of the part by `make model`. -->\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="check only the limits of `make test`")
    parser.add_argument("--without", choices=Defence.__members__, help="leave out this defence")
    parser.add_argument("--report", action="store_true", help="write the figures into docs/reliability.md")
    arguments = parser.parse_args()
    # Wide enough for any line: the output must not depend on the terminal.
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    if arguments.without:
        console.print(_counterexample(Defence[arguments.without]))
        return
    rows = []
    for limits in QUICK if arguments.quick else (*QUICK, *THOROUGH):
        model, began = Model(limits), time.process_time()
        result = check(model)
        rows.append(_row(limits, result, time.process_time() - began))
        console.print(rows[-1])
        if result.wrong:
            console.print(describe(model, result.history, result.wrong))
            raise SystemExit("darkroom: the model is wrong")
    if arguments.report:
        counterexamples = [_counterexample_row(defence) for defence in Defence]
        before, _, rest = REPORT.read_text().partition(_BEGIN)
        report = _summary(rows, counterexamples)
        REPORT.write_text(before + _BEGIN + report + _END + rest.partition(_END)[2])


def _counterexample(defence: Defence) -> str:
    model = Model(COUNTEREXAMPLES[defence].limits, frozenset({defence}), reduces=False)
    result = counterexample(model)
    return describe(model, result.history, result.wrong)


def _row(limits: Limits, result: Result, seconds: float) -> str:
    return f"| {limits} | {result.states:,} | {result.steps:,} | {seconds:.0f} | {result.wrong or 'none'} |"


def _counterexample_row(defence: Defence) -> str:
    *steps, wrong = _counterexample(defence).splitlines()
    test = COUNTEREXAMPLES[defence].test.rpartition("::")[2]
    return f"| {defence.value} | {len(steps)} | {wrong.partition('=> ')[2]} | `{test}` |"


def _summary(rows: list[str], counterexamples: list[str]) -> str:
    """Returns the figures as Markdown."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"
    lines = [
        "",
        f"Measured on {datetime.now(UTC):%Y-%m-%d}: {machine}; Python {platform.python_version()}; one core.",
        "",
        "| at most | states | steps | CPU seconds | wrong |",
        "|---|---|---|---|---|",
        *rows,
        "",
        "| without this defence | steps | what goes wrong | the product's test |",
        "|---|---|---|---|",
        *counterexamples,
        "",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
