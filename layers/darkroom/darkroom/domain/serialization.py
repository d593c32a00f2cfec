"""JSON forms of receipts, jobs and uploads: the same for the ledger, the HTTP API, events and tools."""

from dataclasses import asdict
from typing import Any

from darkroom.domain.entries import Entry
from darkroom.domain.keys import correlation_of, digest
from darkroom.domain.receipts import Decision, Face, Original, Receipt, Rejection, Window
from darkroom.domain.renditions import Format, Rendition
from darkroom.domain.rows import JobView, Row, Tally

type JsonObject = dict[str, Any]


def serialize_receipt(receipt: Receipt) -> JsonObject:
    """Returns a receipt as JSON values, with its savings."""
    return asdict(receipt) | {
        "saved_bytes": receipt.saved_bytes,
        "saved_percent": receipt.saved_percent,
    }


def parse_receipt(document: JsonObject) -> Receipt:
    """Parses the output of `serialize_receipt`."""
    original, rejection = document["original"], document["rejection"]
    return Receipt(
        profile=document["profile"],
        profile_hash=document["profile_hash"],
        engine=document["engine"],
        at=document["at"],
        size_bytes=document["size_bytes"],
        original=Original(**original) if original else None,
        renditions=tuple(
            Rendition(**(rendition | {"format": Format(rendition["format"])}))
            for rendition in document["renditions"]
        ),
        rejection=Rejection(**rejection) if rejection else None,
        decisions=tuple(Decision(**decision) for decision in document["decisions"]),
        milliseconds=dict(document["milliseconds"]),
        placeholder=document["placeholder"],
        colour=document["colour"],
        # Receipts of earlier releases have neither.
        windows=tuple(Window(**window) for window in document.get("windows", ())),
        faces=tuple(Face(**face) for face in document.get("faces", ())),
    )


def serialize_totals(totals: Tally) -> JsonObject:
    """Returns the totals of all time as JSON values, with their savings."""
    return {
        "rendered": totals.rendered,
        "bytes_before": totals.bytes_before,
        "bytes_after": totals.bytes_after,
        "saved_bytes": totals.saved_bytes,
        "saved_percent": totals.saved_percent,
    }


# Path from a job's page to the root. That page receives the pushes, so links in pushes are relative to it.
JOB_ROOT = "../"


def serialize_job(job: JobView, root: str = "") -> JsonObject:
    """Returns a job as JSON values; links are relative to `root`."""
    tally = job.tally
    return {
        "id": job.id,
        "state": "complete" if job.complete else "running" if job.sealed else "open",
        "size": job.size,
        "sealed": job.sealed,
        "created": job.created,
        "revision": job.revision,
        "counts": tally.counts,
        "waiting": job.waiting,
        "bytes_before": tally.bytes_before,
        "bytes_after": tally.bytes_after,
        "saved_bytes": tally.saved_bytes,
        "saved_percent": tally.saved_percent,
        "page": f"{root}jobs/{job.id}",
        "uploads": f"{root}jobs/{job.id}/uploads",
    }


def serialize_row(row: Row, root: str = "") -> JsonObject:
    """Returns a member of a job as JSON values; links are relative to `root`."""
    document: JsonObject = {
        "number": row.number,
        "picture": row.picture_id,
        "name": row.name,
        "key": row.key,
        "correlation_id": correlation_of(row.key, ""),
        "state": row.state.value,
        "reason": row.reason,
        "version": row.version,
        "announced_bytes": row.announced_bytes,
        "bytes_before": row.bytes_before,
        "bytes_after": row.bytes_after,
        "saved_percent": row.saved_percent,
        "revision": row.revision,
        "page": f"{root}pictures/{row.picture_id}",
    }
    return document | ({"sentence": row.sentence} if row.sentence else {})


def serialize_upload(entry: Entry) -> JsonObject:
    """Returns the detail of the event of a terminal upload."""
    cause = entry.rejection or entry.failure
    best = entry.receipt.smallest_at_full_width if entry.receipt else None
    return {
        "id": digest(entry.picture_id, entry.upload.version, str(entry.revision)),
        "job": entry.job_id,
        "picture": entry.picture_id,
        "key": entry.upload.key,
        "correlation_id": entry.upload.correlation,
        "version": "" if entry.is_announcement else entry.upload.version,
        "state": entry.state.value,
        "reason": cause.reason if cause else "",
        "revision": entry.revision,
        "size_bytes": entry.receipt.size_bytes if entry.receipt else max(0, entry.upload.size_bytes),
        "smallest_bytes": best.size_bytes if best else 0,
        "saved_percent": entry.receipt.saved_percent if entry.receipt else 0.0,
        "at": entry.since,
    }


def serialize_completion(job: JobView) -> JsonObject:
    """Returns the detail of a job's completion event; its id depends on the totals."""
    return {"id": job.completion, "job": serialize_job(job)}


def serialize_failure(entry: Entry) -> JsonObject:
    """Returns a failed upload as JSON values."""
    failure = entry.failure
    return {
        "id": entry.id,
        "key": entry.upload.key,
        "version": entry.upload.version,
        "removal": entry.is_removal,
        "reason": failure.reason if failure else "",
        "detail": failure.sentence if failure else "",
        "attempts": len(entry.attempts),
        "since": entry.since,
    }
