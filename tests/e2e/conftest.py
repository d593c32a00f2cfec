"""A local stack of the tests' own, driven from outside: S3, HTTP and the command line only."""

import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

import boto3
import pytest
from botocore.config import Config

from tests.aws import free_port
from tests.cloudformation import PROJECT
from tools.stack import Site, local_environment
from tools.up import architecture, deployment

DARKROOM = PROJECT / ".venv" / "bin" / "darkroom"


def wait_for[T](condition: Callable[[], T | None], what: str, seconds: float = 60) -> T:
    """The condition's first true value; fails when the time is up."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > until:
            pytest.fail(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.1)
    return value


@dataclass(frozen=True)
class Reply:
    """One HTTP answer; redirects are not followed."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_opener = build_opener(_NoRedirect)


def fetch(
    url: str, accept: str = "*/*", method: str = "GET", body: bytes | None = None, **headers: str
) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with _opener.open(
            Request(url, body, {"Accept": accept, **named}, method=method), timeout=60
        ) as answer:
            return Reply(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
    except HTTPError as answer:
        with answer:
            return Reply(answer.code, {k.lower(): v for k, v in answer.headers.items()}, answer.read())


@dataclass(frozen=True)
class Stack:
    """A stack that is up."""

    environment: dict[str, str]

    @classmethod
    def on(cls, ports: Mapping[str, int]) -> "Stack":
        named = {name: str(port) for name, port in ports.items()}
        return cls(os.environ | named | {"DARKROOM_AWS_LIMITS": "1", "DARKROOM_AWS_AUTH": "1"})

    def darkroom(self, *arguments: str | Path, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        """Runs the command line to its end, whatever its exit code."""
        return subprocess.run(
            [DARKROOM, *arguments],
            cwd=PROJECT, env=self.environment, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip

    def deploy(self, *overrides: str) -> None:
        """Deploys what is built once more, with other parameters."""
        samconfig, site = (PROJECT / "samconfig.toml").read_text(), Site.of(self.environment)
        processor = architecture(platform.machine())
        local = deployment(samconfig, processor, site.web_port, site.aws_endpoint)
        self.sam(
            *("deploy", "--config-env", "local", "--parameter-overrides", *local.overrides, *overrides),
        )

    def a_token(self) -> str:
        """A new one, as a script reads it."""
        made = self.darkroom("token", "new")
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    def sam(self, *arguments: str) -> str:
        """Runs SAM on this stack; what it printed."""
        sam = PROJECT / ".tools/sam/bin/sam"
        environment = local_environment(self.environment, Site.of(self.environment))
        done = subprocess.run(
            [sam, *arguments], cwd=PROJECT, env=environment | {"SAM_CLI_TELEMETRY": "0"},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    @cached_property
    def status(self) -> dict[str, str]:
        found = json.loads(self.darkroom("status", "--json").stdout)
        assert isinstance(found, dict)
        return found

    def client(self, service: str, endpoint: str = "") -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=endpoint or self.status["aws_endpoint"],
            region_name=self.status["region"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(signature_version="s3v4" if service == "s3" else None),
        )

    def put(self, key: str, content: bytes) -> None:
        self.client("s3").put_object(Bucket=self.status["uploads_bucket"], Key=key, Body=content)

    def get(self, path: str, accept: str = "*/*", **query: str) -> Reply:
        """Asks the site; the path is not yet escaped."""
        return fetch(f"{self.status['web']}{quote(path)}?{urlencode(query)}", accept)

    def post(self, content: bytes, name: str = "image.png", accept: str = "*/*") -> Reply:
        """What `curl -F upload=@name` sends, byte for byte."""
        escaped = name.replace('"', "%22")
        body = (
            f'--X\r\nContent-Disposition: form-data; name="upload"; filename="{escaped}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode() + content + b"\r\n--X--\r\n"  # fmt: skip
        return fetch(
            self.status["web"] + "/", accept, "POST", body, Content_Type="multipart/form-data; boundary=X"
        )

    def settled(self, alias: str) -> dict[str, Any]:
        """The receipt under an alias, once it is final."""

        def final() -> dict[str, Any] | None:
            reply = self.get(f"/{alias}", "application/json")
            return reply.json if reply.status == 200 else None

        return wait_for(final, f"{alias} rendered")


@contextmanager
def a_stack() -> Iterator[Stack]:
    """`darkroom up`, on ports and in a folder of its own, with AWS's limits and permissions enforced."""
    aws_port = free_port()
    stack = Stack.on({"DARKROOM_PORT": free_port(), "DARKROOM_AWS_PORT": aws_port})
    started = stack.darkroom("up", "--detach")
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield stack
    finally:
        stopped = stack.darkroom("down", seconds=120)
        shutil.rmtree(PROJECT / ".darkroom" / str(aws_port), ignore_errors=True)
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The stack that most tests share."""
    with a_stack() as stack:
        yield stack


@pytest.fixture(scope="session")
def second_stack() -> Iterator[Stack]:
    """Another stack, beside it, for tests that stop it or change what it is made of."""
    with a_stack() as stack:
        yield stack
