"""The pages that people see: values in, one whole HTML document out.

Everything that a page needs stands in it: one stylesheet, one small script, no request besides the
pictures. `root` is always the relative way to the site's root ("./", "../", ...), so that the links work
behind a stage, a domain and the local front door. `signed_in` adds a sign-out form to the links of a page,
and a token to its curl commands. Names and keys are hostile: the templates escape
whatever they show, and `path_segment` whatever becomes part of an address.
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from darkroom.domain.entries import Entry, State
from darkroom.domain.receipts import Receipt
from darkroom.domain.renditions import Format, Rendition
from darkroom.domain.rows import Tally
from darkroom.domain.serialization import JsonObject
from darkroom.web.problems import Problem

_FOLDER = Path(__file__).parent
_STYLE = (_FOLDER / "style.css").read_text(encoding="utf-8")
_SCRIPT = "".join((_FOLDER / name).read_text(encoding="utf-8") for name in ("live.js", "script.js"))

# A browser takes the first format that it knows, so the smallest kind comes first.
_PREFERENCE = (Format.AVIF, Format.WEBP, Format.JPEG)

_STATES = {
    State.EXPECTED: "On its way: the picture has not arrived yet.",
    State.RENDERING: "In the developer: the picture is being rendered.",
    State.RENDERED: "Rendered.",
    State.REJECTED: "This picture can't be used.",
    State.FAILED: "This picture could not be rendered. The fault is ours, not the picture's.",
    State.SKIPPED: "This picture was skipped.",
    State.SUPERSEDED: "A newer version has taken this picture's place.",
    State.DELETED: "This picture was deleted.",
}

# What a picture's line in a list of many says, where there is no reason to be told.
_WORDS = {
    "unsent": "Waiting for its turn.",
    "sending": "Sending.",
    "sent": "Sent.",
    "broken": "It could not be sent.",
    State.EXPECTED: "It has not arrived yet.",
    State.RENDERING: "In the developer.",
    State.RENDERED: "",
    State.REJECTED: "It can't be used.",
    State.FAILED: "It could not be rendered. The fault is ours.",
    State.SKIPPED: "It was skipped.",
    State.SUPERSEDED: "A newer version has taken its place.",
    State.DELETED: "It was deleted.",
}

# How far along its bar a picture is: most of the way is the sending.
_PROGRESS = {State.EXPECTED: 0.0, State.RENDERING: 0.8}

_CHART_COLUMNS = range(16, 101)

_SAVE_ANEW = "Open it in a picture editor, save it anew as a plain JPEG or PNG, and upload that."

_ADVICE = {
    "empty_file": "Choose the picture again: this copy has nothing in it.",
    "unsupported_format": "Save it as JPEG or PNG and upload that. An iPhone takes JPEG pictures when "
    "Settings, Camera, Formats is set to Most Compatible.",
    "corrupt_image": "Open it on your computer. If it shows there, save a fresh copy and upload that; "
    "if not, get it again from where it came.",
    "too_many_pixels": "Make it smaller in a picture editor and upload that.",
    "too_many_frames": "Make it shorter, or save one of its frames as a picture, and upload that.",
    "too_large": "Save it with fewer pixels or stronger compression and upload that.",
    State.FAILED: "It is kept: whoever runs this site can retry it. Or upload it again.",
    State.SKIPPED: "Upload it again to have it rendered.",
    State.SUPERSEDED: "Go to the start page to find the newer one.",
    State.DELETED: "Upload it again to bring it back.",
}


@dataclass(frozen=True, slots=True)
class Link:
    """Where a rendition can be fetched from, for a while: a presigned address."""

    url: str
    rendition: Rendition

    @property
    def inside(self) -> bool:
        """Whether it holds the picture itself."""
        return self.url.startswith("data:")


@dataclass(frozen=True, slots=True)
class Tile:
    """One recent upload on the home page.

    `picture_id` is the link target; `width` and `height` are the thumbnail's in pixels, and None without one.
    `placeholder` is a `data:` address to show until the thumbnail is there.
    """

    name: str
    picture_id: str
    state: State
    thumbnail_url: str | None = None
    saved_percent: float | None = None
    width: int | None = None
    height: int | None = None
    placeholder: str = ""


@dataclass(frozen=True, slots=True)
class _Source:
    """One format's line of a <picture> element."""

    media_type: str
    srcset: str
    widest: Link


