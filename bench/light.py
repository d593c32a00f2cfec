"""Compares time and memory of whole processes with sharp and Squoosh, and measures Darkroom's steps."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Final

from PIL import Image

import darkroom
from bench import peers
from bench.equal import Candidate, Scores
from bench.pictures import opened_upright
from bench.runs import Command, Run, paired
from darkroom.domain.prices import AS_OF, LAMBDA_GB_SECOND
from darkroom.domain.profile import parse_profile
from darkroom.imaging import render
from darkroom_cli.render.limits import MEMORY_MB

LADDER: Final = (1920, 1280, 640, 100)
_TARGET: Final = 75.0

type Qualities = dict[int, int]  # by width
type JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """The common settings of all runs: the folder's largest JPEG, a cache folder, and the rounds."""

    file: Path
    cache: Path
    rounds: int

    def peer(self, name: str, qualities: Qualities, file: Path | None = None) -> Command:
        """Returns the command for a peer's whole process, with a quality for each width."""
        sizes = ",".join(f"{width}:{qualities[width]}" for width in sorted(qualities))
        return peers.node(self.cache, "ladder", name, sizes, str(file or self.file), str(self.cache / "out"))

    def darkroom(self, document: JsonObject, file: Path | None = None, *options: str) -> Command:
        """Returns the command for Darkroom's whole process with a profile, compiled as in its layers."""
        profile = self._profile(document)
        arguments = [str(profile), str(file or self.file), str(self.cache / "out"), *options]
        line = [sys.executable, "-m", "bench.once", *arguments]
        return line, compiled(self.cache)

    def command_line(self, profile: str) -> Command:
        line = [sys.executable, "-c", "from darkroom_cli.app import main; main()", "render"]
        options = ["--profile", profile, "--force", "--json"]
        return [*line, str(self.file), str(self.cache / "out"), *options], compiled(self.cache)

    def _profile(self, document: JsonObject) -> Path:
        text = json.dumps(document)
        path = self.cache / f"profile-{parse_profile(text).hash}.json"
        path.write_text(text)
        return path


def compiled(cache: Path) -> dict[str, str]:
    """Returns an environment with cached bytecode: layers are compiled, a checkout may not be."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(cache / "compiled")}


def _built_in(name: str) -> JsonObject:
    document: JsonObject = json.loads(
        (Path(darkroom.__file__).parent / "domain" / "profiles" / f"{name}.json").read_text()
    )
    return document


def _as_jpeg(name: str, **choice: float) -> JsonObject:
    """Reduces a built-in profile to the four widths as JPEG; `choice` replaces its target."""
    document = _built_in(name)
    main = document["ladders"]["main"]
    main["widths"] = sorted(LADDER)
    main["formats"] = {"jpeg": choice or main["formats"]["jpeg"]}
    document["reference"] = False
    return document


def _chosen(file: Path) -> Qualities:
    """Returns the default profile's qualities for each width of a picture."""
    profile = parse_profile(json.dumps(_as_jpeg("default", target=_TARGET)))
    renditions = render(file.read_bytes(), profile).renditions
    return {rendition.width: rendition.quality for rendition in renditions}


def _as_good(bench: Bench, name: str, ours: Qualities) -> Qualities:
    """Finds a peer's qualities with the scores nearest to ours on the same pixels."""
    scores = Scores(bench.cache / "scores.json")
    peer = peers.Peer(name, bench.cache)
    found = {}
    for width, quality in ours.items():
        reference = reference_of(bench.file, width, bench.cache)
        candidate = Candidate(reference, scores)
        wanted = candidate.score(peers.darkroom(reference, quality))

        def score(at: int, reference: Path = reference, candidate: Candidate = candidate) -> float:
            return candidate.score(peer(reference, at))

        below, reaching = 1, 100
        while reaching - below > 1:
            middle = (below + reaching) // 2
            below, reaching = (middle, reaching) if score(middle) < wanted else (below, middle)
        found[width] = min((below, reaching), key=lambda at: abs(score(at) - wanted))
    peer.end()
    return found


