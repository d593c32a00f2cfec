"""The HTML pages, one function each. They return complete HTML documents.

Style and script are inside the document; only pictures are loaded. `root` is the relative URL of the site's
root ("./", "../", ...), so that links work below any path, such as an API stage. Names and keys are
untrusted: templates escape all values, and the filter `segment` escapes those in a URL path. `signed_in` adds
a sign-out button to the navigation, and the token option to curl commands.
"""

import json
from typing import Any

from darkroom.domain.entries import Entry
from darkroom.domain.limits import MAX_UPLOAD_BYTES
from darkroom.domain.rows import Tally
from darkroom.domain.serialization import JsonObject
from darkroom.web.pages import wording
from darkroom.web.pages.markup import Link, fallback_link
from darkroom.web.pages.templating import PROGRESS, render_template
from darkroom.web.problems import PROBLEMS

# Limits of the chart: fewer columns would be too wide, more too narrow to see.
_MIN_COLUMNS = 16
_MAX_COLUMNS = 100


def home(
    root: str,
    recent: list[tuple[Entry, Link | None]],
    upload_limit_bytes: int,
    totals: Tally,
    *,
    signed_in: bool = False,
) -> str:
    """The home page: the upload form, the total savings, and recent uploads, each with its thumbnail.

    `upload_limit_bytes` is the form's limit without script.
    """
    return _page(
        "home.html",
        root,
        recent=recent,
        upload_limit_bytes=upload_limit_bytes,
        job_limit_bytes=MAX_UPLOAD_BYTES,
        totals=totals,
        signed_in=signed_in,
        lines=json.dumps(wording.LINES),
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
    """The page of one picture, once there is a result to show.

    `links` are the receipt's renditions, `reference` is the rendition to compare them with, and `embedded` is
    a rendition as `data:` URL. `alias_url` is None if the alias leads to another picture; `markup` is None if
    other sites can't load the picture.
    """
    return _page(
        "picture.html",
        root,
        entry=entry,
        receipt=entry.receipt,
        headline=wording.headline(entry),
        best=entry.receipt and entry.receipt.smallest_at_full_width,
        sentence=wording.sentence(entry),
        advice=wording.advice(entry),
        links=links,
        reference=reference,
        first=embedded or fallback_link(links),
        alias_url=alias_url,
        markup=markup,
        signed_in=signed_in,
    )


def job(
    root: str, job: JsonObject, rows: list[JsonObject], cursor: str, origin: str, *, signed_in: bool = False
) -> str:
    """One job's page; its script keeps it up to date.

    `job` and `rows` are JSON documents of the API. `cursor` leads to the next rows. `origin` is the site's
    origin as the client knows it.
    """
    columns, highest = _columns(rows)
    return _page(
        "job.html",
        root,
        job=job,
        rows=rows,
        cursor=cursor,
        headline=wording.job_headline(job),
        counts=wording.job_counts(job),
        columns=columns,
        highest=highest,
        address=f"{origin}/" if origin else root,
        signed_in=signed_in,
        lines=json.dumps(wording.LINES),
    )


def _columns(rows: list[JsonObject]) -> tuple[list[tuple[float, float]], int]:
    """Returns the chart's columns (before, after) in percent of the highest, and the highest in bytes.

    An upload that ended without renditions counts as 0 bytes before and after: with its size before, it would
    look like a saving of 100%.
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


def failures(
    root: str, failures: list[JsonObject], cursor: str, *, later: bool = False, signed_in: bool = False
) -> str:
    """The list of failed uploads, each with its reason, a retry and a skip button.

    `cursor` leads to the next page; `later` is True on every page but the first.
    """
    headline = wording.failures_headline(len(failures), more=bool(cursor), later=later)
    return _page(
        "failures.html",
        root,
        headline=headline,
        failures=failures,
        cursor=cursor,
        later=later,
        signed_in=signed_in,
    )


def waiting(root: str, entry: Entry, *, signed_in: bool = False) -> str:
    """The page of a picture in progress.

    Its script polls the page's own address while the status is 202, then reloads. Without script the page
    refreshes every 2 seconds.
    """
    return _page("waiting.html", root, entry=entry, sentence=wording.sentence(entry), signed_in=signed_in)


def stored(root: str, entry: Entry, alias_url: str, shown_url: str) -> str:
    """The response to `POST /`, in any state of the picture.

    The text comes last, to be readable in a terminal. `shown_url` is the text of the link to `alias_url`: the
    absolute URL, if the site's origin is known.
    """
    return _page(
        "stored.html",
        root,
        entry=entry,
        headline=wording.headline(entry),
        sentence=wording.sentence(entry),
        advice=wording.advice(entry),
        alias_url=alias_url,
        shown_url=shown_url,
    )


def problem(
    root: str, title: str, sentence: str, advice: str | None = None, *, signed_in: bool = False
) -> str:
    """A problem in one sentence, with optional advice."""
    return _page("problem.html", root, title=title, sentence=sentence, advice=advice, signed_in=signed_in)


def sign_in(root: str, next_path: str, *, invalid_token: bool = False, reload_once: bool = False) -> str:
    """The form to sign in with a token, and to continue to `next_path`, relative to the site's root.

    `invalid_token` adds an error message. `reload_once` makes the browser load the page again immediately.
    """
    return _page(
        "sign-in.html", root, next_path=next_path, invalid_token=invalid_token, reload_once=reload_once
    )


def docs(root: str) -> str:
    """The API documentation with Swagger UI; it needs a Content-Security-Policy of its own."""
    return _page("docs.html", root)


def problems(root: str, *, signed_in: bool = False) -> str:
    """The reference of problem types, each under its name as anchor."""
    return _page("problems.html", root, problems=PROBLEMS, signed_in=signed_in)


def _page(template: str, root: str, **values: Any) -> str:
    return render_template(template, root=root, **values)
