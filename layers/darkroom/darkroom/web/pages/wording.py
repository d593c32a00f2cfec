"""Sentences on the pages: states, advice, headlines, and the lines of lists."""

from darkroom.domain.entries import Entry, State
from darkroom.domain.serialization import JsonObject
from darkroom.web.pages.formatting import counted, filesize, savings

STATES = {
    State.EXPECTED: "The picture has not arrived yet.",
    State.RENDERING: "Processing...",
    State.RENDERED: "Rendered.",
    State.REJECTED: "This picture can't be processed.",
    State.FAILED: "Processing failed because of an error on our side, not because of the picture.",
    State.SKIPPED: "This picture was skipped.",
    State.SUPERSEDED: "A newer version replaced this picture.",
    State.DELETED: "This picture was deleted.",
}

# The text of a picture's line in a list, if its upload has no sentence of its own. Scripts use it too.
LINES = {
    "queued": "Waiting to be sent.",
    "uploading": "Sending...",
    "uploaded": "Sent; waiting to be processed.",
    "upload-failed": "Not sent.",
    "cancelled": "Cancelled.",
    State.EXPECTED: "Not arrived yet.",
    State.RENDERING: "Processing...",
    State.RENDERED: "",
    State.REJECTED: "Can't be processed.",
    State.FAILED: "Processing failed because of an error on our side.",
    State.SKIPPED: "Skipped.",
    State.SUPERSEDED: "Replaced by a newer version.",
    State.DELETED: "Deleted.",
}

_SAVE_AGAIN = "Open it in a picture editor, save it again as a plain JPEG or PNG, and upload that."

# By reason of rejection, or by state.
_ADVICE = {
    "empty_file": "Choose the picture again, or get it again from its source.",
    "unsupported_format": "Save it as JPEG or PNG and upload that. To take JPEG pictures with an iPhone, "
    "set Settings > Camera > Formats to Most Compatible.",
    "corrupt_image": "Open it on your computer. If it opens, save a new copy and upload that; "
    "if not, get the picture again from its source.",
    "too_many_pixels": "Resize it in a picture editor and upload the smaller picture.",
    "too_many_frames": "Shorten it, or save one of its frames as a picture, and upload that.",
    "too_large": "Save it with fewer pixels or stronger compression and upload that.",
    State.FAILED: "The site's operator can retry it, or you can upload it again.",
    State.SKIPPED: "Upload it again to process it.",
    State.SUPERSEDED: "Look for the newer version on the home page.",
    State.DELETED: "Upload it again to restore it.",
}


def headline(entry: Entry) -> str | None:
    """Returns the saving of a picture, or None without renditions.

    During another rendering it is the saving of the previous one.
    """
    receipt = entry.receipt
    best = receipt.smallest_at_full_width if receipt else None
    if entry.state not in (State.RENDERED, State.RENDERING) or receipt is None or best is None:
        return None
    before, after = filesize(receipt.size_bytes), filesize(best.size_bytes)
    return f"{before} became {after} at {best.width} px: {savings(receipt.saved_percent)}"


def line(entry: Entry) -> str:
    """Returns the name and the result of an upload in one line, for a terminal."""
    if entry.receipt and headline(entry) and (best := entry.receipt.smallest_at_full_width):
        before, after = filesize(entry.receipt.size_bytes), filesize(best.size_bytes)
        return f"{entry.upload.name}: {before} -> {after}, {savings(entry.receipt.saved_percent)}"
    if not entry.has_result:
        return f"{entry.upload.name}: stored; it is being rendered and will be at this address."
    return f"{entry.upload.name}: {sentence(entry)}"


def sentence(entry: Entry) -> str:
    """Returns the state of an upload in one sentence."""
    if entry.state is State.REJECTED and entry.rejection:
        return entry.rejection.sentence
    if entry.failure and entry.is_announcement:
        return entry.failure.sentence
    return STATES[entry.state]


def advice(entry: Entry) -> str | None:
    """Returns the next step for the uploader, or None if there is nothing to do."""
    if entry.state is State.REJECTED and entry.rejection:
        return _ADVICE.get(entry.rejection.reason, _SAVE_AGAIN)
    if entry.failure and entry.is_announcement:  # it never arrived, so there is nothing to retry
        return "Upload it again."
    return _ADVICE.get(entry.state)


def job_headline(job: JsonObject) -> str:
    """Returns the progress of a job, or its saving once it is complete."""
    size = counted(job["size"], "picture")
    if job["state"] != "complete":
        return f"{size}, {job['size'] - job['waiting']:,} done"
    if not job["counts"].get("rendered"):
        return f"{size}, none rendered"
    return f"{size}: {filesize(job['bytes_before'])} became {filesize(job['bytes_after'])}"


def job_counts(job: JsonObject) -> str:
    """Returns the number of a job's pictures in each state."""
    counts = {**job["counts"], "waiting": job["waiting"]}
    return ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)


def failures_headline(count: int, *, more: bool, later: bool) -> str:
    """Returns the heading of a page of `count` failures.

    `later` is True on every page but the first, `more` on every page but the last.
    """
    if later:
        return "More failed pictures"
    return f"{'More than ' if more else ''}{counted(count, 'picture')} failed"


def row_text(row: JsonObject) -> str:
    """Returns the state of one picture of a job."""
    if row["state"] == State.RENDERED:
        return f"{filesize(row['bytes_before'])} became {filesize(row['bytes_after'])}"
    state = "cancelled" if row["state"] == State.DELETED and not row["version"] else row["state"]
    return row.get("sentence") or LINES[state]


def row_name(row: JsonObject) -> str:
    """Returns the name of one picture of a job, with its folder where names meet."""
    return f"{row['folder']}/{row['name']}" if "folder" in row else str(row["name"])
