"""The built functions with their layers, under Lambda's runtime client and its interface emulator.

aws-sam-cli contains the emulator of its containers, and awslambdaric is Lambda's own runtime client. So the
tests get real contexts, errors and timeouts without a container.
"""

import importlib.metadata
import json
import os
import platform
import re
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from darkroom.adapters.dynamodb import DynamoLedger
from darkroom.domain.entries import State
from darkroom.domain.keys import picture_id_of
from darkroom.domain.prices import architecture
from tests.aws import free_port
from tests.builders import an_event
from tests.cloudformation import PROJECT, layers_of, load_template
from tests.e2e.conftest import Stack, fetch, wait_for
from tests.pictures import a_photograph

pytestmark = pytest.mark.local("the test runs the local build")

BUILT = PROJECT / ".aws-sam" / "build"
# Packages of Lambda's Python 3.13 runtime; all others must come from a layer.
RUNTIME = ("awslambdaric", "boto3")

type Invoke = Callable[[dict[str, Any]], Any]
type Start = Callable[..., Invoke]


@pytest.fixture(scope="session")
def runtime_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with only the runtime's packages and their dependencies."""
    folder = tmp_path_factory.mktemp("runtime")
    wanted, seen = list(RUNTIME), set[str]()
    while wanted:
        name = wanted.pop()
        if name not in seen:
            seen.add(name)
            package = importlib.metadata.distribution(name)
            wanted += [
                re.split(r"[^\w.-]", requirement)[0]
                for requirement in package.requires or []
                if "extra ==" not in requirement
            ]
            for top in {file.parts[0] for file in package.files or [] if ".." not in file.parts}:
                if not (folder / top).exists():
                    (folder / top).symlink_to(str(package.locate_file(top)))
    return folder


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An executable copy of the emulator; in the wheel it is not executable."""
    packaged = PROJECT / ".tools/sam/lib/python3.13/site-packages/samcli/local/rapid"
    program = tmp_path_factory.mktemp("rie") / "aws-lambda-rie"
    shutil.copy(packaged / f"aws-lambda-rie-{architecture(platform.machine())}", program)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


@pytest.fixture
def start(stack: Stack, emulator: Path, runtime_packages: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts a Lambda function. Returns a function to invoke it."""
    running: list[subprocess.Popen[bytes]] = []
    settings = {
        "UPLOADS_BUCKET": stack.status["uploads_bucket"],
        "RENDITIONS_BUCKET": stack.status["renditions_bucket"],
        "REPORTS_BUCKET": stack.status["reports_bucket"],
        "LEDGER_TABLE": stack.status["ledger_table"],
        "RENDER_QUEUE_URL": stack.status["queue_url"],
        "VIEWS_TABLE": stack.status["views_table"],
        "EVENT_BUS": stack.status["event_bus"],
        "CHANNELS_TABLE": "no-followers",  # the projected uploads belong to no job
        "LIVE_ENDPOINT": "http://127.0.0.1:9/no-gateway",
        "PROFILE_APPLICATION": stack.status["profile_application"],
        "PROFILE_ENVIRONMENT": stack.status["profile_environment"],
        "LIVE_PROFILE": stack.status["live_profile"],
        "AUTH": "open",
    }

    def started(function: str, timeout_seconds: int = 30, **changes: str) -> Invoke:
        port = free_port()
        code = BUILT / function
        layers = [str(BUILT / layer / "python") for layer in reversed(layers_of(load_template(), function))]
        environment = {
            "PATH": os.environ["PATH"],
            "LAMBDA_TASK_ROOT": str(code),
            "PYTHONPATH": os.pathsep.join([*layers, str(runtime_packages)]),
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout_seconds),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "3538",
            "AWS_REGION": stack.status["region"],
            "AWS_DEFAULT_REGION": stack.status["region"],
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": stack.status["aws_endpoint"],
            "POWERTOOLS_METRICS_NAMESPACE": "Darkroom",
            "POWERTOOLS_SERVICE_NAME": function,
        } | settings | changes  # fmt: skip
        with (tmp_path / f"{function}.log").open("wb") as log:
            running.append(
                subprocess.Popen(
                    [emulator, "--runtime-interface-emulator-address", f"127.0.0.1:{port}",
                     "--runtime-api-address", f"127.0.0.1:{free_port()}",
                     # The base interpreter, without this project's environment on its path.
                     Path(sys.base_prefix) / "bin" / "python3.13", "-m", "awslambdaric", "app.handler"],
                    cwd=code, env=environment, stdout=log, stderr=subprocess.STDOUT,
                )
            )  # fmt: skip
        wait_for(lambda: is_open(port), "the emulator to listen")
        url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"

        def invoke(event: dict[str, Any]) -> Any:
            response = fetch(url, method="POST", body=json.dumps(event).encode())
            return response.json if response.text.startswith("{") else response.text

        return invoke

    yield started
    for process in running:
        process.terminate()
        process.wait(60)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_web_returns_a_page(start: Start) -> None:
    response = start("WebFunction")(an_event("web-get-home"))

    assert response["statusCode"] == 200
    assert "<title>" in response["body"]


def test_render_decodes_in_a_child_process_under_the_lambda_runtime(start: Start, stack: Stack) -> None:
    stack.rendered("runtime.png", a_photograph(900, 600, "PNG"))
    ledger = DynamoLedger(stack.status["ledger_table"], stack.client("dynamodb"))
    [before] = ledger.of_picture(picture_id_of(stack.status["uploads_bucket"], "runtime.png"))
    # Renders again, over the result of the stack's own render function.
    event = json.loads(json.dumps(an_event("render-s3-put")).replace("image.png", "runtime.png"))
    expected_revision = {"dataType": "Number", "stringValue": str(before.revision)}
    event["Records"][0]["messageAttributes"] = {"expected_revision": expected_revision}

    assert start("RenderFunction")(event) == {"batchItemFailures": []}

    [entry] = ledger.of_picture(before.picture_id)
    assert (entry.state, entry.revision) == (State.RENDERED, before.revision + 2)
    assert entry.receipt
    # AVIF is encoded in a grandchild process; it was kept or found to be larger.
    assert "encode_avif" in entry.receipt.milliseconds
    assert "avif_skipped" not in {decision.code for decision in entry.receipt.decisions}


def test_project_accepts_a_stream_record(start: Start) -> None:
    assert start("ProjectFunction")(an_event("project-stream-record")) == {"batchItemFailures": []}


def test_a_missing_setting_is_named_in_the_error(start: Start) -> None:
    response = start("WebFunction", VIEWS_TABLE="")(an_event("web-get-home"))

    assert response["errorType"] == "BadSettings"
    assert "VIEWS_TABLE is not set" in response["errorMessage"]


def test_a_hanging_call_ends_at_the_function_timeout(start: Start) -> None:
    with socket.socket() as silent:  # accepts connections and never responds
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"

        response = start("WebFunction", timeout_seconds=2, AWS_ENDPOINT_URL=endpoint)(
            an_event("web-get-home")
        )

    assert "Task timed out after 2.00 seconds" in str(response)
