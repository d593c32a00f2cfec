"""make bench PICTURES=folder: Darkroom beside its peers, written to docs/performance.md."""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import distribution, version
from math import exp, log
from pathlib import Path
from statistics import fmean, median

from PIL import Image
from rich.progress import Progress

from darkroom.imaging import encode, quality
from darkroom.model import Format
from darkroom.profile import FormatChoice
from tools.bench import peers, ssimulacra2
from tools.bench.equal import Candidate, Scores
from tools.bench.pictures import opened_upright
from tools.bench.runs import Command, Run, paired
from tools.stack import PROJECT

_WIDTHS = (640, 1280, 1920)
_LADDER = (1920, 1280, 640, 100)
_TARGETS = (70.0, 80.0)
_ENCODERS = {Format.JPEG: encode.jpeg, Format.WEBP: encode.webp, Format.AVIF: encode.avif}
_FIXED_QUALITY = 75

type Cell = dict[tuple[float, int, str], list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=8, help="how many pictures, drawn by --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5, help="of the paired runs")
    asked = parser.parse_args()
    cache = PROJECT / ".tools" / "bench"
    cache.mkdir(parents=True, exist_ok=True)
    peers.install(cache)
    files = _drawn(asked.folder, asked.limit, asked.seed)
    with Progress() as progress:
        widths = dict(_references(files, cache, progress))
        at_equal_score = _at_equal_score(widths, cache, progress)
        within = _within(widths, cache, progress)
    heaviest = max(
        (f for f in files if f.suffix.lower() in (".jpg", ".jpeg")), key=lambda f: f.stat().st_size
    )
    runs = _runs(heaviest, cache, asked.rounds)
    page = "\n\n".join(
        [
            _heading(len(files), asked.seed),
            _equal_table(at_equal_score),
            _within_table(within),
            _runs_table(heaviest, runs, asked.rounds),
            _weight_table(),
        ]
    )
    (PROJECT / "docs" / "performance.md").write_text(page + "\n")
    print(page)  # noqa: T201


def _drawn(folder: Path, limit: int, seed: int) -> list[Path]:
    usable = [path for path in sorted(folder.iterdir()) if opened_upright(path)]
    random.Random(seed).shuffle(usable)  # noqa: S311 - a draw that can be repeated, no secret
    return sorted(usable[:limit])


def _references(files: list[Path], cache: Path, progress: Progress) -> Iterator[tuple[tuple[str, int], Path]]:
    """Every picture at every width without loss, by one resizer for all encoders."""
    for file in progress.track(files, description="references"):
        whole = opened_upright(file)
        for width in _LADDER:
            if whole is None or whole.width < width:
                continue
            path = cache / f"{file.stem}-{file.stat().st_size}-{width}.png"
            if not path.exists():
                size = (width, max(1, round(whole.height * width / whole.width)))
                whole.resize(size, Image.Resampling.LANCZOS).save(path, compress_level=1)
            yield (file.stem, width), path


def _at_equal_score(widths: dict[tuple[str, int], Path], cache: Path, progress: Progress) -> Cell:
    """Darkroom's bytes as a part of each peer's, by target and width."""
    scores = Scores(cache / "scores.json")
    others = {name: peers.Peer(name, cache) for name in ("squoosh", "sharp")}
    ratios: Cell = defaultdict(list)
    jobs = [(width, path) for (_, width), path in widths.items() if width in _WIDTHS]
    for width, path in progress.track(jobs, description="equal score"):
        candidate = Candidate(path, scores)
        for target in _TARGETS:
            ours = candidate.bytes_at(target, peers.darkroom)
            for name, peer in others.items():
                theirs = candidate.bytes_at(target, peer)
                if ours and theirs:
                    ratios[target, width, name].append(ours / theirs)
    for peer in others.values():
        peer.end()
    return ratios


def _within(
    widths: dict[tuple[str, int], Path], cache: Path, progress: Progress
) -> dict[tuple[Format, float], list[float]]:
    """How far from its target each rendition of each ladder scores."""
    scores = Scores(cache / "scores.json")
    ladders: dict[str, list[Path]] = defaultdict(list)
    for (name, _), path in widths.items():
        ladders[name].append(path)
    off = defaultdict(list)
    for paths in progress.track(list(ladders.values()), description="targets"):
        pictures = []
        for path in paths:
            with Image.open(path) as stored:
                pictures.append(stored.convert("RGB"))
        for wanted in _ENCODERS:
            for target in _TARGETS:
                found = quality.chosen(FormatChoice(wanted, None, target), pictures)
                for path, picture, one in zip(paths, pictures, found, strict=True):
                    content = _ENCODERS[wanted](picture, one.quality)
                    off[wanted, target].append(Candidate(path, scores).score(content) - target)
    return off


def _runs(file: Path, cache: Path, rounds: int) -> dict[str, Run]:
    ladder = ",".join(str(width) for width in reversed(_LADDER))
    commands: dict[str, Command] = {}
    for name in ("sharp", "sharp-plain"):
        commands[name] = peers.node(
            cache, "ladder", name, str(_FIXED_QUALITY), ladder, str(file), str(cache / "out")
        )
    profiles = {
        "darkroom, fixed quality": {"jpeg": {"quality": _FIXED_QUALITY}},
        "darkroom, by target": {"jpeg": {"target": 75}},
        "darkroom, fixed quality, not repacked": {"jpeg": {"quality": _FIXED_QUALITY}},
    }
    for name, formats in profiles.items():
        profile = cache / f"{name.replace(' ', '-')}.json"
        main_ladder = {"widths": list(reversed(_LADDER)), "formats": formats, "animation": False}
        document = {"name": "bench", "repack": "not repacked" not in name, "ladders": {"main": main_ladder}}
        profile.write_text(json.dumps(document))
        line = [sys.executable, "-m", "tools.bench.once", str(profile), str(file), str(cache / "out")]
        commands[name] = (line, dict(os.environ))
    found = paired(commands, rounds)
    # Once: it takes a quarter of a minute, and no disturbance makes up for that.
    squoosh = peers.node(
        cache, "ladder", "squoosh", str(_FIXED_QUALITY), ladder, str(file), str(cache / "out")
    )
    return found | paired({"squoosh": squoosh}, 1)


def _heading(pictures: int, seed: int) -> str:
    engine = ", ".join(f"{name} {version(name)}" for name in ("pillow", "mozjpeg-lossless-optimization"))
    bought = ", ".join(f"{name} {number}" for name, number in peers.PACKAGES.items())
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return f"""# Performance

Written by `make bench PICTURES=folder`; every figure can be made again on any folder of pictures.

| | |
|---|---|
| date | {datetime.now(UTC):%Y-%m-%d} |
| machine | {os.cpu_count()} x {_processor()}, {platform.system()} {platform.machine()} |
| engine | Python {platform.python_version()}, {engine} |
| peers | Node {node}, {bought} |
| metric | {ssimulacra2.NAME} |
| pictures | {pictures}, drawn with seed {seed} |"""


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _equal_table(ratios: Cell) -> str:
    lines = [
        "## JPEG bytes at equal score",
        "",
        "Darkroom's bytes as a part of the peer's, geometric mean (pictures).",
    ]
    lines += [
        "",
        "| score | width | of Squoosh's MozJPEG | of sharp's `mozjpeg: true` |",
        "|---|---|---|---|",
    ]
    for target in _TARGETS:
        for width in _WIDTHS:
            cells = [_mean_ratio(ratios[target, width, name]) for name in ("squoosh", "sharp")]
            lines.append(f"| {target:g} | {width} | {cells[0]} | {cells[1]} |")
    for target in _TARGETS:
        cells = [
            _mean_ratio([r for w in _WIDTHS for r in ratios[target, w, name]])
            for name in ("squoosh", "sharp")
        ]
        lines.append(f"| {target:g} | all | {cells[0]} | {cells[1]} |")
    cells = [
        _mean_ratio([r for t in _TARGETS for w in _WIDTHS for r in ratios[t, w, name]])
        for name in ("squoosh", "sharp")
    ]
    return "\n".join([*lines, f"| **both** | **all** | **{cells[0]}** | **{cells[1]}** |"])


def _mean_ratio(ratios: list[float]) -> str:
    return f"{exp(fmean(log(ratio) for ratio in ratios)):.3f} ({len(ratios)})" if ratios else "-"


def _within_table(off: dict[tuple[Format, float], list[float]]) -> str:
    lines = [
        "## Quality by target",
        "",
        f"Renditions at {', '.join(map(str, _LADDER))} pixels, scored in full.",
    ]
    lines += ["", "| format | target | within 2 points | lowest | median | highest | renditions |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for (wanted, target), distances in off.items():
        near = sum(abs(distance) <= 2 for distance in distances) / len(distances)
        lines.append(
            f"| {wanted.value} | {target:g} | {near:.0%} | {min(distances):+.1f} | {median(distances):+.1f}"
            f" | {max(distances):+.1f} | {len(distances)} |"
        )
    return "\n".join(lines)


def _runs_table(file: Path, runs: dict[str, Run], rounds: int) -> str:
    with Image.open(file) as picture:
        mega = picture.width * picture.height / 1e6
    base = runs["sharp"]
    lines = [
        "## Time and memory",
        "",
        f"{mega:.0f} megapixels of JPEG to {', '.join(map(str, _LADDER))} as JPEG, quality {_FIXED_QUALITY}:",
        f"whole processes in turn, medians of {rounds} (Squoosh once); in brackets the part of sharp's.",
        "",
        "| | wall s | CPU s | peak MB |",
        "|---|---|---|---|",
    ]
    for name, run in runs.items():
        lines.append(
            f"| {name} | {run.wall_seconds:.2f} ({run.wall_seconds / base.wall_seconds:.2f})"
            f" | {run.cpu_seconds:.2f} ({run.cpu_seconds / base.cpu_seconds:.2f})"
            f" | {run.peak_mb:.0f} ({run.peak_mb / base.peak_mb:.2f}) |"
        )
    return "\n".join(lines)


def _weight_table() -> str:
    bare, full = (
        median(_seconds([sys.executable, "-c", code]) for _ in range(7))
        for code in ("pass", "import darkroom.imaging.pipeline")
    )
    files = [
        Path(str(found.locate_file(file)))
        for found in (distribution("pillow"), distribution("mozjpeg-lossless-optimization"))
        for file in found.files or []
    ]
    native = sum(path.stat().st_size for path in files if path.is_file()) / 1e6
    return f"""## Weight of `render`

| | |
|---|---|
| importing the engine, above a bare interpreter | {(full - bare) * 1000:.0f} ms |
| the imaging layer unpacked (Pillow, mozjpeg-lossless-optimization) | {native:.1f} MB |"""


def _seconds(line: list[str]) -> float:
    return paired({"": (line, dict(os.environ))}, 1)[""].wall_seconds


if __name__ == "__main__":
    main()
