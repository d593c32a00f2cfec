"""`make demo`: sample pictures all the way through the local stack, and every claim checked."""

import os
import tempfile
import urllib.request
from pathlib import Path

from rich.console import Console

from darkroom.domain.entries import State
from darkroom_cli.client import authority
from darkroom_cli.drop.command import drop, names_for
from darkroom_cli.drop.summary import Outcome, report
from darkroom_cli.local.samples import draw
from darkroom_cli.local.up import borrowed
from darkroom_cli.stack import Fault, LocalStack, Status


def demo(site: LocalStack, console: Console) -> None:
    """Uses the stack that is up, else one of its own that it stops again. Raises Fault with what is wrong."""
    with borrowed(site, console) as status:
        faults = _tour(status, console)
    if faults:
        raise Fault("The demo failed:\n  " + "\n  ".join(faults))
    console.print("The demo passed.", style="bold green")


def _tour(status: Status, console: Console) -> list[str]:
    with tempfile.TemporaryDirectory() as scratch:
        good, corrupt = draw(Path(scratch))
        files = names_for(Path(scratch) / name for name in (*good, *corrupt))
        console.print(f"{len(good)} good pictures and {len(corrupt)} corrupt one are drawn.")
        outcomes, job = drop(files, status, 180, console)
    report(outcomes, job, console)
    found = {outcome.name: outcome for outcome in outcomes}
    checks = {
        **{f"{name} is rendered": found[name].state is State.RENDERED for name in good},
        **{f"{name} is rejected with its reason": bool(found[name].reason) for name in corrupt},
        f"{found[good[0]].page} shows {good[0]}": _shows(found[good[0]], status),
    }
    for claim, holds in checks.items():
        console.print(f"{'yes' if holds else 'NO '}  {claim}", highlight=False, soft_wrap=True)
    return [f"not so: {claim}" for claim, holds in checks.items() if not holds]


def _shows(outcome: Outcome, status: Status) -> bool:
    """Whether its page is HTML that holds the picture."""
    headers = authority(status, os.environ)("GET", outcome.page, {"Accept": "text/html"}, b"")
    # The page's address is the front door's own.
    wanted = urllib.request.Request(outcome.page, headers=dict(headers))  # noqa: S310
    try:
        with urllib.request.urlopen(wanted, timeout=30) as answer:  # noqa: S310
            page = answer.read().decode()
            return (
                answer.headers.get_content_type() == "text/html" and "<img" in page and outcome.name in page
            )
    except OSError:
        return False
