"""The local stack itself: what it says when it can't start, and what it keeps."""

import shutil
import socket
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import pytest

from darkroom_cli.stack import LocalStack
from tests.aws import LiveProfile, free_port
from tests.cloudformation import PROJECT
from tests.e2e.conftest import Reply, Stack, fetch, wait_for
from tests.pictures import a_photograph, a_small_png

pytestmark = pytest.mark.local("it is the local stack itself that is tested")


def test_a_stack_that_was_stopped_still_has_its_pictures_and_takes_new_ones(second_stack: Stack) -> None:
    before = second_stack.rendered("before.png", a_small_png(1))

    assert second_stack.darkroom("down").returncode == 0
    assert second_stack.darkroom("up", "--detach").returncode == 0

    assert second_stack.settled("before.jpg")["version"] == before["version"]
    assert "data:image/jpeg;base64," in second_stack.get("/before.jpg").text
    assert second_stack.rendered("after.png", a_small_png(2))["status"] == "rendered"


@pytest.mark.parametrize(("bucket", "method"), [("uploads", "POST"), ("renditions", "GET")])
def test_a_bucket_answers_the_pages_of_its_own_stack_alone(stack: Stack, bucket: str, method: str) -> None:
    url = f"{stack.status['aws_endpoint']}/{stack.status[f'{bucket}_bucket']}/x"

    def preflight(origin: str) -> Reply:
        return fetch(url, method="OPTIONS", Origin=origin, Access_Control_Request_Method=method)

    answered, refused = preflight(stack.status["web"]), preflight("http://localhost:1")

    assert answered.status == 200
    assert answered.headers["access-control-allow-origin"] == stack.status["web"]
    assert refused.status == 403


def test_two_stacks_do_not_disturb_each_other(stack: Stack, second_stack: Stack) -> None:
    second_stack.rendered("of the second.png", a_small_png(3))

    assert stack.get("/of the second.jpg").status == 404


@pytest.mark.parametrize("variable", ["DARKROOM_PORT", "DARKROOM_AWS_PORT"])
def test_a_port_in_use_is_one_sentence_that_names_the_way_out(variable: str) -> None:
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


def test_a_second_up_on_the_same_ports_says_what_to_do(stack: Stack) -> None:
    done = stack.darkroom("up")

    assert done.returncode == 1
    assert "darkroom down" in done.stderr
    assert "Traceback" not in done.stderr


def test_where_no_stack_is_up_status_says_how_to_start_one() -> None:
    done = Stack.on({"DARKROOM_PORT": free_port(), "DARKROOM_AWS_PORT": free_port()}).darkroom(
        "status", "--json"
    )

    assert done.returncode == 1
    assert "darkroom up" in done.stderr


@pytest.mark.full  # waits until every warm function has read its profile anew
def test_a_pushed_profile_comes_into_force_and_outlives_bad_ones_and_redeployments(
    second_stack: Stack, push: Callable[[Mapping[str, Any]], None]
) -> None:
    status, dropped = second_stack.status, count(1)
    log = LocalStack.of(second_stack.environment).log

    def widths_of_another() -> set[int]:
        """Of a picture that is dropped now."""
        name = f"profile-{next(dropped)}"
        receipt = second_stack.rendered(f"{name}.png", a_photograph(320, 200, "PNG"))
        return {each["width"] for each in receipt["renditions"]}

    def refused() -> bool:
        """Whether the function has said so; it looks when it renders, and renders as before."""
        assert widths_of_another() == {64}
        return "nonesuch" in log.read_text()

    assert 64 not in widths_of_another()  # the first profile, and a function that is warm
    narrow = {"name": "narrow", "ladders": {"main": {"widths": [64], "formats": {"jpeg": {"quality": 75}}}}}

    push(narrow)

    wait_for(lambda: widths_of_another() == {64}, "a picture 64 wide")

    # The local AWS runs no validator: what is put past the command line comes as far as the function.
    live = LiveProfile(
        status["profile_application"],
        status["profile_environment"],
        status["live_profile"],
        status["profile_strategy"],
        second_stack.client("appconfig"),
    )
    live.deploy(b'{"built_in": "nonesuch"}')

    wait_for(refused, "a warning of the bad profile")

    push(narrow)
    before = second_stack.darkroom("profile", "show").stdout
    second_stack.deploy("LogRetentionDays=14")

    assert "Profile   narrow" in before
    assert second_stack.darkroom("profile", "show").stdout == before
