import asyncio
import os
import shutil
from collections.abc import Iterator

import pytest
from hypothesis import settings
from moto import mock_aws

from darkroom_cli.local.emulator import ministack
from darkroom_cli.stack import LocalStack
from tests.aws import ACCOUNT, forget_environment, free_port
from tests.cloudformation import PROJECT

# The same examples on every run, without a deadline: a slow machine must not fail a test.
settings.register_profile("darkroom", deadline=None, derandomize=True)
settings.load_profile("darkroom")


@pytest.fixture(scope="session", autouse=True)
def plain_environment() -> Iterator[None]:
    """Removes accounts, stacks and terminal settings, unless the tests run against a deployed stack."""
    with pytest.MonkeyPatch.context() as patch:
        if not os.environ.get("DARKROOM_E2E_STACK"):
            forget_environment(patch)
        yield


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty account on moto."""
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield


@pytest.fixture(scope="session")
def local_aws() -> Iterator[str]:
    """The endpoint of an empty MiniStack, for services missing in moto."""
    stack = LocalStack(PROJECT, free_port(), free_port())
    with asyncio.Runner() as runner:
        running = ministack(stack)
        runner.run(running.__aenter__())
        try:
            yield stack.aws_endpoint
        finally:
            runner.run(running.__aexit__(None, None, None))
            shutil.rmtree(stack.folder, ignore_errors=True)
