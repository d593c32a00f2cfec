"""Finds and names the pictures at paths: files, folders and glob patterns."""

import errno
import glob
import mimetypes
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from darkroom.web.pages.formatting import counted, printable
from darkroom_cli.faults import NO_INPUT, Fault

_MOST_NAMED = 3
# Files and folders of Windows and of Synology's servers.
_NOT_PICTURES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir"}


@dataclass(slots=True)
class Found:
    """The names and paths of the pictures at some paths, and everything else found there.

    `faults` has the reason for each file or folder that can't be read, `links` has the symbolic links out of
    their folder, and `others` the files in folders that are not pictures.
    """

    files: list[tuple[str, Path]] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def by_name(self) -> dict[str, Path]:
        """The pictures by name; a duplicate name gets a number in front."""
        named: dict[str, Path] = {}
        for name, path in self.files:
            named[_unused(name, named)] = path
        return named

    def notes(self) -> Iterator[str]:
        """Yields a line for each fault, and one for all links and for all other files."""
        for name, reason in self.faults.items():
            yield printable(f"{name}: can't be read: {reason}")
        if self.links:
            yield f"Not followed: {_listed(self.links, 'symbolic link')} out of the folder."
        if self.others:
            yield f"Skipped: {_listed(self.others, 'file')} of another kind."


def _listed(names: Sequence[str], noun: str) -> str:
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return printable(f"{counted(len(names), noun)} ({', '.join(names[:_MOST_NAMED])}{more})")


def find_pictures(paths: Sequence[Path], ignored: Sequence[str] = (), excluded: Path | None = None) -> Found:
    """Finds the pictures at paths; a file that is named itself counts as one, whatever its kind.

    A file in a folder is named by the folder's name and its path inside. In folders, these are left out:
    hidden files, files of another kind, names or paths that match a pattern in `ignored`, and the folder
    `excluded`. Raises Fault for a path that does not exist.
    """
    found = Found()
    for path in dict.fromkeys(match for pattern in paths for match in _expanded(pattern)):
        if path.is_dir():
            _walk(path, ignored, excluded, found)
        elif not any(fnmatch(path.name, pattern) for pattern in ignored):
            _add(decodable(path.name), path, found)
    return found


def _expanded(path: Path) -> list[Path]:
    """Returns the path, or the paths that match it as a pattern if there is no such path."""
    if os.path.lexists(path):
        return [path]
    is_pattern = glob.has_magic(str(path))
    matches = sorted(glob.glob(str(path), recursive=True)) if is_pattern else []  # noqa: PTH207
    if not matches:
        raise Fault(f"Nothing matches {path}." if is_pattern else f"{path} does not exist.", NO_INPUT)
    return [Path(match) for match in matches]


def _walk(root: Path, ignored: Sequence[str], excluded: Path | None, found: Found) -> None:
    real_root = root.resolve()
    excluded = excluded and excluded.resolve()

    def name_of(path: Path) -> str:
        return decodable(f"{real_root.name}/{path.relative_to(root).as_posix()}".lstrip("/"))

    def add_fault(fault: OSError) -> None:
        found.faults[name_of(Path(fault.filename))] = str(fault.strerror)

    for folder, folders, files in os.walk(root, onerror=add_fault):
        inside = [Path(folder) / name for name in sorted(folders)]
        kept = [
            path for path in inside if not _is_left_out(path, root, ignored) and path.resolve() != excluded
        ]
        folders[:] = [path.name for path in kept if not path.is_symlink()]
        for path in kept:
            if path.is_symlink() and not path.resolve().is_relative_to(real_root):
                found.links.append(name_of(path))
        for path in (Path(folder) / name for name in sorted(files)):
            if _is_left_out(path, root, ignored):
                continue
            if path.is_symlink() and not path.resolve().is_relative_to(real_root):
                found.links.append(name_of(path))
            elif _may_be_picture(path):
                _add(name_of(path), path, found)
            else:
                found.others.append(name_of(path))


def _is_left_out(path: Path, root: Path, ignored: Sequence[str]) -> bool:
    if path.name.startswith(".") or path.name.lower() in _NOT_PICTURES:
        return True
    inside = path.relative_to(root).as_posix()
    return any(fnmatch(path.name, pattern) or fnmatch(inside, pattern) for pattern in ignored)


def _may_be_picture(path: Path) -> bool:
    """Returns true for a picture's media type, or none: as the home page does with dropped files.

    False for a pipe, a socket or a device: reading one could take forever.
    """
    if path.exists() and not path.is_file():
        return False
    media_type = mimetypes.guess_type(path.name)[0]
    return media_type is None or media_type.startswith("image/")


def _add(name: str, path: Path, found: Found) -> None:
    reason = _unreadable(path)
    if reason:
        found.faults[name] = reason
    else:
        found.files.append((name, path))


def _unreadable(path: Path) -> str:
    """Returns why a file can't be read, or an empty text."""
    if not path.exists():
        return "the symbolic link leads nowhere"
    return "" if os.access(path, os.R_OK) else os.strerror(errno.EACCES)


def decodable(name: str) -> str:
    """Replaces invalid UTF-8 in a file name by question marks."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def _unused(name: str, used: Mapping[str, Path]) -> str:
    unused, number = name, 1
    while unused in used:
        number += 1
        unused = f"{number}/{name}"
    return unused
