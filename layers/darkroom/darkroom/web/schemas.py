"""The documents of the HTTP API as JSON Schema (2020-12), by name; OpenAPI's components."""

from typing import Any, get_type_hints

from darkroom.domain.entries import State
from darkroom.domain.errors import RejectedPicture
from darkroom.domain.limits import ID_PATTERN, MAX_JOB_UPLOADS
from darkroom.domain.receipts import Decision, Original
from darkroom.domain.renditions import Format
from darkroom.domain.serialization import JsonObject

_ID = f"^{ID_PATTERN}$"

_TEXT: JsonObject = {"type": "string"}
_WHOLE: JsonObject = {"type": "integer", "minimum": 0}
_NUMBER: JsonObject = {"type": "number"}


def _text(description: str, **more: Any) -> JsonObject:
    return {"type": "string", "description": description, **more}


def _whole(description: str) -> JsonObject:
    return {**_WHOLE, "description": description}


def _or_null(schema: JsonObject) -> JsonObject:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(schema: JsonObject, **more: Any) -> JsonObject:
    return {"type": "array", "items": schema, **more}


def _object(description: str, properties: JsonObject, optional: JsonObject | None = None) -> JsonObject:
    """`optional` may be missing, all of `properties` are there. More may come in later versions."""
    return {
        "type": "object",
        "description": description,
        "required": list(properties),
        "properties": properties | (optional or {}),
    }


def ref(name: str) -> JsonObject:
    return {"$ref": f"#/components/schemas/{name}"}


def _of(kind: type, description: str) -> JsonObject:
    """A flat dataclass of ours as it is written out."""
    kinds = {str: _TEXT, int: _WHOLE}
    return _object(description, {name: kinds[each] for name, each in get_type_hints(kind).items()})


_STATE = {"enum": [each.value for each in State], "description": "Where the upload stands."}
_CURSOR = _text("Leads to the next page, as `?cursor=`; empty at the end.")
_PAGE = _text("The page for people; relative to the address that was asked.")
_CORRELATION = _text("What the upload is called in every log line, push and event.")
_FORM = _object(
    "A presigned POST: every field goes into a multipart form before the file.",
    {"url": _text("Where to.", format="uri"), "fields": {"type": "object", "additionalProperties": _TEXT}},
)

_RECEIPT: JsonObject = {
    "profile": _text("The profile's name."),
    "profile_hash": _TEXT,
    "engine": _text("What it was rendered by."),
    "at": _text("When."),
    "size_bytes": _whole("The original's."),
    "original": _or_null(ref("Original")),
    "renditions": _list(ref("Rendition")),
    "rejection": _or_null(ref("Rejection")),
    "decisions": _list(ref("Decision")),
    "milliseconds": {"type": "object", "additionalProperties": _NUMBER},
    "placeholder": _text("A very small picture of it, as a `data:` address; may be empty."),
    "colour": _text("Its mean colour, like `#aabbcc`; may be empty."),
    "saved_bytes": {"type": "integer", "description": "Against the smallest file at full width."},
    "saved_percent": _NUMBER,
}

_UPLOAD: JsonObject = {
    "id": _text("The picture's: a hash of bucket and key.", pattern=_ID),
    "name": _TEXT,
    "key": _text("In the uploads bucket."),
    "version": _text("S3's, or `expected` before it has come."),
    "correlation_id": _CORRELATION,
    "status": _STATE,
    "arrived": _TEXT,
    "page": _PAGE,
    "image": _text("The newest picture of that name."),
}

_JOB: JsonObject = {
    "id": _text("Grants access to the job.", pattern=_ID),
    "state": {"enum": ["open", "running", "complete"]},
    "size": _whole("Uploads in it."),
    "sealed": {"type": "boolean", "description": "Whether all of them are noted: it completes no earlier."},
    "created": _TEXT,
    "revision": _whole("Grows with each change: of two documents the one with more is the newer."),
    "counts": _object(
        "Uploads that have come to an end, by how.",
        {each.value: _WHOLE for each in State if each.terminal},
    ),
    "waiting": _whole("Uploads that have not."),
    "bytes_before": _whole("Of the originals that were rendered."),
    "bytes_after": _whole("Of their smallest files at full width."),
    "saved_bytes": {"type": "integer"},
    "saved_percent": _NUMBER,
    "page": _PAGE,
    "uploads": _text("The list of its uploads; relative to the address that was asked."),
}

_LIVE = _object(
    "How to hear of each change: connect, then say hello with the ticket.",
    {"url": _text("Of the WebSocket."), "ticket": _text("For this job, until it expires."), "expires": _TEXT},
)

