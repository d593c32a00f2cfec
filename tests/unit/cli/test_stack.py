import os
import sys
from io import FileIO
from pathlib import Path

import pytest

from darkroom.domain.prices import architecture
from darkroom_cli.faults import Fault
from darkroom_cli.local.up import commands_to_try, deployment, fingerprint
from darkroom_cli.lockfile import LockFile
from darkroom_cli.stack import PROJECT, LocalStack, Status, local_environment, status_from

OUTPUTS = {
    "Auth": "token",
    "WebUrl": "https://abc.execute-api.eu-central-1.amazonaws.com/",
    "UploadsBucket": "uploads",
    "RenditionsBucket": "renditions",
    "ReportsBucket": "reports",
    "RenderQueueUrl": "queue",
    "DeadLettersUrl": "dead",
    "LedgerTable": "ledger",
    "ViewsTable": "views",
    "EventBus": "events",
    "RenderFunction": "render",
    "SweepFunction": "sweep",
    "ProfileApplication": "application",
    "ProfileEnvironment": "environment",
    "LiveProfile": "profile",
    "ProfileStrategy": "strategy",
}


@pytest.fixture
def local_stack(tmp_path: Path) -> LocalStack:
    return LocalStack.of({}, tmp_path)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "functions/web").mkdir(parents=True)
    (tmp_path / "functions/web/app.py").write_text("1")
    (tmp_path / "template.yaml").write_text("Resources: {}")
    return tmp_path


def test_ports_are_read_from_the_environment_or_default(tmp_path: Path) -> None:
    moved = LocalStack.of(
        {"DARKROOM_PORT": "8001", "DARKROOM_AWS_PORT": "4567", "DARKROOM_AWS_LIMITS": "1"}, tmp_path
    )

    assert moved == LocalStack(tmp_path, 8001, 4567, aws_limits=True)
    assert LocalStack.of({}, tmp_path) == LocalStack(tmp_path, 8000, 4566)


@pytest.mark.parametrize("port", ["x", "0", "65536", "-1", "²"])
def test_invalid_ports_are_a_fault_with_the_variable(port: str) -> None:
    with pytest.raises(Fault, match="DARKROOM_PORT"):
        LocalStack.of({"DARKROOM_PORT": port})


def test_stacks_on_different_ports_have_different_folders(tmp_path: Path) -> None:
    assert LocalStack(tmp_path, 8000, 4566).folder != LocalStack(tmp_path, 8001, 4567).folder


def test_status_without_a_running_stack_is_a_fault(local_stack: LocalStack) -> None:
    with pytest.raises(Fault, match="No local stack is running on port 4566"):
        local_stack.status()


def test_status_of_a_killed_emulator_is_a_fault_with_the_remedy(local_stack: LocalStack) -> None:
    local_stack.folder.mkdir(parents=True)
    local_stack.running_mark.touch()

    assert local_stack.was_killed
    with pytest.raises(Fault, match="was killed; start it again with `darkroom up --detach`"):
        local_stack.status()


def test_status_of_an_emulator_without_supervisor_is_a_fault_with_the_remedy(local_stack: LocalStack) -> None:
    file = local_stack.ministack.acquire()
    assert file is not None
    with file:
        LockFile.write_id(file, os.getpid())
        local_stack.running_mark.touch()

        assert not local_stack.was_killed
        with pytest.raises(Fault, match="its emulator still runs"):
            local_stack.status()


def test_a_stack_is_running_while_its_lock_is_held(local_stack: LocalStack) -> None:
    status = status_from(OUTPUTS, "darkroom", "us-east-1", local_stack)
    file = local_stack.supervisor.acquire()
    assert file is not None
    LockFile.write_id(file, os.getpid())
    local_stack.write_status(status)

    while_held = local_stack.status()
    file.close()

    assert while_held == status
    with pytest.raises(Fault, match="No local stack is running"):
        local_stack.status()


def test_a_held_lock_cannot_be_acquired(tmp_path: Path) -> None:
    lock = LockFile(tmp_path / "up.pid")
    file = lock.acquire()
    assert file is not None
    LockFile.write_id(file, 4711)

    assert lock.acquire(timeout_seconds=0) is None
    assert lock.holder() == 4711
    file.close()
    assert lock.holder() is None


def test_local_addresses_follow_from_the_ports(local_stack: LocalStack) -> None:
    status = status_from(OUTPUTS, "darkroom", "us-east-1", local_stack)

    assert (status.web, status.aws_endpoint) == ("http://localhost:8000", "http://127.0.0.1:4566")


def test_addresses_of_a_stack_in_aws_come_from_its_outputs() -> None:
    status = status_from(OUTPUTS, "darkroom", "eu-central-1", None)

    assert status == Status(
        web="https://abc.execute-api.eu-central-1.amazonaws.com",
        auth="token",
        aws_endpoint=None,
        region="eu-central-1",
        uploads_bucket="uploads",
        renditions_bucket="renditions",
        reports_bucket="reports",
        queue_url="queue",
        dead_letters_url="dead",
        ledger_table="ledger",
        views_table="views",
        event_bus="events",
        render_function="render",
        sweep_function="sweep",
        profile_application="application",
        profile_environment="environment",
        live_profile="profile",
        profile_strategy="strategy",
        stack="darkroom",
    )


def test_missing_outputs_are_a_fault() -> None:
    with pytest.raises(Fault, match="WebUrl"):
        status_from({}, "another", "eu-central-1", None)


