"""Cold starts: the imports and the clients of each function."""

import json
import subprocess
import sys
from typing import Any

import pytest

from bench.cold import FUNCTIONS, starting, work, work_of_engine

# Bytecode instructions of a cold start as a multiple of those of importing boto3 alone, some 3% above the
# values measured. Raise a budget only with a reason. `make cold` measures seconds.
BUDGET = {"render": 1.88, "park": 1.72, "project": 1.61, "web": 2.13, "live": 1.56, "sweep": 1.6}
# Of importing the engine alone, as `darkroom render` and other programs do.
ENGINE_BUDGET = 0.36

AWS = {"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3", "certifi"}
POWERTOOLS = {"aws_lambda_powertools", "typing_extensions"}
# Additional imports of some functions; neither X-Ray's SDK nor pydantic: see docs/adr/0004.
ADDITIONAL = {
    "render": {"PIL", "darkroom_native"},
    "web": {"jinja2", "markupsafe", "multipart"},
}
# Our own heavy modules, and the functions that need them.
HEAVY = {
    "darkroom.imaging": {"render"},
    "darkroom.imaging.jxl": set(),  # imported only for a profile that asks for JPEG XL
    "darkroom.imaging.sniff.gain_map": set(),  # only for a JPEG with something behind it
    "darkroom.web.pages": {"web"},
    "darkroom.services.projecting": {"project"},
}

_RECORDED = """
import json, socket, sys
import botocore.session

clients, sessions = [], []


class Recorded(botocore.session.Session):
    def __init__(self, *args, **kwargs):
        sessions.append(1)
        super().__init__(*args, **kwargs)

    def create_client(self, service, *args, **kwargs):
        clients.append(service)
        return super().create_client(service, *args, **kwargs)


def refuse(*_):
    raise AssertionError("a cold start makes no call")


botocore.session.Session = Recorded
socket.socket.connect = refuse
"""
_PRINT = "print(json.dumps({'modules': list(sys.modules), 'clients': clients, 'sessions': len(sessions)}))"


@pytest.fixture(scope="module", params=FUNCTIONS)
def started(request: pytest.FixtureRequest) -> tuple[str, Any]:
    command, environment = starting(request.param, first=_RECORDED, then=_PRINT)
    completed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return request.param, json.loads(completed.stdout)


def test_a_function_imports_only_its_dependencies(started: tuple[str, Any]) -> None:
    function, start = started

    packages = {name.partition(".")[0] for name in start["modules"]}
    bundled = {"app", "darkroom", "__main__", "__mp_main__"}
    assert packages - sys.stdlib_module_names - bundled == AWS | POWERTOOLS | ADDITIONAL.get(function, set())


def test_a_function_imports_no_heavy_module_of_another_one(started: tuple[str, Any]) -> None:
    function, start = started

    assert {module for module in HEAVY if module in start["modules"]} == {
        module for module, users in HEAVY.items() if function in users
    }


def test_a_function_creates_each_client_once_in_one_session(started: tuple[str, Any]) -> None:
    _, start = started

    assert start["sessions"] == 1
    assert start["clients"]
    assert len(start["clients"]) == len(set(start["clients"]))


def test_only_functions_that_hide_each_message_create_an_sqs_client(started: tuple[str, Any]) -> None:
    function, start = started

    assert ("sqs" in start["clients"]) is (function in ("render", "park"))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_cold_start_stays_within_its_budget(function: str) -> None:
    assert work(function) < BUDGET[function]


def test_the_engine_stays_within_its_budget() -> None:
    assert work_of_engine() < ENGINE_BUDGET


def test_a_heavy_import_exceeds_the_budget() -> None:
    heavy = "import darkroom.imaging, unittest.mock"
    assert work("web", then=heavy) > BUDGET["web"]
