"""What each function waits for before its first event: what it imports, and which clients it makes."""

import json
import subprocess
import sys
from typing import Any

import pytest

from bench.cold import FUNCTIONS, starting, work

# The bytecode instructions of each start as a multiple of those of importing boto3 alone, a tenth above what
# they are (docs/performance.md): whoever needs more says so here, and why. Seconds are for `make cold`.
BUDGET = {"render": 1.95, "park": 1.7, "project": 1.7, "web": 2.2, "live": 1.65, "sweep": 1.7}

AWS = {"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3", "certifi"}
POWERTOOLS = {"aws_lambda_powertools", "typing_extensions"}
# What only some functions import besides. Neither X-Ray's SDK nor pydantic is among it: see docs/adr/0004.
MORE = {
    "render": {"PIL", "mozjpeg_lossless_optimization", "_cffi_backend"},
    "web": {"jinja2", "markupsafe", "multipart"},
}
# The heavy ones of our own, and the functions that can't do without.
OURS = {
    "darkroom.imaging": {"render"},
    "darkroom.web.pages": {"web"},
    "darkroom.services.projecting": {"project"},
}

_NOTED = """
import json, socket, sys
import botocore.session

made, sessions = [], []


class Noted(botocore.session.Session):
    def __init__(self, *given, **named):
        sessions.append(1)
        super().__init__(*given, **named)

    def create_client(self, service, *given, **named):
        made.append(service)
        return super().create_client(service, *given, **named)


def nobody(*_):
    raise AssertionError("a start asks nobody")


botocore.session.Session = Noted
socket.socket.connect = nobody
"""
_TELL = "print(json.dumps({'modules': list(sys.modules), 'clients': made, 'sessions': len(sessions)}))"


@pytest.fixture(scope="module", params=FUNCTIONS)
def started(request: pytest.FixtureRequest) -> tuple[str, Any]:
    line, environment = starting(request.param, first=_NOTED, then=_TELL)
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
    return request.param, json.loads(done.stdout)


def test_a_function_imports_what_it_uses_and_nothing_besides(started: tuple[str, Any]) -> None:
    function, told = started

    packages = {name.partition(".")[0] for name in told["modules"]}
    bundled = {"app", "darkroom", "__main__", "__mp_main__"}
    assert packages - sys.stdlib_module_names - bundled == AWS | POWERTOOLS | MORE.get(function, set())


def test_a_function_leaves_alone_what_is_heavy_and_another_s(started: tuple[str, Any]) -> None:
    function, told = started

    assert {each for each in OURS if each in told["modules"]} == {
        each for each, users in OURS.items() if function in users
    }


def test_a_function_makes_each_client_once_in_one_session(started: tuple[str, Any]) -> None:
    _, told = started

    assert told["sessions"] == 1
    assert told["clients"]
    assert len(told["clients"]) == len(set(told["clients"]))


def test_no_start_waits_for_the_queues_client_which_few_invocations_use(started: tuple[str, Any]) -> None:
    _, told = started

    assert "sqs" not in told["clients"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_start_stays_within_its_budget(function: str) -> None:
    assert work(function) < BUDGET[function]


def test_a_heavy_import_would_be_over_the_budget() -> None:
    heavy = "import aws_lambda_powertools.event_handler.openapi.models"
    assert work("web", then=heavy) > BUDGET["web"]