def reference_of(file: Path, width: int, cache: Path) -> Path:
    """Resizes a picture to a width, as a PNG for all encoders."""
    path = cache / f"{file.stem}-{file.stat().st_size}-{width}.png"
    if not path.exists():
        whole = opened_upright(file)
        if whole is None:
            raise ValueError(f"{file} is not a photograph")
        size = (width, max(1, round(whole.height * width / whole.width)))
        whole.resize(size, Image.Resampling.LANCZOS).save(path, compress_level=1)
    return path


def _ladder_section(bench: Bench) -> str:
    ours = _chosen(bench.file)
    equal = {name: _as_good(bench, name, ours) for name in ("sharp", "sharp-plain")}
    fixed = _built_in("fast")["ladders"]["main"]["formats"]["jpeg"]["quality"]
    at_fixed = _as_good(bench, "sharp", dict.fromkeys(LADDER, fixed))
    widest = ours[max(ours)]
    by_target = {
        "sharp": bench.peer("sharp", equal["sharp"]),
        "sharp without `mozjpeg`": bench.peer("sharp-plain", equal["sharp-plain"]),
        "`default`, by target": bench.darkroom(_as_jpeg("default", target=_TARGET)),
        "`default`, fixed quality": bench.darkroom(_as_jpeg("default", quality=widest)),
    }
    by_quality = {
        "sharp": bench.peer("sharp", at_fixed),
        "`default`": bench.darkroom(_as_jpeg("default", quality=fixed)),
        "`fast`": bench.darkroom(_as_jpeg("fast")),
        "`fast`, by `darkroom render`": bench.command_line("fast"),
    }
    runs = paired(by_target, bench.rounds)
    # Once: it takes 15 seconds, so that disturbances hardly matter.
    runs |= paired({"Squoosh": bench.peer("squoosh", equal["sharp"])}, 1)
    searched, direct = runs["`default`, by target"], runs["`default`, fixed quality"]
    overhead = searched.cpu_seconds / direct.cpu_seconds - 1
    return "\n".join(
        [
            "## Time and memory",
            "",
            f"{_described(bench.file)} to {_widths()} as JPEG: whole processes in turn, medians",
            f"of {bench.rounds} (Squoosh once); in brackets relative to sharp with `mozjpeg: true`.",
            "For each width sharp has the quality with the same score as Darkroom's rendition.",
            "",
            f"At a target of {_TARGET:g} Darkroom chose the qualities {_listed(ours)}; sharp has",
            f"{_listed(equal['sharp'])}, and {_listed(equal['sharp-plain'])} without `mozjpeg`. The fixed",
            f"quality is {widest}: searching for the quality takes {overhead:.0%} more time.",
            "",
            *_table(runs),
            "",
            f"At the fixed quality of `fast`, {fixed}. For the same scores sharp needs {_listed(at_fixed)}.",
            "`darkroom render` is the whole command, including its child process.",
            "",
            *_table(paired(by_quality, bench.rounds)),
        ]
    )


def _widths() -> str:
    return ", ".join(map(str, LADDER))


def _listed(qualities: Qualities) -> str:
    return ", ".join(str(qualities[width]) for width in LADDER)


def _described(file: Path) -> str:
    with Image.open(file) as picture:
        return f"{picture.width * picture.height / 1e6:.1f} megapixels of {picture.format}"


def _table(runs: Mapping[str, Run]) -> list[str]:
    base = runs["sharp"]
    lines = ["| | wall s | CPU s | peak MB |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {run.wall_seconds:.2f} ({run.wall_seconds / base.wall_seconds:.2f})"
        f" | {run.cpu_seconds:.2f} ({run.cpu_seconds / base.cpu_seconds:.2f})"
        f" | {run.peak_mb:.0f} ({run.peak_mb / base.peak_mb:.2f}) |"
        for name, run in runs.items()
    ]
    return lines


