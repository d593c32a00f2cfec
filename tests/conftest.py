import asyncio
import shutil
from collections.abc import Iterator

import pytest
from hypothesis import settings
from moto import mock_aws

from tests.aws import free_port
from tests.cloudformation import PROJECT
from tools.ministack import ministack
from tools.stack import Site

# The same examples on every run, however slow the machine is today.
settings.register_profile("darkroom", deadline=None, derandomize=True)
settings.load_profile("darkroom")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty account in this process."""
    account = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    for name, value in account.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield


@pytest.fixture(scope="session")
def local_aws() -> Iterator[str]:
    """The local stack's emulator with nothing in it, for what moto lacks; its address."""
    site = Site(PROJECT, free_port(), free_port())
    with asyncio.Runner() as runner:
        running = ministack(site)
        runner.run(running.__aenter__())
        try:
            yield site.aws_endpoint
        finally:
            runner.run(running.__aexit__(None, None, None))
            shutil.rmtree(site.folder, ignore_errors=True)
