"""Compares bytes at equal score with peers, by several metrics and decoders, on a folder of photographs."""

import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from math import exp, log
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory
from typing import Final

from PIL import Image
from rich.progress import Progress

from bench import chart, ms_ssim, peers, unsmoothed
from bench.equal import Candidate, Metric, Scores
from bench.light import LADDER, reference_of
from bench.ms_ssim import MsSsim
from bench.peers import Encoder
from bench.pictures import opened_upright
from darkroom.domain.profile import FormatChoice
from darkroom.domain.renditions import Format
from darkroom.imaging import quality
from darkroom.imaging.steps.choosing import MAX_SHORTFALL

WIDTHS: Final = (640, 1280, 1920)
TARGETS: Final = (70.0, 80.0)
_SEARCHED_TARGETS: Final = (70.0, 75.0, 80.0, 90.0)
_CHARTED: Final = (50.0, 60.0, 70.0, 75.0, 80.0, 85.0, 90.0)
_CHART_WIDTH: Final = 640
_FORMATS: Final = (Format.JPEG, Format.WEBP, Format.AVIF)
_SQUOOSH_QUALITIES: Final = (70, 78, 85)
_BUTTERAUGLI = "butteraugli_main"

type Ratios = dict[tuple[str, ...], list[float]]


@dataclass(frozen=True)
class Bench:
    """Photographs as PNG at each width of the ladder, by name and width; a cache; a progress bar."""

    references: dict[tuple[str, int], Path]
    cache: Path
    progress: Progress

    def files(self, *widths: int) -> list[tuple[int, Path]]:
        return [(width, path) for (_, width), path in self.references.items() if width in widths]

    def track(self, jobs: list[tuple[int, Path]], description: str) -> Iterator[tuple[int, Path]]:
        yield from self.progress.track(jobs, description=description)

    def scores(self, name: str) -> Scores:
        return Scores(self.cache / f"{name}.json")

    @contextmanager
    def peers(self, *names: str) -> Iterator[dict[str, peers.Peer]]:
        running = {name: peers.Peer(name, self.cache) for name in names}
        yield running
        for peer in running.values():
            peer.end()


def references(files: list[Path], cache: Path, progress: Progress) -> dict[tuple[str, int], Path]:
    """Resizes each picture to the widths of the ladder that are not wider than it."""
    made = {}
    for file in progress.track(files, description="references"):
        whole = opened_upright(file)
        for width in LADDER:
            if whole and whole.width >= width:
                made[file.stem, width] = reference_of(file, width, cache)
    return made


def equal_section(bench: Bench) -> str:
    """JPEG bytes relative to the peers', with a decoder that interpolates chroma and one that doesn't."""
    smooth, rough = bench.scores("scores"), bench.scores("scores-unsmoothed")
    ratios: Ratios = defaultdict(list)
    with bench.peers("squoosh", "sharp") as others:
        for width, path in bench.track(bench.files(*WIDTHS), "JPEG at equal score"):
            usual = Candidate(path, smooth)
            unsmooth = Candidate(path, rough, decode=unsmoothed.decoded)
            cases = (
                ("squoosh", usual, others["squoosh"]),
                ("unsmoothed", unsmooth, others["squoosh"]),
                ("sharp", usual, others["sharp"]),
            )
            for target, (name, candidate, peer) in product(TARGETS, cases):
                _add(ratios, (f"{target:g}", str(width), name), candidate, target, peers.darkroom, peer)
    names = ("squoosh", "unsmoothed", "sharp")
    lines = [
        "## JPEG bytes at equal score",
        "",
        "Darkroom's bytes divided by the peer's, geometric mean (number of pictures). In the second",
        "column both are decoded without interpolating chroma, as some decoders do.",
        "",
        "| score | width | Squoosh's MozJPEG | without interpolated chroma | sharp with `mozjpeg: true` |",
        "|---|---|---|---|---|",
    ]
    for score, pixels in product((f"{target:g}" for target in TARGETS), (*map(str, WIDTHS), None)):
        cells = [_mean(_matching(ratios, score, pixels, name)) for name in names]
        lines.append(f"| {score} | {pixels or 'all'} | {' | '.join(cells)} |")
    worst = max(_matching(ratios, None, None, "squoosh"), default=1.0)
    return "\n".join([*lines, "", f"The largest ratio to Squoosh of a single picture is {worst:.2f}."])


