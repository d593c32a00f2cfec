"""Fixtures for tests of a stack through S3, HTTP and the command line only.

The tests start their own local stack, or use the deployed stack named by DARKROOM_E2E_STACK. Tests marked
`local` are left out for a deployed stack, with the reason in their mark.
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
from darkroom.domain.prices import architecture
from darkroom_cli.client import ApiClient
from darkroom_cli.cloudformation import outputs_of
from darkroom_cli.local.up import deployment
from darkroom_cli.stack import LocalStack, local_environment, status_from
from tests.aws import free_port
from tests.cloudformation import PROJECT
from tests.e2e.report import facts_of, failed_events, outcomes_of, write_report
from tests.pictures import a_small_png

DARKROOM = PROJECT / ".venv" / "bin" / "darkroom"


def wait_for[T](condition: Callable[[], T | None], description: str, seconds: float = 180) -> T:
    """Returns the condition's first true value. Fails after a timeout far above what a busy machine needs."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"Timed out after {seconds:g} s waiting for {description}.")
        time.sleep(0.1)
    return value


@dataclass(frozen=True)
class Response:
    """An HTTP response; redirects are not followed."""

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


# Headers for requests to a deployed stack, by its root URL; no other host may receive them.
_AUTH_HEADERS: dict[str, dict[str, str]] = {}


def fetch(
    url: str, accept: str = "*/*", method: str = "GET", body: bytes | None = None, **headers: str
) -> Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    sent |= next((auth for root, auth in _AUTH_HEADERS.items() if url.startswith(f"{root}/")), {})
    try:
        with _opener.open(
            Request(url, body, {"Accept": accept, **sent}, method=method), timeout=60
        ) as response:
            return Response(
                response.status, {k.lower(): v for k, v in response.headers.items()}, response.read()
            )
    except HTTPError as response:
        with response:
            return Response(
                response.code, {k.lower(): v for k, v in response.headers.items()}, response.read()
            )


def send(form: Mapping[str, Any], content: bytes) -> Response:
    """Posts a file by a presigned form, with the form's fields first."""
    fields = "".join(
        f'--X\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form["fields"].items()
    )
    file = '--X\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    body = (fields + file).encode() + content + b"\r\n--X--\r\n"
    return fetch(form["url"], method="POST", body=body, Content_Type="multipart/form-data; boundary=X")


