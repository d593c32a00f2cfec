import asyncio
import os
import shutil
from collections.abc import Iterator

import pytest
from hypothesis import settings
from moto import mock_aws

from darkroom_cli.local.emulator import ministack
from darkroom_cli.stack import LocalStack
from tests.aws import ACCOUNT, free_port
from tests.cloudformation import PROJECT

# The same examples on every run, however slow the machine is today.
settings.register_profile("darkroom", deadline=None, derandomize=True)
settings.load_profile("darkroom")


# Whatever somebody's shell has of these is no business of a test's.
_FOREIGN = ("AWS_", "DARKROOM_", "POWERTOOLS_", "FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_")


@pytest.fixture(scope="session", autouse=True)
def plain_environment() -> Iterator[None]:
    """No account, stack or terminal but what a test names, unless a deployed stack is asked."""
    with pytest.MonkeyPatch.context() as patch:
        if not os.environ.get("DARKROOM_E2E_STACK"):
            for name in [each for each in os.environ if each.startswith(_FOREIGN)]:
                patch.delenv(name)
            for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
                patch.setenv(name, os.devnull)
            # Where a proxy leads out of this network, it does not lead back to this machine.
            spared = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
            for name in ("NO_PROXY", "no_proxy"):
                patch.setenv(name, ",".join(filter(None, [spared, "localhost", "127.0.0.1"])))
        yield


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty account in this process."""
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield


@pytest.fixture(scope="session")
def local_aws() -> Iterator[str]:
    """The local stack's emulator with nothing in it, for what moto lacks; its address."""
    site = LocalStack(PROJECT, free_port(), free_port())
    with asyncio.Runner() as runner:
        running = ministack(site)
        runner.run(running.__aenter__())
        try:
            yield site.aws_endpoint
        finally:
            runner.run(running.__aexit__(None, None, None))
            shutil.rmtree(site.folder, ignore_errors=True)
