"""Finds and kills MiniStack's worker processes of a function.

Reads Linux's /proc. Lists and kills only children of the given MiniStack process.
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
    """The workers of one function: children of MiniStack, with a program in the function's folder."""

    ministack: int
    function: str

    def ids(self) -> list[int]:
        return [
            process
            for process in _children(self.ministack)
            if _folder(process).startswith(f"ministack-lambda-{self.function}-")
        ]

    def owner_of(self, port: int) -> int | None:
        """Returns the id of the worker with a connection from the local port."""
        if inode := _socket_of(port):
            for process in self.ids():
                with suppress(OSError):
                    for descriptor in (PROC / str(process) / "fd").iterdir():
                        if str(descriptor.readlink()) == f"socket:[{inode}]":
                            return process
        return None

    def kill(self, process: int) -> bool:
        """Kills a worker and its descendants. Returns False if the worker has already ended."""
        if process not in self.ids():
            return False
        for victim in (process, *_descendants(process)):
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
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
    return children + [descendant for child in children for descendant in _descendants(child)]


def _folder(process: int) -> str:
    """Returns the name of the folder of a worker's program."""
    with suppress(OSError):
        arguments = (PROC / str(process) / "cmdline").read_text().split("\0")
        return Path(arguments[1]).parent.name if len(arguments) > 1 else ""
    return ""


def _socket_of(port: int) -> str | None:
    """Returns the inode of the loopback connection from a local port."""
    for line in (PROC / "net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == _ESTABLISHED and fields[1] == f"0100007F:{port:04X}":
            return fields[9]
    return None
