"""Runs work in a child process: a crash of native code ends only the child.

Uses pipes and fork only: multiprocessing needs /dev/shm, which Lambda does not have.
"""

import fcntl
import gc
import os
import pickle
import resource
import select
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NoReturn

from darkroom.domain.errors import DecoderProcessDied, RejectedPicture

_PIPE_BYTES = 1 << 20
_LENGTH_BYTES = 8
# A grandchild keeps the pipe open after the child's death, so the child's state is polled.
_POLL_SECONDS = 0.1
_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM)


def isolated[Response](work: Callable[[], Response], *, memory_bytes: int, seconds: float) -> Response:
    """Runs `work` in a child process and returns its result.

    Raises DecoderProcessDied (too_expensive, crashed or timed_out) if the child did not finish, the
    RejectedPicture that the work raised, and ChildFailed for any other error of the work.
    """
    child = Child(lambda: iter([work()]), seconds=seconds, memory_bytes=memory_bytes, own_group=True)
    try:
        return next(child.results())
    except ChildTimedOut as fault:
        raise DecoderProcessDied(
            "timed_out", f"Processing took longer than the limit of {seconds:g} seconds.", limit=seconds
        ) from fault
    except MemoryError as fault:
        raise _out_of_memory(memory_bytes) from fault
    except ChildDied as fault:
        # The kernel's OOM killer sends SIGKILL.
        if fault.status == -signal.SIGKILL:
            raise _out_of_memory(memory_bytes) from fault
        raise DecoderProcessDied("crashed", "The decoder crashed on this picture.") from fault
    finally:
        child.end()


def _out_of_memory(limit_bytes: int) -> DecoderProcessDied:
    return DecoderProcessDied(
        "too_expensive",
        f"Decoding the picture needs more memory than the limit of {limit_bytes / 1e6:,.0f} MB.",
        limit=limit_bytes,
    )


class ChildDied(Exception):
    """The child ended before its work was done; `status` is its exit code, negative for a signal."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the child ended with {status}")
        self.status = status


class ChildTimedOut(Exception):
    """The child reached its deadline."""


class ChildFailed(Exception):
    """The work raised an unexpected error; the message is its type and the child's traceback."""


class Child[Result]:
    """A forked child process that runs an iterator and sends each result to the parent at once.

    The caller must have no other thread: only the forking thread continues in the child.
    """

    def __init__(
        self,
        work: Callable[[], Iterator[Result]],
        *,
        seconds: float,
        memory_bytes: int | None = None,
        own_group: bool = False,
    ) -> None:
        """Starts the work.

        `memory_bytes` limits the child's address space. With `own_group` the child leads a process group of
        its own, and `end` also ends its own children; otherwise it stays in the parent's group.
        """
        self._deadline = time.monotonic() + seconds
        self._own_group = own_group
        self._status: int | None = None
        self._pipe, writing = os.pipe()
        # A large pipe lets a child finish before its result is read.
        with suppress(OSError):
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        # A handler that raises would leave a child that nobody ends. The child itself is only ever killed.
        handled = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTIONS)
        self._pid = os.fork()
        if own_group:
            # In both processes: the group must exist before the child forks, and before `end` can be called.
            os.setpgid(self._pid, self._pid)
        if not self._pid:
            os.close(self._pipe)
            _run_child(work, writing, seconds, memory_bytes)
        os.close(writing)
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, handled)
        except BaseException:
            self.end()
            raise

    def results(self) -> Iterator[Result]:
        """Yields results as they arrive.

        Raises ChildTimedOut, ChildDied or ChildFailed, or the work's own RejectedPicture or MemoryError.
        """
        while (message := self._next_message()) is not None:
            kind, value = pickle.loads(message)  # noqa: S301 - our own fork, which has our rights anyway
            if kind == "result":
                yield value
            elif kind == "done":
                return
            elif kind == "rejected":
                raise RejectedPicture(**value)
            elif kind == "no memory":
                raise MemoryError
            else:
                raise ChildFailed(value)
        status = self.end()
        raise ChildTimedOut if status == -signal.SIGALRM else ChildDied(status)

    def end(self) -> int:
        """Ends the child if it still runs and returns its exit code, negative for a signal."""
        if self._status is None:
            os.close(self._pipe)
            if self._own_group:
                os.killpg(self._pid, signal.SIGKILL)
            else:
                os.kill(self._pid, signal.SIGKILL)
            self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._status

    def _next_message(self) -> bytes | None:
        """Reads the next message; None if the child ended without sending a whole one."""
        prefix = self._read(_LENGTH_BYTES)
        if len(prefix) < _LENGTH_BYTES:
            return None
        length = int.from_bytes(prefix)
        body = self._read(length)
        return body if len(body) == length else None

    def _read(self, length: int) -> bytes:
        parts: list[bytes] = []
        while length and self._readable():
            part = os.read(self._pipe, min(length, _PIPE_BYTES))
            if not part:
                break
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def _readable(self) -> bool:
        """Waits for data; False if the child ended and left none."""
        pipe = select.poll()
        pipe.register(self._pipe, select.POLLIN)
        while True:
            # Checked before the pipe: everything written before the child ended is readable then.
            ended = os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            remaining = self._deadline - time.monotonic()
            wait = 0.0 if ended else min(max(remaining, 0.0), _POLL_SECONDS)
            if pipe.poll(1000 * wait):
                return True
            if ended:
                return False
            if remaining <= 0:
                raise ChildTimedOut


def _run_child[Result](
    work: Callable[[], Iterator[Result]], pipe: int, seconds: float, memory_bytes: int | None
) -> NoReturn:
    """Runs the child from fork to exit; never returns into the parent's code."""
    try:
        gc.freeze()  # collections would copy the memory of the parent's objects
        # The output of native code can quote the picture, so it must not reach the log.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        _limit(resource.RLIMIT_CORE, 0)
        # At the deadline the parent may be dead or busy, so the child also ends itself.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds + _POLL_SECONDS)
        if memory_bytes is not None:
            _limit(resource.RLIMIT_AS, memory_bytes)
        _send_all(work, pipe)
    finally:
        # Not sys.exit, which would run the parent's exit handlers and flush its buffers a second time.
        os._exit(0)


def _limit(kind: int, wanted: int) -> None:
    """Limits this process; a lower inherited limit stays, since it can't be raised."""
    _, inherited = resource.getrlimit(kind)
    limit = wanted if inherited == resource.RLIM_INFINITY else min(wanted, inherited)
    resource.setrlimit(kind, (limit, limit))


def _send_all[Result](work: Callable[[], Iterator[Result]], pipe: int) -> None:
    try:
        for result in work():
            _send(pipe, "result", result)
        _send(pipe, "done", None)
    except RejectedPicture as rejected:
        _send(pipe, "rejected", vars(rejected))
    except MemoryError:
        _send(pipe, "no memory", None)
    except Exception as fault:  # noqa: BLE001 - sent to the parent, which raises it
        # Type and place without the message: a decoder's message can quote the picture.
        frames = "".join(traceback.format_tb(fault.__traceback__))
        _send(pipe, "failed", f"{type(fault).__name__} at\n{frames}")


def _send(pipe: int, kind: str, value: object) -> None:
    message = pickle.dumps((kind, value))
    rest = memoryview(len(message).to_bytes(_LENGTH_BYTES) + message)
    while rest:
        rest = rest[os.write(pipe, rest) :]
