"""Writes docs/performance.md, to which several commands contribute; each replaces its own sections."""

import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from darkroom_cli.stack import PROJECT

_PAGE = PROJECT / "docs" / "performance.md"


def write_sections(made: Iterable[str], heading: str | None = None) -> str:
    """Replaces sections by title, or appends them, and returns the page."""
    before, *sections = _PAGE.read_text().strip().split("\n\n## ")
    kept = {_title(section): section for section in sections}
    measured = f"Measured on {datetime.now(UTC):%Y-%m-%d}."
    kept |= {_title(section): f"{section.removeprefix('## ')}\n\n{measured}" for section in made}
    page = "\n\n## ".join([heading or before, *kept.values()]) + "\n"
    _PAGE.write_text(page)
    return page


def _title(section: str) -> str:
    return section.removeprefix("## ").splitlines()[0]


def commit_of(project: Path) -> str:
    """Returns the short hash of a checkout's commit."""
    line = ["git", "-C", str(project), "rev-parse", "--short", "HEAD"]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip()


def machine() -> str:
    python = platform.python_version()
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {python}"
