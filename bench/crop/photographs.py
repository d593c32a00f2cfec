"""Fetches the photographs that bench/crop/labels.txt and fresh.txt describe.

    python -m bench.crop.photographs FOLDER [--host https://github.com]

The photographs are not part of this project: each has the licence of its repository or its photographer.
"""

import argparse
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

# The photographs on which the constants of `auto` were chosen, and others.
LABELS = Path(__file__).with_name("labels.txt")
FRESH = Path(__file__).with_name("fresh.txt")

# Left, top, right and bottom of the upright picture, as shares of its width and height.
type Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Photograph:
    """A labelled file at a commit of a repository, and the boxes of its subject and its faces."""

    repository: str
    commit: str
    path: str
    subject: Box
    faces: tuple[Box, ...]

    def in_folder(self, folder: Path) -> Path:
        return folder / self.repository.replace("/", "+") / self.path.replace("/", "+")


def labelled(labels: Path) -> Iterator[Photograph]:
    """Reads LABELS or FRESH."""
    repository, commit = "", ""
    for line in labels.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if not line.startswith(" "):
            repository, commit = line.split("@")
            continue
        path, _, boxes = line.strip().partition(" ")
        subject, *faces = (_box(numbers.split()) for numbers in boxes.split(";"))
        yield Photograph(repository, commit, path, subject, tuple(faces))


def _box(numbers: list[str]) -> Box:
    left, top, right, bottom = (int(number) / 1000 for number in numbers)
    return left, top, right, bottom


def fetch(folder: Path, host: str) -> None:
    """Writes every photograph that is missing in the folder; fetches each repository once."""
    wanted = [*labelled(LABELS), *labelled(FRESH)]
    missing = [photograph for photograph in wanted if not photograph.in_folder(folder).exists()]
    for repository, commit in sorted({(photograph.repository, photograph.commit) for photograph in missing}):
        with TemporaryDirectory() as clone:
            _git(clone, "init", "--quiet", "--bare")
            _git(clone, "remote", "add", "origin", f"{host}/{repository}")
            # Only the wanted files are fetched, each when it is read.
            _git(clone, "fetch", "--quiet", "--depth", "1", "--filter", "blob:none", "origin", commit)
            for photograph in missing:
                if photograph.repository == repository:
                    target = photograph.in_folder(folder)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(_git(clone, "cat-file", "blob", f"{commit}:{photograph.path}"))


def _git(folder: str, *arguments: str) -> bytes:
    # Without maintenance: it would go on in the background while the folder is deleted.
    command = ["git", "-C", folder, "-c", "maintenance.auto=false", *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description="Fetches the labelled photographs.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--host", default="https://github.com")
    chosen = parser.parse_args()
    fetch(chosen.folder, chosen.host)


if __name__ == "__main__":
    main()
