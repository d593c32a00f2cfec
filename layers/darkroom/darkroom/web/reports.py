"""Reports of a job: receipts as CSV or JSON, and a script to fetch its renditions."""

import csv
import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from io import StringIO

from darkroom.domain.entries import Entry
from darkroom.domain.keys import split_key
from darkroom.domain.renditions import Rendition
from darkroom.domain.serialization import JsonObject, serialize_receipt
from darkroom.services.jobs import Member

_HEADER = (
    "number,name,key,picture,version,state,reason,"
    "announced_bytes,bytes_before,bytes_after,saved_bytes,saved_percent,folder"
)
# Spreadsheets read a cell with one of these prefixes as a formula; the last four are the full-width forms. In
# many languages they expect semicolons or tabs between cells, and split the cells of this table there too.
_FORMULA = re.compile('(^|[;,\\t\\r\\n])(?=[\\s"]*[=+@\uff1d\uff0b\uff0d\uff20-])')
_NOT_IN_FOLDERS = re.compile(r"[^A-Za-z0-9._-]+")
_FOLDER_CHARACTERS = 60


def csv_report(members: Iterable[Member]) -> str:
    """Writes one CSV line per member (RFC 4180). Each start of a formula is escaped with `'`."""
    output = StringIO()
    table = csv.DictWriter(output, _HEADER.split(","), extrasaction="ignore")
    table.writeheader()
    for member in members:
        row = member.serialize()
        table.writerow(
            row
            | {"saved_bytes": row["bytes_before"] - row["bytes_after"]}
            | {name: _escape_formula(text) for name, text in row.items() if isinstance(text, str)}
        )
    return output.getvalue()


def _escape_formula(text: str) -> str:
    return _FORMULA.sub(r"\1'", text)


def json_report(members: Iterable[tuple[Member, Entry | None]]) -> str:
    """Writes a JSON list with one line per member, including the receipt if there is one."""
    lines = (json.dumps(_with_receipt(member, entry), separators=(",", ":")) for member, entry in members)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def _with_receipt(member: Member, entry: Entry | None) -> JsonObject:
    document = member.serialize()
    del document["page"]
    receipt = entry and entry.to_show
    return document | {"receipt": serialize_receipt(receipt) if receipt else None}


_SCRIPT = """\
#!/bin/sh
# Fetches the renditions of job {job}. Files that exist are skipped.
#   DARKROOM_FOLDER   target folder (default: {folder})
#   DARKROOM_CURL     curl command (default: curl -fsSL --retry 3)
#   DARKROOM_TOKEN    token, if the site needs one
# The URLs expire. Download the script again to get new ones.
folder="${{DARKROOM_FOLDER:-{folder}}}"
curl="${{DARKROOM_CURL:-curl -fsSL --retry 3}}"
failed=0
get() {{
    [ -s "$folder/$1" ] && return
    mkdir -p "$folder/${{1%/*}}"
    $curl -o "$folder/$1.part" "$2" && mv "$folder/$1.part" "$folder/$1" || {{
        echo "not fetched: $1" >&2
        failed=1
    }}
}}
"""
_NEXT = """\
# Runs the script of the next 100 uploads.
{{
    next=$($curl ${{DARKROOM_TOKEN:+-H "Authorization: Bearer $DARKROOM_TOKEN"}} {url}) &&
        printf '%s\\n' "$next" | sh
}} || failed=1
"""


def fetch_script(
    job_id: str,
    members: Iterable[tuple[Member, Entry | None]],
    url: Callable[[Rendition], str],
    next_url: str,
) -> str:
    """Writes a POSIX shell script to fetch all renditions of members and run the script at `next_url`.

    Unsafe characters in file names are replaced; URLs are quoted.
    """
    parts = [_SCRIPT.format(job=job_id, folder=f"job-{job_id[:8]}")]
    parts += (
        f"get {shlex.quote(file['path'])} {shlex.quote(file['url'])}\n" for file in job_files(members, url)
    )
    if next_url:
        parts.append(_NEXT.format(url=shlex.quote(next_url)))
    return "".join([*parts, 'exit "$failed"\n'])


def job_files(
    members: Iterable[tuple[Member, Entry | None]], url: Callable[[Rendition], str]
) -> Iterator[JsonObject]:
    """Yields the renditions of members, each with its `url` and a `path` of safe characters.

    `best` is true for the smallest file at full width of each picture.
    """
    for member, entry in members:
        receipt = entry and entry.to_show
        best = receipt.smallest_at_full_width if receipt else None
        for rendition in receipt.renditions if receipt else ():
            yield {
                "path": f"{_folder_of(member)}/{split_key(rendition.key)[1]}",
                "url": url(rendition),
                "size_bytes": rendition.size_bytes,
                "best": rendition == best,
            }


def _folder_of(member: Member) -> str:
    stem = member.row.name.rpartition(".")[0] or member.row.name
    return f"{member.row.number:05}-{_NOT_IN_FOLDERS.sub('_', stem)[:_FOLDER_CHARACTERS]}"
