"""`make chaos`: every kind of chaos on the local stack; the figures go into docs/reliability.md."""

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
from tests.chaos.runs import FULL, SHORT, Result, Size, kinds, perform, pictures_of
from tests.chaos.stage import RENDER_TIMEOUT_SECONDS, RENDERED_AT_ONCE, VISIBILITY_SECONDS, staged
from tests.chaos.verify import WORDS
from tests.e2e.conftest import a_stack

REPORT = PROJECT / "docs" / "reliability.md"
# What stands above this line is written by hand, and stays.
_MARK = "<!-- What follows is written by `make chaos`. -->\n"
_PATIENCE_SECONDS = 3600
_COLUMNS = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def main() -> None:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="some uploads only, and no report")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    console = Console()
    results = run(SHORT if asked.short else FULL, asked.seed, console)
    if not asked.short:
        by_hand, _, _ = REPORT.read_text().partition(_MARK)
        REPORT.write_text(by_hand + _MARK + page(results))
    found = [finding for result in results for finding in result.verdict.findings]
    for word, what in found:
        console.print(f"{word}: {what}", highlight=False, markup=False)
    if found:
        raise Fault(f"{len(found)} faults were found.")


def run(size: Size, seed: int, console: Console) -> list[Result]:
    """Runs one kind after the other, and says how each went."""
    chosen = kinds(size, seed)
    # Without a thread of its own, which would be in the engine's way when it forks.
    pictures = track(pictures_of(chosen), "rendered here", console=console, auto_refresh=False)
    wanted = outcomes(pictures, built_in("default"))
    results: list[Result] = []
    with a_stack() as stack, staged(stack) as stage:
        for kind in chosen:
            with Progress(*_COLUMNS, console=console) as progress:
                told = progress.add_task(f"{kind.name}: told", total=len(kind.plan.acts))
                ended = progress.add_task(f"{kind.name}: ended", total=sum(map(len, kind.plan.puts.values())))

                def show(acts: int, ends: int) -> None:
                    progress.update(told, completed=acts)  # noqa: B023 - called in this turn only
                    progress.update(ended, completed=ends)  # noqa: B023

                results += perform(stage, (kind,), wanted, _PATIENCE_SECONDS, show)
            console.print(_line(results[-1], results[0]), highlight=False, soft_wrap=True)
    return results


def _line(result: Result, undisturbed: Result) -> str:
    ratio = result.ratio(undisturbed, VISIBILITY_SECONDS)
    return f"{result.kind.name}: {result.verdict}; drained in {result.seconds:.0f} s, ratio {ratio:.2f}"


def _shares() -> str:
    shares = {"poisoned": POISONED, "put again": RENEWED, "deleted": DELETED, "duplicated": DUPLICATED}
    return ", ".join(f"{share:.0%} {what}" for what, share in shares.items())


def page(results: list[Result]) -> str:
    rows = "".join(_row(result, results[0]) for result in results)
    return f"""
## What was measured

| | |
|---|---|
| date | {datetime.now(UTC):%Y-%m-%d} |
| machine | {platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()} |
| versions | Python {platform.python_version()}, Pillow {version("pillow")}, MiniStack {pinned_ministack()} |
| uploads | small, under {PREFIXES} prefixes, shuffled: {_shares()} |
| time-outs | rendering {RENDER_TIMEOUT_SECONDS} s, visibility {VISIBILITY_SECONDS} s |
| rendered at once | {RENDERED_AT_ONCE} |

| run | keys | events | seed | times | parked | swept | {" | ".join(WORDS)} | seconds | ratio |
|{"---|" * (9 + len(WORDS))}
{rows}"""


def _row(result: Result, undisturbed: Result) -> str:
    kind, verdict = result.kind, result.verdict
    cells = [
        kind.name,
        len(kind.plan.puts),
        kind.plan.tells,
        kind.seed,
        result.injected,
        result.parked,
        result.swept,
        *(verdict.count(word) for word in WORDS),
        f"{result.seconds:.0f}",
        f"{result.ratio(undisturbed, VISIBILITY_SECONDS):.2f}",
    ]
    return f"| {' | '.join(map(str, cells))} |\n"


if __name__ == "__main__":
    try:
        main()
    except Fault as fault:
        raise SystemExit(f"darkroom: {fault}") from None
