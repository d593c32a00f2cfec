"""Compares drawn graphics with sharp's and Squoosh's PNG and WebP at their best settings.

    python -m bench.graphics [--target 75] [--kept]

Writes docs/graphics.md. The graphics are those of bench/drawings.py, at their own size. The peers take up to
two minutes a graphic; what they encoded is kept. With --kept they don't run, and graphics that they did not
finish before are left out.
"""

import argparse
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from math import exp, log
from pathlib import Path
from statistics import fmean

import PIL
from PIL import Image

from bench import peers
from bench.drawings import drawn
from bench.page import machine
from darkroom.domain.profile import FormatChoice, Ladder, Profile
from darkroom.domain.renditions import Format
from darkroom.imaging import ENGINE, encode, render
from darkroom.imaging.graphics import is_graphic
from darkroom.imaging.quality import Search
from darkroom.imaging.ssimulacra2 import Ssimulacra2
from darkroom_cli.stack import PROJECT

_REPORT = PROJECT / "docs" / "graphics.md"

_CHOICES = ("png_lossless", "webp_lossless", "webp_lossy")

# Candidates and their headings; Darkroom comes first.
_WEBP = {
    "webp": "Darkroom",
    "sharp-webp": "sharp, lossless",
    "sharp-near": "sharp, near-lossless",
    "squoosh-webp": "Squoosh, lossless",
}
_PNG = {
    "png": "Darkroom",
    "sharp-png": "sharp",
    "sharp-palette": "sharp, palette",
    "squoosh-png": "Squoosh, OxiPNG",
    "squoosh-palette": "Squoosh, 256 colours and OxiPNG",
}


@dataclass(frozen=True)
class File:
    """One encoded graphic; `note` says how."""

    size: int
    score: float
    note: str = ""

    def __str__(self) -> str:
        score = "" if self.score > 99.99 else f" ({self.score:.0f})"
        return f"{self.size:,}{score}"


@dataclass(frozen=True)
class Graphic:
    """One graphic, and its files by candidate."""

    name: str
    picture: Image.Image
    files: dict[str, File]


def main() -> None:
    parser = argparse.ArgumentParser(description="Compares graphics with sharp and Squoosh.")
    parser.add_argument("--target", type=float, default=75.0)
    parser.add_argument("--kept", action="store_true")
    chosen = parser.parse_args()
    target = chosen.target
    cache = PROJECT / ".tools" / "bench"
    folder = cache / "graphics"
    folder.mkdir(parents=True, exist_ok=True)
    peers.install(cache)
    pictures = drawn()
    for name, picture in pictures.items():
        _store(picture, folder / f"{name}.png")
    for peer in () if chosen.kept else ("sharp", "squoosh"):
        command, environment = peers.node(cache, "graphics", peer, str(folder))
        subprocess.run(command, env=environment, check=True)
    wanted = {candidate for candidate in (*_WEBP, *_PNG) if "-" in candidate}
    finished = [name for name in pictures if wanted <= {path.suffix[1:] for path in folder.glob(f"{name}.*")}]
    graphics = [
        Graphic(name, pictures[name], _files(name, pictures[name], target, folder)) for name in finished
    ]
    report = _page(graphics, target)
    _REPORT.write_text(report)
    print(report)  # noqa: T201


def _store(picture: Image.Image, path: Path) -> None:
    """Stores a graphic; if it is another one than before, removes what was encoded from that."""
    stored = BytesIO()
    picture.save(stored, "PNG", compress_level=1)
    if path.exists() and path.read_bytes() == stored.getvalue():
        return
    for old in path.parent.glob(f"{path.stem}.*"):
        old.unlink()
    path.write_bytes(stored.getvalue())


def _files(name: str, picture: Image.Image, target: float, folder: Path) -> dict[str, File]:
    ssimulacra2 = Ssimulacra2(picture)
    files = {}
    for path in sorted(folder.glob(f"{name}.*")):
        with Image.open(path) as other:
            shown = other.convert("RGBA" if picture.mode == "RGBA" else "RGB")
        files[path.suffix[1:]] = File(path.stat().st_size, ssimulacra2.score(shown))
    stored = (folder / f"{name}.png").read_bytes()
    for wanted in (Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF):
        ladder = Ladder("main", (picture.width,), (FormatChoice(wanted, None, target),))
        rendered = render(stored, Profile("bench", (ladder,)))
        notes = [made.why.partition(": ")[2] for made in rendered.decisions if made.code in _CHOICES]
        for made in rendered.renditions:
            files[wanted.value] = File(len(made.data), made.score or 0, *notes)
    if picture.mode == "RGB":
        files |= {f"jpeg-{chroma}": made for chroma, made in _by_chroma(picture, target)}
    return files


