"""`darkroom profile`: what is to be made of pictures, shown, checked and put in force."""

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
from darkroom_cli.stack import Fault, Status
from darkroom_cli.terminal import printable

if TYPE_CHECKING:
    from rich.console import Console
    from types_boto3_appconfig import AppConfigClient

# sysexits.h
NO_INPUT, BAD_CONFIGURATION = 66, 78
# A deployment of 0 minutes is complete after some seconds.
_PATIENCE_SECONDS = 300
_ENDED_OTHERWISE = {"ROLLING_BACK", "ROLLED_BACK", "REVERTED"}
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}:,]|[^][{}:,"\s]+')

type Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Deployed:
    """A document as it was put in force."""

    document: bytes
    version: int
    at: datetime


def check(file: Path) -> tuple[bytes, Profile]:
    """A file's bytes, and the profile that they stand for. Raises Fault with the line of every flaw."""
    try:
        document = file.read_bytes()
    except OSError as fault:
        raise Fault(f"{file} can't be read: {fault.strerror}.", NO_INPUT) from fault
    complaints = complaints_about(document)
    if complaints:
        listed = "\n".join(f"{file}:{complaint}" for complaint in complaints)
        raise Fault(f"The profile can't be used:\n{listed}", BAD_CONFIGURATION)
    return document, parse_profile(document)


def complaints_about(document: bytes) -> list[str]:
    """Each flaw after its line, like "7: name: missing", from top to bottom; a slip in the JSON alone."""
    try:
        text = document.decode()
        json.loads(text)
    except UnicodeDecodeError as fault:
        return [f"{document.count(b'\n', 0, fault.start) + 1}: not UTF-8: {fault.reason}"]
    except json.JSONDecodeError as fault:
        return [f"{fault.lineno}:{fault.colno}: not JSON: {fault.msg}"]
    except (ValueError, RecursionError) as fault:  # a number of thousands of digits; thousands of brackets
        return [f"1: not JSON that can be read: {fault}"]
    lines: dict[Place, int] = {(): 1}
    found: list[tuple[int, Flaw]] = []
    twice: set[Place] = set()
    for place, line in places(text):
        if place in lines:  # whoever reads it takes the last, and says nothing
            twice.add(place)
            if place[:-1] not in twice:
                found.append((line, Flaw(f"stands on line {lines[place]} as well", place)))
        lines[place] = line
    try:
        parse_profile(text)
    except BadProfile as bad:
        found += [(_line(flaw.path, lines), flaw) for flaw in bad.flaws]
    return [f"{line}: {flaw}" for line, flaw in sorted(found, key=lambda each: each[0])]


def places(text: str) -> Iterator[tuple[Place, int]]:
    """Each member and item of a document that is JSON, and the line on which it begins."""
    path: list[str | int] = []
    line, read, begins = 1, 0, False
    for token in _TOKEN.finditer(text):
        line, read = line + text.count("\n", read, token.start()), token.start()
        mark = token[0]
        if begins and path and mark not in {"}", "]"}:
            last = path[-1]
            path[-1] = last + 1 if isinstance(last, int) else json.loads(mark)
            yield tuple(path), line
        begins = mark in {"{", "[", ","}
        if mark == "{":
            path.append("")
        elif mark == "[":
            path.append(-1)
        elif mark in {"}", "]"}:
            path.pop()


def _line(place: Place, lines: dict[Place, int]) -> int:
    """The line of a place; of what is missing, that of what it is missing in."""
    return lines[place] if place in lines else _line(place[:-1], lines)


def in_force(status: Status) -> Deployed:
    """What was deployed last and not taken back. Raises Fault."""
    client = _client(status)
    listed = client.list_deployments(
        ApplicationId=status.profile_application, EnvironmentId=status.profile_environment, MaxResults=50
    )["Items"]  # in AWS the 50 newest
    complete = [each for each in listed if each["State"] in {"BAKING", "COMPLETE"}]
    if not complete:
        raise Fault("No profile is in force yet.")
    newest = max(complete, key=lambda each: each["DeploymentNumber"])
    version = int(newest["ConfigurationVersion"])
    stored = client.get_hosted_configuration_version(
        ApplicationId=status.profile_application,
        ConfigurationProfileId=status.live_profile,
        VersionNumber=version,
    )
    at = newest.get("CompletedAt") or newest["StartedAt"]
    return Deployed(stored["Content"].read(), version, at)


def show(status: Status) -> str:
    """What stands in force, with its name, hash, version and date. Raises Fault."""
    deployed = in_force(status)
    try:
        profile = parse_profile(deployed.document)
    except BadProfile as bad:
        flaws = "\n".join(complaints_about(deployed.document))
        raise Fault(
            f"Version {deployed.version} is in force and bad; functions keep the last good one:\n{flaws}",
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
    """Puts a document in force; its version once the deployment is complete. Raises Fault."""
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
        _await(client, status, number)
    return version


def _await(client: "AppConfigClient", status: Status, number: int) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        state = client.get_deployment(
            ApplicationId=status.profile_application,
            EnvironmentId=status.profile_environment,
            DeploymentNumber=number,
        )["State"]
        if state == "COMPLETE":
            return
        if state in _ENDED_OTHERWISE:
            raise Fault(f"Deployment {number} was taken back ({state}); the profile before it is in force.")
        if time.monotonic() > deadline:
            raise Fault(f"Deployment {number} is not complete after {_PATIENCE_SECONDS} s ({state}).")
        time.sleep(0.5)


def _client(status: Status) -> "AppConfigClient":
    import boto3  # `check` does without

    return boto3.client("appconfig", region_name=status.region, endpoint_url=status.aws_endpoint)
