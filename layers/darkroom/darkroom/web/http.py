"""How requests are asked and answered: pages, JSON, problems and redirects, whatever carries them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from urllib.parse import urlsplit

from darkroom.domain.serialization import JsonObject
from darkroom.ports import Originals, Renditions
from darkroom.web import pages, problems
from darkroom.web.negotiation import Wanted, wanted
from darkroom.web.problems import Problem


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `path` is decoded already, has no stage in it and begins with a slash.

    `origin` is how the client knows this site, like `http://localhost:8000`: it is shown, and compared with
    where a page says that it is from. `headers` are all that were sent, by names in lower case. `route_key`
    is the route by which API Gateway let it in.
    """

    path: str
    origin: str = ""
    accept: str = "*/*"
    query: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"
    route_key: str = ""

    @property
    def cookies(self) -> Mapping[str, str]:
        """What the browser was told to keep, by name."""
        pairs = (each.partition("=") for each in self.headers.get("cookie", "").split(";"))
        return {name.strip(): value.strip() for name, _, value in pairs}

    @property
    def root(self) -> str:
        """The relative way from this path to the site's root."""
        return "../" * (self.path.count("/") - 1) or "./"

    @property
    def wants(self) -> Wanted:
        return wanted(self.accept)


@dataclass(frozen=True, slots=True)
class Cookie:
    """What a browser keeps for some seconds and sends with each request to this site, and to no script or
    other site; for 0 seconds: what it forgets.
    """

    name: str
    value: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer; `text` is the body, empty for a redirect, and then without a `media_type`."""

    status: int
    text: str = ""
    media_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[Cookie, ...] = ()


# What every answer says, whatever it is: take it for what it is called, run nothing in it, show it in no
# frame, and tell other sites nothing of its address.
SECURITY_HEADERS = {
    "Content-Security-Policy": "; ".join(
        ("default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'")
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# Of this host alone: what else stands under its domain is not ours to bind.
_ONLY_HTTPS = {"Strict-Transport-Security": "max-age=31536000"}


def safe(request: Request, answer: Response) -> Response:
    """The answer with the security headers that it does not say otherwise.

    Whoever has come by HTTPS is bound to it.
    """
    bound = _ONLY_HTTPS if request.origin.startswith("https:") else {}
    return replace(answer, headers={**SECURITY_HEADERS, **bound, **answer.headers})


def conditional(request: Request, answer: Response) -> Response:
    """The answer to a GET with a strong ETag, of what it says; 304 if that is what the client has."""
    if answer.status != 200:
        return answer
    digest = sha256(f"{answer.media_type}\0{answer.text}".encode()).hexdigest()
    headers = {**answer.headers, "ETag": f'"{digest[:32]}"'}
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if not known & {headers["ETag"], "*"}:
        return replace(answer, headers=headers)
    return Response(304, headers=headers)


@dataclass(frozen=True, slots=True)
class Responder:
    """Makes answers. The origins, like `https://host:port`, are those that a page may use besides its own."""

    image_origins: tuple[str, ...] = ()
    connect_origins: tuple[str, ...] = ()

    def page(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
        policy = pages.content_security_policy(list(self.image_origins), list(self.connect_origins))
        return self.text(
            status, text, "text/html; charset=utf-8", {"Content-Security-Policy": policy, **(headers or {})}
        )

    def json(
        self,
        status: int,
        document: JsonObject,
        headers: Mapping[str, str] | None = None,
        media_type: str = "application/json",
    ) -> Response:
        text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
        return self.text(status, text, media_type, headers)

    def text(
        self, status: int, text: str, media_type: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        return Response(status, text, media_type, {**_kept(status), **(headers or {})})

    def problem(
        self,
        request: Request,
        kind: Problem,
        sentence: str,
        more: JsonObject | None = None,
        advice: str | None = None,
    ) -> Response:
        """What went wrong: a page, with what to do about it; or a document, with `more` in it."""
        if request.wants is Wanted.PAGE:
            return self.page(kind.status, pages.problem(request.root, kind.title, sentence, advice))
        document = {"type": kind.type, "title": kind.title, "status": kind.status, "detail": sentence}
        return self.json(kind.status, document | (more or {}), media_type="application/problem+json")

    def unknown(self, request: Request) -> Response:
        return self.problem(request, problems.NOT_FOUND, "No picture stands under this address.")

    def broken(self, request: Request, invocation: str) -> Response:
        """A fault of ours, of which the sender learns no more than where the log tells it."""
        sentence = f"The fault is ours, and noted under {invocation}. Try again in a while."
        return self.problem(request, problems.BROKEN, sentence, {"request": invocation})

    def redirect(self, status: int, location: str, headers: Mapping[str, str] | None = None) -> Response:
        return Response(status, headers={**_kept(status), "Location": location, **(headers or {})})


def responder_for(originals: Originals, renditions: Renditions, live_url: str = "") -> Responder:
    """Responder whose pages show renditions, send to the uploads bucket and listen at the live socket.

    Without `live_url` there is no socket, or it stands under the site's own origin.
    """
    sent_to = originals.post_form("x", "image/png", 1, 60).url
    listened_at = [live_url] if "://" in live_url else []
    return Responder(
        image_origins=(_origin(renditions.url("x", 60)),),
        connect_origins=tuple(_origin(each) for each in (sent_to, *listened_at)),
    )


def _kept(status: int) -> Mapping[str, str]:
    """How long a client may keep an answer, and for which requests.

    What is there is asked for anew each time, by its ETag; whatever else is said holds for this once.
    """
    # The gateway names a page's origin where it lets others in, so answers differ by that as well.
    return {"Vary": "Accept, Origin", "Cache-Control": "private, no-cache" if status == 200 else "no-store"}


def _origin(url: str) -> str:
    return "{0.scheme}://{0.netloc}".format(urlsplit(url))
