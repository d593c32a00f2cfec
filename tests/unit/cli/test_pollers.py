"""The local stack's queues and streams: read side by side, as in Lambda."""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Event
from types import SimpleNamespace

import pytest

from darkroom_cli.local.pollers import separate


def an_emulator(queues: Callable[[], bool], streams: Callable[[], bool]) -> SimpleNamespace:
    emulator = SimpleNamespace(_poll_sqs=queues, _poll_dynamodb_streams=streams)
    separate(emulator)
    return emulator


def test_messages_are_taken_until_no_more_functions_may_run() -> None:
    left = [True, True, True, False, True]
    emulator = an_emulator(lambda: left.pop(0), lambda: False)

    assert emulator._poll_sqs() is True
    assert left == [True]


def test_without_messages_the_loop_may_pause() -> None:
    emulator = an_emulator(lambda: False, lambda: False)

    assert emulator._poll_sqs() is False


def test_a_function_of_a_stream_holds_up_no_queue() -> None:
    running, finish = Event(), Event()

    def streams() -> bool:
        running.set()
        return not finish.wait(60)

    emulator = an_emulator(lambda: False, streams)
    emulator._poll_dynamodb_streams()
    assert running.wait(60)

    emulator._poll_dynamodb_streams()
    assert emulator._poll_sqs() is False
    finish.set()


def test_a_record_that_comes_while_streams_are_read_is_read_too() -> None:
    polls, answers = SimpleQueue[None](), SimpleQueue[bool]()

    def streams() -> bool:
        polls.put(None)
        return answers.get(timeout=60)

    emulator = an_emulator(lambda: False, streams)
    emulator._poll_dynamodb_streams()
    polls.get(timeout=60)
    emulator._poll_dynamodb_streams()  # due again, during the poll
    answers.put(False)

    polls.get(timeout=60)
    answers.put(False)


def test_an_error_is_printed_and_streams_are_read_again(capfd: pytest.CaptureFixture[str]) -> None:
    polls, faults = SimpleQueue[None](), [ValueError("a stream without a table")]

    def streams() -> bool:
        polls.put(None)
        if faults:
            raise faults.pop()
        return False

    emulator = an_emulator(lambda: False, streams)
    for _ in range(2):
        emulator._poll_dynamodb_streams()
        polls.get(timeout=60)

    assert "a stream without a table" in capfd.readouterr().err
