"""`make bench PICTURES=folder`: compares Darkroom with its peers, into docs/performance.md."""

import argparse
import os
import platform
import random
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import version
from itertools import product
from math import exp, log
from pathlib import Path
from statistics import fmean, median

from PIL import Image
from rich.progress import Progress

from bench import light, ms_ssim, peers
from bench.equal import Candidate, Scores
from bench.light import LADDER, reference_of
from bench.ms_ssim import MsSsim
from bench.page import write_sections
from bench.pictures import opened_upright
from darkroom.domain.profile import FormatChoice
from darkroom.domain.renditions import Format
from darkroom.imaging import quality
from darkroom.imaging.pipeline import MAX_SHORTFALL
from darkroom_cli.stack import PROJECT

_WIDTHS = (640, 1280, 1920)
_TARGETS = (70.0, 80.0)
# They score about 70 and 80 on the median photograph.
_SQUOOSH_QUALITIES = (70, 82)

type Cell = dict[tuple[float, int, str], list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder of pictures")
    parser.add_argument("--limit", type=int, default=8, help="number of pictures, drawn with --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of the timed runs")
    parser.add_argument(
        "--only", choices=("scores", "light"), help="measure one half; keep the other's sections"
    )
    arguments = parser.parse_args()
    cache = PROJECT / ".tools" / "bench"
    cache.mkdir(parents=True, exist_ok=True)
    peers.install(cache)
    usable = [path for path in sorted(arguments.folder.iterdir()) if opened_upright(path)]
    files = _drawn(usable, arguments.limit, arguments.seed)
    sections: list[str] = []
    with Progress() as progress:
        if arguments.only != "light":
            widths = dict(_references(files, cache, progress))
            sections.append(_equal_table(_at_equal_score(widths, cache, progress)))
            sections.append(_within_table(_within(widths, cache, progress)))
            sections.append(_second_table(_by_second_metric(widths, cache, progress)))
        if arguments.only != "scores":
            jpegs = [path for path in usable if path.suffix.lower() in (".jpg", ".jpeg")]
            largest = max(jpegs, key=lambda path: path.stat().st_size)
            bench = light.Bench(largest, cache, arguments.rounds)
            sections += [section(bench) for section in progress.track(light.SECTIONS, description="light")]
    print(write_sections(sections, _heading(len(files), arguments.seed)))  # noqa: T201


def _drawn(usable: list[Path], limit: int, seed: int) -> list[Path]:
    drawn = random.Random(seed).sample(usable, len(usable))  # noqa: S311 - repeatable, not a secret
    return sorted(drawn[:limit])


def _references(files: list[Path], cache: Path, progress: Progress) -> Iterator[tuple[tuple[str, int], Path]]:
    for file in progress.track(files, description="references"):
        whole = opened_upright(file)
        for width in LADDER:
            if whole and whole.width >= width:
                yield (file.stem, width), reference_of(file, width, cache)


def _at_equal_score(widths: dict[tuple[str, int], Path], cache: Path, progress: Progress) -> Cell:
    """Computes the ratios of Darkroom's bytes to each peer's, by target and width."""
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


def _by_second_metric(
    widths: dict[tuple[str, int], Path], cache: Path, progress: Progress
) -> dict[int, list[float]]:
    """Computes the ratios of Darkroom's bytes to Squoosh's at equal MS-SSIM, by Squoosh's quality."""
    scores = Scores(cache / "ms-ssim.json")
    squoosh = peers.Peer("squoosh", cache)
    ratios = defaultdict(list)
    jobs = [path for (_, width), path in widths.items() if width in _WIDTHS]
    for path in progress.track(jobs, description="second metric"):
        candidate = Candidate(path, scores, MsSsim)
        for squoosh_quality in _SQUOOSH_QUALITIES:
            theirs = squoosh(path, squoosh_quality)
            if ours := candidate.bytes_at(candidate.score(theirs), peers.darkroom):
                ratios[squoosh_quality].append(ours / len(theirs))
    squoosh.end()
    return ratios


def _within(
    widths: dict[tuple[str, int], Path], cache: Path, progress: Progress
) -> dict[tuple[Format, float], list[float]]:
    """Computes each rendition's score minus its target."""
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
        for wanted, target in product(Format, _TARGETS):
            made = quality.encode_ladder(FormatChoice(wanted, None, target), pictures)
            for path, rendition in zip(reversed(paths), made, strict=True):
                if rendition.score is not None and rendition.score < target - MAX_SHORTFALL:
                    continue  # the pipeline drops it too
                off[wanted, target].append(Candidate(path, scores).score(rendition.content) - target)
    return off


def _heading(pictures: int, seed: int) -> str:
    engine = ", ".join(f"{name} {version(name)}" for name in ("pillow", "mozjpeg-lossless-optimization"))
    packages = ", ".join(f"{name} {number}" for name, number in peers.PACKAGES.items())
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return f"""# Performance

Written by `make bench PICTURES=folder`, for a folder of pictures; "Cold starts" and "Memory" by `make cold`.

| | |
|---|---|
| machine | {os.cpu_count()} x {_processor()}, {platform.system()} {platform.machine()} |
| engine | Python {platform.python_version()}, {engine} |
| peers | Node {node}, {packages} |
| metric | SSIMULACRA2 2.1 (layers/imaging/native/ssimulacra2) |
| pictures | {pictures}, drawn with seed {seed} |"""


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _equal_table(ratios: Cell) -> str:
    lines = [
        "## JPEG bytes at equal score",
        "",
        "Darkroom's bytes divided by the peer's, geometric mean (number of pictures).",
    ]
    lines += [
        "",
        "| score | width | Squoosh's MozJPEG | sharp with `mozjpeg: true` |",
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
        f"Renditions of {', '.join(map(str, LADDER))} pixels, with their exact scores minus the target.",
        "Excludes renditions whose format can't reach the target; the pipeline drops them too.",
    ]
    lines += ["", "| format | target | within 2 points | lowest | median | highest | renditions |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for (wanted, target), distances in off.items():
        lines.append(
            f"| {wanted.value} | {target:g} | {_near(distances)} | {min(distances):+.1f}"
            f" | {median(distances):+.1f} | {max(distances):+.1f} | {len(distances)} |"
        )
    every = [distance for distances in off.values() for distance in distances]
    if every:
        lines.append(
            f"| **all** | | **{_near(every)}** | {min(every):+.1f} | | {max(every):+.1f} | {len(every)} |"
        )
    return "\n".join(lines)


def _near(distances: list[float]) -> str:
    return f"{sum(abs(distance) <= 2 for distance in distances) / len(distances):.0%}"


def _second_table(ratios: dict[int, list[float]]) -> str:
    rows = [f"| {quality} | {_mean_ratio(values)} |" for quality, values in ratios.items()]
    return "\n".join(
        [
            "## A second metric",
            "",
            f"Darkroom's bytes divided by Squoosh's at equal {ms_ssim.NAME}, geometric mean (number of",
            "pictures).",
            "",
            "| Squoosh's quality | ratio |",
            "|---|---|",
            *rows,
        ]
    )


if __name__ == "__main__":
    main()