def home(
    root: str,
    recent: list[Tile],
    upload_limit_bytes: int,
    job_limit_bytes: int,
    totals: Tally,
    *,
    signed_in: bool = False,
) -> str:
    """The start page: where to drop pictures, what was saved so far, and what came lately.

    `upload_limit_bytes` bounds what the form takes without script, `job_limit_bytes` each picture with it.
    """
    return _page(
        "home.html",
        root,
        recent=recent,
        upload_limit_bytes=upload_limit_bytes,
        job_limit_bytes=job_limit_bytes,
        totals=totals,
        signed_in=signed_in,
        words=json.dumps(_WORDS),
    )


def picture(
    root: str,
    entry: Entry,
    links: tuple[Link, ...],
    *,
    reference: Link | None = None,
    embedded: Link | None = None,
    alias_url: str | None = None,
    markup: str | None = None,
    signed_in: bool = False,
) -> str:
    """One picture's page, in any terminal state.

    `links` lead to the receipt's renditions, `reference` to the one to compare them with; `embedded` is one
    of them as a `data:` address, the widest that is small enough; `alias_url` is where the alias shows it,
    None when the alias shows another; `markup` is what `picture_markup` made, None where nothing is public.
    """
    return _page(
        "picture.html",
        root,
        entry=entry,
        receipt=entry.receipt,
        headline=_headline(entry),
        best=entry.receipt and entry.receipt.smallest_at_full_width,
        sentence=_sentence(entry),
        advice=_advice(entry),
        links=links,
        reference=reference,
        first=embedded or _first(links),
        alias_url=alias_url,
        markup=markup,
        signed_in=signed_in,
    )


def picture_markup(name: str, receipt: Receipt, address: Callable[[Rendition], str]) -> str:
    """A <picture> element for any page: every format and width that the receipt shows, at their `address`."""
    links = tuple(Link(address(each), each) for each in receipt.shown)
    *sources, fallback = _sources(links)
    return _markup(name, receipt, sources, fallback)


def redirect_markup(name: str, receipt: Receipt, address: Callable[[int], str]) -> str:
    """The same of addresses that lead each browser to the format that it knows, by a width in pixels."""
    widths = {each.width: each for each in receipt.shown}
    links = [Link(address(width), widths[width]) for width in sorted(widths)]
    return _markup(name, receipt, [], _Source("", _srcset(links), links[-1]))


def _markup(name: str, receipt: Receipt, sources: Sequence[_Source], fallback: _Source) -> str:
    width = fallback.widest.rendition.width
    placeholder = f" url({receipt.placeholder}) 50% / cover no-repeat" if receipt.placeholder else ""
    text = _TEMPLATES.get_template("markup.html").render(
        name=name,
        sources=sources,
        fallback=fallback,
        sizes=f"(min-width: {width}px) {width}px, 100vw",
        background=f"{receipt.colour or 'none'}{placeholder}",
    )
    return text.strip()


def job(
    root: str,
    job: JsonObject,
    rows: list[JsonObject],
    cursor: str,
    origin: str,
    *,
    signed_in: bool = False,
) -> str:
    """One job's page, which keeps itself up to date. `job` and `rows` are what its JSON says.

    `cursor` leads to the rows after these; `origin` is how the client knows this site.
    """
    columns, highest = _columns(rows)
    counts = {state: count for state, count in job["counts"].items() if count}
    if job["waiting"]:
        counts["waiting"] = job["waiting"]
    return _page(
        "job.html",
        root,
        job=job,
        rows=rows,
        cursor=cursor,
        headline=_job_headline(job),
        counts=", ".join(f"{count:,} {state}" for state, count in counts.items()),
        columns=columns,
        highest=highest,
        address=f"{origin}/" if origin else root,
        signed_in=signed_in,
        words=json.dumps(_WORDS),
    )


def _job_headline(job: JsonObject) -> str:
    size = f"{job['size']:,} {'picture' if job['size'] == 1 else 'pictures'}"
    if job["state"] != "complete":
        return f"{size}, {job['size'] - job['waiting']:,} done"
    if not job["counts"].get("rendered"):
        return f"{size}, all done"
    before, after = filesize(job["bytes_before"]), filesize(job["bytes_after"])
    return f"{size}: {before} became {after}"


