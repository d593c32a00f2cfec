"""`make scale`: measures, counts and simulates, and writes docs/scale.md and docs/scale.svg.

`--measured` takes the service times that docs/scale.json has, for a change of words alone.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from bench.scale import service, usage, waiting
from bench.scale.limits import (
    CALL_SECONDS,
    LEAST_PAGES,
    METRICS,
    MINUTES_A_MONTH,
    OBJECT_SECONDS,
    QUOTAS_AS_OF,
    SEEN_A_DAY,
    Limit,
    Load,
    cost,
    first_of_aws,
    limits,
    scan_days,
)
from bench.scale.plot import Axis, Line, Panel, svg
from bench.scale.service import Measured
from darkroom.domain.profile import built_in
from darkroom.domain.receipts import Rendered
from darkroom.domain.renditions import Encoded, Format, Rendition
from darkroom_cli import prices
from darkroom_cli.render import MB_PER_PROCESSOR, MEMORY_MB, PROCESSORS_USED
from darkroom_cli.stack import PROJECT

DOCS = PROJECT / "docs"
SEED = 20261122
RENDERINGS = 24
RATES = (10.0, 1_000.0, 100_000.0)
ARCHITECTURE = "arm64"
_JOB = 48
# Records that the stream hands over at once: a picture's own two, as many as come while a batch is projected,
# and as many as it may.
_BATCHES = {10.0: 2, 1_000.0: 12, 100_000.0: 48}
_WORKERS = (5, 100)
_UTILISATIONS = tuple(n / 20 for n in range(10, 25))
_HOUR = 3600.0
_BURSTS = (
    waiting.Burst(over=2.0, seconds=600.0, after=0.5),
    waiting.Burst(over=2.0, seconds=600.0, after=0.8),
    waiting.Burst(over=1.5, seconds=600.0, after=0.5),
)
_BURST = _BURSTS[0]


@dataclass(frozen=True, slots=True)
class Known:
    """What was measured: service times, and what a picture of twelve megapixels becomes (bytes)."""

    measured: Measured
    renditions: Sequence[Rendition]
    original_bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measured", action="store_true", help="take the service times of docs/scale.json")
    parser.add_argument("--renderings", type=int, default=RENDERINGS)
    chosen = parser.parse_args()
    stored = DOCS / "scale.json"
    if not chosen.measured:
        measured, rendered = service.measure(chosen.renderings, SEED, built_in("default"))
        known = Known(
            measured,
            [each.stored_as(each.name) for each in rendered.renditions],
            rendered.original.size_bytes,
        )
        stored.write_text(json.dumps(asdict(known), indent=1) + "\n")
    known = read(stored.read_text())
    loads = [load(rate, known) for rate in RATES]
    services = lambda_seconds(known.measured)
    (DOCS / "scale.svg").write_text(picture(services))
    (DOCS / "scale.md").write_text(page(known, loads, services))


def read(text: str) -> Known:
    told = json.loads(text)
    measured = told["measured"]
    return Known(
        Measured(**measured | {"processor_seconds": tuple(measured["processor_seconds"])}),
        [Rendition(**each | {"format": Format(each["format"])}) for each in told["renditions"]],
        told["original_bytes"],
    )


def lambda_seconds(measured: Measured) -> tuple[float, ...]:
    """Service times of a warm function: processor seconds over the processors that it has, and its calls."""
    processors = min(PROCESSORS_USED, MEMORY_MB / MB_PER_PROCESSOR)
    # Read, written eight at once, and six calls to the ledger, one after the other.
    calls = OBJECT_SECONDS * 3 + CALL_SECONDS * 6
    return tuple(each / processors + calls for each in measured.processor_seconds)


def load(rate: float, known: Known) -> Load:
    """Of members of jobs that one client each follows: they ask for more than what is put by itself."""
    profile, batch = built_in("default"), _BATCHES[rate]
    asked = usage.measure(rendered_of(known), profile, _JOB, as_job=True, batch=batch)
    return Load(rate, waiting.mean(lambda_seconds(known.measured)), MEMORY_MB / 1024, asked)


def rendered_of(known: Known) -> Rendered:
    """A rendering of the same size in the ledger; its files are not what is counted."""
    encoded = tuple(
        Encoded(r.format, r.width, r.height, r.quality, b"", r.ladder, r.frames, r.target, r.score)
        for r in known.renditions
    )
    original = usage.an_original(known.original_bytes)
    told = usage.of_each_step()
    return Rendered(original, encoded, (), told, told, "data:" + "x" * 300, "#336699")


# ------------------------------------------------------------------ the plot


def picture(services: Sequence[float]) -> str:
    """Latency by utilisation, and what a burst does."""
    low, high = _UTILISATIONS[0], _UTILISATIONS[-1]
    lines = []
    for colour, workers in enumerate(_WORKERS):
        curve = {u: waiting.latencies(u, services, workers, _HOUR, SEED) for u in _UTILISATIONS}
        for dash, share in enumerate((0.5, 0.99)):
            points = [(u, waiting.percentile(told, share)) for u, told in curve.items()]
            lines.append(Line(f"{workers} at once, p{100 * share:g}", points, colour, dash))
    steady = Panel(
        "An hour at so much of the capacity",
        Axis("arrivals, as a part of what can be rendered", [low, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, high]),
        Axis("seconds from arrival to receipt", [1, 10, 100, 1000], logarithmic=True),
        lines,
    )
    told = []
    for colour, burst in enumerate(_BURSTS):
        name = f"{burst.over:g} times for {burst.seconds / 60:.0f} minutes, then {burst.after:g} times"
        served = waiting.simulate(burst, services, _WORKERS[-1], SEED)
        told.append(Line(name, _by_half_minute(served), colour))
    for burst in _BURSTS:
        ends, drained = burst.seconds / 60, (burst.seconds + burst.drained_after) / 60
        points = [(0.0, 0.0), (ends, burst.longest_wait / 60), (drained, 0.0)]
        told.append(Line("theory (D/D/1)" if burst is _BURSTS[-1] else "", points, 3, 2))
    drain = Panel(
        "A burst over the capacity",
        Axis("minutes since it began", [0, 10, 20, 30, 40, 50, 60]),
        Axis("minutes that a picture waits", [0, 2, 4, 6, 8, 10, 12]),
        told,
    )
    return svg([steady, drain], "Latency by utilisation, and waiting during and after a burst")


def _by_half_minute(served: Sequence[waiting.Served]) -> list[tuple[float, float]]:
    """The mean wait of what came within each, in minutes, for an hour."""
    waits: dict[int, list[float]] = {}
    for each in served:
        if each.arrived < _HOUR:
            waits.setdefault(int(each.arrived // 30), []).append(each.begun - each.arrived)
    return [((number + 0.5) / 2, waiting.mean(some) / 60) for number, some in sorted(waits.items())]


# ------------------------------------------------------------------ the page


def page(known: Known, loads: Sequence[Load], services: Sequence[float]) -> str:
    text = (PROJECT / "tools" / "scale" / "page.md").read_text()
    for name, told in {
        "facts": _facts(known, services),
        "asked": _asked(loads),
        "needs": _needs(loads),
        "limits": "\n\n".join(_limits_of(each) for each in loads),
        "walks": _scans(),
        "cost": _cost(loads, known),
        "waiting": _waiting(services),
        "burst": _burst(services),
        "sources": _sources(loads),
        "architecture": ARCHITECTURE,
        "alarms": f"{usage.deployed('AWS::CloudWatch::Alarm')}",
        "metrics": f"{METRICS}",
        "memory": f"{MEMORY_MB:,}",
        "processors": f"{MEMORY_MB / MB_PER_PROCESSOR:.1f}",
        "busy": f"{PROCESSORS_USED}",
    }.items():
        text = text.replace(f"{{{{{name}}}}}", told)
    return text


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _facts(known: Known, services: Sequence[float]) -> str:
    measured = known.measured
    seconds, stored = measured.processor_seconds, sum(each.size_bytes for each in known.renditions)
    mix = ", ".join(f"{n} of {w} x {h}" for w, h, n in service.MIX)
    least, mean, most = min(seconds), waiting.mean(seconds), max(seconds)
    warm, slowest = waiting.mean(services), waiting.percentile(services, 0.99)
    became = f"{len(known.renditions)}, {stored / 1e6:.2f} MB"
    return _table(
        ["", ""],
        [
            ["pictures", f"{len(seconds)}, drawn with seed {SEED} from a mix: {mix}; profile `default`"],
            ["processor seconds each", f"mean {mean:.2f}, least {least:.2f}, most {most:.2f}"],
            [f"seconds in a warm function of {MEMORY_MB:,} MB", f"mean {warm:.2f}, p99 {slowest:.2f}"],
            [
                "renditions of 12 megapixels",
                f"{became}, of an original of {known.original_bytes / 1e6:.1f} MB",
            ],
            ["machine", measured.machine],
            ["versions", measured.versions],
            ["date", measured.date],
        ],
    )


def _asked(loads: Sequence[Load]) -> str:
    def rows(kind: str, counts: Sequence[Mapping[str, float]]) -> list[list[str]]:
        names = sorted({name for each in counts for name in each})
        return [[f"{kind}{name}", *(f"{each.get(name, 0):.2f}" for each in counts)] for name in names]

    asked = [each.asked for each in loads]
    return _table(
        ["of one picture", *(f"batches of {_BATCHES[each.pictures_a_minute]}" for each in loads)],
        [
            *rows("call ", [each.calls for each in asked]),
            *rows("write units, ", [each.writes for each in asked]),
            *rows("read units, ", [each.reads for each in asked]),
            *rows("", [{"records of the stream": each.records} for each in asked]),
            *rows("", [{"KB that tables and indexes keep": each.kept_bytes / 1000} for each in asked]),
            *rows("", [{"messages to its one follower": each.messages} for each in asked]),
        ],
    )


def _needs(loads: Sequence[Load]) -> str:
    def row(what: str, values: Sequence[float]) -> list[str]:
        return [what, *(_amount(value) for value in values)]

    rows = [
        row("rendered at once (Little's law: rate x seconds)", [each.rendering for each in loads]),
        row(
            "pollers of ten (`RenderPollers`), with a quarter to spare",
            [1.25 * each.rendering / 10 for each in loads],
        ),
        row("batches projected a second", [each.batches for each in loads]),
        row("projected at once", [each.projecting for each in loads]),
        row("shards of the stream, at least", [each.shards for each in loads]),
        row("ledger: write units a second", [each.writes("ledger") for each in loads]),
        row("ledger: read units a second", [each.reads("ledger") for each in loads]),
        row("views and indexes: write units a second", [each.writes("views") for each in loads]),
        row("views: read units a second", [each.reads("views") for each in loads]),
        row("S3: PUT a second, originals and renditions", [each.calls("s3:PutObject") for each in loads]),
        row("S3: GET a second", [each.calls("s3:GetObject") for each in loads]),
        row("EventBridge: calls a second", [each.calls("events:PutEvents") for each in loads]),
        row("WebSocket: messages a second", [each.rate * each.asked.messages for each in loads]),
    ]
    return _table(["pictures a minute", *(f"{rate:,.0f}" for rate in RATES)], rows)


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _limits_of(each: Load) -> str:
    found = limits(each)
    nearest = [limit for limit in found if limit.share >= 0.02][:8] or found[:4]
    first = first_of_aws(each)
    head = ["what", "needed", "there is", "used", "whose", "moved by"]
    told = _table(head, [_limit_row(limit) for limit in nearest])
    return (
        f"### {each.pictures_a_minute:,.0f} a minute\n\n{told}\n\nWith parameters raised, in an account that "
        f"is not new, what binds first is AWS's: {first.what}, {_percent(first)} used."
    )


def _percent(limit: Limit) -> str:
    return f"{100 * limit.share:,.2g} %" if limit.share < 1 else f"{100 * limit.share:,.0f} %"


def _limit_row(limit: Limit) -> list[str]:
    share = f"**{_percent(limit)}**" if limit.share > 1 else _percent(limit)
    need = f"{_amount(limit.need)} {limit.unit}"
    return [limit.what, need, f"{limit.limit:,.0f}", share, limit.whose, limit.moves]


def _cost(loads: Sequence[Load], known: Known) -> str:
    stored = float(sum(each.size_bytes for each in known.renditions))
    costs = [cost(each, ARCHITECTURE, stored, float(known.original_bytes)) for each in loads]
    rows = [[name, *(f"{each[name]:,.2f}" for each in costs)] for name in costs[0]]
    rows.append(["**all**", *(f"**{sum(each.values()):,.2f}**" for each in costs)])
    pictures = [each.pictures_a_minute * 730 * 60 / 1000 for each in loads]
    each_thousand = [sum(told.values()) / count for told, count in zip(costs, pictures, strict=True)]
    rows.append(["for 1,000 pictures", *(f"{told:.3f}" for told in each_thousand)])
    return _table(["US$ a month", *(f"{rate:,.0f} a minute" for rate in RATES)], rows)


def _scans() -> str:
    """How long one takes through the bucket that so many months bring."""
    rows = []
    for rate in RATES:
        bucket = [rate * MINUTES_A_MONTH * months for months in (1, 12)]
        rows.append(
            [
                f"{rate:,.0f}",
                *(f"{_big(objects)}: {_span(scan_days(objects, LEAST_PAGES))}" for objects in bucket),
                f"{rate * 60 * 24 / 1e6:,.2f} and {SEEN_A_DAY / 1e6:,.0f} million",
            ]
        )
    head = ["pictures a minute", "after a month", "after a year", "new a day, and seen a day at most"]
    return _table(head, rows)


def _big(objects: float) -> str:
    return f"{objects / 1e9:,.1f} billion" if objects >= 1e9 else f"{objects / 1e6:,.1f} million"


def _span(days: float) -> str:
    return f"{24 * days:,.0f} hours" if days < 1 else f"{days:,.0f} days"


def _waiting(services: Sequence[float]) -> str:
    rows = []
    for utilisation in (0.5, 0.7, 0.8, 0.9, 0.95, 1.0, 1.1, 1.2):
        row = [f"{utilisation:g}"]
        for workers in _WORKERS:
            told = waiting.latencies(utilisation, services, workers, _HOUR, SEED)
            row += [f"{waiting.percentile(told, 0.5):,.1f} s", f"{waiting.percentile(told, 0.99):,.1f} s"]
        rows.append(row)
    return _table(["utilisation", *(f"{w} at once, {p}" for w in _WORKERS for p in ("p50", "p99"))], rows)


def _burst(services: Sequence[float]) -> str:
    rows = []
    for workers in _WORKERS:
        served = waiting.simulate(_BURST, services, workers, SEED)
        longest = max(each.begun - each.arrived for each in served)
        capacity = workers / waiting.mean(services)
        rows.append(
            [
                f"{workers}",
                f"{60 * capacity:,.0f}",
                f"{_BURST.backlog(capacity):,.0f}",
                f"{longest / 60:.1f} min",
                f"{waiting.drained(served, _BURST) / 60:.1f} min",
                f"{_BURST.longest_wait / 60:.0f} and {_BURST.drained_after / 60:.0f} min",
            ]
        )
    head = ["at once", "capacity a minute", "waiting when it ends", "longest wait", "drained after", "theory"]
    return _table(head, rows)


def _sources(loads: Sequence[Load]) -> str:
    pages = sorted({limit.source for limit in limits(loads[0]) if limit.source.startswith("docs.")})
    listed = "\n".join(f"- <https://{each}>" for each in pages)
    return (
        f"Quotas are AWS's defaults as of {QUOTAS_AS_OF}, prices those of {prices.REGION} as of "
        f"{prices.AS_OF} (cli/darkroom_cli/prices.py, each with its page):\n\n{listed}"
    )


if __name__ == "__main__":
    main()
