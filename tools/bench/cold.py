"""`make cold`: what the start of each function takes before its first event, into docs/performance.md."""

import os
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path

from darkroom import settings
from tools.bench.runs import Command, paired
from tools.stack import PROJECT

FUNCTIONS = ("render", "park", "project", "web", "live", "sweep")
_KINDS = (
    settings.RenderSettings,
    settings.ParkSettings,
    settings.ProjectSettings,
    settings.WebSettings,
    settings.LiveSettings,
    settings.SweepSettings,
)
# Nobody is asked before the first event, so that these need not exist.
_ENVIRONMENT = {
    each.name.upper(): "nowhere" for kind in _KINDS for each in fields(kind) if each.default is MISSING
} | {
    "LIVE_ENDPOINT": "https://127.0.0.1:9/nowhere",
    "LIVE_URL": "wss://127.0.0.1:9/live",
    "POWERTOOLS_METRICS_NAMESPACE": "Darkroom",
    "POWERTOOLS_SERVICE_NAME": "cold",
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nobody",
    "AWS_DEFAULT_REGION": "eu-central-1",
}


def starting(function: str, project: Path = PROJECT, first: str = "", then: str = "") -> Command:
    """What Lambda does before a function's first event: imports it, whereby its clients are made.

    `first` and `then` are what else is done before and after.
    """
    path = f"{project / 'functions' / function}:{project / 'layers' / 'darkroom'}"
    program = "\n".join((first, "import app", then))
    return [sys.executable, "-c", program], {"PATH": os.defpath, "PYTHONPATH": path} | _ENVIRONMENT


def ratios(starts: Mapping[str, Command], rounds: int) -> dict[str, float]:
    """The processor's time that each start takes, as a multiple of importing boto3 alone.

    Both above a bare interpreter; medians of rounds in which each process runs once, so that a busy machine
    disturbs all alike.
    """
    alone: dict[str, Command] = {
        name: ([sys.executable, "-c", program], {"PATH": os.defpath})
        for name, program in {"bare": "pass", "boto3": "import boto3"}.items()
    }
    runs = paired(alone | dict(starts), rounds)
    bare = runs["bare"].cpu_seconds
    return {name: (runs[name].cpu_seconds - bare) / (runs["boto3"].cpu_seconds - bare) for name in starts}
