"""The local stack: start, errors, restart and persistence."""

import os
import shutil
import signal
import socket
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import pytest

from darkroom_cli.stack import LocalStack
from tests.aws import LiveProfile, free_port
from tests.cloudformation import PROJECT
from tests.e2e.conftest import Response, Stack, fetch, wait_for
from tests.pictures import a_photograph, a_small_png

pytestmark = pytest.mark.local("the test is for the local stack")


def test_a_restarted_stack_keeps_its_pictures_and_renders_new_ones(second_stack: Stack) -> None:
    before = second_stack.rendered("before.png", a_small_png(1))

    assert second_stack.darkroom("down").returncode == 0
    assert second_stack.darkroom("up", "--detach").returncode == 0

    assert second_stack.settled("before.jpg")["version"] == before["version"]
    assert "data:image/jpeg;base64," in second_stack.get("/before.jpg").text
    assert second_stack.rendered("after.png", a_small_png(2))["status"] == "rendered"


def test_a_stack_with_a_killed_emulator_keeps_its_pictures_and_renders_unsaved_ones(
    second_stack: Stack,
) -> None:
    local_stack = LocalStack.of(second_stack.environment)
    before = second_stack.rendered("before the kill.png", a_small_png(4))
    ledger = local_stack.folder / "state/dynamodb.json"
    wait_for(
        lambda: ledger.exists() and before["at"] in ledger.read_text(), "the receipt of the first to be saved"
    )

    version = second_stack.put("unsaved.png", a_small_png(5))
    kill_emulator(local_stack)

    wait_for(lambda: not local_stack.supervisor.holder(), "the supervisor to end")
    status = second_stack.darkroom("status")
    assert status.returncode == 1
    assert f"The local stack on port {local_stack.aws_port} was killed" in status.stderr
    assert second_stack.darkroom("up", "--detach").returncode == 0
    after = second_stack.settled("before the kill.jpg")
    assert (after["version"], after["at"]) == (before["version"], before["at"])
    assert second_stack.settled("unsaved.jpg", version)["status"] == "rendered"


def kill_emulator(local_stack: LocalStack) -> None:
    emulator = local_stack.ministack.holder()
    assert emulator
    os.kill(emulator, signal.SIGKILL)


def test_status_names_an_emulator_that_does_not_respond(second_stack: Stack) -> None:
    emulator = LocalStack.of(second_stack.environment).ministack.holder()
    assert emulator

    os.kill(emulator, signal.SIGSTOP)
    try:
        status = second_stack.darkroom("status", "--json")
    finally:
        os.kill(emulator, signal.SIGCONT)

    assert status.returncode == 1
    assert f"The emulator at {second_stack.status['aws_endpoint']} does not respond" in status.stderr
    assert "darkroom down" in status.stderr


@pytest.mark.parametrize(("bucket", "method"), [("uploads", "POST"), ("renditions", "GET")])
def test_a_bucket_allows_cors_only_from_its_own_stack(stack: Stack, bucket: str, method: str) -> None:
    url = f"{stack.status['aws_endpoint']}/{stack.status[f'{bucket}_bucket']}/x"

    def preflight(origin: str) -> Response:
        return fetch(url, method="OPTIONS", Origin=origin, Access_Control_Request_Method=method)

    allowed, refused = preflight(stack.status["web"]), preflight("http://localhost:1")

    assert allowed.status == 200
    assert allowed.headers["access-control-allow-origin"] == stack.status["web"]
    assert refused.status == 403


def test_two_stacks_do_not_disturb_each_other(stack: Stack, second_stack: Stack) -> None:
    second_stack.rendered("of the second.png", a_small_png(3))

    assert stack.get("/of the second.jpg").status == 404


@pytest.mark.parametrize("variable", ["DARKROOM_PORT", "DARKROOM_AWS_PORT"])
def test_a_port_in_use_is_reported_with_a_way_to_change_it(variable: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = {"DARKROOM_PORT": free_port(), "DARKROOM_AWS_PORT": free_port()}
        ports[variable] = taken.getsockname()[1]

        done = Stack.on(ports).darkroom("up")

    shutil.rmtree(PROJECT / ".darkroom" / str(ports["DARKROOM_AWS_PORT"]), ignore_errors=True)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"darkroom: Port {ports[variable]} is in use; set another one, for example {variable}="
    )
    assert done.stderr.count("\n") == 1


def test_a_second_up_on_the_same_ports_suggests_down(stack: Stack) -> None:
    done = stack.darkroom("up")

    assert done.returncode == 1
    assert "darkroom down" in done.stderr
    assert "Traceback" not in done.stderr
    folder = PROJECT / ".darkroom" / stack.environment["DARKROOM_AWS_PORT"]
    assert list(folder.glob("tmp-*/*")), "it removed the files of the running stack"


def test_status_without_a_stack_suggests_up() -> None:
    done = Stack.on({"DARKROOM_PORT": free_port(), "DARKROOM_AWS_PORT": free_port()}).darkroom(
        "status", "--json"
    )

    assert done.returncode == 1
    assert "darkroom up" in done.stderr


@pytest.mark.full  # waits until every warm function has reloaded its profile
def test_a_pushed_profile_takes_effect_and_survives_redeployment(
    second_stack: Stack, push: Callable[[Mapping[str, Any]], None]
) -> None:
    status, numbers = second_stack.status, count(1)
    log = LocalStack.of(second_stack.environment).log

    def widths_of_new_picture() -> set[int]:
        """Renders a new picture. Returns the widths of its renditions."""
        name = f"profile-{next(numbers)}"
        receipt = second_stack.rendered(f"{name}.png", a_photograph(320, 200, "PNG"))
        return {rendition["width"] for rendition in receipt["renditions"]}

    def refused() -> bool:
        """Renders, which makes the function load the bad profile. True if it has logged that."""
        assert widths_of_new_picture() == {64}
        return "nonesuch" in log.read_text()

    assert 64 not in widths_of_new_picture()  # the first profile; warms the function
    narrow = {"name": "narrow", "ladders": {"main": {"widths": [64], "formats": {"jpeg": {"quality": 75}}}}}

    push(narrow)

    wait_for(lambda: widths_of_new_picture() == {64}, "a picture 64 pixels wide")

    # The local AWS runs no validator, so a profile deployed without the command line reaches the function.
    live = LiveProfile(
        status["profile_application"],
        status["profile_environment"],
        status["live_profile"],
        status["profile_strategy"],
        second_stack.client("appconfig"),
    )
    live.deploy(b'{"built_in": "nonesuch"}')

    wait_for(refused, "a warning about the bad profile")

    push(narrow)
    before = second_stack.darkroom("profile", "show").stdout
    second_stack.deploy("LogRetentionDays=14")

    assert "Profile   narrow" in before
    assert second_stack.darkroom("profile", "show").stdout == before
