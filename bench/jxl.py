"""Measures JPEG XL on a folder of photographs: efforts against AVIF, and JPEGs kept without loss.

    python -m bench.jxl FOLDER [--width 960] [--targets 75,80,85]

Prints, for each effort and target, bytes relative to AVIF at equal score (geometric mean) and CPU time of one
encoding; then, for each JPEG, the bytes relative to the JPEG without metadata, CPU time and peak memory.
"""

import argparse
import resource
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from math import exp, log
from pathlib import Path
from statistics import mean

from PIL import Image

from bench.pictures import opened_upright
from darkroom.domain.errors import RejectedPicture
from darkroom.domain.renditions import Format
from darkroom.imaging import encode, jxl
from darkroom.imaging.child import Child, ChildDied, ChildFailed
from darkroom.imaging.decoding import read_rendition
from darkroom.imaging.sniff import read_header
from darkroom.imaging.sniff.jpeg import without_metadata
from darkroom.imaging.ssimulacra2 import Ssimulacra2

_EFFORTS = (3, 5, 7)
_QUALITIES = {Format.AVIF: (40, 52, 62, 70, 77, 83, 88), Format.JXL: (52, 64, 72, 79, 85, 89, 92)}

# A file's score, the logarithm of its bytes, and the CPU time of its encoding in milliseconds a megapixel.
type Point = tuple[float, float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures JPEG XL.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--width", type=int, default=960)
    parser.add_argument("--targets", default="75,80,85")
    chosen = parser.parse_args()
    paths = sorted(chosen.folder.iterdir())
    _compare_efforts(paths, chosen.width, [float(target) for target in chosen.targets.split(",")])
    for path in paths:
        if path.suffix == ".jpg":
            print(f"{path.name}: {_kept(path.read_bytes())}")  # noqa: T201


def _compare_efforts(paths: list[Path], width: int, targets: list[float]) -> None:
    curves: dict[int, list[list[Point]]] = {effort: [] for effort in (0, *_EFFORTS)}  # 0: AVIF
    for path in paths:
        whole = opened_upright(path)
        if whole and whole.width >= width:
            picture = whole.resize(
                (width, round(whole.height * width / whole.width)), Image.Resampling.LANCZOS
            )
            for effort, curve in curves.items():
                curve.append(list(_curve(picture, effort)))
    for target in targets:
        avif = [_at(curve, target) for curve in curves[0]]
        for effort in _EFFORTS:
            pairs = zip(avif, (_at(curve, target) for curve in curves[effort]), strict=True)
            both = [(first, second) for first, second in pairs if first and second]
            size = exp(mean(second[1] - first[1] for first, second in both))
            times = (mean(pair[number][2] for pair in both) for number in (1, 0))
            milliseconds = "{:.0f} ms a megapixel, AVIF {:.0f}".format(*times)
            print(f"{target:g}, effort {effort}: {size:.3f} of AVIF, {milliseconds}; {len(both)} pictures")  # noqa: T201


def _curve(picture: Image.Image, effort: int) -> Iterator[Point]:
    """Yields the points of a picture from the lowest quality to the highest."""
    wanted = Format.JXL if effort else Format.AVIF
    ssimulacra2, megapixels = Ssimulacra2(picture), picture.width * picture.height / 1e6
    encoded: Callable[[float], bytes] = (
        partial(jxl.encode, picture, effort=effort)
        if effort
        else partial(encode.encoder(Format.AVIF, "4:4:4").file, picture)
    )
    for quality in _QUALITIES[wanted]:
        started = time.process_time()
        content = encoded(quality)
        milliseconds = 1000 * (time.process_time() - started) / megapixels
        yield ssimulacra2.score(read_rendition(wanted, content)), log(len(content)), milliseconds


def _at(curve: list[Point], target: float) -> Point | None:
    """Interpolates a curve; None outside of it."""
    for first, second in pairwise(curve):
        if first[0] <= target < second[0]:
            share = (target - first[0]) / (second[0] - first[0])
            return target, first[1] + share * (second[1] - first[1]), first[2]
    return None


def _kept(content: bytes) -> str:
    try:
        header = read_header(content)
    except RejectedPicture as rejected:
        return rejected.reason
    child = Child(lambda: _measured(header.width, header.height, header.channels, content), seconds=100)
    try:
        return next(child.results())
    except (ChildDied, ChildFailed):
        return "not kept"
    finally:
        child.end()


def _measured(width: int, height: int, channels: int, content: bytes) -> Iterator[str]:
    jpeg = without_metadata(content)
    started = time.process_time()
    kept = jxl.from_jpeg(jpeg, (width, height), channels, orientation=1)
    is_same = jxl.to_jpeg(kept, len(jpeg)) == jpeg
    seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    share = len(kept) / len(jpeg)
    yield f"{width * height / 1e6:.1f} MP, {share:.3f}, {seconds:.2f} s, {peak:.0f} MB, same {is_same}"


if __name__ == "__main__":
    main()
