"""Processes that render pictures side by side.

Forked, because the engine forks too: a process that forks must have no other thread.
"""

import os
import pickle
import selectors
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn, Self

from darkroom_cli.render.limits import MEMORY_MB

_TICK_SECONDS = 0.1
_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM)


def worker_count() -> int:
    """Returns the number of processors, or less if all pictures together could need more than the memory."""
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024**2
    return max(1, min(os.process_cpu_count() or 1, memory_mb // MEMORY_MB))


class _Pipes:
    """A pipe in each direction between a process and its fork, for pickled values."""

    def __init__(self, reading: int, writing: int) -> None:
        self.reader = os.fdopen(reading, "rb")
        self._writer = os.fdopen(writing, "wb")

    def write(self, value: object) -> None:
        """Sends a value. Raises BrokenPipeError."""
        pickle.dump(value, self._writer)
        self._writer.flush()

    def read(self) -> Any:
        """Receives a value. Raises EOFError or UnpicklingError if the other process has ended."""
        return pickle.load(self.reader)  # noqa: S301 - our own fork

    def close(self) -> None:
        self.reader.close()
        with suppress(BrokenPipeError):
            self._writer.close()


class _Worker[Task, Result]:
    """One child process that performs tasks until its pipes are closed."""

    pipes: _Pipes

    def __init__(self, perform: Callable[[Task], Result], others: list["_Worker[Task, Result]"]) -> None:
        self.task: Task | None = None
        (task_reader, task_writer), (result_reader, result_writer) = os.pipe(), os.pipe()
        # Held back until the child has its own handlers: the parent's would run on in the parent's code.
        signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTIONS)
        self._pid = os.fork()
        if not self._pid:
            # Otherwise this process would hold other workers' pipes open after the parent's death.
            for other in others:
                other.pipes.close()
            os.close(task_writer)
            os.close(result_reader)
            _serve(perform, _Pipes(task_reader, result_writer))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPTIONS)
        os.close(task_reader)
        os.close(result_writer)
        self.pipes = _Pipes(result_reader, task_writer)

    def send(self, task: Task) -> None:
        self.task = task
        with suppress(BrokenPipeError):  # noticed by `receive`
            self.pipes.write(task)

    def receive(self) -> Result | None:
        """Returns the task's result, or None if the process died."""
        try:
            result: Result = self.pipes.read()
        except (EOFError, pickle.UnpicklingError):
            return None
        return result

    def end(self) -> None:
        """Ends the process and its children."""
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGTERM)
        self.pipes.close()
        os.waitpid(self._pid, 0)


def _serve[Task, Result](perform: Callable[[Task], Result], pipes: _Pipes) -> NoReturn:
    """Runs the child from fork to exit; never returns into the parent's code."""

    def leave(_number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit  # ends the engine's own child on the way

    # Ctrl-C also reaches this process; only the parent decides when it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, leave)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPTIONS)
        while True:
            pipes.write(perform(pipes.read()))
    except (EOFError, BrokenPipeError, SystemExit):
        pass
    finally:
        # Not sys.exit, which would run the parent's exit handlers and flush its buffers a second time.
        os._exit(0)


class Workers[Task, Result]:
    """A fixed number of processes; a context manager that ends them, and whatever they have started."""

    def __init__(self, count: int, perform: Callable[[Task], Result]) -> None:
        self._count = count
        self._perform = perform
        self._workers: list[_Worker[Task, Result]] = []
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()
        self._selector.close()

    def run(self, tasks: Iterator[Task]) -> Iterator[tuple[Task, Result | None] | None]:
        """Yields each task with its result as soon as it is there; None as result if its process died.

        Also yields None alone, ten times a second, for a display of the progress.
        """
        for task in tasks:
            yield from self._finished(wait=len(self._working()) == self._count)
            self._idle_worker().send(task)
        while self._working():
            yield from self._finished(wait=True)

    def _working(self) -> list[_Worker[Task, Result]]:
        return [worker for worker in self._workers if worker.task is not None]

    def _idle_worker(self) -> _Worker[Task, Result]:
        for worker in self._workers:
            if worker.task is None:
                return worker
        worker = _Worker(self._perform, self._workers)
        self._workers.append(worker)
        self._selector.register(worker.pipes.reader, selectors.EVENT_READ, worker)
        return worker

    def _finished(self, *, wait: bool) -> Iterator[tuple[Task, Result | None] | None]:
        while True:
            ready = self._selector.select(_TICK_SECONDS if wait else 0)
            for key, _ in ready:
                yield self._received(key.data)
            if ready or not wait:
                return
            yield None

    def _received(self, worker: _Worker[Task, Result]) -> tuple[Any, Result | None]:
        result, task, worker.task = worker.receive(), worker.task, None
        if result is None:
            self._selector.unregister(worker.pipes.reader)
            self._workers.remove(worker)
            worker.end()
        return task, result
