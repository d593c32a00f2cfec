"""JSON Schemas (2020-12) of the HTTP API, used as OpenAPI components."""

from typing import Any, get_type_hints

from darkroom.domain.entries import State
from darkroom.domain.errors import RejectedPicture
from darkroom.domain.limits import ID_PATTERN, MAX_JOB_UPLOADS
from darkroom.domain.receipts import Decision, Face, Original, Window
from darkroom.domain.renditions import Format
from darkroom.domain.serialization import JsonObject

_ID = f"^{ID_PATTERN}$"

TEXT: JsonObject = {"type": "string"}
_WHOLE: JsonObject = {"type": "integer", "minimum": 0}
_NUMBER: JsonObject = {"type": "number"}


def _text(description: str, **more: Any) -> JsonObject:
    return {"type": "string", "description": description, **more}


def _whole(description: str) -> JsonObject:
    return {**_WHOLE, "description": description}


def _boolean(description: str) -> JsonObject:
    return {"type": "boolean", "description": description}


def _or_null(schema: JsonObject) -> JsonObject:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(schema: JsonObject, **more: Any) -> JsonObject:
    return {"type": "array", "items": schema, **more}


def _object(description: str, properties: JsonObject, optional: JsonObject | None = None) -> JsonObject:
    """Object schema; `properties` are required. Later versions may add properties."""
    return {
        "type": "object",
        "description": description,
        "required": list(properties),
        "properties": properties | (optional or {}),
    }


def ref(name: str) -> JsonObject:
    return {"$ref": f"#/components/schemas/{name}"}


def _of(kind: type, description: str) -> JsonObject:
    """Derives the schema of a flat dataclass of strings and numbers."""
    schemas = {str: TEXT, int: _WHOLE, float: _NUMBER}
    return _object(description, {name: schemas[hint] for name, hint in get_type_hints(kind).items()})


_STATE = {"enum": [state.value for state in State], "description": "The state of the upload."}
_CURSOR = _text("Pass as `?cursor=` to get the next page; empty on the last page.")
_PAGE = _text("The HTML page, relative to the URL of the request.")
_CORRELATION = _text("Identifies the upload in logs, WebSocket messages and events.")
_FORM = _object(
    "A presigned POST: send every field in a multipart form, before the file.",
    {
        "url": _text("The URL to post to.", format="uri"),
        "fields": {"type": "object", "additionalProperties": TEXT},
    },
)

_RECEIPT: JsonObject = {
    "profile": _text("The profile's name."),
    "profile_hash": TEXT,
    "engine": _text("The version of the rendering engine."),
    "at": _text("The time of the rendering."),
    "size_bytes": _whole("The size of the original."),
    "original": _or_null(ref("Original")),
    "renditions": _list(ref("Rendition")),
    "rejection": _or_null(ref("Rejection")),
    "decisions": _list(ref("Decision")),
    "milliseconds": {"type": "object", "additionalProperties": _NUMBER},
    "placeholder": _text("A tiny preview as a `data:` URL; may be empty."),
    "colour": _text("The dominant colour, like `#aabbcc`; may be empty."),
    "windows": _list(ref("Window")),
    "faces": _list(ref("Face")),
    "saved_bytes": {"type": "integer", "description": "The bytes saved by the smallest file at full width."},
    "saved_percent": _NUMBER,
}

_EMBED = _object(
    "What another page needs to show the picture: the attributes of a <picture> element.",
    {
        "sources": _list(_object("A <source>.", {"type": TEXT, "srcset": TEXT})),
        "src": TEXT,
        "srcset": TEXT,
        "sizes": TEXT,
        "width": _WHOLE,
        "height": _WHOLE,
        "background": _text("A CSS value until the image is loaded: colour and placeholder."),
    },
)

_UPLOAD: JsonObject = {
    "id": _text("The picture's id: a hash of bucket and key.", pattern=_ID),
    "name": TEXT,
    "key": _text("The key in the uploads bucket."),
    "version": _text("The S3 version id, or `expected` until the upload arrives."),
    "correlation_id": _CORRELATION,
    "status": _STATE,
    "arrived": TEXT,
    "page": _PAGE,
    "image": _text("URL of the newest picture of this name, relative to the URL of the request."),
}

