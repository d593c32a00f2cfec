"""Object keys, the ids derived from them, and the aliases under which pictures are served."""

import hashlib
import json
import re

from darkroom.domain.limits import ID_PATTERN

# "%" and "?" do not survive an HTTP API's path (it keeps %25 escaped and cuts at a decoded "?"),
# and control characters survive nowhere: one alias character stands for all of them.
_NOT_IN_ALIASES = re.compile(r"[%?\\\x00-\x1f\x7f]")


# Keys that Darkroom itself gives out: an id that nobody guesses, and the name.
_ANNOUNCED = re.compile(f"{ID_PATTERN}/[^/]+")


def picture_id_of(bucket: str, key: str) -> str:
    """Id of every upload under one key: 32 hex digits, the same for all its versions."""
    return digest(bucket, key)


def digest(*parts: str) -> str:
    """128 bits that stand for these texts, as 32 hex digits."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def split_key(key: str) -> tuple[str, str]:
    """A key's folders, with the slash, and its name, which is never empty.

    >>> split_key("holiday/beach.png"), split_key("odd//")
    (('holiday/', 'beach.png'), ('', 'odd'))
    """
    folders, slash, name = key.rstrip("/").rpartition("/")
    return folders + slash, name or "_"


def is_announced(key: str) -> bool:
    """Whether an upload of that key may have been announced, and so have an entry as expected."""
    return _ANNOUNCED.fullmatch(key) is not None


def correlation_of(key: str, request: str) -> str:
    """What one upload is called in every log line, push and event, from its first request to its last.

    The id in its key where Darkroom gave it one, which is known before anything is stored; else that of the
    request that stored it.
    """
    return key.partition("/")[0] if is_announced(key) else request


def is_id(text: str) -> bool:
    """Whether it looks like an id that Darkroom gives out: 32 hex digits, 128 bits."""
    return re.fullmatch(ID_PATTERN, text) is not None


def is_folder(key: str, size_bytes: int) -> bool:
    """Whether an object only stands for a folder, as the S3 console makes them."""
    return key.endswith("/") and not size_bytes


def alias_of(path: str) -> str:
    """The `.jpg` name that stands for a key, or for a requested path: its last segment's stem plus `.jpg`.

    >>> alias_of("holiday/Beach 1.PNG")
    'Beach 1.jpg'
    """
    _, name = split_key(path)
    stem, dot, _ = name.rpartition(".")
    return _NOT_IN_ALIASES.sub("_", stem if dot and stem else name) + ".jpg"


MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,60}/[A-Za-z0-9][A-Za-z0-9.+-]{0,60}")
# Control characters, and halves of surrogate pairs, which are not text.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def without_form_variables(key: str) -> str:
    """A key without `${filename}`, which S3 would replace with the name of the posted file."""
    return key.replace("${", "$_{")
