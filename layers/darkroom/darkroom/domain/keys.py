"""Object keys, and the ids and aliases derived from them."""

import hashlib
import json
import re
import unicodedata

from darkroom.domain.limits import ID_PATTERN

# Characters that become "_" in an alias. API Gateway's HTTP API leaves %25 escaped in a path, and cuts the
# path at a decoded "?".
_NOT_IN_ALIASES = re.compile(r"[%?\\\x00-\x1f\x7f]")
# DynamoDB limits the partition key of an index to 2,048 bytes, and NFC can triple the length of a name.
_MAX_STEM_BYTES = 1020

# Keys that Darkroom assigns: an id that nobody can guess, a slash and the name.
_ASSIGNED = re.compile(f"{ID_PATTERN}/[^/]+")


def picture_id_of(bucket: str, key: str) -> str:
    """Returns the id of a key's uploads: 32 hex digits, the same for all versions."""
    return digest(bucket, key)


def digest(*parts: str) -> str:
    """Returns the first 128 bits of the SHA-256 of these texts, as 32 hex digits."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def split_key(key: str) -> tuple[str, str]:
    """Splits a key into its folders, with the last slash, and its name, which is never empty.

    >>> split_key("holiday/beach.png"), split_key("odd//")
    (('holiday/', 'beach.png'), ('', 'odd'))
    """
    folders, slash, name = key.rstrip("/").rpartition("/")
    return folders + slash, name or "_"


def is_assigned_key(key: str) -> bool:
    """True if Darkroom may have assigned this key: an id, a slash and a name."""
    return _ASSIGNED.fullmatch(key) is not None


def correlation_of(key: str, request_id: str) -> str:
    """Returns the correlation id of an upload. Every log line, push and event about the upload contains it.

    It is the id in a key assigned by Darkroom, else the id of the S3 request that stored the upload.
    """
    return key.partition("/")[0] if is_assigned_key(key) else request_id


def is_id(text: str) -> bool:
    """True for text in the form of an id: 32 hex digits."""
    return re.fullmatch(ID_PATTERN, text) is not None


def is_folder(key: str, size_bytes: int) -> bool:
    """True for an empty object that the S3 console shows as a folder."""
    return key.endswith("/") and not size_bytes


def alias_of(path: str) -> str:
    """Returns the alias of a key or a requested path: the stem of its last segment plus `.jpg`, in NFC.

    File names of macOS are often in NFD. A stem is cut after 1,020 bytes.

    >>> alias_of("holiday/Beach 1.PNG")
    'Beach 1.jpg'
    """
    _, name = split_key(path)
    stem, dot, _ = name.rpartition(".")
    stem = unicodedata.normalize("NFC", _NOT_IN_ALIASES.sub("_", stem if dot and stem else name))
    return stem.encode(errors="replace")[:_MAX_STEM_BYTES].decode(errors="ignore") + ".jpg"


MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,60}/[A-Za-z0-9][A-Za-z0-9.+-]{0,60}")
# Control characters, and unpaired surrogates.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def without_form_variables(key: str) -> str:
    """Returns a key without `${filename}`: S3 would replace it with the name of the posted file."""
    return key.replace("${", "$_{")
