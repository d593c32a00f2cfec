"""A lock file with the process id of its holder."""

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from darkroom_cli.faults import Fault


@dataclass(frozen=True, slots=True)
class LockFile:
    """A file with a process id, locked as long as the process lives.

    The kernel releases the lock however the process ends, so the id never belongs to a later process.
    """

    path: Path

    def acquire(self, timeout_seconds: float = 0.5) -> int | None:
        """Returns an open, locked descriptor, or None if another process holds the lock.

        A child process that inherits the descriptor also holds the lock. The default timeout is longer than a
        call of `holder`, which locks the file for a moment.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + timeout_seconds
        while not _locked(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                os.close(descriptor)
                return None
            time.sleep(0.02)
        return descriptor

    @staticmethod
    def write_id(descriptor: int, process_id: int) -> None:
        """Writes the id of the holder into the file."""
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(process_id).encode(), 0)

    def holder(self) -> int | None:
        """Returns the id of the process holding the lock, or None."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            if _locked(descriptor, fcntl.LOCK_SH):
                return None
            content = os.pread(descriptor, 20, 0)
            return int(content) if content.isdigit() else None
        finally:
            os.close(descriptor)

    def stop_holder(self, timeout_seconds: float) -> bool:
        """Sends SIGTERM to the holder and waits for its end; False if there is no holder. Raises Fault."""
        process_id = self.holder()
        if not process_id:
            return False
        deadline = time.monotonic() + timeout_seconds
        os.kill(process_id, signal.SIGTERM)
        while self.holder() == process_id:
            if time.monotonic() > deadline:
                raise Fault(f"Process {process_id} does not stop; kill it with `kill -9 {process_id}`.")
            time.sleep(0.05)
        return True


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def closing(descriptor: int) -> Iterator[None]:
    """Closes a descriptor at the end, and so releases its lock."""
    try:
        yield
    finally:
        os.close(descriptor)
