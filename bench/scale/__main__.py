"""`make scale`: measures rendering, counts calls to AWS, and writes docs/scale.md.

`--measured` uses the rendering times in docs/scale.json, after a change of wording only.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from bench.scale import rendering, usage
from bench.scale.limits import (
    CALL_SECONDS,
    LEAST_PAGES,
    METRICS,
    MINUTES_A_MONTH,
    OBJECT_SECONDS,
    QUOTAS_AS_OF,
    SCANNED_A_DAY,
    Limit,
    Load,
    cost,
    limits,
    nearest_aws_limit,
    scan_days,
)
from bench.scale.rendering import Measured
from darkroom.domain import prices
from darkroom.domain.profile import built_in
from darkroom.domain.receipts import Rendered
from darkroom.domain.renditions import Encoded, Format, Rendition
from darkroom_cli.render.limits import MB_PER_PROCESSOR, MEMORY_MB, PROCESSORS_USED
from darkroom_cli.stack import PROJECT

DOCS = PROJECT / "docs"
SEED = 20261122
RENDERINGS = 24
RATES = (10.0, 1_000.0, 100_000.0)
ARCHITECTURE = "arm64"
_JOB = 48
# Records per batch of the stream, by pictures a minute: at 10 one picture's two records, at 1,000 the records
# that arrive while the previous batch is projected, at 100,000 the maximum.
_BATCHES = {10.0: 2, 1_000.0: 12, 100_000.0: 48}
_CONCURRENCIES = (5, 100, 1_000)


@dataclass(frozen=True, slots=True)
class Known:
    """The measurements: rendering times, and the renditions of one picture of twelve megapixels."""

    measured: Measured
    renditions: Sequence[Rendition]
    original_bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measured", action="store_true", help="use the rendering times in docs/scale.json")
    parser.add_argument("--renderings", type=int, default=RENDERINGS, help="number of pictures to render")
    arguments = parser.parse_args()
    stored = DOCS / "scale.json"
    if not arguments.measured:
        measured, rendered = rendering.measure(arguments.renderings, SEED, built_in("default"))
        known = Known(
            measured,
            [rendition.stored_as(rendition.name) for rendition in rendered.renditions],
            rendered.original.size_bytes,
        )
        stored.write_text(json.dumps(asdict(known), indent=1) + "\n")
    known = read(stored.read_text())
    loads = [load(rate, known) for rate in RATES]
    rendering_seconds = lambda_seconds(known.measured)
    (DOCS / "scale.md").write_text(page(known, loads, rendering_seconds))


def read(text: str) -> Known:
    """Parses docs/scale.json."""
    document = json.loads(text)
    measured = document["measured"]
    return Known(
        Measured(**measured | {"processor_seconds": tuple(measured["processor_seconds"])}),
        [
            Rendition(**rendition | {"format": Format(rendition["format"])})
            for rendition in document["renditions"]
        ],
        document["original_bytes"],
    )


def lambda_seconds(measured: Measured) -> tuple[float, ...]:
    """Converts processor seconds to seconds of a warm function, including its calls to AWS."""
    processors = min(PROCESSORS_USED, MEMORY_MB / MB_PER_PROCESSOR)
    # A question to S3, one read, two rounds of eight parallel writes, and six sequential calls to the ledger.
    calls = OBJECT_SECONDS * 4 + CALL_SECONDS * 6
    return tuple(seconds / processors + calls for seconds in measured.processor_seconds)


def load(rate: float, known: Known) -> Load:
    """Counts the calls for pictures of a job with one follower; single pictures need fewer."""
    profile, batch = built_in("default"), _BATCHES[rate]
    per_picture = usage.measure(rendered_of(known), profile, _JOB, as_job=True, batch=batch)
    return Load(rate, fmean(lambda_seconds(known.measured)), MEMORY_MB / 1024, per_picture)


def rendered_of(known: Known) -> Rendered:
    """Builds a rendering whose ledger entry has the measured size; its files are empty."""
    encoded = tuple(
        Encoded(
            r.format,
            r.width,
            r.height,
            r.quality,
            b"",
            ladder=r.ladder,
            frames=r.frames,
            target=r.target,
            score=r.score,
        )
        for r in known.renditions
    )
    original = usage.original_of(known.original_bytes)
    numbers = usage.number_of_each_step()
    return Rendered(original, encoded, (), numbers, numbers, "data:" + "x" * 300, "#336699")


def page(known: Known, loads: Sequence[Load], rendering_seconds: Sequence[float]) -> str:
    """Fills in page.md."""
    text = Path(__file__).with_name("page.md").read_text()
    for name, value in {
        "facts": _facts(known, rendering_seconds),
        "usage": _usage(loads),
        "capacity_needed": _capacity_needed(loads),
        "limits": "\n\n".join(_limits_of(load) for load in loads),
        "scans": _scans(),
        "cost": _cost(loads, known),
        "capacity": _capacity(rendering_seconds),
        "sources": _sources(loads),
        "architecture": ARCHITECTURE,
        "alarms": f"{usage.deployed('AWS::CloudWatch::Alarm')}",
        "metrics": f"{METRICS}",
        "memory": f"{MEMORY_MB:,}",
        "processors": f"{MEMORY_MB / MB_PER_PROCESSOR:.1f}",
        "busy": f"{PROCESSORS_USED}",
    }.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _facts(known: Known, rendering_seconds: Sequence[float]) -> str:
    measured = known.measured
    seconds = measured.processor_seconds
    stored = sum(rendition.size_bytes for rendition in known.renditions)
    mix = ", ".join(f"{n} of {w} x {h}" for w, h, n in rendering.MIX)
    least, mean, most = min(seconds), fmean(seconds), max(seconds)
    warm, longest = fmean(rendering_seconds), max(rendering_seconds)
    renditions = f"{len(known.renditions)}, {stored / 1e6:.2f} MB"
    return _table(
        ["", ""],
        [
            ["pictures", f"{len(seconds)}, drawn with seed {SEED} from a mix: {mix}; profile `default`"],
            ["processor seconds per picture", f"mean {mean:.2f}, shortest {least:.2f}, longest {most:.2f}"],
            [f"seconds in a warm function of {MEMORY_MB:,} MB", f"mean {warm:.2f}, longest {longest:.2f}"],
            [
                "renditions of a picture of 12 megapixels",
                f"{renditions}, from an original of {known.original_bytes / 1e6:.1f} MB",
            ],
            ["machine", measured.machine],
            ["versions", measured.versions],
            ["date", measured.date],
        ],
    )


def _usage(loads: Sequence[Load]) -> str:
    def rows(kind: str, counts: Sequence[Mapping[str, float]]) -> list[list[str]]:
        names = sorted({name for count in counts for name in count})
        return [[f"{kind}{name}", *(f"{count.get(name, 0):.2f}" for count in counts)] for name in names]

    usages = [load.per_picture for load in loads]
    return _table(
        ["per picture", *(f"batches of {_BATCHES[load.pictures_a_minute]}" for load in loads)],
        [
            *rows("call ", [used.calls for used in usages]),
            *rows("write units, ", [used.writes for used in usages]),
            *rows("read units, ", [used.reads for used in usages]),
            *rows("", [{"records of the stream": used.records} for used in usages]),
            *rows("", [{"KB stored in tables and indexes": used.kept_bytes / 1000} for used in usages]),
            *rows("", [{"messages to its follower": used.messages} for used in usages]),
        ],
    )


def _capacity_needed(loads: Sequence[Load]) -> str:
    def row(what: str, values: Sequence[float]) -> list[str]:
        return [what, *(_amount(value) for value in values)]

    rows = [
        row(
            "concurrent renderings (Little's law: rate x seconds)",
            [load.concurrent_renderings for load in loads],
        ),
        row(
            "pollers of ten (`RenderPollers`), with 25% headroom",
            [1.25 * load.concurrent_renderings / 10 for load in loads],
        ),
        row("batches projected a second", [load.batches for load in loads]),
        row("concurrent projections", [load.concurrent_projections for load in loads]),
        row("shards of the stream, at least", [load.shards for load in loads]),
        row("ledger: write units a second", [load.writes("ledger") for load in loads]),
        row("ledger: read units a second", [load.reads("ledger") for load in loads]),
        row("views and indexes: write units a second", [load.writes("views") for load in loads]),
        row("views: read units a second", [load.reads("views") for load in loads]),
        row("S3: PUT a second, originals and renditions", [load.calls("s3:PutObject") for load in loads]),
        row("S3: GET and HEAD a second", [load.original_reads for load in loads]),
        row("EventBridge: calls a second", [load.calls("events:PutEvents") for load in loads]),
        row("WebSocket: messages a second", [load.rate * load.per_picture.messages for load in loads]),
    ]
    return _table(["pictures a minute", *(f"{rate:,.0f}" for rate in RATES)], rows)


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _limits_of(load: Load) -> str:
    found = limits(load)
    nearest = [limit for limit in found if limit.share >= 0.02][:8] or found[:4]
    first = nearest_aws_limit(load)
    head = ["limit", "needed", "available", "used", "set by", "raised by"]
    table = _table(head, [_limit_row(limit) for limit in nearest])
    return (
        f"### {load.pictures_a_minute:,.0f} a minute\n\n{table}\n\nOnce the parameters are raised and the "
        f"account is not new, the nearest limit is set by AWS: {first.what}, {_percent(first)} used."
    )


def _percent(limit: Limit) -> str:
    return f"{100 * limit.share:,.2g}%" if limit.share < 1 else f"{100 * limit.share:,.0f}%"


def _limit_row(limit: Limit) -> list[str]:
    share = f"**{_percent(limit)}**" if limit.share > 1 else _percent(limit)
    need = f"{_amount(limit.need)} {limit.unit}".strip()
    return [limit.what, need, f"{limit.limit:,.0f}", share, limit.set_by, limit.raised_by]


def _cost(loads: Sequence[Load], known: Known) -> str:
    stored = float(sum(rendition.size_bytes for rendition in known.renditions))
    costs = [cost(load, ARCHITECTURE, stored, float(known.original_bytes)) for load in loads]
    rows = [[name, *(f"{dollars[name]:,.2f}" for dollars in costs)] for name in costs[0]]
    totals = [sum(dollars.values()) for dollars in costs]
    rows.append(["**all**", *(f"**{total:,.2f}**" for total in totals)])
    thousands = [load.pictures_a_minute * MINUTES_A_MONTH / 1000 for load in loads]
    per_thousand = [total / count for total, count in zip(totals, thousands, strict=True)]
    rows.append(["for 1,000 pictures", *(f"{dollars:.3f}" for dollars in per_thousand)])
    return _table(["US$ a month", *(f"{rate:,.0f} a minute" for rate in RATES)], rows)


def _scans() -> str:
    """Tabulates the time to scan the bucket after a month and after a year."""
    rows = []
    for rate in RATES:
        bucket = [rate * MINUTES_A_MONTH * months for months in (1, 12)]
        rows.append(
            [
                f"{rate:,.0f}",
                *(f"{_big(objects)}: {_span(scan_days(objects, LEAST_PAGES))}" for objects in bucket),
                f"{rate * 60 * 24 / 1e6:,.2f} and {SCANNED_A_DAY / 1e6:,.0f} million",
            ]
        )
    head = ["pictures a minute", "after a month", "after a year", "new a day, and scanned a day at most"]
    return _table(head, rows)


def _big(objects: float) -> str:
    return f"{objects / 1e9:,.1f} billion" if objects >= 1e9 else f"{objects / 1e6:,.1f} million"


def _span(days: float) -> str:
    return f"{24 * days:,.0f} hours" if days < 1 else f"{days:,.0f} days"


def _capacity(rendering_seconds: Sequence[float]) -> str:
    rows = [[f"{workers:,}", f"{60 * workers / fmean(rendering_seconds):,.0f}"] for workers in _CONCURRENCIES]
    return _table(["concurrent renderings (`MaximumConcurrency`)", "pictures a minute"], rows)


def _sources(loads: Sequence[Load]) -> str:
    pages = sorted({limit.source for limit in limits(loads[0]) if limit.source.startswith("docs.")})
    listed = "\n".join(f"- <https://{page}>" for page in pages)
    return (
        f"Quotas are AWS's defaults as of {QUOTAS_AS_OF}, prices those of {prices.REGION} as of "
        f"{prices.AS_OF} (layers/darkroom/darkroom/domain/prices.py has the page of each):\n\n{listed}"
    )


if __name__ == "__main__":
    main()