_JOB: JsonObject = {
    "id": _text("The job's id: random, so that it can't be guessed.", pattern=_ID),
    "state": {"enum": ["open", "running", "complete"]},
    "size": _whole("The number of uploads."),
    "sealed": _boolean("True when all uploads are recorded. The job can't complete earlier."),
    "created": TEXT,
    "revision": _whole("Increases with each change: the higher revision is newer."),
    "counts": _object(
        "The number of uploads in each terminal state.",
        {state.value: _WHOLE for state in State if state.terminal},
    ),
    "waiting": _whole("The number of uploads not in a terminal state."),
    "bytes_before": _whole("The size of all rendered originals."),
    "bytes_after": _whole("The size of their smallest files at full width."),
    "saved_bytes": {"type": "integer"},
    "saved_percent": _NUMBER,
    "page": _PAGE,
    "uploads": _text("URL of the list of uploads, relative to the URL of the request."),
}

_LIVE = _object(
    "The job's live channel: connect, then send a `hello` message with the ticket.",
    {
        "url": _text("The URL of the WebSocket."),
        "ticket": _text("Grants access to this job's channel, once, until it expires."),
        "expires": TEXT,
    },
)

_FOCUS = _text(
    "The point to keep, as shares of width and height from the top left, like `0.31,0.40`; or `auto`.",
    pattern=r"^(auto|(0?\.[0-9]{1,9}|[01]),(0?\.[0-9]{1,9}|[01]))$",
)