def _columns(rows: list[JsonObject]) -> tuple[list[tuple[float, float]], int]:
    """Bytes before and after in percent of the most, one pair a column; and the most.

    Few rows leave columns empty, so that none gets broad. What ended without a rendition counts as nothing:
    a column with no bytes after would look like the greatest saving of all.
    """
    bins = max(min(len(rows), _CHART_COLUMNS.stop - 1), _CHART_COLUMNS.start)
    before, after = [0] * bins, [0] * bins
    for place, row in enumerate(rows):
        into = place * bins // max(len(rows), bins)
        on_its_way = row["state"] in _PROGRESS
        before[into] += row["bytes_before"] or (on_its_way and row["announced_bytes"]) or 0
        after[into] += row["bytes_after"] or 0
    most = max(*before, *after, 1)
    pairs = zip(before, after, strict=True)
    return [(round(100 * b / most, 2), round(100 * a / most, 2)) for b, a in pairs], most


def failures(
    root: str, failures: list[JsonObject], cursor: str, *, later: bool = False, signed_in: bool = False
) -> str:
    """What was given up, with its reasons and what can be done.

    `cursor` leads to more of it; `later` says that these are not the first.
    """
    return _page("failures.html", root, failures=failures, cursor=cursor, later=later, signed_in=signed_in)


def waiting(root: str, name: str, picture_id: str, state: State, *, signed_in: bool = False) -> str:
    """The page that stands in for a picture that is not ready; `picture` is its id.

    Its script asks its own address for JSON until the answer is no longer 202, then reloads; without
    script it refreshes every 2 seconds.
    """
    return _page(
        "waiting.html", root, name=name, picture=picture_id, sentence=_STATES[state], signed_in=signed_in
    )


def stored(root: str, entry: Entry, alias_url: str, shown_url: str) -> str:
    """The answer to a POST, whether its picture is ready, rejected or still waiting.

    Written to be read in a terminal too: the text comes last. `shown_url` is what a person is told of
    `alias_url`: it may be whole where that is relative.
    """
    return _page(
        "stored.html",
        root,
        entry=entry,
        headline=_headline(entry),
        sentence=_sentence(entry),
        advice=_advice(entry),
        alias_url=alias_url,
        shown_url=shown_url,
    )


def problem(
    root: str, title: str, sentence: str, advice: str | None = None, *, signed_in: bool = False
) -> str:
    """What went wrong, in one sentence, and what to do about it."""
    return _page("problem.html", root, title=title, sentence=sentence, advice=advice, signed_in=signed_in)


def sign_in(root: str, to: str, *, wrong: bool = False, again: bool = False) -> str:
    """A form for a token; `to` is the path that it leads on to, below the site's root.

    `wrong` says that the token just sent is none. With `again` the page asks for itself once more, at once.
    """
    return _page("sign-in.html", root, to=to, wrong=wrong, again=again)


def docs(root: str) -> str:
    """The API's description, to read and to try; it needs a policy of its own."""
    return _page("docs.html", root)


def problems(root: str, kinds: tuple[Problem, ...], *, signed_in: bool = False) -> str:
    """What can be wrong with a request: each kind under its name."""
    return _page("problems.html", root, problems=kinds, signed_in=signed_in)


def content_security_policy(image_origins: list[str], connect_origins: list[str]) -> str:
    """The Content-Security-Policy header for every page here: its own style and script, nothing else.

    Origins are like `https://host:port`: where pictures come from, and what the script may ask.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_hash(_STYLE)}'",
            f"script-src '{_hash(_SCRIPT)}'",
            " ".join(("img-src data:", *image_origins)),
            " ".join(("connect-src 'self'", *connect_origins)),
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def path_segment(text: str) -> str:
    """Any text as one segment of an address's path; not even a slash keeps its meaning."""
    return quote(text, safe="")


def filesize(size_bytes: int) -> str:
    """Bytes as people say them, two digits or more.

    >>> filesize(143_210), filesize(1_940_000), filesize(999_999)
    ('143 KB', '1.9 MB', '1 MB')
    """
    if size_bytes < 1000:
        return "1 byte" if size_bytes == 1 else f"{size_bytes} bytes"
    # 999.5 KB would read "1000 KB": from there on it is said in the next unit.
    unit, scale = next(
        ((unit, scale) for unit, scale in (("KB", 10**3), ("MB", 10**6)) if size_bytes < 999.5 * scale),
        ("GB", 10**9),
    )
    value = size_bytes / scale
    return f"{_short(value) if value < 9.95 else format(value, '.0f')} {unit}"


