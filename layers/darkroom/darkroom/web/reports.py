"""What can be taken along of a job: its receipts, as a table or whole, and a script that fetches files."""

import csv
import json
import re
import shlex
from collections.abc import Callable, Iterable
from io import StringIO
from itertools import islice

from darkroom.domain.entries import Entry
from darkroom.domain.keys import split_key
from darkroom.domain.renditions import Rendition
from darkroom.domain.serialization import JsonObject, serialize_receipt, serialize_row
from darkroom.services.jobs import Member

_COLUMNS = (
    "number",
    "name",
    "key",
    "picture",
    "version",
    "state",
    "reason",
    "announced_bytes",
    "bytes_before",
    "bytes_after",
    "saved_bytes",
    "saved_percent",
)
# A spreadsheet takes what begins so for a formula; where characters of full width are written, those as well.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NOT_IN_FOLDERS = re.compile(r"[^A-Za-z0-9._-]+")
_FOLDER_CHARACTERS = 60


def table_of(members: Iterable[Member]) -> str:
    """One line for each member, as CSV (RFC 4180). What looks like a formula is led by a quote mark."""
    told = StringIO()
    table = csv.DictWriter(told, _COLUMNS, extrasaction="ignore")
    table.writeheader()
    for member in members:
        row = serialize_row(member.row)
        table.writerow(
            row
            | {"saved_bytes": row["bytes_before"] - row["bytes_after"]}
            | {name: _harmless(text) for name, text in row.items() if isinstance(text, str)}
        )
    return told.getvalue()


def _harmless(text: str) -> str:
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def receipts_of(members: Iterable[tuple[Member, Entry | None]]) -> str:
    """One object for each member, with its receipt if it has one, as a JSON list: a line each."""
    lines = (json.dumps(_with_receipt(member, entry), separators=(",", ":")) for member, entry in members)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def _with_receipt(member: Member, entry: Entry | None) -> JsonObject:
    document = serialize_row(member.row)
    del document["page"]
    receipt = entry and entry.to_show
    return document | {"receipt": serialize_receipt(receipt) if receipt else None}


_SCRIPT = """\
#!/bin/sh
# Fetches the renditions of job {job}; what is there already is not fetched again.
#   DARKROOM_FOLDER   where to (default: {folder})
#   DARKROOM_CURL     how (default: curl -fsSL --retry 3)
#   DARKROOM_TOKEN    what to show the site where it asks for a token
# The addresses in it are good for a while only: fetch the script anew then.
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
# The next hundred uploads have a script of their own.
{{
    next=$($curl ${{DARKROOM_TOKEN:+-H "Authorization: Bearer $DARKROOM_TOKEN"}} {address}) &&
        printf '%s\\n' "$next" | sh
}} || failed=1
"""


def script_of(
    job_id: str,
    members: Iterable[tuple[Member, Entry | None]],
    url: Callable[[Rendition], str],
    next_address: str,
) -> str:
    """A POSIX shell script that fetches every rendition of some members, then runs the one at `next_address`.

    File names are made of what is harmless in a name; addresses are quoted.
    """
    parts = [_SCRIPT.format(job=job_id, folder=f"job-{job_id[:8]}")]
    for member, entry in members:
        receipt = entry and entry.to_show
        renditions = receipt.renditions if receipt else ()
        folder = _folder_of(member)
        parts += (
            f"get {shlex.quote(folder + '/' + split_key(each.key)[1])} {shlex.quote(url(each))}\n"
            for each in renditions
        )
    if next_address:
        parts.append(_NEXT.format(address=shlex.quote(next_address)))
    return "".join([*parts, 'exit "$failed"\n'])


def _folder_of(member: Member) -> str:
    stem = member.row.name.rpartition(".")[0] or member.row.name
    safe = "".join(islice(_NOT_IN_FOLDERS.sub("_", stem), _FOLDER_CHARACTERS))
    return f"{member.row.number:05}-{safe}"
