"""Runs a built function as Lambda does: under its runtime client, with no packages but the layers and boto3.

`.ci/runtime.sh` installs client and boto3, and an emulator of the architecture that this machine lacks.
"""

import json
import platform
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from darkroom.domain.prices import architecture
from tests.cloudformation import PROJECT, layers_of, load_template, of_type
from tests.resolving import REGION, Resolver, arn_of

TEMPLATE = load_template()
FUNCTIONS = of_type(TEMPLATE, "AWS::Serverless::Function")
# Lambda's name of an architecture, and Linux's.
MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
NATIVE = architecture(platform.machine())
INSTALLED = PROJECT / ".tools" / "lambda"
EMULATOR = INSTALLED / "emulator"


class InvocationFailed(Exception):
    """A function failed to start, returned an error, or exited. The text includes its log."""


def invoke(function: str, architecture: str, build: Path, event: dict[str, Any]) -> Any:
    """Starts a function of a build and invokes it once. Returns its response, or raises InvocationFailed."""
    command = [*python(architecture), "-S", "-m", "awslambdaric", "app.handler"]  # -S: no site-packages
    with RuntimeApi(event) as api, TemporaryFile() as log:
        environment = _environment(function, architecture, build, f"127.0.0.1:{api.server_port}")
        process = subprocess.Popen(
            command, cwd=build / function, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            while not api.outcome and process.poll() is None:
                api.handle_request()
        finally:
            process.kill()
            process.wait()
        if api.outcome == "response":
            return api.report
        log.seek(0)
        lines = log.read().decode(errors="replace")
    report = api.report or {"errorType": "exit code", "errorMessage": process.returncode}
    error = f"{api.outcome or 'no outcome'}: {report['errorType']}: {report['errorMessage']}"
    raise InvocationFailed(f"{function} on {architecture}: {error}\n{lines}")


class RuntimeApi(HTTPServer):
    """Lambda's Runtime API for one invocation; as an AWS endpoint, it denies every call.

    https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
    """

    timeout = 1  # seconds without a request, after which `handle_request` returns

    def __init__(self, event: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.event = event
        self.outcome = ""
        self.report: Any = None


class _Handler(BaseHTTPRequestHandler):
    server: RuntimeApi

    def do_GET(self) -> None:
        self._respond(200 if self.path == "/2018-06-01/runtime/invocation/next" else 403, self.server.event)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        match self.path.split("/")[1:]:
            case ["2018-06-01", "runtime", "init", "error"]:
                self.server.outcome = "init error"
            case ["2018-06-01", "runtime", "invocation", _, "response" | "error" as outcome]:
                self.server.outcome = outcome
            case _:
                return self._respond(403, {"__type": "AccessDeniedException"})
        self.server.report = json.loads(body)
        return self._respond(202, {})

    def _respond(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")  # without it, the client crashes
        self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 900_000))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", arn_of("lambda", "function:darkroom"))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def python(architecture: str) -> list[Path | str]:
    """Returns the command of a Python for an architecture, emulated if this machine has another."""
    if architecture == NATIVE:
        return [Path(sys.base_prefix) / "bin" / "python3.13"]  # not this project's environment
    programs = EMULATOR / "usr" / "bin"
    return [programs / f"qemu-{MACHINES[architecture]}", "-L", EMULATOR, programs / "python3.13"]


def _environment(function: str, architecture: str, build: Path, api: str) -> dict[str, str]:
    resolver = Resolver(TEMPLATE, {"Architecture": architecture, "Open": "true"})  # Open: no tokens to read
    parts = TEMPLATE["Globals"]["Function"], FUNCTIONS[function]
    path = [build / layer / "python" for layer in reversed(layers_of(TEMPLATE, function))]
    own = {
        name: resolver.value(value)
        for part in parts
        for name, value in part["Environment"]["Variables"].items()
    }
    return own | {
        # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
        "_HANDLER": "app.handler",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": f"http://{api}",  # the only variable that Lambda does not set
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_NAME": function,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/02/[$LATEST]0123456789abcdef",
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_REGION": REGION,
        "AWS_SECRET_ACCESS_KEY": "nobody",
        "AWS_SESSION_TOKEN": "nobody",
        "LAMBDA_TASK_ROOT": str(build / function),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": ":".join(map(str, [*path, INSTALLED / f"packages-{MACHINES[architecture]}"])),
        "TZ": ":UTC",
    }