def savings(saved_percent: float) -> str:
    """A saving in words; a negative one is a loss and says so.

    >>> savings(92.64), savings(-12.0), savings(99.98)
    ('92.6 % smaller', '12 % larger', '99.9 % smaller')
    """
    if round(saved_percent, 1) == 0:
        return "the same size"
    return f"{share(abs(saved_percent))} {'smaller' if saved_percent > 0 else 'larger'}"


def share(percent: float) -> str:
    """A percentage; nothing shrinks by all of itself, so that 99.98 is not rounded to 100.

    >>> share(92.64), share(99.98), share(-3.0)
    ('92.6 %', '99.9 %', '-3 %')
    """
    return f"{_short(99.9 if 99.9 < percent < 100 else percent)} %"


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _label(image_format: str) -> str:
    return "WebP" if image_format == Format.WEBP else image_format.upper()


def _tied(text: str) -> str:
    """The text with each number tied to its unit, so that a headline does not break between them."""
    return re.sub(r"(?<=\d) (?=[KMG]B|%|bytes?)", "\N{NO-BREAK SPACE}", text)


def _duration(milliseconds: float) -> str:
    return f"{milliseconds:,.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"


def _saved_percent(rendition: Rendition, original_bytes: int) -> float:
    return 100 * (original_bytes - rendition.size_bytes) / original_bytes if original_bytes else 0.0


def _headline(entry: Entry) -> str | None:
    """What was gained, of a rendered picture."""
    best = entry.receipt and entry.receipt.smallest_at_full_width
    # While it is rendered anew, what was gained before holds.
    if entry.state not in (State.RENDERED, State.RENDERING) or entry.receipt is None or best is None:
        return None
    before, after = filesize(entry.receipt.size_bytes), filesize(best.size_bytes)
    return f"{before} became {after}: {savings(entry.receipt.saved_percent)}"


def _sentence(entry: Entry) -> str:
    if entry.state is State.REJECTED and entry.rejection:
        return entry.rejection.sentence
    return _STATES[entry.state]


def _advice(entry: Entry) -> str | None:
    if entry.state is State.REJECTED and entry.rejection:
        return _ADVICE.get(entry.rejection.reason, _SAVE_ANEW)
    return _ADVICE.get(entry.state)


def _sources(links: tuple[Link, ...]) -> tuple[_Source, ...]:
    """One source per format, best first; its widths by `srcset`.

    A format that stops short of the full width (AVIF over its time budget) is left out: a browser
    decides by format before it looks at widths, and would enlarge a small AVIF.
    """
    full = max((link.rendition.width for link in links), default=0)
    sources = []
    for wanted in _PREFERENCE:
        of_format = sorted(
            (link for link in links if link.rendition.format is wanted), key=lambda link: link.rendition.width
        )
        if of_format and of_format[-1].rendition.width == full:
            sources.append(_Source(wanted.media_type, _srcset(of_format), of_format[-1]))
    return tuple(sources)


def _srcset(links: Sequence[Link]) -> str:
    return ",\n               ".join(f"{link.url} {link.rendition.width}w" for link in links)


def _first(links: tuple[Link, ...]) -> Link | None:
    """What stands in the page where nothing is small enough to be inside it: what every browser shows."""
    sources = _sources(links)
    return sources[-1].widest if sources else None


def _told(row: JsonObject) -> str:
    """A row's state in words."""
    if row["state"] == State.RENDERED:
        return f"{filesize(row['bytes_before'])} became {filesize(row['bytes_after'])}"
    return row.get("sentence") or _WORDS[row["state"]]


def _page(template: str, root: str, **values: Any) -> str:
    return _TEMPLATES.get_template(template).render(root=root, **values)


def _hash(inlined: str) -> str:
    return f"sha256-{b64encode(sha256(inlined.encode()).digest()).decode()}"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "segment": path_segment,
        "filesize": filesize,
        "savings": savings,
        "share": share,
        "told": _told,
        "progress": lambda state: _PROGRESS.get(state, 1.0),
        "label": _label,
        "tied": _tied,
        "saved_percent": _saved_percent,
        "duration": _duration,
    }
    # All ours; style and script must reach the page unescaped to match their hashes.
    own = {"style": _STYLE, "script": _SCRIPT}
    environment.globals |= {name: Markup(text) for name, text in own.items()}  # noqa: S704
    return environment


_TEMPLATES = _environment()