def _by_chroma(picture: Image.Image, target: float) -> Iterator[tuple[str, File]]:
    """Encodes JPEG with both resolutions of colour, to the same target."""
    for chroma in ("4:2:0", "4:4:4"):
        made = Search(Format.JPEG, target).run(picture, encode.encoder(Format.JPEG, chroma))
        yield chroma, File(len(made.content), made.score or 0)


_INTRODUCTION = """\
# Graphics

{count} drawn graphics ([drawings.py](../bench/drawings.py)) at their own size, encoded by Darkroom for a
target of {target:g}, and by sharp {sharp} and Squoosh ({squoosh}) at their slowest settings
([peers.cjs](../bench/peers.cjs)): sharp's PNG with `compressionLevel: 9`, its palette with `effort: 10`, its
WebP with `effort: 6` and `quality: 100`, near-lossless at 60; OxiPNG at level 6, WebP with `method: 6` and
`quality: 100`. In bytes, with the SSIMULACRA2 score in brackets unless every pixel is the same.
With `--kept`, only graphics that the peers had finished are included.
`uv run python -m bench.graphics` writes this page.
"""


def _page(graphics: list[Graphic], target: float) -> str:
    sharp, squoosh = peers.PACKAGES["sharp"], peers.PACKAGES["@squoosh/lib"]
    recognised = sum(is_graphic(graphic.picture) for graphic in graphics)
    notes = [[graphic.name, _note(graphic, "webp"), _note(graphic, "png")] for graphic in graphics]
    return f"""{_INTRODUCTION.format(count=len(graphics), target=target, sharp=sharp, squoosh=squoosh)}
| | |
|---|---|
| machine | {machine()} |
| engine | {ENGINE}, Pillow {PIL.__version__} |
| date | {datetime.now(UTC):%Y-%m-%d} |
| recognised as graphics | {recognised} of {len(graphics)} |

## WebP

{_table(graphics, _WEBP)}

{_summary(graphics, _WEBP)}

## PNG

{_table(graphics, _PNG)}

{_summary(graphics, _PNG)}

## How Darkroom's files were made

| graphic | WebP | PNG |
|---|---|---|
{_rows(notes)}

## JPEG and AVIF

At the same target. The two columns on the right are JPEGs with a fixed resolution of colour.

| graphic | WebP | AVIF | JPEG | 4:2:0 | 4:4:4 |
|---|---|---|---|---|---|
{_rows([[graphic.name, *_cells(graphic, _LOSSY)] for graphic in graphics])}
"""


def _note(graphic: Graphic, candidate: str) -> str:
    return graphic.files[candidate].note if candidate in graphic.files else "not kept"


_LOSSY = ("webp", "avif", "jpeg", "jpeg-4:2:0", "jpeg-4:4:4")


def _table(graphics: list[Graphic], candidates: dict[str, str]) -> str:
    head = ["graphic", "pixels", *candidates.values()]
    rows = [
        [graphic.name, "{} x {}".format(*graphic.picture.size), *_cells(graphic, candidates)]
        for graphic in graphics
    ]
    means = [f"{_relative(graphics, candidates, peer):.2f}" for peer in candidates]
    return f"{_rows([head])}\n{_rows([['---'] * len(head)])}\n{_rows([*rows, ['relative', '', *means]])}"


def _cells(graphic: Graphic, candidates: Iterable[str]) -> list[str]:
    return [str(graphic.files.get(candidate, "-")) for candidate in candidates]


def _rows(rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _relative(graphics: list[Graphic], candidates: Iterable[str], peer: str) -> float:
    """Returns the geometric mean of a candidate's bytes relative to Darkroom's."""
    own = next(iter(candidates))
    made = _made(graphics, own)
    return exp(fmean(log(graphic.files[peer].size / graphic.files[own].size) for graphic in made))


def _made(graphics: list[Graphic], own: str) -> list[Graphic]:
    """The graphics of which Darkroom has kept a file of this format, smaller than the original."""
    return [graphic for graphic in graphics if own in graphic.files]


def _summary(graphics: list[Graphic], candidates: dict[str, str]) -> str:
    own, *others = candidates
    graphics = _made(graphics, own)
    smallest = sum(
        graphic.files[own].size <= min(graphic.files[peer].size for peer in others) for graphic in graphics
    )
    lowest = min(graphic.files[own].score for graphic in graphics)
    return (
        "The last row is the geometric mean of the bytes relative to Darkroom's. Darkroom's file is the"
        f" smallest for {smallest} of {len(graphics)} graphics; its lowest score is {lowest:.0f}."
    )


if __name__ == "__main__":
    main()
