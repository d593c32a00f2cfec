"""Lets MiniStack read queues and streams side by side, as Lambda does.

MiniStack 1.5.33 has one loop for both: it takes a single message from each queue, then waits for the
functions of the streams. Runs in MiniStack's environment, so it imports only the standard library.
"""

import traceback
from collections.abc import Callable
from threading import Event, Thread
from typing import Any


def separate(emulator: Any) -> None:
    """Gives the streams a thread of their own, and takes messages until no more functions may run at once."""
    poll_queues, due = emulator._poll_sqs, Event()
    Thread(target=_follow, args=(emulator._poll_dynamodb_streams, due), daemon=True).start()

    def poll_all() -> bool:
        taken = False
        while poll_queues():
            taken = True
        return taken

    emulator._poll_sqs = poll_all
    emulator._poll_dynamodb_streams = due.set


def _follow(poll: Callable[[], bool], due: Event) -> None:
    """Reads the streams to their ends each time that they are due."""
    while True:
        due.wait()
        due.clear()
        try:
            while poll():
                pass
        except Exception:  # noqa: BLE001 - printed to MiniStack's log, as its own loop does
            traceback.print_exc()
