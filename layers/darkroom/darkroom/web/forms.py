"""Forms: multipart ones with one file, under any field name, and small URL-encoded ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from io import BytesIO
from urllib.parse import parse_qs

from multipart import MultipartError, MultipartParser, parse_options_header

from darkroom.domain.errors import BadRequest
from darkroom.domain.keys import CONTROL_CHARACTERS, MEDIA_TYPE
from darkroom.domain.limits import MAX_NAME_BYTES

_SMALL_FORM_BYTES = 8_000
_SMALL_FORM_FIELDS = 8
_HOW = "Send one file in a form, as in: curl -F upload=@image.png"


@dataclass(frozen=True, slots=True)
class PostedFile:
    """File of a form, and the form's field `focus`, unchecked. `name` has no path."""

    name: str
    media_type: str
    content: bytes
    focus: str = ""


@dataclass(frozen=True, slots=True)
class PostedForm:
    """The texts of a multipart form, by name, and its files."""

    fields: Mapping[str, str]
    files: tuple[PostedFile, ...]


def small_form(content_type: str, body: bytes) -> Mapping[str, str]:
    """Parses a small URL-encoded form; the first value of each field. Other bodies give an empty one."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded" or len(body) > _SMALL_FORM_BYTES:
        return {}
    try:
        fields = parse_qs(body.decode(), max_num_fields=_SMALL_FORM_FIELDS)
    except ValueError:  # too many fields, or not UTF-8
        return {}
    return {name: values[0] for name, values in fields.items()}


def posted_file(content_type: str, body: bytes) -> PostedFile:
    """Returns the only file of a multipart form. Raises BadRequest with a sentence for the client."""
    form = posted_form(content_type, body)
    if not form.files:
        raise BadRequest(f"The form has no file. {_HOW}")
    if len(form.files) > 1:
        raise BadRequest(f"The form has {len(form.files)} files; send one at a time. {_HOW}")
    return form.files[0]


def posted_form(content_type: str, body: bytes) -> PostedForm:
    """Parses a multipart form. Raises BadRequest with a sentence for the client."""
    kind, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary:
        raise BadRequest(f"The request is not a form with a file. {_HOW}")
    # The body is in memory already: never spool parts to temporary files.
    limit = len(body) + 1
    parser = MultipartParser(
        BytesIO(body), boundary, len(body), charset="latin-1", spool_limit=limit, memory_limit=limit
    )
    fields: dict[str, str] = {}
    files = []
    try:
        for part in parser:
            filename = _filename(part.filename, part.disposition)
            if filename is None:
                fields[_text(part.name.encode("latin-1"))] = _text(part.raw)
            elif filename or part.raw:  # without a chosen file, browsers send an empty one without a name
                media_type = part.content_type if MEDIA_TYPE.fullmatch(part.content_type or "") else None
                files.append((filename, media_type or "application/octet-stream", part.raw))
    except (MultipartError, ValueError) as fault:  # ValueError: an unknown text encoding
        raise BadRequest(f"The form can't be read. {_HOW}") from fault
    focus = fields.get("focus", "").strip()
    return PostedForm(
        fields, tuple(PostedFile(_base_name(name), kind, content, focus) for name, kind, content in files)
    )


def _filename(plain: str | None, disposition: str) -> str | None:
    """File name of a part. Some clients send only `filename*` for names that are not ASCII (RFC 5987)."""
    if plain is not None:
        return _text(plain.encode("latin-1"))
    if "filename*=" not in disposition:
        return None
    header = Message()
    header["Content-Disposition"] = disposition
    return header.get_filename()


def _text(sent: bytes) -> str:
    """Decodes UTF-8, or else the code page in which older clients on Windows send names."""
    try:
        return sent.decode()
    except UnicodeDecodeError:
        return sent.decode("cp1252", errors="replace")


def _base_name(filename: str) -> str:
    """File name without its path. Browsers and curl escape a quote as %22 (HTML, multipart/form-data)."""
    last = filename.replace("%22", '"').replace("\\", "/").rsplit("/", 1)[-1]
    name = CONTROL_CHARACTERS.sub("", last).strip()
    if len(name.encode()) > MAX_NAME_BYTES:
        raise BadRequest(f"The file name is longer than {MAX_NAME_BYTES} bytes. Shorten it.")
    return name if name.strip(".") else "picture"
