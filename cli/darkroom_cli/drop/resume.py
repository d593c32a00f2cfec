"""The record of an unfinished job, for the same `darkroom drop` command to resume it."""

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from darkroom_cli.drop.files import Picture
from darkroom_cli.stack import LocalStack, Status


@dataclass(frozen=True, slots=True)
class StartedJob:
    """A digest of the job's files, its Idempotency-Key, and its id once it is known."""

    files: str
    key: str
    job_id: str = ""

    @classmethod
    def of(cls, pictures: Iterable[Picture]) -> "StartedJob":
        return cls(digest_of(pictures), secrets.token_hex(16))


@dataclass(frozen=True, slots=True)
class ResumeFile:
    """A small file per command and stack, deleted once the job is complete and its results are fetched."""

    path: Path

    @classmethod
    def of(
        cls, local_stack: LocalStack, status: Status, paths: Iterable[Path], environment: Mapping[str, str]
    ) -> "ResumeFile":
        """Returns the file of a command: these paths, in this order, on this stack."""
        command = [
            status.region,
            status.stack,
            status.uploads_bucket,
            *(str(path.resolve()) for path in paths),
        ]
        name = sha256("\0".join(command).encode(errors="surrogateescape")).hexdigest()[:32]
        return cls(_folder(local_stack, status, environment) / f"{name}.json")

    def read(self) -> StartedJob | None:
        """Returns the started job; None if there is no file or it is damaged."""
        with suppress(OSError, ValueError, TypeError):
            return StartedJob(**json.loads(self.path.read_text()))
        return None

    def delete(self) -> None:
        self.path.unlink(missing_ok=True)

    def write(self, started: StartedJob) -> None:
        """Records a job. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = self.path.with_suffix(".new")
        # Readable by the user alone: the job's id grants access to it.
        with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123
            json.dump(asdict(started), file)
        scratch.replace(self.path)


def digest_of(pictures: Iterable[Picture]) -> str:
    """Returns a digest of names, paths, sizes, modification times and focus; any change makes a new job."""
    facts = [
        [picture.name, str(picture.path.resolve()), picture.size_bytes, picture.changed_ns, picture.focus]
        for picture in pictures
    ]
    return sha256(json.dumps(facts).encode()).hexdigest()


def _folder(local_stack: LocalStack, status: Status, environment: Mapping[str, str]) -> Path:
    """Returns the local stack's folder, or the XDG state folder for a stack in AWS."""
    if status.aws_endpoint:
        return local_stack.folder / "drops"
    state = environment.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "darkroom" / "drops"