def test_local_environment_has_none_of_the_users_aws_settings(local_stack: LocalStack) -> None:
    users = {"AWS_PROFILE": "work", "AWS_SESSION_TOKEN": "secret", "PATH": "/bin", "NO_PROXY": "intranet"}

    local = local_environment(users, local_stack)

    assert "work" not in local.values()
    assert "secret" not in local.values()
    assert local["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert (local["PATH"], local["NO_PROXY"]) == ("/bin", "intranet,127.0.0.1")


def test_fingerprint_ignores_files_that_are_not_deployed(project: Path) -> None:
    before = fingerprint(project, "arm64")

    (project / "functions/__pycache__").mkdir()
    (project / "functions/__pycache__/app.pyc").write_text("compiled")
    (project / "README.md").write_text("not deployed")

    assert fingerprint(project, "arm64") == before


@pytest.mark.parametrize("change", ["edit", "move", "add", "remove", "processor"])
def test_fingerprint_changes_with_every_deployed_source(project: Path, change: str) -> None:
    source, before = project / "functions/web/app.py", fingerprint(project, "arm64")

    match change:
        case "edit":
            source.write_text("2")
        case "move":
            source.rename(source.with_name("other.py"))
        case "add":
            (project / "layers").mkdir()
            (project / "layers/requirements.txt").touch()
        case "remove":
            source.unlink()

    assert fingerprint(project, "x86_64" if change == "processor" else "arm64") != before


@pytest.mark.parametrize(
    "configured", ['"Open=true MaximumConcurrency=2"', '["Open=true", "MaximumConcurrency=2"]']
)
def test_local_parameters_are_added_to_samconfigs(configured: str) -> None:
    samconfig = f"""
        [local.global.parameters]
        stack_name = "darkroom"
        [local.deploy.parameters]
        parameter_overrides = {configured}
    """

    stack, overrides = deployment(samconfig, "arm64", 8000, "http://127.0.0.1:4566")

    assert stack == "darkroom"
    assert overrides == (
        "Open=true",
        "MaximumConcurrency=2",
        "Architecture=arm64",
        "AllowedOrigins=http://localhost:8000,http://127.0.0.1:8000",
        "LocalEndpoint=http://127.0.0.1:4566",
    )


def test_architectures_have_lambda_names() -> None:
    assert [architecture(name) for name in ("arm64", "aarch64", "x86_64", "AMD64")] == [
        "arm64",
        "arm64",
        "x86_64",
        "x86_64",
    ]


def running(project: Path, port: int) -> FileIO:
    """Holds the lock of a stack."""
    file = LocalStack(project, 8000, port).supervisor.acquire()
    assert file is not None
    LockFile.write_id(file, os.getpid())
    return file


def test_the_only_running_stack_is_found_whatever_its_port(tmp_path: Path) -> None:
    LocalStack(tmp_path, 8000, 4999).folder.mkdir(parents=True)  # one that has ended
    with running(tmp_path, 4700):
        assert LocalStack.find({}, tmp_path).aws_port == 4700
        assert LocalStack.find({"DARKROOM_AWS_PORT": "4999"}, tmp_path).aws_port == 4999
        with running(tmp_path, 4566):
            assert LocalStack.find({}, tmp_path).aws_port == 4566


def test_of_several_running_stacks_one_must_be_chosen(tmp_path: Path) -> None:
    with running(tmp_path, 4700), running(tmp_path, 4800), pytest.raises(Fault, match="4700, 4800"):
        LocalStack.find({}, tmp_path)


def test_without_a_running_stack_the_default_ports_are_named(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="No local stack is running on port 4566"):
        LocalStack.find({}, tmp_path).status()


@pytest.mark.parametrize(("folder", "program"), [(PROJECT, "bin/darkroom"), (Path("/"), "bin/darkroom")])
def test_the_printed_commands_name_files_that_exist(
    monkeypatch: pytest.MonkeyPatch, folder: Path, program: str, tmp_path: Path
) -> None:
    (tmp_path / "aws").touch(mode=0o755)
    monkeypatch.chdir(folder)
    status = status_from(OUTPUTS, "darkroom", "us-east-1", LocalStack(PROJECT, 8001, 4567))

    curl, drop, aws = commands_to_try(status, {"DARKROOM_AWS_PORT": "4567", "PATH": str(tmp_path)})

    picture = curl.partition("@")[2].partition(" ")[0]
    assert Path(picture).is_file()
    assert curl.endswith(" http://localhost:8001/")
    port, command, *arguments = drop.split(" ")
    assert (port, arguments) == ("DARKROOM_AWS_PORT=4567", ["drop", picture])
    assert command.endswith(program)
    assert f"--endpoint-url http://127.0.0.1:4567 s3 cp {picture} s3://uploads/" in aws


def test_the_printed_command_is_short_where_it_is_on_the_path() -> None:
    status = status_from(OUTPUTS, "darkroom", "us-east-1", LocalStack(PROJECT, 8000, 4566))
    program = Path(sys.executable).with_name("darkroom")

    def printed(**environment: str) -> list[str]:
        return [command.split(" ")[0] for command in commands_to_try(status, environment)]

    folder = str(program.parent)
    assert printed(PATH=folder) == ["curl", "darkroom"]
    # `uv run` changes the PATH of this process, not that of the person's shell.
    assert printed(PATH=f"{folder}:/nowhere", UV="/bin/uv")[1].endswith("bin/darkroom")
    assert printed(PATH=f"{folder}:{folder}", UV="/bin/uv") == ["curl", "darkroom"]


def test_a_lock_has_no_id_until_its_holder_writes_one(tmp_path: Path) -> None:
    lock = LockFile(tmp_path / "up.pid")
    lock.path.write_text("4711")

    file = lock.acquire()

    assert file is not None
    with file:
        assert lock.holder() is None
