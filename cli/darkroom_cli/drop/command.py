"""`darkroom drop`: uploads files and folders as one job and reports the results."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from darkroom.domain.focus import Focus
from darkroom.domain.limits import MAX_JOB_UPLOADS
from darkroom_cli.drop.files import check_files
from darkroom_cli.drop.resume import ResumeFile
from darkroom_cli.drop.run import DropRun
from darkroom_cli.drop.summary import Outcome, report
from darkroom_cli.faults import INTERRUPTED, Fault
from darkroom_cli.results import output_console
from darkroom_cli.stack import LocalStack, Status


def drop_pictures(
    status: Status,
    paths: Sequence[Path],
    files: Mapping[str, Path],
    timeout_seconds: float,
    *,
    new: bool,
    as_json: bool,
    focus: Focus | None = None,
) -> bool:
    """Uploads the files found at these paths; True if all were rendered. Raises Fault."""
    console = output_console(stderr=as_json)  # JSON has standard output for itself
    resume_file = ResumeFile.of(LocalStack.find(os.environ), status, paths, os.environ)
    if new:
        resume_file.delete()
    outcomes, page = drop(files, status, timeout_seconds, console, resume_file, focus)
    if as_json:
        for outcome in outcomes:
            sys.stdout.write(json.dumps(outcome.document | {"job": page}) + "\n")
        return not any(outcome.problem for outcome in outcomes)
    return report(outcomes, page, console)


def drop(
    files: Mapping[str, Path],
    status: Status,
    timeout_seconds: float,
    console: Console,
    resume_file: ResumeFile | None = None,
    focus: Focus | None = None,
) -> tuple[list[Outcome], str]:
    """Uploads files as a job; returns the outcomes, and the address of the job's page (empty without a job).

    Waits until all pictures are done, or until the timeout passes without progress. Resumes the job in
    `resume_file`. Raises Fault, also after Ctrl-C.
    """
    refused, pictures = check_files(files, focus)
    outcomes = {name: Outcome(name, fault=reason) for name, reason in refused.items()}
    if len(pictures) > MAX_JOB_UPLOADS:
        raise Fault(f"A job takes at most {MAX_JOB_UPLOADS} pictures, not {len(pictures)}.", 2)
    page = ""
    if pictures:
        run = DropRun(pictures, status, timeout_seconds, console, resume_file)
        try:
            asyncio.run(run.run())
        except KeyboardInterrupt:
            raise Fault(run.interrupted_message, INTERRUPTED) from None
        page = run.page
        outcomes |= run.outcomes
    return [outcomes[name] for name in files], page