SCHEMAS: JsonObject = {
    "Original": _of(Original, "What the header of an upload says."),
    "Rendition": _object(
        "One file that was made, and where it can be fetched.",
        {
            "format": {"enum": [each.value for each in Format]},
            "width": _WHOLE,
            "height": _WHOLE,
            "quality": _whole("The encoder's own."),
            "size_bytes": _WHOLE,
            "key": _text("In the renditions bucket."),
            "ladder": _text("The set of widths that it belongs to."),
            "frames": _WHOLE,
            "target": _or_null(_NUMBER | {"description": "The SSIMULACRA2 score that was asked for."}),
            "score": _or_null(_NUMBER | {"description": "The one that was reached."}),
            "score_kind": _text("Whether that was predicted or measured."),
            "url": _text("Presigned, unless renditions are public.", format="uri"),
        },
    ),
    "Rejection": _object(
        "Why a picture can't be used.",
        {
            "reason": {"enum": sorted(RejectedPicture.REASONS)},
            "sentence": _TEXT,
            "limit": _or_null(_NUMBER),
            "actual": _or_null(_NUMBER),
        },
    ),
    "Decision": _of(Decision, "One choice that was taken while rendering."),
    "Upload": _object("One upload: where it stands and, once there is one, its receipt.", _UPLOAD, _RECEIPT),
    "Recent": _object(
        "What came lately, newest first. A picture that was sent again may stand on two pages.",
        {
            "recent": _list(ref("Upload")),
            "cursor": _CURSOR,
            "totals": _object(
                "What was ever rendered, also what is gone since.",
                {
                    "rendered": _WHOLE,
                    "bytes_before": _whole("Of the originals."),
                    "bytes_after": _whole("Of their smallest files at full width."),
                    "saved_bytes": {"type": "integer"},
                    "saved_percent": _NUMBER,
                },
            ),
        },
    ),
    "Failure": _object(
        "An upload that was given up.",
        {
            "id": _TEXT,
            "key": _TEXT,
            "version": _TEXT,
            "removal": {"type": "boolean", "description": "Whether it is a removal that failed."},
            "reason": _text("A stable code."),
            "detail": _TEXT,
            "attempts": _WHOLE,
            "since": _TEXT,
            "page": _PAGE,
        },
    ),
    "Failures": _object(
        "What was given up, longest ago first.", {"failures": _list(ref("Failure")), "cursor": _CURSOR}
    ),
    "ActionResult": _object(
        "What was done to failures.",
        {"action": {"enum": ["retry", "skip"]}, "uploads": _whole("How many.")},
    ),
    "Problem": _object(
        "What is wrong with a request, by RFC 9457.",
        {
            "type": _text("A stable name; leads to its place in the docs.", format="uri-reference"),
            "title": _TEXT,
            "status": _WHOLE,
            "detail": _text("One sentence for a person."),
        },
    ),
    "PresignedForm": _FORM,
    "TooLarge": {
        "allOf": [
            ref("Problem"),
            _object(
                "The way straight to the bucket.",
                {"presigned": {"allOf": [ref("PresignedForm"), _object("", {"page": _PAGE})]}},
            ),
        ]
    },
    "UploadForm": _object(
        "A form with one file in it.",
        {"upload": {"type": "string", "contentMediaType": "application/octet-stream", "format": "binary"}},
    )
    | {"maxProperties": 1},
    "SignIn": _object("A token, and a path on this site to go on to.", {"token": _TEXT}, {"to": _TEXT}),
    "NewJob": _object(
        "The uploads that are to come.",
        {
            "uploads": _list(
                _object(
                    "One of them.",
                    {
                        "name": _text("Without a path.", minLength=1),
                        "size": {"type": "integer", "minimum": 1, "description": "In bytes."},
                        "type": _text("Its media type; the form takes that type alone.", minLength=1),
                    },
                ),
                minItems=1,
                maxItems=MAX_JOB_UPLOADS,
            )
        },
    ),
    "Job": _object("A job, and how to hear of its changes.", _JOB, {"live": _LIVE}),
    "Row": _object(
        "What a job knows of one of its uploads.",
        {
            "number": _whole("Its place in the job, from 0."),
            "picture": _text("Its picture's id.", pattern=_ID),
            "name": _TEXT,
            "key": _TEXT,
            "correlation_id": _CORRELATION,
            "state": _STATE,
            "reason": _text("Why it was rejected or has failed: a stable code, else empty."),
            "version": _TEXT,
            "announced_bytes": _WHOLE,
            "bytes_before": _WHOLE,
            "bytes_after": _WHOLE,
            "saved_percent": _NUMBER,
            "revision": _whole("Grows with each change of this row."),
            "page": _PAGE,
            "thumbnail": _or_null(_TEXT),
        },
        {"sentence": _text("The reason in words."), "post": ref("PresignedForm")},
    ),
    "NewJobResponse": {
        "allOf": [
            ref("Job"),
            _object("Its first uploads.", {"rows": _list(ref("Row")), "cursor": _CURSOR}),
        ]
    },
    "JobUploads": _object(
        "Some of a job's uploads. What has not come carries a form, signed anew.",
        {"uploads": _list(ref("Row")), "cursor": _CURSOR},
    ),
    "Receipts": _list({"type": "object"}),
    "OpenApi": {"type": "object"},
}
