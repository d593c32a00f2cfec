"""Compares this version with another checkout: bytes at equal score, and processor time of whole pictures."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import geometric_mean
from typing import Final

from PIL import Image, ImageOps

from bench import peers, scores
from bench.equal import Candidate
from bench.light import compiled
from bench.page import commit_of
from bench.pictures import opened_upright
from bench.runs import Command, Run, paired
from darkroom_cli.stack import PROJECT

_SMALL: Final = 800, 600
_LARGE: Final = range(10_000_000, 14_000_000)
# Run by the other checkout's Python.
_ENCODER = """
import json, sys
from pathlib import Path
from bench.peers import darkroom
for line in sys.stdin:
    wanted = json.loads(line)
    Path(wanted["out"]).write_bytes(darkroom(Path(wanted["file"]), wanted["quality"]))
    print("done", flush=True)
"""


@dataclass(frozen=True)
class Before:
    """A checkout in which `make setup` was run, and pictures to compare with it."""

    checkout: Path
    files: list[Path]
    rounds: int

    def section(self, bench: scores.Bench) -> str:
        return "\n".join(
            [
                "## Compared with an earlier version",
                "",
                f"Relative to {commit_of(self.checkout)}: geometric means (number of pictures), and the",
                "largest. Bytes are those of JPEGs at equal score, 640, 1280 and 1920 pixels wide. Time,",
                "processor time and memory (of the largest process) are those of whole pictures with the",
                f"`default` profile, medians of {self.rounds} runs in turn.",
                "",
                "| | mean | largest |",
                "|---|---|---|",
                *self._bytes(bench),
                *self._times(bench.cache),
            ]
        )

    def _bytes(self, bench: scores.Bench) -> Iterator[str]:
        earlier = peers.Peer("before", bench.cache, _python(self.checkout, bench.cache, "-c", _ENCODER))
        ratios: dict[float, list[float]] = {target: [] for target in scores.TARGETS}
        known = bench.scores("scores")
        for _, path in bench.track(bench.files(*scores.WIDTHS), "JPEG of the earlier version"):
            candidate = Candidate(path, known)
            for target, found in ratios.items():
                ours, theirs = (candidate.bytes_at(target, e) for e in (peers.darkroom, earlier))
                if ours and theirs:
                    found.append(ours / theirs)
        earlier.end()
        for target, found in ratios.items():
            yield _row(f"JPEG bytes at a score of {target:g}", found)

    def _times(self, cache: Path) -> Iterator[str]:
        for name, files in (("800 x 600", self._small(cache)), ("10 to 14 megapixels", self._large())):
            runs = [self._run(file, cache) for file in files]
            yield _row(f"processor time, {name}", [now.cpu_seconds / then.cpu_seconds for now, then in runs])
            yield _row(f"time, {name}", [now.wall_seconds / then.wall_seconds for now, then in runs])
            yield _row(f"memory, {name}", [now.peak_mb / then.peak_mb for now, then in runs])

    def _run(self, file: Path, cache: Path) -> tuple[Run, Run]:
        commands = {"now": _render(PROJECT, file, cache), "then": _render(self.checkout, file, cache)}
        now, then = paired(commands, self.rounds).values()
        return now, then

    def _small(self, cache: Path) -> list[Path]:
        """Crops every second picture to 800 x 600, as a JPEG."""
        made = []
        for file in self.files[::2]:
            if whole := opened_upright(file):
                made.append(cache / f"{file.stem}-small.jpg")
                ImageOps.fit(whole, _SMALL).save(made[-1], quality=92)
        return made

    def _large(self) -> list[Path]:
        return [
            file
            for file in self.files
            if file.suffix.lower() in (".jpg", ".jpeg") and _pixels(file) in _LARGE
        ]


def _pixels(file: Path) -> int:
    with Image.open(file) as picture:
        return picture.width * picture.height


def _render(checkout: Path, file: Path, cache: Path) -> Command:
    profiles = checkout / "layers" / "darkroom" / "darkroom" / "domain" / "profiles"
    return _python(checkout, cache, "-m", "bench.once", profiles / "default.json", file, cache / "out")


def _python(checkout: Path, cache: Path, *arguments: str | Path) -> Command:
    """Returns a command for a checkout's Python, with its own modules, compiled."""
    folder = cache / checkout.name
    path = f"{checkout}{os.pathsep}{checkout / 'layers' / 'darkroom'}"
    # -P: modules of this checkout's folder are not found.
    line = [str(checkout / ".venv" / "bin" / "python"), "-P", *map(str, arguments)]
    return line, {**compiled(folder), "PYTHONPATH": path}


def _row(name: str, ratios: list[float]) -> str:
    return f"| {name} | {geometric_mean(ratios):.2f} ({len(ratios)}) | {max(ratios):.2f} |"
