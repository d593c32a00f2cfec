"""Who may speak to what listens on this machine; and, as a program, MiniStack behind that rule.

It runs in MiniStack's environment, so it takes nothing but the standard library. Its 1.5.33 answers any page,
with `Access-Control-Allow-Origin: *`, under whatever name: a site that somebody looks at while the stack is
up could read its buckets, and make it run a function.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type App = Callable[[Message, Receive, Send], Awaitable[None]]

# What the APIs that are deployed here let in, they say themselves.
_APIS = "/_aws/execute-api/"


def is_loopback(host: str) -> bool:
    """Whether a Host header names this machine.

    Any page can make its own name resolve to 127.0.0.1 (DNS rebinding); its name then stands here.
    """
    return _names_this_machine(f"http://{host}")


def is_of_this_machine(origin: str | None) -> bool:
    """Whether a request comes from a page of this machine, or from no page at all.

    A browser lets any page connect to anywhere, and says where that page is from.
    """
    return origin is None or _names_this_machine(origin)


def _names_this_machine(address: str) -> bool:
    with suppress(ValueError):
        name = (urlsplit(address).hostname or "").rstrip(".").lower()
        return name in ("localhost", "127.0.0.1", "::1") or name.endswith(".localhost")
    return False


def admits(scope: Message) -> bool:
    """Whether a request to the emulator (of ASGI) is from here.

    Pages of other sites may show a rendition, and follow a link to one: a browser says no origin then.
    """
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    if not is_loopback(headers.get("host", "")):
        return False
    if scope["type"] == "http" and scope["path"].startswith(_APIS):
        return True
    if headers.get("sec-fetch-site") == "cross-site" and "origin" not in headers:
        action = "Action" in parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        return scope["method"] in ("GET", "HEAD") and not scope["path"].startswith("/_") and not action
    return is_of_this_machine(headers.get("origin"))


def guarded(app: App) -> App:
    """The application, for who is admitted."""

    async def answer(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or admits(scope):
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            told = [(b"content-type", b"text/plain"), (b"content-length", b"10")]
            await send({"type": "http.response.start", "status": 403, "headers": told})
            await send({"type": "http.response.body", "body": b"Forbidden\n"})

    return answer


if __name__ == "__main__":
    from ministack import app as emulator  # type: ignore[import-not-found]  # an environment of its own

    emulator.app = guarded(emulator.app)
    emulator.main()
