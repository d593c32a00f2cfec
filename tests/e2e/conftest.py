"""A stack, driven from outside: S3, HTTP and the command line only.

A local one of the tests' own; or, where DARKROOM_E2E_STACK names one that is deployed, that one. Of the tests
those are then left out that are marked `local`, each for the reason that its mark states.
"""

import json
import os
import platform
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

import boto3
import pytest
from aiohttp import ClientSession
from botocore.config import Config

from darkroom.domain.keys import alias_of
from darkroom_cli.client import ApiClient
from darkroom_cli.cloudformation import outputs_of
from darkroom_cli.local.up import architecture, deployment
from darkroom_cli.stack import LocalStack, local_environment, status_from
from tests.aws import free_port
from tests.cloudformation import PROJECT

DARKROOM = PROJECT / ".venv" / "bin" / "darkroom"


def wait_for[T](condition: Callable[[], T | None], what: str, seconds: float = 180) -> T:
    """The condition's first true value. Fails when the time is up: more than a busy machine needs."""
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


# What a deployed stack asks for at its own address, and nothing else may see.
_AUTHORITY: dict[str, dict[str, str]] = {}


def fetch(
    url: str, accept: str = "*/*", method: str = "GET", body: bytes | None = None, **headers: str
) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named |= next((held for root, held in _AUTHORITY.items() if url.startswith(f"{root}/")), {})
    try:
        with _opener.open(
            Request(url, body, {"Accept": accept, **named}, method=method), timeout=60
        ) as answer:
            return Reply(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
    except HTTPError as answer:
        with answer:
            return Reply(answer.code, {k.lower(): v for k, v in answer.headers.items()}, answer.read())


def send(form: Mapping[str, Any], content: bytes) -> Reply:
    """Sends a file by a presigned form, as a page does: its fields first."""
    fields = "".join(
        f'--X\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form["fields"].items()
    )
    file = '--X\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    body = (fields + file).encode() + content + b"\r\n--X--\r\n"
    return fetch(form["url"], method="POST", body=body, Content_Type="multipart/form-data; boundary=X")


@dataclass(frozen=True)
class Stack:
    """A stack that is up."""

    environment: dict[str, str]

    @property
    def authority(self) -> dict[str, str]:
        """The headers to send along with each question."""
        return {}

    @property
    def where(self) -> tuple[str, ...]:
        """What tells a command of this stack; a local one is told of by the environment."""
        return ()

    def web(self, client: ClientSession) -> ApiClient:
        """The site as the command line asks it."""
        return ApiClient(
            client, self.status["web"], lambda _method, _url, named, _body: {**named, **self.authority}
        )

    @property
    def curl(self) -> list[str]:
        """curl, saying nothing but what went wrong."""
        said = [f"{name}: {value}" for name, value in self.authority.items()]
        return ["curl", "-sS", *(word for each in said for word in ("-H", each))]

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
        samconfig, site = (PROJECT / "samconfig.toml").read_text(), LocalStack.of(self.environment)
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
        environment = local_environment(self.environment, LocalStack.of(self.environment))
        done = subprocess.run(
            [sam, *arguments], cwd=PROJECT, env=environment | {"SAM_CLI_TELEMETRY": "0"},
            capture_output=True, text=True, timeout=300, check=False,
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

    def put(self, key: str, content: bytes) -> str:
        """Puts an object into the bucket; its version."""
        bucket = self.status["uploads_bucket"]
        return str(self.client("s3").put_object(Bucket=bucket, Key=key, Body=content)["VersionId"])

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

    def announce(self, pictures: Mapping[str, bytes], **headers: str) -> Any:
        """A new job of these PNGs, by their names."""
        uploads = [{"name": name, "size": len(pictures[name]), "type": "image/png"} for name in pictures]
        body = json.dumps({"uploads": uploads}).encode()
        kind = "application/json"
        reply = fetch(f"{self.status['web']}/jobs", kind, "POST", body, Content_Type=kind, **headers)
        assert reply.status == 201, reply.text
        return reply.json

    def settled(self, alias: str, version: str = "") -> dict[str, Any]:
        """The receipt under an alias, once it is final, and of that version if one is named."""

        def final() -> dict[str, Any] | None:
            reply = self.get(f"/{alias}", "application/json")
            return reply.json if reply.status == 200 and version in ("", reply.json["version"]) else None

        return wait_for(final, f"{alias} settled")

    def rendered(self, key: str, content: bytes) -> dict[str, Any]:
        """Puts a picture into the bucket; its receipt, once that is final and under its alias."""
        return self.settled(alias_of(key), version=self.put(key, content))


@dataclass(frozen=True)
class Deployed(Stack):
    """A stack that stands already, in the account and the region that AWS is set up for here."""

    name: str
    region: str

    @property
    def authority(self) -> dict[str, str]:
        token = self.environment.get("DARKROOM_TOKEN")
        return {"Authorization": f"Bearer {token}"} if token else {}

    def darkroom(self, *arguments: str | Path, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        return super().darkroom(*arguments, *self.where, seconds=seconds)

    @property
    def where(self) -> tuple[str, ...]:
        return ("--stack", self.name, "--region", self.region)

    @cached_property
    def status(self) -> dict[str, str]:
        outputs = outputs_of(self.name, self.region)
        assert outputs is not None, f"There is no stack {self.name} in {self.region}."
        assert outputs.get("Auth") != "iam", (
            "The tests come in by a token: deploy their stack with Auth=token."
        )
        found = status_from(outputs, self.name, self.region, None)
        s3 = self.environment.get("AWS_ENDPOINT_URL") or f"https://s3.{self.region}.amazonaws.com"
        return {name: value or "" for name, value in asdict(found).items()} | {"aws_endpoint": s3}

    def client(self, service: str, endpoint: str = "") -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=endpoint or None,
            region_name=self.region,
            config=Config(signature_version="s3v4" if service == "s3" else None),
        )


def versions_in(stack: Stack) -> set[tuple[str, str]]:
    """Every version and delete marker that the uploads bucket has."""
    pages = stack.client("s3").get_paginator("list_object_versions")
    return {
        (each["Key"], each["VersionId"])
        for page in pages.paginate(Bucket=stack.status["uploads_bucket"])
        for kind in ("Versions", "DeleteMarkers")
        for each in page.get(kind, [])
    }


@contextmanager
def a_deployed_stack(name: str) -> Iterator[Stack]:
    """That stack, whose uploads bucket has at the end what it had before, and nothing else."""
    region = os.environ.get("DARKROOM_E2E_REGION") or boto3.Session().region_name
    assert region, "Name the region too: make e2e STACK=name REGION=region"
    stack = Deployed(dict(os.environ), name, region)
    before = versions_in(stack)
    _AUTHORITY[stack.status["web"]] = stack.authority
    try:
        yield stack
    finally:
        del _AUTHORITY[stack.status["web"]]
        s3, bucket = stack.client("s3"), stack.status["uploads_bucket"]
        for key, version in versions_in(stack) - before:
            s3.delete_object(Bucket=bucket, Key=key, VersionId=version)


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
    named = os.environ.get(_NAMED)
    with a_deployed_stack(named) if named else a_stack() as stack:
        yield stack


@pytest.fixture(scope="session")
def second_stack() -> Iterator[Stack]:
    """Another stack, beside it, for tests that stop it or change what it is made of; always a local one."""
    with a_stack() as stack:
        yield stack


@pytest.fixture
def push(second_stack: Stack, tmp_path: Path) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Puts a profile in force on the second stack; in the end the first one is again."""
    file = tmp_path / "profile.json"

    def push(profile: Mapping[str, Any]) -> None:
        file.write_text(json.dumps(profile))
        pushed = second_stack.darkroom("profile", "push", file)
        assert pushed.returncode == 0, pushed.stderr

    yield push
    push({"built_in": "default"})


_NAMED = "DARKROOM_E2E_STACK"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what only a local stack can be asked, where a deployed one is named."""
    if not os.environ.get(_NAMED):
        return
    left_out: dict[pytest.Item, str] = {}
    for item in items:
        mark, asked = item.get_closest_marker("local"), set(getattr(item, "fixturenames", ()))
        if mark:
            left_out[item] = mark.args[0]
        elif "second_stack" in asked:
            left_out[item] = "it stops a stack, or changes what it is made of"
        elif "stack" not in asked:
            left_out[item] = "it asks a stack of its own, or none"
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))
    config.stash[_LEFT_OUT] = Counter(left_out.values())


_LEFT_OUT = pytest.StashKey[Counter[str]]()


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    reasons = config.stash.get(_LEFT_OUT, Counter())
    return [f"left out: {count}, since {reason}" for reason, count in sorted(reasons.items())]