def _originals_section(bench: Bench) -> str:
    qualities = _as_good(bench, "sharp", _chosen(bench.file))
    lines = [
        "## Other large originals",
        "",
        "The same picture in other formats, by target and at equal score as above; in brackets relative to",
        "sharp with `mozjpeg: true`.",
        "",
        "| original | sharp: CPU s | peak MB | `default`: CPU s | peak MB |",
        "|---|---|---|---|---|",
    ]
    for name, file in _in_other_formats(bench).items():
        runs = paired(
            {
                "sharp": bench.peer("sharp", qualities, file),
                "ours": bench.darkroom(_as_jpeg("default", target=_TARGET), file),
            },
            bench.rounds,
        )
        sharp, ours = runs["sharp"], runs["ours"]
        lines.append(
            f"| {name}, {_described(file)} | {sharp.cpu_seconds:.2f} | {sharp.peak_mb:.0f}"
            f" | {ours.cpu_seconds:.2f} ({ours.cpu_seconds / sharp.cpu_seconds:.2f})"
            f" | {ours.peak_mb:.0f} ({ours.peak_mb / sharp.peak_mb:.2f}) |"
        )
    return "\n".join(lines)


def _in_other_formats(bench: Bench) -> dict[str, Path]:
    """Saves the picture as progressive JPEG, as PNG with visible alpha, and as WebP."""
    stem = f"{bench.file.stem}-{bench.file.stat().st_size}"
    files = {
        "progressive": bench.cache / f"{stem}-progressive.jpg",
        "with alpha": bench.cache / f"{stem}-alpha.png",
        "lossy": bench.cache / f"{stem}-lossy.webp",
    }
    if not all(file.exists() for file in files.values()):
        whole = opened_upright(bench.file)
        if whole is None:
            raise ValueError(f"{bench.file} is not a photograph")
        whole.save(files["progressive"], quality=90, progressive=True)
        smaller = whole.resize(_of_megapixels(whole.size, 14.7), Image.Resampling.LANCZOS)
        smaller.putalpha(Image.linear_gradient("L").resize(smaller.size))
        smaller.save(files["with alpha"], compress_level=6)
        whole.resize(_of_megapixels(whole.size, 10), Image.Resampling.LANCZOS).save(
            files["lossy"], quality=85
        )
    return files


def _of_megapixels(size: tuple[int, int], mega: float) -> tuple[int, int]:
    scale = min(1.0, (mega * 1e6 / (size[0] * size[1])) ** 0.5)
    return round(size[0] * scale), round(size[1] * scale)


# Two busy processes, to measure the processor time available on this machine.
_TWO = "import os; child = os.fork(); sum(range(30_000_000)); child and os.waitpid(child, 0)"


def _formats_section(bench: Bench) -> str:
    by_target = _built_in("default")
    fixed = _built_in("default")
    renditions = render(bench.file.read_bytes(), parse_profile(json.dumps(by_target))).renditions
    fixed["ladders"]["main"]["formats"] = {
        # The widest renditions come first.
        rendition.format.value: {"quality": rendition.quality}
        for rendition in reversed(renditions)
        if rendition.target
    }
    commands: dict[str, Command] = {
        "by target": bench.darkroom(by_target),
        "fixed": bench.darkroom(fixed),
        "two": ([sys.executable, "-c", _TWO], {}),
    }
    run, straight, two = paired(commands, bench.rounds).values()
    return f"""## Both processors

The `default` profile, all formats and widths: {run.wall_seconds:.2f} s, and {run.cpu_seconds:.2f} s
of processor time: {run.cpu_seconds / run.wall_seconds:.2f} processors on average. For comparison, two
independent loops kept {two.cpu_seconds / two.wall_seconds:.2f} processors busy in the same rounds. The
largest process had {run.peak_mb:.0f} MB.

With fixed qualities, those chosen for the widest, it takes {straight.cpu_seconds:.2f} s of processor time:
searching in all formats takes {run.cpu_seconds / straight.cpu_seconds - 1:.0%} more."""


