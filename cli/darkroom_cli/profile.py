"""`darkroom profile`: shows, checks and deploys a rendering profile."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.domain.errors import BadProfile, Flaw
from darkroom.domain.profile import Profile, parse_profile
from darkroom.web.pages.formatting import printable
from darkroom_cli.faults import BAD_CONFIGURATION, NO_INPUT, Fault
from darkroom_cli.stack import Status

if TYPE_CHECKING:
    from rich.console import Console
    from types_boto3_appconfig import AppConfigClient

# A deployment with a duration of 0 minutes completes after some seconds.
_TIMEOUT_SECONDS = 300
_ROLLED_BACK = {"ROLLING_BACK", "ROLLED_BACK", "REVERTED"}
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}:,]|[^][{}:,"\s]+')

type JsonPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class DeployedProfile:
    """A deployed profile: its document, version and deployment time."""

    document: bytes
    version: int
    at: datetime


def check(file: Path) -> tuple[bytes, Profile]:
    """Returns a file's bytes and its profile. Raises Fault with the line of every error."""
    try:
        document = file.read_bytes()
    except OSError as fault:
        raise Fault(f"Cannot read {file}: {fault.strerror}.", NO_INPUT) from fault
    errors = errors_in(document)
    if errors:
        listed = "\n".join(f"{file}:{error}" for error in errors)
        raise Fault(f"The profile is not valid:\n{listed}", BAD_CONFIGURATION)
    return document, parse_profile(document)


def errors_in(document: bytes) -> list[str]:
    """Returns every error with its line, like "7: name: missing".

    If the document is not JSON, returns that error alone.
    """
    try:
        text = document.decode()
        json.loads(text)
    except UnicodeDecodeError as fault:
        return [f"{document.count(b'\n', 0, fault.start) + 1}: not UTF-8: {fault.reason}"]
    except json.JSONDecodeError as fault:
        return [f"{fault.lineno}:{fault.colno}: not JSON: {fault.msg}"]
    except (ValueError, RecursionError) as fault:  # thousands of digits, or of brackets
        return [f"1: cannot be parsed as JSON: {fault}"]
    lines: dict[JsonPath, int] = {(): 1}
    found: list[tuple[int, Flaw]] = []
    duplicates: set[JsonPath] = set()
    for path, line in json_paths(text):
        if path in lines:  # a JSON parser would silently take the last one
            duplicates.add(path)
            if path[:-1] not in duplicates:
                found.append((line, Flaw(f"duplicate of line {lines[path]}", path)))
        lines[path] = line
    try:
        parse_profile(text)
    except BadProfile as bad:
        found += [(_line(flaw.path, lines), flaw) for flaw in bad.flaws]
    return [f"{line}: {flaw}" for line, flaw in sorted(found, key=lambda numbered: numbered[0])]


def json_paths(text: str) -> Iterator[tuple[JsonPath, int]]:
    """Yields the path of each member and item of a JSON text, and the line of its first character."""
    path: list[str | int] = []
    line, offset, begins = 1, 0, False
    for match in _JSON_TOKEN.finditer(text):
        line, offset = line + text.count("\n", offset, match.start()), match.start()
        lexeme = match[0]
        if begins and path and lexeme not in {"}", "]"}:
            last = path[-1]
            path[-1] = last + 1 if isinstance(last, int) else json.loads(lexeme)
            yield tuple(path), line
        begins = lexeme in {"{", "[", ","}
        if lexeme == "{":
            path.append("")
        elif lexeme == "[":
            path.append(-1)
        elif lexeme in {"}", "]"}:
            path.pop()


def _line(path: JsonPath, lines: dict[JsonPath, int]) -> int:
    """Returns the line of a path; for a missing member, the line of its parent."""
    return lines[path] if path in lines else _line(path[:-1], lines)


def read_live_profile(status: Status) -> DeployedProfile:
    """Returns the newest deployed profile that was not rolled back. Raises Fault."""
    client = _client(status)
    deployments = client.list_deployments(
        ApplicationId=status.profile_application, EnvironmentId=status.profile_environment, MaxResults=50
    )["Items"]  # AWS returns the newest 50
    complete = [deployment for deployment in deployments if deployment["State"] in {"BAKING", "COMPLETE"}]
    if not complete:
        raise Fault("No profile has been deployed yet.")
    newest = max(complete, key=lambda deployment: deployment["DeploymentNumber"])
    version = int(newest["ConfigurationVersion"])
    stored = client.get_hosted_configuration_version(
        ApplicationId=status.profile_application,
        ConfigurationProfileId=status.live_profile,
        VersionNumber=version,
    )
    at = newest.get("CompletedAt") or newest["StartedAt"]
    return DeployedProfile(stored["Content"].read(), version, at)


def show(status: Status) -> str:
    """Returns the live profile with its name, hash, version and date. Raises Fault."""
    deployed = read_live_profile(status)
    try:
        profile = parse_profile(deployed.document)
    except BadProfile as bad:
        errors = "\n".join(errors_in(deployed.document))
        raise Fault(
            "Functions use the last good profile, because the deployed version"
            f" {deployed.version} is not valid:\n{errors}",
            BAD_CONFIGURATION,
        ) from bad
    rows = {
        "Profile": printable(profile.name),
        "Hash": profile.hash,
        "Version": deployed.version,
        "Deployed": f"{deployed.at.astimezone():%Y-%m-%d %H:%M:%S %Z}",
    }
    table = "\n".join(f"{name:<9} {value}" for name, value in rows.items())
    return f"{table}\n\n{json.dumps(json.loads(deployed.document), indent=2)}"


def push(status: Status, document: bytes, console: "Console") -> int:
    """Deploys a profile and waits until it is live; returns its version. Raises Fault."""
    client = _client(status)
    version = client.create_hosted_configuration_version(
        ApplicationId=status.profile_application,
        ConfigurationProfileId=status.live_profile,
        Content=document,
        ContentType="application/json",
    )["VersionNumber"]
    number = client.start_deployment(
        ApplicationId=status.profile_application,
        EnvironmentId=status.profile_environment,
        ConfigurationProfileId=status.live_profile,
        ConfigurationVersion=str(version),
        DeploymentStrategyId=status.profile_strategy,
    )["DeploymentNumber"]
    with console.status(f"Deploying version {version} ..."):
        _wait_for(client, status, number)
    return version


def _wait_for(client: "AppConfigClient", status: Status, number: int) -> None:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while True:
        state = client.get_deployment(
            ApplicationId=status.profile_application,
            EnvironmentId=status.profile_environment,
            DeploymentNumber=number,
        )["State"]
        if state == "COMPLETE":
            return
        if state in _ROLLED_BACK:
            raise Fault(f"Deployment {number} was rolled back ({state}); the previous profile stays live.")
        if time.monotonic() > deadline:
            raise Fault(f"Deployment {number} is not complete after {_TIMEOUT_SECONDS} s ({state}).")
        time.sleep(0.5)


def _client(status: Status) -> "AppConfigClient":
    import boto3  # `check` does not need it

    return boto3.client("appconfig", region_name=status.region, endpoint_url=status.aws_endpoint)
