"""The folder of renditions, and the record of the files that `darkroom render` wrote there.

The record is a file of JSON lines; the last line of a stem counts. A line is appended after the files of a
picture are written, so a file that it does not name is never taken for one of ours.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePath
from typing import BinaryIO

from darkroom.domain.serialization import JsonObject
from darkroom_cli.faults import CANNOT_CREATE, Fault

RECORD = ".darkroom.jsonl"
STANDARD_INPUT = "-"
_SCRATCH = ".darkroom.new"
# Leaves room for a number and the longest ending in a file name of 255 bytes.
_MAX_STEM_BYTES = 200


@dataclass(frozen=True, slots=True)
class Record:
    """The files written for one picture, under names that begin with `stem`.

    `source` is the picture's absolute path, or `-` for standard input, and `digest` the SHA-256 of its bytes.
    `files` has the SHA-256 of each file ever written for it.
    """

    stem: str
    name: str
    source: str
    digest: str
    profile_hash: str
    engine: str
    files: Mapping[str, str]
    receipt: JsonObject = field(default_factory=dict)


class OutputFolder:
    """The folder, locked until it is closed. `force` overwrites every file."""

    def __init__(self, path: Path, *, force: bool) -> None:
        """Creates the folder. Raises Fault if it can't be written to."""
        self.path = path
        self._force = force
        self._records: dict[str, Record] = {}
        self._reserved: set[str] = set()
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = (path / RECORD).open("a+b")
        except OSError as fault:
            raise self._fault(fault) from fault
        import fcntl  # Windows lacks it

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            self._file.close()
            raise Fault(
                f"Another `darkroom render` is writing to {path}; wait for it.", CANNOT_CREATE
            ) from fault
        self._load()

    def _fault(self, fault: OSError) -> Fault:
        return Fault(f"Cannot write to {self.path}: {fault.strerror}.", CANNOT_CREATE)

    def _load(self) -> None:
        self._file.seek(0)
        for line in self._file.read().splitlines():
            try:
                record = Record(**json.loads(line))
            except (ValueError, TypeError):  # torn by a kill, or of another version
                continue
            self._records[record.stem] = record

    def close(self) -> None:
        self._file.close()

    def find(self, name: str, source: str) -> Record | None:
        """Returns the record of a picture of this name: of the same path, or with the same bytes."""
        records = [record for record in self._records.values() if record.name == name]
        for record in records:
            if record.source == source:
                return record
        digest = digest_of(Path(source)) if records and source != STANDARD_INPUT else ""
        return next((record for record in records if record.digest == digest), None)

    def is_up_to_date(self, record: Record, source: Path, profile_hash: str, engine: str) -> bool:
        """Returns true if rendering would write the same files again, and all are still there."""
        return (
            not self._force
            and (record.profile_hash, record.engine) == (profile_hash, engine)
            and record.digest == digest_of(source)
            and all(self._is_ours(file["file"], record.stem) for file in record.receipt["renditions"])
        )

    def reserve(self, name: str, record: Record | None) -> str:
        """Returns a stem for a picture's files: that of its record, or one that no other picture has."""
        stem = record.stem if record else self._unused_stem(name)
        self._reserved.add(stem)
        return stem

    def _unused_stem(self, name: str) -> str:
        path = PurePath(name)
        cut = path.stem.encode()[:_MAX_STEM_BYTES].decode(errors="ignore")
        stem, number = str(path.with_name(cut)), 1
        unused = stem
        while unused in self._reserved or unused in self._records:
            number += 1
            unused = f"{stem}-{number}"
        return unused

    def free_stem(self, stem: str, name: str, endings: Iterable[str]) -> str:
        """Returns the stem, or another one for a picture of this name if it would overwrite foreign files."""
        while any(self._is_taken(stem + ending, stem) for ending in endings):
            stem = self.reserve(name, None)
        return stem

    def write(self, stem: str, name: str, contents: Mapping[str, bytes]) -> tuple[str, dict[str, str]]:
        """Writes files named by a free stem and their endings; returns the stem, and each file's name.

        Raises Fault.
        """
        stem = self.free_stem(stem, name, contents)
        for ending, content in contents.items():
            self._write(stem + ending, content)
        return stem, {ending: stem + ending for ending in contents}

    def write_more(self, stem: str, name: str, contents: Mapping[str, bytes]) -> dict[str, str]:
        """Writes and records files beside those of a picture; returns each file's name. Raises Fault."""
        stem, names = self.write(stem, name, contents)
        digests = {names[ending]: digest_of_bytes(content) for ending, content in contents.items()}
        record = self._records.get(stem) or Record(stem, "", "", "", "", "", {})
        self.add(replace(record, files=digests))
        return names

    def add(self, record: Record) -> None:
        """Records files just written, with those written before for the same stem. Raises Fault."""
        earlier = self._records.get(record.stem)
        merged = replace(record, files={**(earlier.files if earlier else {}), **record.files})
        try:
            self._file.write(json.dumps(asdict(merged)).encode() + b"\n")
            self._file.flush()
        except OSError as fault:
            raise self._fault(fault) from fault
        self._records[record.stem] = merged

    def _write(self, name: str, content: bytes) -> None:
        target, scratch = self.path / name, self.path / _SCRATCH
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_bytes(content)
            scratch.replace(target)
        except OSError as fault:
            with suppress(OSError):
                scratch.unlink()
            raise self._fault(fault) from fault

    def _is_taken(self, name: str, stem: str) -> bool:
        exists = os.path.lexists(self.path / name)
        return exists and not self._force and not self._is_ours(name, stem)

    def _is_ours(self, name: str, stem: str) -> bool:
        """Returns true for a file that we wrote for this stem, and that nobody has changed since."""
        digest = self._records[stem].files.get(name) if stem in self._records else None
        try:
            return digest is not None and digest_of(self.path / name) == digest
        except OSError:
            return False


def digest_of(path: Path) -> str:
    """Returns the SHA-256 of a file in hex digits. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of_bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
