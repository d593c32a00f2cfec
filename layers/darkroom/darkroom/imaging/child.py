"""Work in a child process, so that what a hostile picture does to native code ends there.

Pipes and fork only: Lambda has no /dev/shm, which multiprocessing needs.
"""

import fcntl
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
# What a child forks holds its end of the pipe too, so that its death is to be looked for.
_LOOK_SECONDS = 0.1


def isolated[Response](work: Callable[[], Response], *, memory_bytes: int, seconds: float) -> Response:
    """What `work` returns, from a child process of its own.

    Raises DecoderProcessDied with too_expensive, crashed or timed_out for what became of the child, and
    whatever RejectedPicture the work raised; ChildFailed for any other error of the work.
    """
    child = Child(lambda: iter([work()]), seconds=seconds, memory_bytes=memory_bytes, leads=True)
    try:
        return next(child.answers())
    except ChildTimedOut as fault:
        raise DecoderProcessDied(
            "timed_out", f"It was not done after {seconds:g} seconds, which is the limit.", limit=seconds
        ) from fault
    except MemoryError as fault:
        raise _out_of_memory(memory_bytes) from fault
    except ChildDied as fault:
        # The kernel's answer to memory that is not there.
        if fault.status == -signal.SIGKILL:
            raise _out_of_memory(memory_bytes) from fault
        raise DecoderProcessDied("crashed", "Decoding it ended the process that decoded it.") from fault
    finally:
        child.end()


def _out_of_memory(limit_bytes: int) -> DecoderProcessDied:
    return DecoderProcessDied(
        "too_expensive",
        f"It needs more memory than there is to decode; the limit is {limit_bytes / 1e6:,.0f} MB.",
        limit=limit_bytes,
    )


class ChildDied(Exception):
    """The child ended before its work did; `status` is its exit code, negative for a signal."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the child ended with {status}")
        self.status = status


class ChildTimedOut(Exception):
    """The child was ended at its deadline."""


class ChildFailed(Exception):
    """The work raised an error of ours; the message is its kind and the child's traceback."""


class Child[Response]:
    """Work that runs in a forked child and answers piece by piece.

    No thread may be alive in the caller, since only the forking one lives on in the child.
    """

    def __init__(
        self,
        work: Callable[[], Iterator[Response]],
        *,
        seconds: float,
        memory_bytes: int | None = None,
        leads: bool = False,
    ) -> None:
        """Starts the work.

        `memory_bytes` limits the child's whole address space. A child that `leads` takes what it forks
        itself down with it; any other belongs to its parent's group.
        """
        self._deadline = time.monotonic() + seconds
        self._leads = leads
        self._status: int | None = None
        self._pipe, writing = os.pipe()
        # A child that is done early need not wait until its answer is read.
        with suppress(OSError):
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._pid = os.fork()
        if not self._pid:
            os.close(self._pipe)
            _live(work, writing, seconds, memory_bytes)
        os.close(writing)
        if leads:
            # Here and not in the child, so that the group is there as soon as it may have to be ended.
            os.setpgid(self._pid, self._pid)

    def answers(self) -> Iterator[Response]:
        """The answers as they come. Raises ChildTimedOut, ChildDied, ChildFailed or what the work raised."""
        while (frame := self._frame()) is not None:
            kind, answer = pickle.loads(frame)  # noqa: S301 - our own fork, which has our rights anyway
            if kind == "answer":
                yield answer
            elif kind == "done":
                return
            elif kind == "rejected":
                raise RejectedPicture(**answer)
            elif kind == "no memory":
                raise MemoryError
            else:
                raise ChildFailed(answer)
        status = self.end()
        raise ChildTimedOut if status == -signal.SIGALRM else ChildDied(status)

    def end(self) -> int:
        """Ends the child if it still runs; its exit code, negative for a signal."""
        if self._status is None:
            os.close(self._pipe)
            if self._leads:
                os.killpg(self._pid, signal.SIGKILL)
            else:
                os.kill(self._pid, signal.SIGKILL)
            self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._status

    def _frame(self) -> bytes | None:
        """The next message; None when the child is gone without one."""
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
        """Waits until there is something to read; False if the child ended and left nothing."""
        pipe = select.poll()
        pipe.register(self._pipe, select.POLLIN)
        while True:
            # Looked at first: what a child wrote before it ended is there by then.
            ended = os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            remaining = self._deadline - time.monotonic()
            wait = 0.0 if ended else min(max(remaining, 0.0), _LOOK_SECONDS)
            if pipe.poll(1000 * wait):
                return True
            if ended:
                return False
            if remaining <= 0:
                raise ChildTimedOut


def _live[Response](
    work: Callable[[], Iterator[Response]], pipe: int, seconds: float, memory_bytes: int | None
) -> NoReturn:
    """The child's whole life; it never returns into the parent's code."""
    try:
        _silence()
        _limit(resource.RLIMIT_CORE, 0)
        # At the deadline the parent may be dead, or busy: nobody else would end the work then.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds + _LOOK_SECONDS)
        if memory_bytes is not None:
            _limit(resource.RLIMIT_AS, memory_bytes)
        _send_all(work, pipe)
    finally:
        # Not sys.exit: the parent's exit handlers and buffers are not the child's to run and flush.
        os._exit(0)


def _limit(kind: int, wanted: int) -> None:
    """Limits this process; a lower limit that it was born with stays, since it can't be raised again."""
    _, inherited = resource.getrlimit(kind)
    limit = wanted if inherited == resource.RLIM_INFINITY else min(wanted, inherited)
    resource.setrlimit(kind, (limit, limit))


def _silence() -> None:
    """Keeps what native code prints, which can quote the picture, out of the log."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _send_all[Response](work: Callable[[], Iterator[Response]], pipe: int) -> None:
    try:
        for answer in work():
            _send(pipe, "answer", answer)
        _send(pipe, "done", None)
    except RejectedPicture as rejected:
        _send(
            pipe,
            "rejected",
            {
                "reason": rejected.reason,
                "sentence": rejected.sentence,
                "limit": rejected.limit,
                "actual": rejected.actual,
            },
        )
    except MemoryError:
        _send(pipe, "no memory", None)
    except Exception as fault:  # noqa: BLE001 - it crosses to the parent, which raises it
        # Where it was and what, without its words: those of a decoder can quote the picture.
        frames = "".join(traceback.format_tb(fault.__traceback__))
        _send(pipe, "failed", f"{type(fault).__name__} at\n{frames}")


def _send(pipe: int, kind: str, answer: object) -> None:
    frame = pickle.dumps((kind, answer))
    rest = memoryview(len(frame).to_bytes(_LENGTH_BYTES) + frame)
    while rest:
        rest = rest[os.write(pipe, rest) :]
