"""`darkroom profile` against AppConfig's own interface."""

import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from darkroom.adapters.appconfig import AppConfigProfiles
from darkroom.adapters.clients import appconfigdata_client
from darkroom.domain.profile import built_in
from darkroom_cli.app import app
from darkroom_cli.faults import Fault
from darkroom_cli.profile import push, read_live_profile, show
from darkroom_cli.stack import Status
from tests.aws import LiveProfile
from tests.builders import a_status


@pytest.fixture
def status(live_profile: LiveProfile, local_aws: str) -> Status:
    return a_status(
        aws_endpoint=local_aws,
        region="eu-central-1",
        profile_application=live_profile.application,
        profile_environment=live_profile.environment,
        live_profile=live_profile.configuration,
        profile_strategy=live_profile.strategy,
    )


def test_a_pushed_profile_is_active_byte_for_byte(status: Status, local_aws: str) -> None:
    document = b'{\n  "built_in": "fast" }\n'

    version = push(status, document, Console(quiet=True))

    assert version == 2
    assert (read_live_profile(status).document, read_live_profile(status).version) == (document, 2)
    faults: list[Exception] = []
    profiles = AppConfigProfiles(
        status.profile_application,
        status.profile_environment,
        status.live_profile,
        appconfigdata_client(endpoint=local_aws),
        faults.append,
    )
    assert profiles.current() == built_in("fast")


def test_the_active_profile_is_shown_with_hash_version_and_date(status: Status) -> None:
    push(status, b'{"built_in": "fast"}', Console(quiet=True))

    head, _, document = show(status).partition("\n\n")

    rows = dict(line.split(maxsplit=1) for line in head.splitlines())
    assert (rows["Profile"], rows["Hash"], rows["Version"]) == ("fast", built_in("fast").hash, "2")
    assert rows["Deployed"].startswith(f"{read_live_profile(status).at.astimezone():%Y-%m-%d}")
    assert json.loads(document) == {"built_in": "fast"}


def test_a_rolled_back_deployment_is_not_shown(status: Status, live_profile: LiveProfile) -> None:
    push(status, b'{"built_in": "fast"}', Console(quiet=True))
    live_profile.client.stop_deployment(
        ApplicationId=live_profile.application,
        EnvironmentId=live_profile.environment,
        DeploymentNumber=2,
        AllowRevert=True,
    )

    assert read_live_profile(status).version == 1


def test_an_invalid_active_document_is_shown_with_its_lines(
    status: Status, live_profile: LiveProfile
) -> None:
    live_profile.deploy(b'{\n"built_in": "nonesuch"}')

    with pytest.raises(Fault, match=r"(?s)the deployed version 2 is not valid.*\n2: built_in: must be"):
        show(status)


def test_an_invalid_file_is_refused_before_any_request(tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text('{"built_in": "nonesuch"}')

    # Neither the stack nor the region exists: no AWS request is made.
    result = CliRunner().invoke(
        app, ["profile", "push", str(file), "--stack", "darkroom", "--region", "nowhere"]
    )

    assert isinstance(result.exception, Fault)
    assert f"{file}:1: built_in: must be" in str(result.exception)
