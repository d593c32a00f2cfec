"""One picture's rendering, in a worker process."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from darkroom.domain.errors import RejectedPicture
from darkroom.domain.profile import Profile
from darkroom.domain.receipts import Rejection, Rendered
from darkroom.services.rendering import budget
from darkroom_cli.faults import UNAVAILABLE, Fault
from darkroom_cli.render.folder import STANDARD_INPUT
from darkroom_cli.render.limits import MEMORY_MB, SLACK, TIMEOUT_SECONDS


@dataclass(frozen=True, slots=True)
class Task:
    """A picture to render: a file, or bytes from standard input. `stem` begins the names of its files."""

    name: str
    source: Path | bytes
    stem: str = ""

    @property
    def origin(self) -> str:
        """The absolute path, or `-` for standard input."""
        return STANDARD_INPUT if isinstance(self.source, bytes) else str(self.source.absolute())

    def read(self, profile: Profile) -> bytes:
        """Returns the bytes. Raises RejectedPicture if they are none or too many, and OSError."""
        if isinstance(self.source, bytes):
            profile.check_size(len(self.source))
            return self.source
        if self.source.is_file():  # a pipe has no size
            profile.check_size(self.source.stat().st_size)
        return self.source.read_bytes()


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a task: what the engine made, a rejection, or the reason why there is neither.

    `digest` is the SHA-256 of the picture's bytes, and `seconds` the time until the outcome.
    """

    digest: str = ""
    rendered: Rendered | None = None
    rejection: Rejection | None = None
    fault: str = ""
    seconds: float = 0


def render_task(task: Task, profile: Profile) -> Result:
    """Reads and renders one picture, within the limits of the render function."""
    from darkroom.imaging import render_isolated

    memory, seconds = budget(MEMORY_MB, TIMEOUT_SECONDS * 1000)
    started, digest = time.perf_counter(), ""
    try:
        content = task.read(profile)
        digest = hashlib.sha256(content).hexdigest()
        rendered = render_isolated(content, profile, memory_bytes=memory, seconds=seconds, slack=SLACK)
    except RejectedPicture as fault:
        rejection = Rejection(fault.reason, fault.sentence, fault.limit, fault.actual)
        return Result(digest, rejection=rejection, seconds=time.perf_counter() - started)
    except OSError as fault:
        return Result(digest, fault=f"can't be read: {fault.strerror}")
    return Result(digest, rendered, seconds=time.perf_counter() - started)


def check_engine() -> str:
    """Imports the engine and returns its version. Raises Fault if this machine can't run it."""
    try:
        from darkroom.imaging import ENGINE
    except ImportError as fault:
        raise Fault(
            f"Rendering needs Linux on x86_64 or arm64 and the wheel for it: {fault}.", UNAVAILABLE
        ) from fault
    try:
        processor = Path("/proc/cpuinfo").read_text()
    except OSError:
        return ENGINE
    if "flags" in processor and " avx2" not in processor:
        raise Fault("Rendering needs a processor with AVX2, which this one lacks.", UNAVAILABLE)
    return ENGINE
