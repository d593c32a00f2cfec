"""The report of the end-to-end tests on a deployed stack, as Markdown to attach to an issue."""

import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
import botocore
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from darkroom.redaction import redact
from darkroom_cli.cloudformation import describe_stack
from tests.cloudformation import PROJECT, load_template

_SLOWEST = 10
_TAIL_LINES = 40


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one test: passed, failed or error; `detail` is the end of a failure's traceback."""

    test: str
    outcome: str
    seconds: float
    detail: str = ""


def outcomes_of(reports: Mapping[str, Sequence[Any]]) -> list[Outcome]:
    """Converts pytest's reports by outcome."""
    return [
        Outcome(report.nodeid, outcome, report.duration, report.longreprtext)
        for outcome in ("passed", "failed", "error")
        for report in reports.get(outcome, [])
        if isinstance(report, pytest.TestReport)
    ]


def facts_of(name: str, region: str) -> dict[str, str]:
    """Describes the checkout, this machine and the stack, with its parameters that are not defaults."""
    description: dict[str, Any] = {}
    state = "not found"
    try:
        description = describe_stack(boto3.client("cloudformation", region_name=region), name) or {}
        state = description.get("StackStatus", state)
    except (BotoCoreError, ClientError) as fault:
        state = str(fault)
    defaults = {key: str(node.get("Default")) for key, node in load_template()["Parameters"].items()}
    changed = [
        f"{parameter['ParameterKey']}={parameter['ParameterValue']}"
        for parameter in description.get("Parameters", [])
        if parameter["ParameterValue"] != defaults.get(parameter["ParameterKey"])
    ]
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _git("describe", "--always", "--dirty"),
        "stack": f"{name} in {region}: {state}",
        "last change": str(description.get("LastUpdatedTime") or description.get("CreationTime") or ""),
        "parameters": ", ".join(sorted(changed)) or "the defaults",
        "machine": f"{platform.platform()}, Python {platform.python_version()}",
        "botocore": botocore.__version__,
    }


def failed_events(name: str, region: str) -> list[str]:
    """Returns CloudFormation's newest failures of the stack's resources, with the reasons."""
    try:
        events = boto3.client("cloudformation", region_name=region).describe_stack_events(StackName=name)
    except (BotoCoreError, ClientError) as fault:
        return [f"not readable: {fault}"]
    return [
        f"{event['Timestamp']:%Y-%m-%d %H:%M} {event['LogicalResourceId']} {event['ResourceStatus']}: "
        f"{event.get('ResourceStatusReason', 'no reason given')}"
        for event in events["StackEvents"]
        if event["ResourceStatus"].endswith("_FAILED")
    ]


def write_report(
    facts: Mapping[str, str],
    outcomes: Sequence[Outcome],
    left_out: Mapping[str, int],
    events: Sequence[str] = (),
) -> str:
    """Returns the report, without account ids, tokens and signatures."""
    failed = [outcome for outcome in outcomes if outcome.outcome != "passed"]
    passed = len(outcomes) - len(failed)
    counted = f"{passed} passed, {len(failed)} failed, {sum(left_out.values())} left out"
    slowest = sorted(outcomes, key=lambda outcome: -outcome.seconds)[:_SLOWEST]
    parts = [
        "# End-to-end tests of Darkroom",
        _table(["what", "value"], [*facts.items(), ("result", counted)]),
        *(_failure(outcome) for outcome in failed),
    ]
    if events:
        parts += ["## Failures of the stack's resources", "\n".join(f"- {event}" for event in events)]
    rows = [(f"`{outcome.test}`", f"{outcome.seconds:.1f}") for outcome in slowest]
    parts += ["## Slowest tests", _table(["test", "seconds"], rows)]
    if left_out:
        rows = [(reason, str(count)) for reason, count in sorted(left_out.items())]
        parts += ["## Tests left out", _table(["reason", "tests"], rows)]
    return redacted("\n\n".join(parts) + "\n")


def redacted(text: str) -> str:
    """Removes credentials and account ids."""
    text = re.sub(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b", r"\1...", redact(text))
    return re.sub(r"\b\d{12}\b", "ACCOUNT", text)


def _failure(outcome: Outcome) -> str:
    tail = "\n".join(outcome.detail.splitlines()[-_TAIL_LINES:])
    return f"## {outcome.outcome}: `{outcome.test}`\n\n```\n{tail}\n```"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', r'\|') for cell in line)} |" for line in lines)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
