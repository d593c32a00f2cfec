"""Finds, names and checks the files of a drop before upload."""

import json
import mimetypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from darkroom.domain.errors import InvalidJobRequest
from darkroom.services.jobs import read_announcements
from darkroom_cli.faults import Fault


@dataclass(frozen=True, slots=True)
class Picture:
    """A file to upload, with its display name, and its size and modification time when it was found."""

    name: str
    path: Path
    size_bytes: int
    changed_ns: int

    @classmethod
    def of(cls, name: str, path: Path) -> "Picture":
        stat = path.stat()
        return cls(name, path, stat.st_size, stat.st_mtime_ns)

    @property
    def unchanged(self) -> bool:
        """True if size and modification time are still the same. Raises OSError."""
        return Picture.of(self.name, self.path) == self

    @property
    def announcement(self) -> dict[str, object]:
        """The picture's entry in the body of `POST /jobs`."""
        media_type = mimetypes.guess_type(self.name)[0] or "application/octet-stream"
        return {"name": PurePath(self.name).name, "size": self.size_bytes, "type": media_type}


def names_for(paths: Iterable[Path]) -> dict[str, Path]:
    """Maps display names to files; hidden files in folders are left out.

    A file in a folder is named by the folder's name and its path inside. A duplicate name gets a number in
    front. Raises Fault for a path that does not exist.
    """
    files: dict[str, Path] = {}
    for path in dict.fromkeys(paths):
        if not path.exists():
            raise Fault(f"{path} does not exist.", 2)
        for name, file in _names_at(path):
            files[_unused(name, files)] = file
    return files


def _names_at(path: Path) -> list[tuple[str, Path]]:
    if path.is_file():
        return [(_text(path.name), path)]
    root = path.resolve()
    inside = ((file.relative_to(root), file) for file in sorted(root.rglob("*")) if file.is_file())
    return [
        (_text(f"{root.name}/{name.as_posix()}".lstrip("/")), file)
        for name, file in inside
        if not any(part.startswith(".") for part in name.parts)
    ]


def _text(name: str) -> str:
    """Replaces invalid UTF-8 in a file name by question marks, for its S3 key."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def _unused(name: str, used: Mapping[str, Path]) -> str:
    unused, number = name, 1
    while unused in used:
        number += 1
        unused = f"{number}/{name}"
    return unused


def check_files(files: Mapping[str, Path]) -> tuple[dict[str, str], list[Picture]]:
    """Returns the files not allowed in a job, each name with the reason, and the pictures to upload."""
    refused: dict[str, str] = {}
    pictures = []
    for name, path in files.items():
        try:
            picture = Picture.of(name, path)
            if picture.size_bytes == 0:
                raise InvalidJobRequest("The file is empty.")
            read_announcements(json.dumps({"uploads": [picture.announcement]}).encode())
        except OSError as fault:
            refused[name] = f"not sent: {fault}"
        except InvalidJobRequest as fault:
            refused[name] = f"not sent: {fault.sentence}"
        else:
            pictures.append(picture)
    return refused, pictures
