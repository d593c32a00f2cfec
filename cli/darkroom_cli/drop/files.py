"""Checks the files of a drop before upload."""

import json
import mimetypes
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from darkroom.domain.errors import InvalidJobRequest
from darkroom.domain.focus import Focus
from darkroom.services.jobs import read_announcements
from darkroom_cli.client import JsonObject


@dataclass(frozen=True, slots=True)
class Picture:
    """A file to upload, with its display name, and its size and modification time when it was found.

    `focus` replaces the focus of the profile's crops.
    """

    name: str
    path: Path
    size_bytes: int
    changed_ns: int
    focus: Focus | None = None

    @classmethod
    def of(cls, name: str, path: Path, focus: Focus | None = None) -> "Picture":
        stat = path.stat()
        return cls(name, path, stat.st_size, stat.st_mtime_ns, focus)

    @property
    def unchanged(self) -> bool:
        """True if size and modification time are still the same. Raises OSError."""
        return Picture.of(self.name, self.path, self.focus) == self

    @property
    def file_name(self) -> str:
        return PurePath(self.name).name

    @property
    def announcement(self) -> JsonObject:
        """The picture's entry in the body of `POST /jobs`, without a folder."""
        media_type = mimetypes.guess_type(self.name)[0] or "application/octet-stream"
        announcement = {"name": self.file_name, "size": self.size_bytes, "type": media_type}
        return announcement if self.focus is None else announcement | {"focus": self.focus}


def announcements_of(pictures: Sequence[Picture]) -> list[JsonObject]:
    """Returns the uploads of the body of `POST /jobs`, with folders where names meet."""
    counts = Counter(picture.file_name for picture in pictures)
    return [
        picture.announcement
        | ({"folder": str(PurePath(picture.name).parent)} if counts[picture.file_name] > 1 else {})
        for picture in pictures
    ]


def check_files(
    files: Mapping[str, Path], focus: Focus | None = None
) -> tuple[dict[str, str], list[Picture]]:
    """Returns the files not allowed in a job, each name with the reason, and the pictures to upload."""
    refused: dict[str, str] = {}
    pictures = []
    for name, path in files.items():
        try:
            picture = Picture.of(name, path, focus)
            if not path.is_file():
                raise InvalidJobRequest("It is not a file.")
            if picture.size_bytes == 0:
                raise InvalidJobRequest("The file is empty.")
            read_announcements(json.dumps({"uploads": [picture.announcement]}).encode())
        except OSError as fault:
            refused[name] = f"not sent: {fault.strerror}"
        except InvalidJobRequest as fault:
            refused[name] = f"not sent: {fault.sentence}"
        else:
            pictures.append(picture)
    return refused, pictures
