"""The plug-ins that need no framework: templates, functions and Terraform; and the summary in llms.txt."""

import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from tests.cloudformation import PROJECT, load_template, parse_template

EVENTBRIDGE = PROJECT / "plugins" / "eventbridge"
TERRAFORM = (PROJECT / "plugins" / "terraform" / "main.tf").read_text()
PICTURE = "0123456789abcdef0123456789abcdef"
EVENT = {"detail": {"picture": PICTURE, "version": "v1", "correlation_id": "c1"}}


class DarkroomServer(ThreadingHTTPServer):
    """Serves the document of one picture and its JPEGs. Records each request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.requests: list[tuple[str, str, str]] = []
        self.formats = ["avif", "jpeg"]

    @property
    def document(self) -> dict[str, Any]:
        renditions = [
            {"format": name, "width": width, "url": f"{self.url}{width}.{name}"}
            for name in self.formats
            for width in (640, 1280, 2560)
        ]
        return {"id": PICTURE, "renditions": renditions}


class _Handler(BaseHTTPRequestHandler):
    server: DarkroomServer

    def _respond(self) -> None:
        self.server.requests.append((self.command, self.path, self.headers.get("Authorization", "")))
        body = self.path.encode() if "." in self.path else json.dumps(self.server.document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_DELETE = _respond  # noqa: N815 - the names of http.server

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def darkroom() -> Iterator[DarkroomServer]:
    with DarkroomServer() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Aws:
    """Clients of boto3 that check each request against the service's model and give prepared responses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._clients: dict[str, Any] = {}
        self._stubs: dict[str, Stubber] = {}
        for service in ("ssm", "rekognition", "bedrock-runtime", "dynamodb"):
            client = boto3.client(
                service, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
            )
            self._clients[service] = client
            self._stubs[service] = Stubber(client)
            self._stubs[service].activate()
        monkeypatch.setattr(boto3, "client", self._clients.__getitem__)
        self.responds("ssm", "get_parameter", {"Parameter": {"Value": "secret"}})

    def responds(self, service: str, method: str, response: dict[str, Any], **expected: Any) -> None:
        self._stubs[service].add_response(method, response, expected or None)

    def assert_all_called(self) -> None:
        for stub in self._stubs.values():
            stub.assert_no_pending_responses()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    return Aws(monkeypatch)


@pytest.fixture
def function(
    monkeypatch: pytest.MonkeyPatch, darkroom: DarkroomServer, aws: Aws
) -> Callable[[str], ModuleType]:
    """Loads a function as Lambda does, with its folder on the path."""
    monkeypatch.syspath_prepend(EVENTBRIDGE / "functions")
    monkeypatch.setenv("DARKROOM_URL", darkroom.url)
    monkeypatch.setenv("TOKEN_PARAMETER", "/darkroom/plug-in")
    monkeypatch.setenv("MIN_CONFIDENCE", "80")
    monkeypatch.setenv("TABLE", "texts")
    monkeypatch.setenv("MODEL", "some.model")
    for module in ("pictures", "moderation", "alt_text"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    return importlib.import_module


def labels(*names: str) -> dict[str, Any]:
    return {"ModerationLabels": [{"Name": name, "Confidence": 99.0} for name in names]}


def test_moderation_deletes_a_picture_with_a_label(
    function: Callable[[str], ModuleType], aws: Aws, darkroom: DarkroomServer
) -> None:
    image = {"Bytes": b"/1280.jpeg"}
    aws.responds(
        "rekognition", "detect_moderation_labels", labels("Violence"), Image=image, MinConfidence=80.0
    )

    function("moderation").handler(EVENT, None)

    assert darkroom.requests == [
        ("GET", f"/pictures/{PICTURE}", "Bearer secret"),
        ("GET", "/1280.jpeg", ""),
        ("DELETE", f"/pictures/{PICTURE}", "Bearer secret"),
    ]


def test_moderation_keeps_a_picture_without_labels(
    function: Callable[[str], ModuleType], aws: Aws, darkroom: DarkroomServer
) -> None:
    aws.responds("rekognition", "detect_moderation_labels", labels())

    function("moderation").handler(EVENT, None)

    assert "DELETE" not in {method for method, _, _ in darkroom.requests}
    aws.assert_all_called()


def test_a_picture_without_a_jpeg_is_left_alone(
    function: Callable[[str], ModuleType], darkroom: DarkroomServer
) -> None:
    darkroom.formats = ["webp"]

    function("moderation").handler(EVENT, None)

    assert [method for method, _, _ in darkroom.requests] == ["GET"]


def test_alt_text_is_stored_by_picture(function: Callable[[str], ModuleType], aws: Aws) -> None:
    item = {"picture": {"S": PICTURE}, "version": {"S": "v1"}, "text": {"S": "A beach."}}
    answer = {
        "output": {"message": {"role": "assistant", "content": [{"text": " A beach.\n"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
        "metrics": {"latencyMs": 1},
    }
    aws.responds("dynamodb", "get_item", {}, TableName="texts", Key={"picture": {"S": PICTURE}})
    aws.responds("bedrock-runtime", "converse", answer)
    aws.responds("dynamodb", "put_item", {}, TableName="texts", Item=item)

    function("alt_text").handler(EVENT, None)

    aws.assert_all_called()


def test_a_version_with_a_text_is_not_described_again(
    function: Callable[[str], ModuleType], aws: Aws, darkroom: DarkroomServer
) -> None:
    aws.responds("dynamodb", "get_item", {"Item": {"version": {"S": "v1"}}})

    function("alt_text").handler(EVENT, None)

    assert darkroom.requests == []


@pytest.mark.parametrize("name", ["moderation", "alt-text"])
def test_a_function_of_a_template_exists(name: str) -> None:
    properties = parse_template((EVENTBRIDGE / f"{name}.yaml").read_text())["Resources"]["Function"][
        "Properties"
    ]
    module, _, handler = properties["Handler"].partition(".")

    source = (EVENTBRIDGE / properties["CodeUri"] / f"{module}.py").read_text()
    assert f"def {handler}(" in source
    variables = properties["Environment"]["Variables"]
    helper = (EVENTBRIDGE / properties["CodeUri"] / "pictures.py").read_text()
    assert set(re.findall(r'os\.environ\["(\w+)"\]', source + helper)) == set(variables)


def test_terraform_passes_on_outputs_of_the_template() -> None:
    outputs = re.findall(r'outputs\["(\w+)"\]', TERRAFORM)

    assert len(outputs) == 3
    assert set(outputs) <= set(load_template()["Outputs"])


def test_terraform_uses_each_of_its_variables_and_the_docs_set_them() -> None:
    declared = set(re.findall(r'variable "(\w+)"', TERRAFORM))
    guide = (PROJECT / "docs" / "plug-ins" / "terraform.md").read_text()

    assert set(re.findall(r"\bvar\.(\w+)", TERRAFORM)) == declared
    assert set(re.findall(r"-var '?(\w+)=", guide)) <= declared
    assert set(re.findall(r"(\w+)=\"true\"", guide)) <= set(load_template()["Parameters"])


def test_the_summary_for_language_models_links_to_files_that_exist() -> None:
    links = re.findall(r"\]\(([^)]+)\)", (PROJECT / "llms.txt").read_text())

    assert len(links) > 10
    assert [link for link in links if not (PROJECT / link).exists()] == []
