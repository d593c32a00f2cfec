"""`make chaos`: executes every chaos run on the local stack, for docs/reliability.md."""

import argparse
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, track

from darkroom.domain.profile import built_in
from darkroom_cli.faults import Fault
from darkroom_cli.local.emulator import pinned_ministack
from darkroom_cli.stack import PROJECT
from tests.chaos.pictures import outcomes
from tests.chaos.plan import DELETED, DUPLICATED, POISONED, PREFIXES, RENEWED
from tests.chaos.runs import FULL, SHORT, Result, Size, all_runs, perform, pictures_of
from tests.chaos.stage import RENDER_TIMEOUT_SECONDS, RENDERED_AT_ONCE, VISIBILITY_SECONDS, prepared
from tests.chaos.verify import ERRORS
from tests.e2e.conftest import a_stack

REPORT = PROJECT / "docs" / "reliability.md"
# Everything above this line is written by hand and kept.
_MARK = "<!-- Everything below is written by `make chaos`. -->\n"
_TIMEOUT_SECONDS = 3600
_COLUMNS = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def main() -> None:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="few uploads, and no report")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    console = Console()
    results = execute(SHORT if arguments.short else FULL, arguments.seed, console)
    if not arguments.short:
        handwritten, _, _ = REPORT.read_text().partition(_MARK)
        REPORT.write_text(handwritten + _MARK + page(results))
    found = [finding for result in results for finding in result.verdict.findings]
    found += [("disallowed", step) for result in results for step in result.disallowed]
    for error, description in found:
        console.print(f"{error}: {description}", highlight=False, markup=False)
    if found:
        raise Fault(f"{len(found)} errors were found.")


def execute(size: Size, seed: int, console: Console) -> list[Result]:
    """Executes one run after the other and prints each result."""
    runs = all_runs(size, seed)
    # auto_refresh would start a thread, and the engine forks.
    pictures = track(pictures_of(runs), "expected renditions", console=console, auto_refresh=False)
    expected = outcomes(pictures, built_in("default"))
    results: list[Result] = []
    with a_stack() as stack, prepared(stack) as stage:
        for run in runs:
            with Progress(*_COLUMNS, console=console) as progress:
                sent = progress.add_task(f"{run.name}: sent", total=len(run.plan.actions))
                ended = progress.add_task(f"{run.name}: ended", total=sum(map(len, run.plan.puts.values())))

                def report(actions_done: int, uploads_ended: int) -> None:
                    progress.update(sent, completed=actions_done)  # noqa: B023 - called only in this iteration
                    progress.update(ended, completed=uploads_ended)  # noqa: B023

                results += perform(stage, (run,), expected, _TIMEOUT_SECONDS, report)
            console.print(_line(results[-1], results[0]), highlight=False, soft_wrap=True)
    return results


def _line(result: Result, undisturbed: Result) -> str:
    ratio = result.ratio(undisturbed, VISIBILITY_SECONDS)
    return (
        f"{result.run.name}: {result.verdict} disallowed {len(result.disallowed)};"
        f" drained in {result.seconds:.0f} s, ratio {ratio:.2f}"
    )


def _shares() -> str:
    shares = {"poisoned": POISONED, "put again": RENEWED, "deleted": DELETED, "duplicated": DUPLICATED}
    return ", ".join(f"{share:.0%} {name}" for name, share in shares.items())


def page(results: list[Result]) -> str:
    rows = "".join(_row(result, results[0]) for result in results)
    counted = " | ".join((*ERRORS, "disallowed"))
    return f"""
## What was measured

| | |
|---|---|
| date | {datetime.now(UTC):%Y-%m-%d} |
| machine | {platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()} |
| versions | Python {platform.python_version()}, Pillow {version("pillow")}, MiniStack {pinned_ministack()} |
| uploads | small, under {PREFIXES} prefixes, shuffled: {_shares()} |
| timeouts | rendering {RENDER_TIMEOUT_SECONDS} s, visibility {VISIBILITY_SECONDS} s |
| pictures rendered at once | {RENDERED_AT_ONCE} |

| run | keys | events | seed | injected | failed | removed | {counted} | seconds | ratio |
|{"---|" * (10 + len(ERRORS))}
{rows}"""


def _row(result: Result, undisturbed: Result) -> str:
    run, verdict = result.run, result.verdict
    cells = [
        run.name,
        len(run.plan.puts),
        run.plan.events,
        run.seed,
        result.injected,
        result.failed,
        result.removed,
        *(verdict.count(error) for error in ERRORS),
        len(result.disallowed),
        f"{result.seconds:.0f}",
        f"{result.ratio(undisturbed, VISIBILITY_SECONDS):.2f}",
    ]
    return f"| {' | '.join(map(str, cells))} |\n"


if __name__ == "__main__":
    try:
        main()
    except Fault as fault:
        raise SystemExit(f"darkroom: {fault}") from None
