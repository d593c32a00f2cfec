"""Measures how much of the subject crops keep: writes docs/crop.md.

    python -m bench.crop.photographs FOLDER
    uv run --with pyvips --with pyvips-binary python -m bench.crop FOLDER

Compares the focus `auto` with libvips' attention and with the centre: on the photographs of fresh.txt, and
on those of labels.txt, on which its constants were chosen.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, quantiles

import PIL
from PIL import Image

from bench.crop.photographs import FRESH, LABELS, Box, Photograph, labelled
from bench.pictures import opened_upright
from darkroom.domain.focus import AUTO
from darkroom.domain.profile import Crop, Fit, FormatChoice, Ladder
from darkroom.domain.renditions import Format
from darkroom.imaging import focus
from darkroom.imaging.ladders import Plan, planned
from darkroom.imaging.resize import Size

TARGET = Path(__file__).parents[2] / "docs" / "crop.md"
RATIOS = ((1, 1), (4, 3), (9, 16))
# A face of which less than a tenth is missing is not cut, and one of which less than a tenth is left is gone.
_CUT = (0.1, 0.9)


@dataclass(frozen=True)
class Measured:
    """A photograph, its size, and the CPU time of the search for its subject."""

    photograph: Photograph
    path: Path
    size: Size
    subject: focus.Subject
    milliseconds: float


_TEXT = """\
# Crops

How much of the subject is kept by a ladder with `crop`, and how often a face is cut. Written by
[bench/crop](../bench/crop/__main__.py).

`centre` is a fixed focus, `attention` that of libvips {libvips}, `auto` Darkroom's. A face is cut if
more than a tenth and less than nine tenths of it are in the window.

{date}, {machine}, {versions}. Every run gives the same figures, except for times.

## Photographs on which nothing was chosen

{fresh_set}; boxes in [fresh.txt](../bench/crop/fresh.txt). All
boxes were drawn by eye, without the detector, and before any crop of these photographs was measured.

{fresh}

{fresh_found}

## Photographs on which the constants were chosen

{chosen_set}; boxes in [labels.txt](../bench/crop/labels.txt).
They were drawn by eye, some with the detector's help: where a face drawn by hand and the detector's
differed, the better one was kept, which in 44 faces was the detector's. The constants were chosen among
some twenty settings. Neighbouring settings differ by up to a point in what is kept, and by up to three
pictures in cut faces.

{chosen}

{chosen_found}

## Time

