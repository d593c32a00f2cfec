"""The HTML pages, one function each. They return complete HTML documents.

Style and script are inside the document, and only pictures are loaded, except on the page of the API. Links
are relative to the path of the request, so that they work below any path, such as an API stage. Names and
keys are untrusted: templates escape all values, and the filter `segment` escapes those in a URL path. A
signed-in browser gets a sign-out button in the navigation, and the token option in curl commands.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from darkroom.domain.entries import Entry, State
from darkroom.domain.keys import is_assigned_key, split_key
from darkroom.domain.limits import MAX_UPLOAD_BYTES
from darkroom.domain.profile import profile_texts
from darkroom.domain.receipts import Receipt
from darkroom.domain.renditions import LOSSLESS, MAIN, REFERENCE, Format, Rendition
from darkroom.domain.rows import Tally
from darkroom.domain.serialization import JsonObject
from darkroom.ports import PostForm
from darkroom.services.trials import Trial, TrialResult
from darkroom.web.pages import wording
from darkroom.web.pages.markup import Link, fallback_link
from darkroom.web.pages.templating import PROGRESS, render_template
from darkroom.web.problems import PROBLEMS

if TYPE_CHECKING:
    from darkroom.web.http import Request

# What the file field offers. Safari converts HEIC to the first, unless the list allows it, as image/* does:
# docs/adr/0018-heic-stays-rejected.md. The extensions are those of camera raws, which have no media type.
_ACCEPTED_TYPES = (
    *("image/jpeg", "image/png", "image/webp", "image/avif", "image/gif", "image/tiff", "image/bmp"),
    *(".dng", ".nef", ".cr2", ".arw"),
)

# Limits of the chart: fewer columns would be too wide, more columns too narrow to see.
_MIN_COLUMNS = 16
_MAX_COLUMNS = 100


def home(
    request: "Request",
    recent: Sequence[tuple[Entry, Link | None]],
    upload_limit_bytes: int,
    totals: Tally,
    cursor: str = "",
) -> str:
    """The home page: the upload form, the total savings, and recent uploads, each with its thumbnail.

    `upload_limit_bytes` is the limit of the form, which browsers without JavaScript use. `cursor` leads to
    earlier uploads. Its script replaces the parts with `data-part` while pictures are processed.
    """
    return _page(
        "home.html",
        request,
        recent=recent,
        folders=_folders([entry for entry, _ in recent]),
        cursor=cursor,
        later="cursor" in request.query,
        upload_limit_bytes=upload_limit_bytes,
        job_limit_bytes=MAX_UPLOAD_BYTES,
        accepted_types=",".join(_ACCEPTED_TYPES),
        totals=totals,
        lines=json.dumps(wording.LINES),
    )


def _folders(entries: list[Entry]) -> dict[str, str]:
    """Returns the folders of keys whose names meet, by id; not the ids that Darkroom assigns as folders."""
    names = Counter(entry.upload.name for entry in entries)
    return {
        entry.id: split_key(entry.upload.key)[0].rstrip("/")
        for entry in entries
        if names[entry.upload.name] > 1 and not is_assigned_key(entry.upload.key)
    }


def picture(
    request: "Request",
    entry: Entry,
    links: tuple[Link, ...],
    *,
    reference: Link | None = None,
    lossless: Link | None = None,
    embedded: Link | None = None,
    alias_url: str | None = None,
    markup: str | None = None,
    backdrop: Link | None = None,
    may_write: bool = False,
) -> str:
    """The page of one picture, once there is a result to show.

    `links` are the receipt's renditions, `reference` is the rendition to compare them with, and `embedded` is
    a rendition as `data:` URL. `lossless` is the original as JPEG XL. `alias_url` is None if the alias leads
    to another picture; `markup` is None if other sites can't load the picture. `backdrop` is a small
    rendition to draw the windows of crops on. With `may_write`, the page has a form for another focus.
    """
    return _page(
        "picture.html",
        request,
        **_result(entry, links, reference, lossless, embedded or fallback_link(links), backdrop),
        action="Download",
        now=None,
        alias_url=alias_url,
        markup=markup,
        may_write=may_write,
    )


def _result(
    entry: Entry,
    links: Sequence[Link],
    reference: Link | None,
    lossless: Link | None,
    first: Link | None,
    backdrop: Link | None,
) -> dict[str, Any]:
    """Values of result.html. `first` is the rendition that is shown first."""
    return {
        "name": entry.upload.name,
        "entry": entry,
        "receipt": entry.receipt,
        "headline": wording.headline(entry),
        "best": entry.receipt and entry.receipt.smallest_at_full_width,
        "sentence": wording.sentence(entry),
        "advice": wording.advice(entry),
        "links": links,
        "reference": reference,
        "lossless": lossless,
        "first": first,
        "backdrop": backdrop,
        "backdrop_box": _box_of_main(entry),
    }


def _box_of_main(entry: Entry) -> tuple[int, int, int, int]:
    """Left, top, width and height of the part of the upright original that the main ladder shows."""
    receipt = entry.receipt
    if receipt is None or receipt.original is None:
        return 0, 0, 0, 0
    for window in receipt.windows:
        if window.ladder == MAIN:
            return window.left, window.top, window.width, window.height
    return 0, 0, receipt.original.width, receipt.original.height


def job(request: "Request", job: JsonObject, rows: list[JsonObject], cursor: str) -> str:
    """One job's page; its script keeps it up to date.

    `job` and `rows` are JSON documents of the API. `cursor` leads to the next rows.
    """
    columns, highest = _columns(rows)
    return _page(
        "job.html",
        request,
        job=job,
        rows=rows,
        cursor=cursor,
        headline=wording.job_headline(job),
        counts=wording.job_counts(job),
        columns=columns,
        highest=highest,
        address=f"{request.origin}/" if request.origin else request.root,
        lines=json.dumps(wording.LINES),
    )


def _columns(rows: list[JsonObject]) -> tuple[list[tuple[float, float]], int]:
    """Returns the chart's columns (before, after) in percent of the highest, and the highest in bytes.

    An upload that ended without renditions counts as 0 bytes in both columns. With the size of its original
    in the first column and 0 in the second, it would look like a saving of 100%.
    """
    bins = max(min(len(rows), _MAX_COLUMNS), _MIN_COLUMNS)
    before, after = [0] * bins, [0] * bins
    for place, row in enumerate(rows):
        column = place * bins // max(len(rows), bins)
        in_progress = row["state"] in PROGRESS
        before[column] += row["bytes_before"] or (in_progress and row["announced_bytes"]) or 0
        after[column] += row["bytes_after"] or 0
    highest = max(*before, *after, 1)
    pairs = zip(before, after, strict=True)
    return [(round(100 * b / highest, 2), round(100 * a / highest, 2)) for b, a in pairs], highest


def failures(request: "Request", failures: list[JsonObject], cursor: str, *, later: bool = False) -> str:
    """The list of failed uploads, each with its reason, a retry and a skip button.

    `cursor` leads to the next page; `later` is True on every page but the first.
    """
    headline = wording.failures_headline(len(failures), more=bool(cursor), later=later)
    return _page("failures.html", request, headline=headline, failures=failures, cursor=cursor, later=later)


def waiting(request: "Request", entry: Entry) -> str:
    """The page of a picture in progress.

    Its script polls the page's own address while the status is 202, then reloads. Without script the page
    refreshes every 2 seconds.
    """
    sentence = wording.sentence(entry)
    return _page("waiting.html", request, name=entry.upload.name, sentence=sentence, entry=entry, trial=None)


def playground(
    request: "Request",
    tiles: Sequence[tuple[Entry, Link]],
    document: str,
    upload_limit_bytes: int,
    current: Entry | None,
    trial: Trial | None,
    result: TrialResult | None,
    link: Callable[[Rendition], Link],
) -> str:
    """The form of the playground, below the result of a trial if there is one.

    `tiles` are the pictures to choose from, `current` is the chosen one as it is now. `document` is the
    profile to begin with. `link` returns the link of one of the trial's renditions.
    """
    values: dict[str, Any] = _trial_result(trial, result, link) if trial and result else {}
    values["now"] = current.receipt if current and current.receipt and current.receipt.shown else None
    return _page(
        "playground.html",
        request,
        tiles=tiles,
        document=document.strip(),
        upload_limit_bytes=upload_limit_bytes,
        accepted_types=",".join(_ACCEPTED_TYPES),
        current=current,
        trial=trial,
        profiles=profile_texts(),
        formats=[image_format.value for image_format in Format],
        **values,
    )


def _trial_result(trial: Trial, result: TrialResult, link: Callable[[Rendition], Link]) -> dict[str, Any]:
    receipt = result.receipt
    state = State.REJECTED if receipt.rejection else State.RENDERED
    links = tuple(link(rendition) for rendition in receipt.shown)
    reference, lossless, backdrop = (
        link(rendition) if rendition else None
        for rendition in (receipt.reference, receipt.lossless, receipt.thumbnail)
    )
    entry = Entry(trial.upload, state, 1, receipt=receipt)
    return _result(entry, links, reference, lossless, fallback_link(links), backdrop) | {
        "action": "Open",
        "may_write": False,
        "cost": result.cost,
        "others": _other_ladders(receipt),
    }


def _other_ladders(receipt: Receipt) -> dict[str, list[Rendition]]:
    """Returns the renditions of all ladders but the main one, by ladder."""
    others: dict[str, list[Rendition]] = {}
    for rendition in receipt.renditions:
        if rendition.ladder not in (MAIN, REFERENCE, LOSSLESS):
            others.setdefault(rendition.ladder, []).append(rendition)
    return others


def waiting_trial(request: "Request", trial: Trial) -> str:
    """The page of a trial in progress; it polls as `waiting` does."""
    return _page("waiting.html", request, name=trial.upload.name, sentence="Processing...", trial=trial)


def stored(request: "Request", entry: Entry, alias_url: str) -> str:
    """The response to the form of a browser without script, in any state of the picture."""
    return _page(
        "stored.html",
        request,
        entry=entry,
        headline=wording.headline(entry),
        sentence=wording.sentence(entry),
        advice=wording.advice(entry),
        alias_url=alias_url,
    )


def problem(request: "Request", title: str, sentence: str, advice: str | None = None) -> str:
    """A problem in one sentence, with optional advice."""
    return _page("problem.html", request, title=title, sentence=sentence, advice=advice)


def too_large(request: "Request", sentence: str, name: str, form: PostForm, limit_bytes: int) -> str:
    """The response to a picture over the limit of the form: a form that sends it directly to S3.

    A browser can't keep the chosen file, so the visitor chooses it again. It needs a policy that allows the
    form's URL.
    """
    return _page("too-large.html", request, sentence=sentence, name=name, form=form, limit_bytes=limit_bytes)


def sign_in(
    request: "Request", next_path: str, *, invalid_token: bool = False, reload_once: bool = False
) -> str:
    """The form to sign in with a token, and to continue to `next_path`, relative to the site's root.

    `invalid_token` adds an error message. `reload_once` makes the browser load the page again immediately.
    """
    return _page(
        "sign-in.html", request, next_path=next_path, invalid_token=invalid_token, reload_once=reload_once
    )


def docs(request: "Request") -> str:
    """The API documentation with Swagger UI; it needs a Content-Security-Policy of its own."""
    return _page("docs.html", request)


def problems(request: "Request") -> str:
    """The reference of problem types, each under its name as anchor."""
    return _page("problems.html", request, problems=PROBLEMS)


def _page(template: str, request: "Request", **values: Any) -> str:
    return render_template(
        template,
        root=request.root,
        signed_in=request.signed_in,
        may_change=request.may_change,
        **values,
    )
