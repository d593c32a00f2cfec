"""What `darkroom drop` remembers of a job that is not complete, so that the same command goes on with it."""

import json
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

from darkroom_cli.stack import LocalStack, Status


@dataclass(frozen=True, slots=True)
class Picture:
    """One file to send, as it was when it was found. `name` is what people are shown."""

    name: str
    path: Path
    size_bytes: int
    changed_ns: int

    @classmethod
    def of(cls, name: str, path: Path) -> "Picture":
        found = path.stat()
        return cls(name, path, found.st_size, found.st_mtime_ns)

    @property
    def unchanged(self) -> bool:
        """Whether the file is still what was found. Raises OSError."""
        return Picture.of(self.name, self.path) == self


@dataclass(frozen=True, slots=True)
class Begun:
    """A job: the digest of its files, the Idempotency-Key that makes it, and its id once that is known."""

    files: str
    key: str
    job_id: str = ""


@dataclass(frozen=True, slots=True)
class ResumeFile:
    """One small file for one command on one stack; it is gone again when the job is complete."""

    path: Path

    @classmethod
    def of(
        cls, site: LocalStack, status: Status, named: Iterable[Path], environment: Mapping[str, str]
    ) -> "ResumeFile":
        """Of this command: these paths, in this order, on that stack."""
        said = [status.region, status.stack, status.uploads_bucket, *(str(each.resolve()) for each in named)]
        name = sha256("\0".join(said).encode(errors="surrogateescape")).hexdigest()[:32]
        return cls(_folder(site, status, environment) / f"{name}.json")

    def recall(self) -> Begun | None:
        """What was begun; None also where the file can't be read."""
        with suppress(OSError, ValueError, TypeError):
            return Begun(**json.loads(self.path.read_text()))
        return None

    def begin(self, pictures: Sequence[Picture]) -> Begun:
        """Notes that a job is about to be made. Raises OSError."""
        return self._note(Begun(digest_of(pictures), secrets.token_hex(16)))

    def made(self, begun: Begun, job_id: str) -> Begun:
        """Notes that it was made. Raises OSError."""
        return self._note(replace(begun, job_id=job_id))

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)

    def _note(self, begun: Begun) -> Begun:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = self.path.with_suffix(".new")
        # The job's id grants access to it.
        with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123
            json.dump(asdict(begun), file)
        scratch.replace(self.path)
        return begun


def digest_of(pictures: Iterable[Picture]) -> str:
    """Of the paths, sizes and times of change: another one is another job."""
    told = [[each.name, str(each.path.resolve()), each.size_bytes, each.changed_ns] for each in pictures]
    return sha256(json.dumps(told).encode()).hexdigest()


def _folder(site: LocalStack, status: Status, environment: Mapping[str, str]) -> Path:
    """A local stack's own folder, which goes when it is wiped; else XDG's for what outlives a reboot."""
    if status.aws_endpoint:
        return site.folder / "drops"
    state = environment.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "darkroom" / "drops"