CPU time of the search, for a picture of at most 1,280 pixels a side: median {median:.0f} ms, 95% within
{most:.0f} ms, at most {longest:.0f} ms.
"""

type Method = Callable[[Measured, Plan], Plan]


def centre(_measured: Measured, plan: Plan) -> Plan:
    return plan


def automatic(measured: Measured, plan: Plan) -> Plan:
    if plan.window_size == plan.upright_size:
        return plan
    return plan.beginning_at(focus.placed(measured.subject, plan.upright_size, plan.window_size).begin)


def attention(measured: Measured, plan: Plan) -> Plan:
    """Places the window as libvips' smartcrop does."""
    import pyvips

    if plan.window_size == plan.upright_size:
        return plan
    image = pyvips.Image.new_from_file(str(measured.path)).autorot().colourspace("srgb")
    _, place = image.smartcrop(*plan.window_size, interesting="attention", attention_x=True, attention_y=True)
    across = plan.window_size[0] < plan.upright_size[0]
    whole = plan.upright_size[0 if across else 1]
    middle = place["attention_x" if across else "attention_y"]
    part = plan.window_size[0 if across else 1]
    return plan.beginning_at(min(max(0, middle - part // 2), whole - part) / whole)


METHODS: dict[str, Method] = {"centre": centre, "attention": attention, "auto": automatic}


def measure(photograph: Photograph, folder: Path) -> Measured:
    path = photograph.in_folder(folder)
    image = opened_upright(path) or Image.open(path).convert("RGB")
    image.thumbnail((1280, 1280))  # as in the pipeline: reduced to about the widest rendition first
    began = time.process_time()
    subject = focus.subject_of(image)
    milliseconds = (time.process_time() - began) * 1000
    with Image.open(path) as stored:
        turned = stored.getexif().get(0x0112, 1) >= 5
        size = stored.size[::-1] if turned else stored.size
    return Measured(photograph, path, size, subject, milliseconds)


def visible(box: Box, plan: Plan) -> float:
    """The share of a box inside the plan's window."""
    width, height = plan.upright_size
    window = [side / whole for side, whole in zip(plan.window, (width, height) * 2, strict=True)]
    across = max(0.0, min(box[2], window[2]) - max(box[0], window[0]))
    down = max(0.0, min(box[3], window[3]) - max(box[1], window[1]))
    return across * down / ((box[2] - box[0]) * (box[3] - box[1]))


@dataclass(frozen=True)
class Row:
    """The figures of one method at one ratio: means and shares, 0 to 1."""

    kept: float
    kept_without_face: float
    uncut: float
    largest_whole: float


def row_of(pictures: Sequence[Measured], method: Method, ratio: tuple[int, int]) -> Row:
    ladder = Ladder("main", (400,), (FormatChoice(Format.JPEG, 80),), crop=Crop(Fit.COVER, ratio, AUTO))
    kept, kept_without_face, uncut, whole = [], [], [], []
    for measured in pictures:
        plan = method(measured, planned(ladder, measured.size))
        share = visible(measured.photograph.subject, plan)
        kept.append(share)
        faces = measured.photograph.faces
        if not faces:
            kept_without_face.append(share)
            continue
        shares = [visible(face, plan) for face in faces]
        uncut.append(not any(_CUT[0] < share < _CUT[1] for share in shares))
        sizes = [(face[2] - face[0]) * (face[3] - face[1]) for face in faces]
        whole.append(shares[sizes.index(max(sizes))] >= _CUT[1])
    return Row(fmean(kept), fmean(kept_without_face), fmean(uncut), fmean(whole))


def _table(pictures: Sequence[Measured]) -> list[str]:
    lines = [
        "| ratio | crop | subject kept | of pictures without a face | no face cut | largest face whole |",
        "|---|---|---|---|---|---|",
    ]
    for ratio in RATIOS:
        for name, method in METHODS.items():
            row = row_of(pictures, method, ratio)
            figures = (row.kept, row.kept_without_face, row.uncut, row.largest_whole)
            cells = " | ".join(f"{figure:.1%}" for figure in figures)
            lines.append(f"| {ratio[0]}:{ratio[1]} | {name} | {cells} |")
    return lines


def _set(pictures: Sequence[Measured]) -> str:
    with_faces = sum(bool(measured.photograph.faces) for measured in pictures)
    repositories = len({measured.photograph.repository for measured in pictures})
    return (
        f"{len(pictures)} photographs of {repositories} public repositories, {with_faces} of them with faces"
    )


def _found(pictures: Sequence[Measured]) -> str:
    with_faces = [measured for measured in pictures if measured.photograph.faces]
    others = [measured for measured in pictures if not measured.photograph.faces]
    found, false = (sum(bool(measured.subject.faces) for measured in of) for of in (with_faces, others))
    return (
        f"Faces were found in {found} of the {len(with_faces)} pictures that have some, "
        f"and in {false} of the {len(others)} others."
    )


def report(fresh: Sequence[Measured], chosen: Sequence[Measured]) -> str:
    import pyvips

    times = [measured.milliseconds for measured in (*fresh, *chosen)]
    return _TEXT.format(
        libvips=".".join(str(pyvips.version(part)) for part in range(3)),
        machine=f"{platform.machine()}, {os.cpu_count()} cores",
        versions=f"Python {platform.python_version()}, Pillow {PIL.__version__}",
        date=time.strftime("%-d %B %Y"),
        fresh_set=_set(fresh),
        fresh="\n".join(_table(fresh)),
        fresh_found=_found(fresh),
        chosen_set=_set(chosen),
        chosen="\n".join(_table(chosen)),
        chosen_found=_found(chosen),
        median=median(times),
        most=quantiles(times, n=20)[-1],
        longest=max(times),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures crops.")
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args()
    fresh, known = (
        [measure(photograph, chosen.folder) for photograph in labelled(labels)] for labels in (FRESH, LABELS)
    )
    TARGET.write_text(report(fresh, known))


if __name__ == "__main__":
    main()