def formats_section(bench: Bench) -> str:
    """WebP and AVIF bytes relative to sharp's at its defaults."""
    scores = bench.scores("scores")
    ours: dict[str, Encoder] = {"webp": peers.darkroom_webp, "avif": peers.darkroom_avif}
    ratios: Ratios = defaultdict(list)
    with bench.peers("sharp-webp", "sharp-avif") as others:
        for _, path in bench.track(bench.files(_CHART_WIDTH), "WebP and AVIF"):
            candidate = Candidate(path, scores)
            for target, name in product(TARGETS, ours):
                _add(ratios, (f"{target:g}", name), candidate, target, ours[name], others[f"sharp-{name}"])
    rows = [
        f"| {target:g} | {' | '.join(_mean(ratios[f'{target:g}', name]) for name in ours)} |"
        for target in TARGETS
    ]
    return "\n".join(
        [
            "## WebP and AVIF at equal score",
            "",
            f"Darkroom's bytes divided by sharp's at its defaults, at {_CHART_WIDTH} pixels, geometric mean",
            "(number of pictures).",
            "",
            "| score | WebP | AVIF |",
            "|---|---|---|",
            *rows,
        ]
    )


def chart_section(bench: Bench) -> str:
    """Writes the chart of bytes against score."""
    scores = bench.scores("scores")
    encoders: dict[str, Encoder] = {"Darkroom, JPEG": peers.darkroom, "Darkroom, AVIF": peers.darkroom_avif}
    points: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    with bench.peers("squoosh", "sharp") as others:
        encoders |= {"Squoosh": others["squoosh"], "sharp, mozjpeg": others["sharp"]}
        for _, path in bench.track(bench.files(_CHART_WIDTH), "chart"):
            candidate = Candidate(path, scores)
            found = {
                (name, target): candidate.bytes_at(target, encoder)
                for name, encoder in encoders.items()
                for target in _CHARTED
            }
            if all(found.values()):  # the same pictures in every mean
                for (name, target), size in found.items():
                    points[name][target].append(size or 0)
    lines = {
        name: [(target, exp(fmean(map(log, sizes))) / 1000) for target, sizes in of_name.items()]
        for name, of_name in points.items()
    }
    pictures = len(next(iter(points.values()))[_CHARTED[0]]) if points else 0
    chart.write("equal-score", "SSIMULACRA2 score", "KB a picture", lines)
    return (
        "## Bytes by score\n\n![Bytes by score](performance/equal-score.svg)\n\n"
        f"Geometric means of {pictures} pictures at {_CHART_WIDTH} pixels: those that every encoder can bring"
        " to each score."
    )


