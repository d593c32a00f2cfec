"""`make bench PICTURES=folder`: compares Darkroom with its peers, into docs/performance.md."""

import argparse
import os
import platform
import random
import subprocess
from importlib.metadata import version
from pathlib import Path

from rich.progress import Progress

from bench import light, peers, scores
from bench.before import Before
from bench.page import write_sections
from bench.pictures import opened_upright
from darkroom.imaging.pipeline import ENGINE
from darkroom_cli.stack import PROJECT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder of pictures")
    parser.add_argument("--limit", type=int, default=15, help="number of pictures, drawn with --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of the timed runs")
    parser.add_argument("--before", type=Path, help="another checkout to compare with")
    parser.add_argument(
        "--only", choices=("scores", "light", "before"), help="measure one part; keep the other sections"
    )
    arguments = parser.parse_args()
    if arguments.only == "before" and not arguments.before:
        parser.error("--only before needs --before CHECKOUT")
    cache = PROJECT / ".tools" / "bench"
    cache.mkdir(parents=True, exist_ok=True)
    peers.install(cache)
    usable = [path for path in sorted(arguments.folder.iterdir()) if opened_upright(path)]
    files = _drawn(usable, arguments.limit, arguments.seed)
    heading = _heading(len(files), arguments.seed)
    with Progress() as progress:
        if arguments.only != "light":
            bench = scores.Bench(scores.references(files, cache, progress), cache, progress)
        if arguments.only in (None, "scores"):
            for compared in scores.SECTIONS:
                write_sections([compared(bench)], heading)
        if arguments.before and arguments.only in (None, "before"):
            earlier = Before(arguments.before.resolve(), files, arguments.rounds)
            write_sections([earlier.section(bench)], heading)
        if arguments.only in (None, "light"):
            jpegs = [path for path in usable if path.suffix.lower() in (".jpg", ".jpeg")]
            whole = light.Bench(max(jpegs, key=lambda path: path.stat().st_size), cache, arguments.rounds)
            for section in progress.track(light.SECTIONS, description="light"):
                write_sections([section(whole)], heading)


def _drawn(usable: list[Path], limit: int, seed: int) -> list[Path]:
    drawn = random.Random(seed).sample(usable, len(usable))  # noqa: S311 - repeatable, not a secret
    return sorted(drawn[:limit])


def _heading(pictures: int, seed: int) -> str:
    engine = ", ".join(f"{name} {version(name)}" for name in ("pillow", "mozjpeg-lossless-optimization"))
    packages = ", ".join(f"{name} {number}" for name, number in peers.PACKAGES.items())
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return f"""# Performance

Written by `make bench PICTURES=folder`, for a folder of pictures; "Cold starts" and "Memory" by `make cold`.

| | |
|---|---|
| machine | {os.cpu_count()} x {_processor()}, {platform.system()} {platform.machine()} |
| engine | {ENGINE.split()[-1]}: Python {platform.python_version()}, {engine} |
| peers | Node {node}, {packages} |
| metric | SSIMULACRA2 2.1 (layers/imaging/native/ssimulacra2) |
| pictures | {pictures}, drawn with seed {seed} |"""


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