@dataclass(frozen=True)
class _Step:
    milliseconds: float
    peak_mb: float


def _steps_section(bench: Bench) -> str:
    documents = {"default": _built_in("default"), "default, JPEG alone": _as_jpeg("default", target=_TARGET)}
    documents["fast"] = _built_in("fast")
    steps = {name: _steps(bench, document) for name, document in documents.items()}
    lines = [
        "## Steps",
        "",
        f"{_described(bench.file)}, the fastest of {bench.rounds} processes: milliseconds / peak MB",
        "during the step, the file and the interpreter included. AVIF, JPEG and WebP are encoded in three",
        "processes on two processors.",
        "",
        "| step | " + " | ".join(f"`{name}`" if " " not in name else name for name in steps) + " |",
        "|---|" + "---|" * len(steps),
    ]
    lines += [
        f"| {step} | " + " | ".join(_cell(found[step]) for found in steps.values()) + " |"
        for step in next(iter(steps.values()))
    ]
    seconds = {
        name: sum(step.milliseconds for step in found.values()) / 1000 for name, found in steps.items()
    }
    lines.append("| **all** | " + " | ".join(f"{total * 1000:.0f}" for total in seconds.values()) + " |")
    gigabytes = MEMORY_MB / 1024
    price = LAMBDA_GB_SECOND["arm64"]
    dollars = {name: price.of(1000 * total * gigabytes) for name, total in seconds.items()}
    lines += [
        "| **US$ per 1,000** | " + " | ".join(f"{amount:.3f}" for amount in dollars.values()) + " |",
        "",
        f"Dollars: for a warm function of {MEMORY_MB} MB as fast as this machine, at Lambda's",
        f"price for arm64 in us-east-1, US$ {price.usd:.10f} a GB-second",
        f"({price.source}, {AS_OF}).",
    ]
    return "\n".join(lines)


def _cell(step: _Step) -> str:
    return f"{step.milliseconds:.0f} / {step.peak_mb:.0f}" if step.milliseconds >= 0.5 else "-"


def _steps(bench: Bench, document: JsonObject) -> dict[str, _Step]:
    line, environment = bench.darkroom(document, None, "--steps")
    found = [
        json.loads(subprocess.run(line, env=environment, capture_output=True, check=True).stdout)
        for _ in range(bench.rounds)
    ]
    return {
        step: _Step(
            min(steps[step]["milliseconds"] for steps in found),
            max(steps[step]["peak_mb"] for steps in found),
        )
        for step in found[0]
    }


_BEFORE = "import boto3; boto3.client('s3', 'eu-central-1'); from PIL import Image; Image.init()"
_ENGINE = "import darkroom.imaging"


def _weight_section(bench: Bench) -> str:
    codes = {"bare": "pass", "before": _BEFORE, "engine": _ENGINE}
    commands: dict[str, Command] = {
        name: ([sys.executable, "-c", code], compiled(bench.cache)) for name, code in codes.items()
    }
    runs = paired(commands, 9)
    spent = {name: (run.cpu_seconds - runs["bare"].cpu_seconds) * 1000 for name, run in runs.items()}
    files = [
        Path(str(found.locate_file(file)))
        for found in map(distribution, ("pillow", "mozjpeg-lossless-optimization", "cffi", "pycparser"))
        for file in found.files or []
    ]
    native = sum(path.stat().st_size for path in files if path.is_file() and path.suffix != ".pyc") / 1e6
    return f"""## Weight of `render`

Processor milliseconds, compiled, without a bare interpreter's {runs["bare"].cpu_seconds * 1000:.0f} ms.

| | |
|---|---|
| importing the engine | {spent["engine"]:.0f} ms |
| for comparison: boto3's S3 client and all of Pillow's plugins | {spent["before"]:.0f} ms |
| the imaging layer unpacked (Pillow, mozjpeg-lossless-optimization, dependencies) | {native:.1f} MB |"""


SECTIONS: Final = (_ladder_section, _originals_section, _formats_section, _steps_section, _weight_section)
