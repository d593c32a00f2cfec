"""`darkroom demo` (`make demo`): uploads sample pictures to the local stack and checks the results."""

import os
import tempfile
import urllib.request
from pathlib import Path

from rich.console import Console

from darkroom.domain.entries import State
from darkroom_cli.client import authentication
from darkroom_cli.drop.command import drop
from darkroom_cli.drop.summary import Outcome, report
from darkroom_cli.faults import Fault
from darkroom_cli.files import find_pictures
from darkroom_cli.local.samples import draw
from darkroom_cli.local.up import running_stack
from darkroom_cli.stack import LocalStack, Status


def demo(local_stack: LocalStack, console: Console) -> None:
    """Uses the running stack, or starts one and stops it afterwards. Raises Fault with the failed checks."""
    with running_stack(local_stack, console) as status:
        failed = _failed_checks(status, console)
    if failed:
        raise Fault("The demo failed:\n  " + "\n  ".join(failed))
    console.print("The demo passed.", style="bold green")


def _failed_checks(status: Status, console: Console) -> list[str]:
    with tempfile.TemporaryDirectory() as scratch:
        good, corrupt = draw(Path(scratch))
        files = find_pictures([Path(scratch) / name for name in (*good, *corrupt)]).by_name
        console.print(f"Uploading {len(good)} valid pictures and {len(corrupt)} corrupt file.")
        outcomes, page = drop(files, status, 180, console)
    report(outcomes, page, console)
    by_name = {outcome.name: outcome for outcome in outcomes}
    checks = {
        **{f"{name} is rendered": by_name[name].state is State.RENDERED for name in good},
        **{f"{name} is rejected with a reason": bool(by_name[name].reason) for name in corrupt},
        f"{by_name[good[0]].page} shows {good[0]}": _page_shows(by_name[good[0]], status),
    }
    for check, passed in checks.items():
        console.print(f"{'passed' if passed else 'FAILED'}  {check}", highlight=False, soft_wrap=True)
    return [check for check, passed in checks.items() if not passed]


def _page_shows(outcome: Outcome, status: Status) -> bool:
    """True if the picture's page is HTML and contains the picture."""
    headers = authentication(status, os.environ)("GET", outcome.page, {"Accept": "text/html"}, b"")
    request = urllib.request.Request(outcome.page, headers=dict(headers))  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            page = response.read().decode()
            is_html = response.headers.get_content_type() == "text/html"
            return is_html and "<img" in page and outcome.name in page
    except OSError:
        return False
