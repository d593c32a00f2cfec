"""Restricts local servers to requests from this machine.

MiniStack 1.5.33 accepts any Host and sends `Access-Control-Allow-Origin: *`: any web page open in the user's
browser could read its buckets and run functions. Runs in MiniStack's environment, so it imports only the
standard library.
"""

import os
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type App = Callable[[Message, Receive, Send], Awaitable[None]]

# Deployed APIs check origins themselves.
_APIS = "/_aws/execute-api/"


def is_loopback(host: str) -> bool:
    """Returns true for a Host header of this machine.

    In a DNS rebinding attack, a page's own host name resolves to 127.0.0.1; the header then has that name.
    """
    return _is_this_machine(f"http://{host}")


def is_local_origin(origin: str | None) -> bool:
    """Returns true for the origin of a page on this machine, and for a missing Origin header.

    Browsers let any page connect to any WebSocket, and send the page's origin.
    """
    return origin is None or _is_this_machine(origin)


def _is_this_machine(address: str) -> bool:
    with suppress(ValueError):
        name = (urlsplit(address).hostname or "").rstrip(".").lower()
        return name in ("localhost", "127.0.0.1", "::1") or name.endswith(".localhost")
    return False


def is_allowed(scope: Message) -> bool:
    """Returns true for an ASGI request to the emulator from this machine.

    Other sites may embed or link a rendition: such a request is a GET without an Origin header.
    """
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    if not is_loopback(headers.get("host", "")):
        return False
    if scope["type"] == "http" and scope["path"].startswith(_APIS):
        return True
    if headers.get("sec-fetch-site") == "cross-site" and "origin" not in headers:
        action = "Action" in parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        return scope["method"] in ("GET", "HEAD") and not scope["path"].startswith("/_") and not action
    return is_local_origin(headers.get("origin"))


def restricted(app: App) -> App:
    """Wraps an ASGI application; requests not allowed get 403."""

    async def respond(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or is_allowed(scope):
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            headers = [(b"content-type", b"text/plain"), (b"content-length", b"10")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": b"Forbidden\n"})

    return respond


def with_session_token(
    credentials: Callable[[Message], dict[str, str]], sessions: Mapping[str, dict[str, Any]]
) -> Callable[[Message], dict[str, str]]:
    """Wraps MiniStack's function for credentials: sessions of a role get the token of this process."""

    def wrapped(config: Message) -> dict[str, str]:
        found = credentials(config)
        if session := sessions.get(found["AWS_ACCESS_KEY_ID"]):
            session["SessionToken"] = found["AWS_SESSION_TOKEN"] = os.environ["AWS_SESSION_TOKEN"]
        return found

    return wrapped
