"""Random histories of the whole application end in agreement with S3, without loss or repetition."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.defences import DEFENCES, Defence, copy_project
from tests.chaos.verify import Verdict
from tests.cloudformation import PROJECT
from tests.simulation.history import History
from tests.simulation.plan import Step, plan
from tests.simulation.shrink import describe, execute, shrink
from tests.simulation.workers import Fault, Port, Worker
from tests.simulation.world import MAX_RECEIVES, Clock, SimulatedQueue

_CHUNK = 250
_PACKAGE = "layers/darkroom/darkroom"
# Without any of these, one of the first histories fails. Most others are in adapters, which are not
# simulated, have a second line of defence, or matter in so few histories that only tests/model finds them.
_NOTICED = (
    "only S3's current version is rendered",
    "S3 is asked after the Latest item was read",
    "a result is published only if its version is still the latest",
    "an upload leased by another worker waits",
    "a failed version is recorded beside the live versions",
    "a redelivered upload is not rendered again",
    "a failed attempt records its reason",
    "a view accepts only newer revisions",
    "a job counts the change of a member's row",
    "a row is built from all uploads of its picture",
    "an event refused by EventBridge fails its record",
)


@pytest.mark.parametrize("first", range(0, 2000, _CHUNK))
def test_random_histories_end_correctly(first: int) -> None:
    for seed in range(first, first + _CHUNK):
        if execute(seed)[1].findings:
            pytest.fail(describe(seed), pytrace=False)


def _run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = {"PYTHONPATH": f"{folder}/layers/darkroom:{folder}/cli:{folder}", "PYTHONDONTWRITEBYTECODE": "1"}
    variables: Mapping[str, str] = os.environ | path | environment
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


def test_the_same_seed_gives_the_same_history_in_every_process() -> None:
    first, second = (_run(PROJECT, "--seed", "3", PYTHONHASHSEED=seed).stdout for seed in "12")

    assert first.endswith("--seed 3\n")
    assert first == second


def _without(name: str) -> Defence:
    [defence] = [defence for defence in DEFENCES if defence.name == name]
    return defence


@pytest.mark.full
@pytest.mark.parametrize("name", _NOTICED)
def test_a_removed_defence_is_noticed(name: str, tmp_path: Path) -> None:
    defence = _without(name)
    file = copy_project(tmp_path) / _PACKAGE / defence.file
    assert defence.line in file.read_text()
    file.write_text(file.read_text().replace(defence.line, defence.without, 1))

    ended = _run(tmp_path, "--seeds", "1000", "--stop")

    assert "darkroom: 1 histories failed" in ended.stderr


def test_a_failed_history_is_reduced_to_the_steps_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    def finds_markers(history: History) -> Verdict:
        markers = [stack for stack in history.bucket.stacks.values() if stack and isinstance(stack[-1], str)]
        return Verdict((("stale", "a marker"),) if markers else ())

    monkeypatch.setattr(History, "_settle", lambda _: None)
    monkeypatch.setattr("tests.simulation.shrink.check", finds_markers)

    steps = shrink(1, (*plan(1), Step("hide", 0, 0)))

    assert [step.name for step in steps] == ["put", "hide"]


@dataclass
class Counting:
    """A port that counts its calls."""

    calls: int = 0

    def count(self) -> None:
        self.calls += 1


@pytest.mark.parametrize(
    ("fault", "calls", "is_crash"),
    [
        (Fault.THROTTLED, 0, False),
        (Fault.LOST, 1, False),
        (Fault.CRASH_BEFORE, 0, True),
        (Fault.CRASH_AFTER, 1, True),
    ],
)
def test_a_call_with_a_fault(fault: Fault, calls: int, is_crash: bool) -> None:
    counting, caught = Counting(), []

    def run() -> None:
        try:
            Port("port", counting).count()
        except Exception as raised:  # noqa: BLE001
            caught.append(raised)

    worker = Worker("worker", run, ends_at=1)
    worker.proceed()
    assert worker.call == "port.count"

    worker.proceed(fault)

    assert worker.dead
    assert (counting.calls, worker.crashed, bool(caught)) == (calls, is_crash, not is_crash)


def test_a_message_becomes_a_dead_letter_after_its_last_receive() -> None:
    clock = Clock()
    dead_letters = SimulatedQueue(clock, 180)
    queue = SimulatedQueue(clock, 60, dead_letters)
    queue.send("body")
    for _ in range(MAX_RECEIVES):
        [message] = queue.visible()
        assert queue.receive(message)
        assert not queue.visible()
        clock.seconds += 60

    assert queue.receive(message) is None
    assert [dead.body for dead in dead_letters.messages.values()] == ["body"]
