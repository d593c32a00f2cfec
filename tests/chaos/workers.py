"""The processes that MiniStack runs a function in: which there are, who holds a connection, and their end.

Reads Linux's /proc. Only children of the one MiniStack are ever seen, and only these are killed.
"""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_ESTABLISHED = "01"


@dataclass(frozen=True, slots=True)
class Workers:
    """MiniStack's process, and the function's name, which its workers' folders begin with."""

    ministack: int
    function: str

    def ids(self) -> list[int]:
        return [
            process
            for process in _children(self.ministack)
            if _folder(process).startswith(f"ministack-lambda-{self.function}-")
        ]

    def owner_of(self, port: int) -> int | None:
        """The worker at the other end of a connection from that local port."""
        if inode := _socket_of(port):
            for process in self.ids():
                with suppress(OSError):
                    for descriptor in (PROC / str(process) / "fd").iterdir():
                        if str(descriptor.readlink()) == f"socket:[{inode}]":
                            return process
        return None

    def kill(self, process: int) -> bool:
        """Ends a worker with all that it has started, as a sandbox ends; False if it is none any more."""
        if process not in self.ids():
            return False
        for each in (process, *_descendants(process)):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        return True


def _children(process: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for thread in (PROC / str(process) / "task").iterdir():
            with suppress(OSError):
                found += map(int, (thread / "children").read_text().split())
    return found


def _descendants(process: int) -> list[int]:
    children = _children(process)
    return children + [each for child in children for each in _descendants(child)]


def _folder(process: int) -> str:
    """The name of the folder above the one that it works in."""
    with suppress(OSError):
        return (PROC / str(process) / "cwd").readlink().parent.name
    return ""


def _socket_of(port: int) -> str | None:
    """The inode of the loopback connection that was opened from a local port."""
    for line in (PROC / "net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == _ESTABLISHED and fields[1] == f"0100007F:{port:04X}":
            return fields[9]
    return None
