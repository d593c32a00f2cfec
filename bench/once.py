"""Renders one picture in a process of its own.

    python -m bench.once PROFILE FILE FOLDER [--steps]

With --steps it prints milliseconds and peak memory of each step, as JSON.
"""

import json
import re
import sys
from functools import wraps
from pathlib import Path

from darkroom.domain.profile import parse_profile
from darkroom.imaging import pipeline
from darkroom.imaging.work import Work


def main(profile: Path, file: Path, folder: Path, *, steps: bool) -> None:
    peaks: dict[str, float] = {}
    if steps:
        pipeline.PIPELINE = tuple(_watched(step, peaks) for step in pipeline.PIPELINE)
    rendered = pipeline.render(file.read_bytes(), parse_profile(profile.read_text()))
    folder.mkdir(parents=True, exist_ok=True)
    for rendition in rendered.renditions:
        (folder / rendition.name).write_bytes(rendition.data)
    if steps:
        taken = rendered.milliseconds
        print(json.dumps({s: {"milliseconds": taken[s], "peak_mb": peaks[s]} for s in peaks}))  # noqa: T201


def _watched(step: pipeline.Step, peaks: dict[str, float]) -> pipeline.Step:
    """Wraps a step to record the process's peak resident memory during it. Linux only."""

    @wraps(step)
    def watched(work: Work) -> Work:
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets the peak
        after = step(work)
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        peaks[pipeline.step_name(step)] = int(found[1]) / 1024 if found else 0.0
        return after

    return watched


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), steps="--steps" in sys.argv)