def within_section(bench: Bench) -> str:
    """How near the renditions are to their target, and how many are dropped."""
    ladders: dict[str, list[Path]] = defaultdict(list)
    for (name, _), path in bench.references.items():
        ladders[name].append(path)
    off: dict[tuple[Format, float], list[float]] = defaultdict(list)
    dropped: dict[tuple[Format, float], int] = defaultdict(int)
    for paths in bench.progress.track(list(ladders.values()), description="targets"):
        pictures = []
        for path in paths:
            with Image.open(path) as stored:
                pictures.append(stored.convert("RGB"))
        for wanted, target in product(_FORMATS, _SEARCHED_TARGETS):
            made = quality.encode_ladder(FormatChoice(wanted, None, target), pictures)
            for rendition in made:
                distance = (rendition.score or 0) - target
                if distance < -MAX_SHORTFALL:
                    dropped[wanted, target] += 1  # by the pipeline too
                else:
                    off[wanted, target].append(distance)
    lines = [
        "## Quality by target",
        "",
        f"Renditions of {', '.join(map(str, LADDER))} pixels, with their scores minus the target. Renditions",
        "that can't reach their target are dropped, by the pipeline too.",
        "",
        "| format | target | within 1 point | within 2 | lowest | median | highest | renditions | dropped |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for wanted, target in product(_FORMATS, _SEARCHED_TARGETS):
        if distances := off[wanted, target]:
            lines.append(
                f"| {wanted.value} | {target:g} | {_within(distances, 1)} | {_within(distances, 2)}"
                f" | {min(distances):+.1f} | {median(distances):+.1f} | {max(distances):+.1f}"
                f" | {len(distances)} | {dropped[wanted, target]} |"
            )
    return "\n".join(lines)


def other_metrics_section(bench: Bench) -> str:
    """JPEG bytes relative to Squoosh's at an equal value of other metrics."""
    metrics: dict[str, Callable[[Image.Image], Metric]] = {ms_ssim.NAME: MsSsim}
    if shutil.which(_BUTTERAUGLI):
        metrics["butteraugli's 3-norm (Debian's libjxl-devtools)"] = Butteraugli
    ratios: Ratios = defaultdict(list)
    with bench.peers("squoosh") as others:
        for _, path in bench.track(bench.files(_CHART_WIDTH), "other metrics"):
            for place, (name, metric) in enumerate(metrics.items()):
                candidate = Candidate(path, bench.scores(f"metric-{place}"), metric)
                for squoosh_quality in _SQUOOSH_QUALITIES:
                    theirs = others["squoosh"](path, squoosh_quality)
                    if ours := candidate.bytes_at(candidate.score(theirs), peers.darkroom):
                        ratios[name, str(squoosh_quality)].append(ours / len(theirs))
    rows = [
        f"| {name} | {' | '.join(_mean(ratios[name, str(at)]) for at in _SQUOOSH_QUALITIES)} |"
        for name in metrics
    ]
    return "\n".join(
        [
            "## Other metrics",
            "",
            "JPEG bytes divided by Squoosh's at its qualities, at an equal value of another metric, at",
            f"{_CHART_WIDTH} pixels, geometric mean (number of pictures).",
            "",
            f"| metric | {' | '.join(map(str, _SQUOOSH_QUALITIES))} |",
            "|---|" + "---|" * len(_SQUOOSH_QUALITIES),
            *rows,
        ]
    )


class Butteraugli:
    """An original to compare encodings with. The score is about one per quality step; higher is better."""

    def __init__(self, picture: Image.Image) -> None:
        self._picture = picture.convert("RGB")

    def score(self, other: Image.Image) -> float:
        with TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in ("original.png", "other.png")]
            for picture, file in zip((self._picture, other), files, strict=True):
                picture.save(file, compress_level=1)
            done = subprocess.run([_BUTTERAUGLI, *files], capture_output=True, text=True, check=True)
        norm = next(line for line in done.stdout.splitlines() if line.startswith("3-norm: "))
        return -30 * float(norm.removeprefix("3-norm: "))


def _add(
    ratios: Ratios, key: tuple[str, ...], candidate: Candidate, target: float, ours: Encoder, theirs: Encoder
) -> None:
    mine, peers_own = candidate.bytes_at(target, ours), candidate.bytes_at(target, theirs)
    if mine and peers_own:
        ratios[key].append(mine / peers_own)


def _matching(ratios: Mapping[tuple[str, ...], list[float]], *wanted: str | None) -> list[float]:
    """The ratios whose key has these parts; None matches every part."""
    return [
        ratio
        for key, found in ratios.items()
        if all(part in (None, has) for part, has in zip(wanted, key, strict=True))
        for ratio in found
    ]


def _mean(ratios: list[float]) -> str:
    return f"{exp(fmean(map(log, ratios))):.3f} ({len(ratios)})" if ratios else "-"


def _within(distances: list[float], points: float) -> str:
    return f"{sum(abs(distance) <= points for distance in distances) / len(distances):.0%}"


SECTIONS: Final = (
    equal_section,
    formats_section,
    chart_section,
    within_section,
    other_metrics_section,
)
