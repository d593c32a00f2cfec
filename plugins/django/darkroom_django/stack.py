"""Requests to the HTTP API of a stack."""

import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_TIMEOUT_SECONDS = 30


class DarkroomError(OSError):
    """The stack refused a request or can't be reached. The text is for people."""


def stack_url() -> str:
    """Returns the address of the stack's pages without a slash at the end. Raises ImproperlyConfigured."""
    url = getattr(settings, "DARKROOM_URL", "")
    if not url:
        raise ImproperlyConfigured("DARKROOM_URL is not set. Set it to the address of Darkroom's pages.")
    return str(url).rstrip("/")


def call(path: str, method: str = "GET", document: Any = None) -> Any:
    """Sends a request with the token `DARKROOM_TOKEN` and returns the JSON document. Raises DarkroomError."""
    headers = {"Accept": "application/json"}
    if token := getattr(settings, "DARKROOM_TOKEN", ""):
        headers["Authorization"] = f"Bearer {token}"
    body = None
    if document is not None:
        body, headers["Content-Type"] = json.dumps(document).encode(), "application/json"
    return json.loads(_send(Request(f"{stack_url()}/{path}", body, headers, method=method)) or "null")


def send_form(url: str, fields: Mapping[str, str], content: bytes) -> None:
    """Uploads a file with a presigned form. Raises DarkroomError."""
    boundary = secrets.token_hex(16)
    parts = [
        f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields.items()
    ]
    parts.append('Content-Disposition: form-data; name="file"; filename="file"\r\n\r\n')
    head = "\r\n".join(f"--{boundary}\r\n{part}" for part in parts).encode()
    body = head + content + f"\r\n--{boundary}--\r\n".encode()
    _send(Request(url, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}))


def _send(request: Request) -> bytes:
    try:
        with urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
            content: bytes = response.read()
            return content
    except HTTPError as refused:
        with refused:
            raise DarkroomError(f"{request.full_url}: {_sentence(refused)}") from refused
    except URLError as fault:
        raise DarkroomError(f"{request.full_url}: {fault.reason}") from fault


def _sentence(refused: HTTPError) -> str:
    try:
        return str(json.loads(refused.read())["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{refused.code} {refused.reason}"
