"""Multipart forms with one file, under any field name."""

from dataclasses import dataclass
from email.message import Message
from io import BytesIO

from multipart import MultipartError, MultipartParser, parse_options_header

from darkroom.domain.errors import BadRequest
from darkroom.domain.keys import CONTROL_CHARACTERS, MEDIA_TYPE
from darkroom.domain.limits import MAX_NAME_BYTES

_HOW = "Send one file in a form, as in: curl -F upload=@image.png"


@dataclass(frozen=True, slots=True)
class PostedFile:
    """File of a form; `name` has no path."""

    name: str
    media_type: str
    content: bytes


def posted_file(content_type: str, body: bytes) -> PostedFile:
    """Returns the only file of a multipart form. Raises BadRequest with a sentence for the client."""
    kind, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary:
        raise BadRequest(f"The request is not a form with a file. {_HOW}")
    # The body is in memory already: never spool parts to temporary files.
    limit = len(body) + 1
    parser = MultipartParser(BytesIO(body), boundary, len(body), spool_limit=limit, memory_limit=limit)
    try:
        parts = [
            (filename, part.content_type, part.raw)
            for part in parser
            if (filename := _filename(part.filename, part.disposition)) is not None
        ]
    except (MultipartError, ValueError) as fault:  # ValueError: an unknown text encoding
        raise BadRequest(f"The form can't be read. {_HOW}") from fault
    if not parts:
        raise BadRequest(f"The form has no file. {_HOW}")
    if len(parts) > 1:
        raise BadRequest(f"The form has {len(parts)} files; send one at a time. {_HOW}")
    filename, media_type, content = parts[0]
    valid_type = media_type if MEDIA_TYPE.fullmatch(media_type or "") else None
    return PostedFile(_base_name(filename), valid_type or "application/octet-stream", content)


def _filename(plain: str | None, disposition: str) -> str | None:
    """File name of a part. Some clients send only `filename*` for names that are not ASCII (RFC 5987)."""
    if plain is not None or "filename*=" not in disposition:
        return plain
    header = Message()
    header["Content-Disposition"] = disposition
    return header.get_filename()


def _base_name(filename: str) -> str:
    """File name without its path. Browsers and curl escape a quote as %22 (HTML, multipart/form-data)."""
    last = filename.replace("%22", '"').replace("\\", "/").rsplit("/", 1)[-1]
    name = CONTROL_CHARACTERS.sub("", last).strip()
    if len(name.encode()) > MAX_NAME_BYTES:
        raise BadRequest(f"The file name is longer than {MAX_NAME_BYTES} bytes. Shorten it.")
    return name if name.strip(".") else "picture"