SCHEMAS: JsonObject = {
    "Original": _of(Original, "The original, from its file header."),
    "Rendition": _object(
        "One rendered file.",
        {
            "format": {"enum": [image_format.value for image_format in Format]},
            "width": _WHOLE,
            "height": _WHOLE,
            "quality": _whole("The quality setting of the encoder."),
            "size_bytes": _WHOLE,
            "key": _text("The key in the renditions bucket."),
            "ladder": _text("The name of the ladder (a set of sizes) in the profile."),
            "frames": _WHOLE,
            "alpha": _boolean("True if the file keeps the picture's transparency."),
            "target": _or_null(_NUMBER | {"description": "The target SSIMULACRA2 score."}),
            "score": _or_null(_NUMBER | {"description": "The SSIMULACRA2 score of this file."}),
            "score_kind": _text("`measured`; `predicted` for an animation; empty without a score."),
        },
        {
            "url": _text(
                "The URL of the file; presigned unless renditions are public. Absent in lists.", format="uri"
            )
        },
    ),
    "Rejection": _object(
        "The reason for a rejection.",
        {
            "reason": {"enum": sorted(RejectedPicture.REASONS)},
            "sentence": TEXT,
            "limit": _or_null(_NUMBER),
            "actual": _or_null(_NUMBER),
        },
    ),
    "Window": _of(Window, "The part of the upright original that a ladder with a crop shows, in pixels."),
    "Face": _of(Face, "A face that was found, in pixels of the upright original."),
    "Decision": _of(Decision, "A decision made during rendering."),
    "Upload": _object(
        "An upload with its state and, if it has one, its receipt.",
        _UPLOAD,
        {**_RECEIPT, "embed": _or_null(_EMBED)},
    ),
    "Recent": _object(
        "Recent uploads, newest first. A picture that was uploaded again may appear on two pages.",
        {
            "recent": _list(ref("Upload")),
            "cursor": _CURSOR,
            "totals": _object(
                "Totals of all renderings, including deleted pictures.",
                {
                    "rendered": _WHOLE,
                    "bytes_before": _whole("The size of the originals."),
                    "bytes_after": _whole("The size of their smallest files at full width."),
                    "saved_bytes": {"type": "integer"},
                    "saved_percent": _NUMBER,
                },
            ),
        },
    ),
    "Failure": _object(
        "A failed upload.",
        {
            "id": TEXT,
            "key": TEXT,
            "version": TEXT,
            "removal": _boolean("True if the deletion failed, false if the rendering did."),
            "reason": _text("A stable error code."),
            "detail": TEXT,
            "attempts": _WHOLE,
            "since": TEXT,
            "page": _PAGE,
        },
    ),
    "Failures": _object(
        "Failed uploads, oldest first.", {"failures": _list(ref("Failure")), "cursor": _CURSOR}
    ),
    "ActionResult": _object(
        "The result of an action on uploads.",
        {
            "action": {"enum": ["delete", "focus", "retry", "skip"]},
            "uploads": _whole("The number of uploads."),
        },
    ),
    "Problem": _object(
        "A problem (RFC 9457).",
        {
            "type": _text("Stable problem type; a link to its description.", format="uri-reference"),
            "title": TEXT,
            "status": _WHOLE,
            "detail": _text("One sentence for people."),
        },
    ),
    "PresignedForm": _FORM,
    "TooLarge": {
        "allOf": [
            ref("Problem"),
            _object(
                "A form to upload directly to S3.",
                {"presigned": {"allOf": [ref("PresignedForm"), _object("", {"page": _PAGE})]}},
            ),
        ]
    },
    "UploadForm": _object(
        "A form with one file, and optionally the focus of its crops.",
        {"upload": {"type": "string", "contentMediaType": "application/octet-stream", "format": "binary"}},
        {"focus": _FOCUS},
    )
    | {"maxProperties": 2},
    "FocusForm": _object("The focus of a picture's crops.", {"focus": _FOCUS}),
    "TrialForm": _object(
        "A profile and a picture to render with it: a file, or the id of a picture or of an earlier trial.",
        {"profile": _text("The profile: a JSON document.")},
        {
            "upload": {"type": "string", "contentMediaType": "application/octet-stream", "format": "binary"},
            "picture": _text("The id of a picture."),
            "trial": _text("The id of an earlier trial. It ends when the new one has started."),
        },
    ),
    "Trial": _object(
        "A trial and, once its picture is rendered, its receipt and the cost.",
        {
            "id": _text("The trial's id.", pattern=_ID),
            "page": _PAGE,
            "name": _text("The name of the picture."),
            "status": {"enum": ["rendering", "rendered", "rejected"]},
            "document": {"type": "object", "description": "The profile as it would be pushed."},
        },
        {
            **_RECEIPT,
            "cost": _object(
                "US dollars for 1,000 such pictures, at list prices.",
                {
                    "seconds": _NUMBER | {"description": "The time of one rendering."},
                    "memory_mb": _whole("The memory of the function."),
                    "architecture": TEXT,
                    "rendering": _NUMBER,
                    "writing": _NUMBER,
                    "storing": _NUMBER | {"description": "For a month."},
                    "total": _NUMBER,
                },
            ),
        },
    ),
    "SignIn": _object(
        "A token, and a path on this site to open after signing in.", {"token": TEXT}, {"to": TEXT}
    ),
    "NewJob": _object(
        "The uploads of a new job.",
        {
            "uploads": _list(
                _object(
                    "One upload.",
                    {
                        "name": _text("The file name without a path.", minLength=1),
                        "size": {"type": "integer", "minimum": 1, "description": "The size in bytes."},
                        "type": _text(
                            "The media type. The presigned form accepts only this type.", minLength=1
                        ),
                    },
                    {
                        "folder": _text("The file's folder, if names meet: shown before the name."),
                        "focus": {
                            "description": "The focus of crops: `auto`, or shares of width and height.",
                            "oneOf": [
                                {"enum": ["auto"]},
                                _list({**_NUMBER, "minimum": 0, "maximum": 1}, minItems=2, maxItems=2),
                            ],
                        },
                    },
                ),
                minItems=1,
                maxItems=MAX_JOB_UPLOADS,
            )
        },
    ),
    "Job": _object("A job, with its live channel unless it is complete.", _JOB, {"live": _LIVE}),
    "Row": _object(
        "One upload of a job.",
        {
            "number": _whole("The number of the upload in the job, from 0."),
            "picture": _text("The picture's id.", pattern=_ID),
            "name": TEXT,
            "key": TEXT,
            "correlation_id": _CORRELATION,
            "state": _STATE,
            "reason": _text("A stable code if it was rejected or failed, else empty."),
            "version": TEXT,
            "announced_bytes": _WHOLE,
            "bytes_before": _WHOLE,
            "bytes_after": _WHOLE,
            "saved_percent": _NUMBER,
            "revision": _whole("Increases with each change of this row."),
            "page": _PAGE,
            "thumbnail": _or_null(TEXT),
        },
        {
            "sentence": _text("The reason in words, or that it is being retried."),
            "folder": _text("The announced folder, shown before the name."),
            "post": ref("PresignedForm"),
        },
    ),
    "NewJobResponse": {
        "allOf": [ref("Job"), _object("The first uploads.", {"rows": _list(ref("Row")), "cursor": _CURSOR})]
    },
    "JobUploads": _object(
        "One page of a job's uploads. Uploads that have not arrived have a newly presigned form.",
        {"uploads": _list(ref("Row")), "cursor": _CURSOR},
    ),
    "JobFiles": _object(
        "The renditions of up to 100 uploads of a job.",
        {
            "files": _list(
                _object(
                    "One rendition.",
                    {
                        "path": _text("A relative path of safe characters, unique in the job."),
                        "url": _text("The presigned URL of the file."),
                        "size_bytes": _WHOLE,
                        "best": _boolean("True for the smallest file at full width of each picture."),
                    },
                )
            ),
            "cursor": _CURSOR,
        },
    ),
    "Receipts": _list({"type": "object"}),
    "OpenApi": {"type": "object"},
}
