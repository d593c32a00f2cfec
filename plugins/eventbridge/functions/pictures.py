"""What both functions need: pictures of the stack, with the token in an SSM parameter."""

import json
import os
from functools import cache
from typing import Any
from urllib.request import Request, urlopen

import boto3

_TIMEOUT_SECONDS = 20


@cache
def _token() -> str:
    name = os.environ["TOKEN_PARAMETER"]
    parameter = boto3.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    return str(parameter["Value"])


def _send(path: str, method: str) -> bytes:
    headers = {"Accept": "application/json", "Authorization": f"Bearer {_token()}"}
    with urlopen(
        Request(os.environ["DARKROOM_URL"] + path, None, headers, method=method), timeout=_TIMEOUT_SECONDS
    ) as response:
        content: bytes = response.read()
        return content


def jpeg_of(picture: str, widest: int) -> bytes | None:
    """Returns the picture's JPEG of at most `widest` pixels, or the narrowest; None without a JPEG."""
    document: dict[str, Any] = json.loads(_send(f"pictures/{picture}", "GET"))
    jpegs = [it for it in document.get("renditions", []) if it["format"] == "jpeg" and it["url"]]
    jpegs.sort(key=lambda it: it["width"])
    fitting = [it for it in jpegs if it["width"] <= widest] or jpegs[:1]
    if not fitting:
        return None
    with urlopen(fitting[-1]["url"], timeout=_TIMEOUT_SECONDS) as response:
        content: bytes = response.read()
        return content


def delete(picture: str) -> None:
    """Deletes the picture: a delete marker in the uploads bucket, from which it can be restored."""
    _send(f"pictures/{picture}", "DELETE")
