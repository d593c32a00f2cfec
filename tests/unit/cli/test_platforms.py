"""The command line as on macOS and Windows: without the modules that only Linux, or the wheel for it, has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom_cli.local.samples import photograph

# Other packages look at the platform when they are imported. They support all; so they are imported first.
_PROGRAM = """
import asyncio, ctypes, multiprocessing, os, signal, subprocess, sys, sysconfig, urllib.request
import aiohttp, boto3, botocore.awsrequest, botocore.httpsession, jinja2
import rich.console, rich.progress, rich.table, typer.completion, typer.core, typer.main

WINDOWS_LACKS = {"fcntl", "grp", "pwd", "resource", "termios"}
ENGINE = {"PIL", "darkroom_native", "imagecodecs", "mozjpeg_lossless_optimization", "oxipng"}

class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in lacking:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sysconfig.get_config_vars()
sys.platform = PLATFORM
lacking = ENGINE | WINDOWS_LACKS if sys.platform == "win32" else ENGINE
for name in lacking:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Lacking())
if sys.platform == "win32":
    del os.fork, os.sysconf, os.setpgid, os.killpg, signal.SIGALRM, signal.SIGKILL, signal.setitimer
sys.argv[1:] = ARGUMENTS
from darkroom_cli.app import main
main()
"""
_OFFLINE = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_MAX_ATTEMPTS": "1",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
}
_STACK = ["--stack", "x", "--region", "eu-central-1"]


@pytest.fixture(params=["darwin", "win32"])
def platform(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def run(platform: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as on another platform, without a network."""
    program = f"PLATFORM, ARGUMENTS = {platform!r}, {list(arguments)!r}{_PROGRAM}"
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, check=False, env=os.environ | _OFFLINE, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize("argument", ["--version", "-h"])
def test_the_command_starts(platform: str, argument: str) -> None:
    done = run(platform, argument)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_profile_is_checked(platform: str, tmp_path: Path) -> None:
    (tmp_path / "profile.json").write_text('{"built_in": "fast"}')

    assert run(platform, "profile", "check", str(tmp_path / "profile.json")).returncode == 0


@pytest.mark.parametrize("command", ["drop PICTURE", "get a.jpg", "sweep"])
def test_commands_for_a_stack_in_aws_work(platform: str, command: str, tmp_path: Path) -> None:
    """They get as far as the first request."""
    photograph(60, 40).save(tmp_path / "a.jpg")

    words = [str(tmp_path / "a.jpg") if word == "PICTURE" else word for word in command.split()]
    done = run(platform, *words, *_STACK)

    assert done.returncode == 1
    assert done.stderr.startswith("darkroom: AWS request failed: Could not connect to the endpoint URL")


@pytest.mark.parametrize("command", ["render a.jpg out", "compare a.jpg b.jpg"])
def test_the_engine_needs_linux(platform: str, command: str) -> None:
    done = run(platform, *command.split())

    assert done.returncode == 69
    assert done.stderr.startswith("darkroom: Rendering needs Linux on x86_64 or arm64 and the wheel for it")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["up", "deploy"])
def test_building_the_functions_needs_linux(platform: str, command: str) -> None:
    done = run(platform, command)

    assert done.returncode == 69
    assert (
        done.stderr == "darkroom: This command needs Linux: it builds and runs the functions' native code.\n"
    )
