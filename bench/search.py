"""Measures the search for targets on a folder of photographs: how near it comes, and its share of CPU time.

    python -m bench.search FOLDER [--formats jpeg,webp,avif,jxl] [--count 20]

Prints one line for each format and target, with the geometric mean of the bytes. The search's share is its
CPU time without the final encodings, divided by that of the final encodings.
"""

import argparse
import time
from math import exp, log
from pathlib import Path
from statistics import fmean

from PIL import Image

from bench.pictures import opened_upright
from darkroom.domain.profile import FormatChoice
from darkroom.domain.renditions import Format
from darkroom.imaging import encode
from darkroom.imaging.quality import Made, encode_ladder
from darkroom.imaging.steps.choosing import MAX_SHORTFALL

_WIDTHS = (1920, 1280, 640, 100)
_TARGETS = (70.0, 75.0, 80.0, 90.0)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the search for targets.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--formats", default="jpeg,webp,avif,jxl")
    parser.add_argument("--count", type=int, default=20)
    chosen = parser.parse_args()
    pictures = [opened_upright(path) for path in sorted(chosen.folder.iterdir())[: chosen.count]]
    ladders = [_rungs(picture) for picture in pictures if picture]
    for wanted in map(Format, chosen.formats.split(",")):
        for target in _TARGETS:
            _report(wanted, target, ladders)


def _rungs(picture: Image.Image) -> list[Image.Image]:
    sizes = [(width, max(1, round(picture.height * width / picture.width))) for width in _WIDTHS]
    return [picture.resize(size, Image.Resampling.LANCZOS) for size in sizes if size[0] <= picture.width]


def _report(wanted: Format, target: float, ladders: list[list[Image.Image]]) -> None:
    made: list[tuple[Image.Image, Made]] = []
    started = time.process_time()
    for rungs in ladders:
        # AVIF's widest rung has a process, and so a search, of its own.
        for part in [rungs[:1], rungs[1:]] if wanted is Format.AVIF else [rungs]:
            made += zip(reversed(part), encode_ladder(FormatChoice(wanted, None, target), part), strict=True)
    total = time.process_time() - started
    started = time.process_time()
    for rung, rendition in made:
        encode.encoder(wanted, rendition.subsampling).file(rung, rendition.quality)
    final = time.process_time() - started
    off = [(rendition.score or 0) - target for _, rendition in made]
    kept = [points for points in off if wanted is Format.JPEG or points >= -MAX_SHORTFALL]
    within = ", ".join(
        f"{sum(abs(points) <= limit for points in kept) / len(kept):.1%} within {limit}" for limit in (1, 2)
    )
    print(  # noqa: T201
        f"{wanted.value} {target:g}: {within}, {min(kept):+.1f} to {max(kept):+.1f}, {len(kept)} renditions,"
        f" {len(off) - len(kept)} dropped, {_mean_bytes(made):,.0f} bytes;"
        f" search {total - final:.2f} s, {(total - final) / final:.0%} of encoding"
    )


def _mean_bytes(made: list[tuple[Image.Image, Made]]) -> float:
    return exp(fmean(log(len(rendition.content)) for _, rendition in made))


if __name__ == "__main__":
    main()
