"""A lock file with the process id of its holder."""

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from darkroom_cli.faults import Fault


@dataclass(frozen=True, slots=True)
class LockFile:
    """A file with a process id, locked as long as the process lives.

    The kernel releases the lock however the process ends, so the id never belongs to a later process.
    """

    path: Path

    def acquire(self, timeout_seconds: float = 0.5) -> FileIO | None:
        """Returns the file, open and locked until it is closed; None if another process holds the lock.

        A child process that inherits the file descriptor also holds the lock. The default timeout is longer
        than a call of `holder`, which locks the file for a moment.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = FileIO(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
        deadline = time.monotonic() + timeout_seconds
        while not _locked(file, exclusive=True):
            if time.monotonic() > deadline:
                file.close()
                return None
            time.sleep(0.02)
        file.truncate(0)  # until `write_id`, no earlier holder's id
        return file

    @staticmethod
    def write_id(file: FileIO, process_id: int) -> None:
        """Writes the id of the holder into the file."""
        file.truncate(0)
        file.write(str(process_id).encode())

    def holder(self) -> int | None:
        """Returns the id of the process holding the lock, or None."""
        try:
            with FileIO(self.path, "r+") as file:
                if _locked(file, exclusive=False):
                    return None
                content = file.read(20)
                return int(content) if content.isdigit() else None
        except FileNotFoundError:
            return None

    def stop_holder(self, timeout_seconds: float) -> bool:
        """Sends SIGTERM to the holder and waits for its end; False if there is no holder. Raises Fault."""
        process_id = self.holder()
        if not process_id:
            return False
        deadline = time.monotonic() + timeout_seconds
        # The holder may have ended, while a child process of it still holds the lock for a moment.
        with suppress(ProcessLookupError):
            os.kill(process_id, signal.SIGTERM)
        while self.holder() == process_id:
            if time.monotonic() > deadline:
                raise Fault(f"Process {process_id} does not stop; kill it with `kill -9 {process_id}`.")
            time.sleep(0.05)
        return True


def _locked(file: FileIO, *, exclusive: bool) -> bool:
    import fcntl  # Windows lacks it

    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
