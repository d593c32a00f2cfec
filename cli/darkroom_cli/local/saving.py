"""Saves the emulator's state while it runs, so that a kill loses seconds of it.

MiniStack 1.5.33 saves its state only when it is stopped. Runs in MiniStack's environment, so it imports only
the standard library.
"""

import asyncio
import gc
import os
import signal
import stat
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from darkroom_cli.local.loopback import App, Message, Receive, Send

# A change is saved this much later, with everything else that has changed by then.
PAUSE_SECONDS = 5.0
# Saving takes at most a tenth of a processor core: the larger the state, the longer the pauses.
_PAUSE_PER_PROCESSOR_SECOND = 9
_LONGEST_SAVE_SECONDS = 300.0
# Operations in the header X-Amz-Target that change nothing.
_READING = ("BatchGet", "Describe", "Filter", "Get", "List", "Query", "Scan", "TransactGet")


def is_change(scope: Message) -> bool:
    """Returns true for an ASGI request that may change the emulator's state."""
    if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return False
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    return not headers.get(b"x-amz-target", "").rpartition(".")[2].startswith(_READING)


class StateSaver:
    """Saves the state some seconds after each change, in a forked process.

    The fork is a copy of all services at one moment, and the emulator serves requests meanwhile. `save`
    writes the state; `is_consistent` returns false while it should not be saved. The file `running_mark`
    exists from startup to shutdown, and after a kill.
    """

    def __init__(
        self,
        save: Callable[[], object],
        running_mark: Path,
        is_consistent: Callable[[], bool] = lambda: True,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._save = save
        self._running_mark = running_mark
        self._is_consistent = is_consistent
        self._pause_seconds = pause_seconds
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def wrapped(self, app: App) -> App:
        """Wraps the emulator: saves after its requests, from its startup to its shutdown."""

        async def respond(scope: Message, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await app(scope, self._received_by(receive), self._sent_by(send))
                return
            try:
                await app(scope, receive, send)
            finally:
                if is_change(scope):
                    self._changed.set()

        return respond

    def _sent_by(self, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._running_mark.touch()
                self._task = asyncio.create_task(self._run())
            elif message["type"] == "lifespan.shutdown.complete":
                self._running_mark.unlink(missing_ok=True)
            await send(message)

        return sent

    def _received_by(self, receive: Receive) -> Receive:
        async def received() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown" and self._task:
                # The emulator saves its state itself now: no other process may write the same files.
                self._task.cancel()
                await asyncio.gather(self._task, return_exceptions=True)
            return message

        return received

    async def _run(self) -> None:
        pause = self._pause_seconds
        while True:
            await self._changed.wait()
            await asyncio.sleep(pause)
            if not self._is_consistent():
                continue
            self._changed.clear()
            succeeded, processor_seconds = await _in_child(self._save)
            if not succeeded:
                sys.stderr.write("The state could not be saved. It is tried again.\n")
                self._changed.set()
            pause = max(self._pause_seconds, _PAUSE_PER_PROCESSOR_SECOND * processor_seconds)


async def _in_child(work: Callable[[], object]) -> tuple[bool, float]:
    """Runs work in a forked process; returns true if it has succeeded, and its processor seconds.

    Ends the process on cancellation.
    """
    try:
        child = os.fork()
    except OSError:  # no memory
        return False, 0.0
    if not child:
        _run_child(work)
    ended, descriptor = asyncio.Event(), os.pidfd_open(child)
    asyncio.get_running_loop().add_reader(descriptor, ended.set)
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), _LONGEST_SAVE_SECONDS)
    finally:
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)
        os.kill(child, signal.SIGKILL)
        _, status, usage = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status) == 0, usage.ru_utime + usage.ru_stime


def _run_child(work: Callable[[], object]) -> NoReturn:
    """Runs the child from fork to exit."""
    exit_code = 1
    try:
        gc.disable()  # it would copy most of the memory that the processes share
        os.nice(10)
        _close_sockets()
        work()
        exit_code = 0
    except BaseException:  # noqa: BLE001 - the child must not return into the emulator's code
        traceback.print_exc(file=sys.stderr)
    finally:
        os._exit(exit_code)


def _close_sockets() -> None:
    """Closes inherited sockets: a connection that the emulator closes would otherwise stay open.

    The emulator's lock file stays open. No other emulator starts before the child ends.
    """
    for descriptor in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.close(descriptor)
