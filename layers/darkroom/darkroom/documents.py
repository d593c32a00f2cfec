"""Receipts as JSON documents: one shape for the ledger, the HTTP API and the command line."""

from dataclasses import asdict
from typing import Any

from darkroom.model import Decision, Format, Original, Receipt, Rejection, Rendition

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