@dataclass(frozen=True)
class Stack:
    """A running stack."""

    environment: dict[str, str]

    @property
    def auth_headers(self) -> dict[str, str]:
        """The authorization headers of every request."""
        return {}

    @property
    def options(self) -> tuple[str, ...]:
        """The command line options for this stack; a local one needs only the environment."""
        return ()

    def web(self, client: ClientSession) -> ApiClient:
        """Returns the command line's client of the web API."""
        return ApiClient(
            client, self.status["web"], lambda _method, _url, named, _body: {**named, **self.auth_headers}
        )

    @property
    def curl(self) -> list[str]:
        """A curl command without progress output. It retries a throttled request."""
        headers = [f"{name}: {value}" for name, value in self.auth_headers.items()]
        return ["curl", "-sS", "--retry", "5", *(word for header in headers for word in ("-H", header))]

    @classmethod
    def on(cls, ports: Mapping[str, int]) -> "Stack":
        variables = {name: str(port) for name, port in ports.items()}
        return cls(os.environ | variables | {"DARKROOM_AWS_LIMITS": "1", "DARKROOM_AWS_AUTH": "1"})

    def darkroom(self, *arguments: str | Path, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end, with any exit code."""
        return subprocess.run(
            [DARKROOM, *arguments],
            cwd=PROJECT, env=self.environment, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip

    def deploy(self, *overrides: str) -> None:
        """Deploys the existing build again, with changed parameters."""
        samconfig, local_stack = (PROJECT / "samconfig.toml").read_text(), LocalStack.of(self.environment)
        processor = architecture(platform.machine())
        _, parameters = deployment(samconfig, processor, local_stack.web_port, local_stack.aws_endpoint)
        self.sam(
            *("deploy", "--config-env", "local", "--parameter-overrides", *parameters, *overrides),
        )

    def a_token(self) -> str:
        """Creates a token."""
        made = self.darkroom("token", "new")
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    def sam(self, *arguments: str) -> str:
        """Runs SAM on this stack. Returns its output."""
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
        """Puts an object into the bucket. Returns its version id."""
        bucket = self.status["uploads_bucket"]
        return str(self.client("s3").put_object(Bucket=bucket, Key=key, Body=content)["VersionId"])

    def get(self, path: str, accept: str = "*/*", **query: str) -> Response:
        """Sends a GET request; the path is not yet escaped."""
        return fetch(f"{self.status['web']}{quote(path)}?{urlencode(query)}", accept)

    def post(self, content: bytes, name: str = "image.png", accept: str = "*/*") -> Response:
        """Sends the same bytes as `curl -F upload=@name`."""
        escaped = name.replace('"', "%22")
        body = (
            f'--X\r\nContent-Disposition: form-data; name="upload"; filename="{escaped}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode() + content + b"\r\n--X--\r\n"  # fmt: skip
        kind = "multipart/form-data; boundary=X"

        def accepted() -> Response | None:
            response = fetch(f"{self.status['web']}/", accept, "POST", body, Content_Type=kind)
            return None if response.status == 429 else response  # a stack in the cloud limits these requests

        return wait_for(accepted, "the request not to be throttled")

    def announce(self, pictures: Mapping[str, bytes], **headers: str) -> Any:
        """Announces a job of PNG files, given by name."""
        uploads = [{"name": name, "size": len(pictures[name]), "type": "image/png"} for name in pictures]
        body = json.dumps({"uploads": uploads}).encode()
        kind = "application/json"
        response = fetch(f"{self.status['web']}/jobs", kind, "POST", body, Content_Type=kind, **headers)
        assert response.status == 201, response.text
        return response.json

    def settled(self, alias: str, version: str = "") -> dict[str, Any]:
        """Waits for the final receipt under an alias, of the given version if there is one."""

        def final() -> dict[str, Any] | None:
            response = self.get(f"/{alias}", "application/json")
            return (
                response.json
                if response.status == 200 and version in ("", response.json["version"])
                else None
            )

        return wait_for(final, f"the receipt of {alias}")

    def rendered(self, key: str, content: bytes) -> dict[str, Any]:
        """Puts a picture into the bucket. Waits for its final receipt under its alias."""
        return self.settled(alias_of(key), version=self.put(key, content))


@dataclass(frozen=True)
class DeployedStack(Stack):
    """A stack deployed in the configured AWS account."""

    name: str
    region: str

    @property
    def auth_headers(self) -> dict[str, str]:
        token = self.environment.get("DARKROOM_TOKEN")
        return {"Authorization": f"Bearer {token}"} if token else {}

    def darkroom(self, *arguments: str | Path, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        return super().darkroom(*arguments, *self.options, seconds=seconds)

    @property
    def options(self) -> tuple[str, ...]:
        return ("--stack", self.name, "--region", self.region)

    @cached_property
    def status(self) -> dict[str, str]:
        outputs = outputs_of(self.name, self.region)
        assert outputs is not None, f"There is no stack {self.name} in {self.region}."
        assert outputs.get("Auth") != "iam", "The tests need a token: deploy their stack with Auth=token."
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
    """Lists all versions and delete markers in the uploads bucket, as key and version id."""
    pages = stack.client("s3").get_paginator("list_object_versions")
    return {
        (version["Key"], version["VersionId"])
        for page in pages.paginate(Bucket=stack.status["uploads_bucket"])
        for kind in ("Versions", "DeleteMarkers")
        for version in page.get(kind, [])
    }


@contextmanager
def a_deployed_stack(name: str) -> Iterator[Stack]:
    """Yields the deployed stack, and removes new versions from its uploads bucket at the end."""
    region = os.environ.get("DARKROOM_E2E_REGION") or boto3.Session().region_name
    assert region, "Set the region too: make e2e STACK=name REGION=region"
    stack = DeployedStack(dict(os.environ), name, region)
    before = versions_in(stack)
    _AUTH_HEADERS[stack.status["web"]] = stack.auth_headers
    try:
        yield stack
    finally:
        del _AUTH_HEADERS[stack.status["web"]]
        s3, bucket = stack.client("s3"), stack.status["uploads_bucket"]
        for key, version in versions_in(stack) - before:
            s3.delete_object(Bucket=bucket, Key=key, VersionId=version)


@contextmanager
def a_stack() -> Iterator[Stack]:
    """Runs `darkroom up` on its own ports and folder, with AWS's limits and permissions enforced."""
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
    """The stack shared by most tests."""
    name = os.environ.get(_STACK_VARIABLE)
    with a_deployed_stack(name) if name else a_stack() as stack:
        yield stack


@pytest.fixture(scope="session")
def second_stack() -> Iterator[Stack]:
    """A second stack, always local, for tests that stop it or change its configuration."""
    with a_stack() as stack:
        yield stack


# Several times as many as are rendered at once.
_PICTURES_AT_ONCE = 8


@pytest.fixture
def push(second_stack: Stack, tmp_path: Path) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Pushes a profile to the second stack and waits for it. Pushes the default profile again at the end."""
    file = tmp_path / "profile.json"

    def push(profile: Mapping[str, Any]) -> None:
        file.write_text(json.dumps(profile))
        pushed = second_stack.darkroom("profile", "push", file)
        assert pushed.returncode == 0, pushed.stderr
        wait_for(lambda: everywhere(profile.get("name") or profile["built_in"]), "the profile to be live")

    def everywhere(name: str) -> bool:
        """Renders pictures at once, so that every warm function has some. True if all have the profile."""
        keys = [f"live/{number}.png" for number in range(_PICTURES_AT_ONCE)]
        versions = [second_stack.put(key, a_small_png(number)) for number, key in enumerate(keys)]
        found = [
            second_stack.settled(alias_of(key), version) for key, version in zip(keys, versions, strict=True)
        ]
        return {receipt["profile"] for receipt in found} == {name}

    yield push
    push({"built_in": "default"})


_STACK_VARIABLE = "DARKROOM_E2E_STACK"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects the tests of local stacks if a deployed stack is configured."""
    if not os.environ.get(_STACK_VARIABLE):
        return
    left_out: dict[pytest.Item, str] = {}
    for item in items:
        mark, fixtures = item.get_closest_marker("local"), set(getattr(item, "fixturenames", ()))
        if mark:
            left_out[item] = mark.args[0]
        elif "second_stack" in fixtures:
            left_out[item] = "the test stops a stack or changes its configuration"
        elif "stack" not in fixtures:
            left_out[item] = "the test uses its own stack or none"
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))
    config.stash[_LEFT_OUT] = Counter(left_out.values())


_LEFT_OUT = pytest.StashKey[Counter[str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints and stores the report of a run on a deployed stack."""
    name = os.environ.get(_STACK_VARIABLE)
    if not name or config.option.collectonly:
        return
    region = os.environ.get("DARKROOM_E2E_REGION") or boto3.Session().region_name or ""
    left_out = config.stash.get(_LEFT_OUT, Counter())
    outcomes = outcomes_of(terminalreporter.stats)
    text = write_report(facts_of(name, region), outcomes, left_out, failed_events(name, region))
    file = PROJECT / ".darkroom" / f"e2e-{name}.md"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    terminalreporter.write_line(f"\n{text}")
    terminalreporter.write_line(f"This report is in {file}. Attach it to an issue if a test failed.")


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    reasons = config.stash.get(_LEFT_OUT, Counter())
    return [f"left out: {count}, since {reason}" for reason, count in sorted(reasons.items())]
