"""Receipts, jobs and rows as JSON documents: one shape for the ledger, the HTTP API, events and the tools."""

from dataclasses import asdict
from typing import Any

from darkroom.domain.entries import Entry
from darkroom.domain.keys import correlation_of, digest
from darkroom.domain.receipts import Decision, Original, Receipt, Rejection
from darkroom.domain.renditions import Format, Rendition
from darkroom.domain.rows import JobView, Row, Tally

type Document = dict[str, Any]


def receipt_document(receipt: Receipt) -> Document:
    """A receipt as plain JSON values, with its savings worked out."""
    return asdict(receipt) | {
        "saved_bytes": receipt.saved_bytes,
        "saved_percent": receipt.saved_percent,
    }


def receipt_from(document: Document) -> Receipt:
    """The receipt that `receipt_document` made this of."""
    original, rejection = document["original"], document["rejection"]
    return Receipt(
        profile=document["profile"],
        profile_hash=document["profile_hash"],
        engine=document["engine"],
        at=document["at"],
        size_bytes=document["size_bytes"],
        original=Original(**original) if original else None,
        renditions=tuple(
            Rendition(**(each | {"format": Format(each["format"])})) for each in document["renditions"]
        ),
        rejection=Rejection(**rejection) if rejection else None,
        decisions=tuple(Decision(**each) for each in document["decisions"]),
        milliseconds=dict(document["milliseconds"]),
        # Receipts from before the engine's second revision have neither.
        placeholder=document.get("placeholder", ""),
        colour=document.get("colour", ""),
    )


def totals_document(totals: Tally) -> Document:
    """What was ever rendered, and what that has saved."""
    return {
        "rendered": totals.rendered,
        "bytes_before": totals.bytes_before,
        "bytes_after": totals.bytes_after,
        "saved_bytes": totals.saved_bytes,
        "saved_percent": totals.saved_percent,
    }


# Whoever follows a job is on its page: the way from there to the site's root.
JOB_ROOT = "../"


def job_document(job: JobView, root: str = "") -> Document:
    """How a job stands. Its links are relative to `root`."""
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


def row_document(row: Row, root: str = "") -> Document:
    """One member of a job; links are relative to `root`."""
    document: Document = {
        "number": row.number,
        "picture": row.picture,
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
        "page": f"{root}pictures/{row.picture}",
    }
    return document | ({"sentence": row.sentence} if row.sentence else {})


def upload_document(entry: Entry) -> Document:
    """The end that an upload has come to, as an event's detail."""
    why = entry.rejection or entry.failure
    best = entry.receipt.smallest_at_full_width if entry.receipt else None
    return {
        "id": digest(entry.picture, entry.upload.version, str(entry.revision)),
        "job": entry.job,
        "picture": entry.picture,
        "key": entry.upload.key,
        "correlation_id": entry.upload.correlation,
        "version": "" if entry.is_announcement else entry.upload.version,
        "state": entry.state.value,
        "reason": why.reason if why else "",
        "revision": entry.revision,
        "size_bytes": entry.receipt.size_bytes if entry.receipt else max(0, entry.upload.size_bytes),
        "smallest_bytes": best.size_bytes if best else 0,
        "saved_percent": entry.receipt.saved_percent if entry.receipt else 0.0,
        "at": entry.since,
    }


def completed_document(job: JobView) -> Document:
    """A job's completion as an event's detail: the same id unless its totals are others."""
    return {"id": job.completion, "job": job_document(job)}
