"""HTTP requests and responses, and the security headers."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from hashlib import sha256
from urllib.parse import quote, urlencode, urlsplit

from darkroom.domain.serialization import JsonObject
from darkroom.ports import Originals, Renditions, Reports
from darkroom.web import problems
from darkroom.web.negotiation import Wanted, wanted
from darkroom.web.pages import views as pages
from darkroom.web.pages.formatting import printable
from darkroom.web.pages.templating import content_security_policy
from darkroom.web.problems import Problem


class Visitor(Enum):
    """How a request was authenticated."""

    TRUSTED = "by API Gateway, or not at all where the stack is open"
    TOKEN = "by a valid token"  # noqa: S105
    SIGNED_IN = "by a valid cookie"
    ANONYMOUS = "without a valid token or cookie"
    UNCHECKED = "the tokens could not be loaded"


@dataclass(frozen=True, slots=True)
class Request:
    """HTTP request. `path` is decoded, begins with a slash and has no stage.

    `origin` is the site's, like `http://localhost:8000`; empty if unknown. Names in `headers` are lower case.
    `route_key` is the API Gateway route of the request. `visitor` is set by `routes.dispatch`.
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
    visitor: Visitor = Visitor.ANONYMOUS

    @property
    def signed_in(self) -> bool:
        return self.visitor is Visitor.SIGNED_IN

    @property
    def may_change(self) -> bool:
        """False for a visitor who may only read public pages."""
        return self.visitor not in (Visitor.ANONYMOUS, Visitor.UNCHECKED)

    def cookies(self, name: str) -> Iterator[str]:
        """Yields the values of all cookies with this name.

        Only spaces and tabs are removed: browsers do not protect a name that begins with other white space.
        """
        for pair in self.headers.get("cookie", "").split(";"):
            sent, _, value = pair.partition("=")
            if sent.strip(" \t") == name:
                yield value.strip(" \t")

    @property
    def root(self) -> str:
        """Relative path to the site's root."""
        return "../" * (self.path.count("/") - 1) or "./"

    @property
    def wants(self) -> Wanted:
        """The kind of response for the client; text for one that changes something and accepts anything."""
        return wanted(self.accept, self._default)

    @property
    def wants_of_problem(self) -> Wanted:
        """The kind of response for a problem; for JSON, its own media type can be accepted as well."""
        accept = self.accept.lower().replace(PROBLEM_MEDIA_TYPE, Wanted.JSON)
        return wanted(accept, self._default)

    @property
    def _default(self) -> Wanted:
        return Wanted.PAGE if self.method in SAFE_METHODS else Wanted.TEXT


@dataclass(frozen=True, slots=True)
class Cookie:
    """Cookie of this site, not readable by scripts. A `max_age_seconds` of 0 deletes it."""

    name: str
    value: str
    max_age_seconds: int


@dataclass(frozen=True, slots=True)
class Response:
    """HTTP response. A redirect has neither body (`text`) nor `media_type`."""

    status: int
    text: str = ""
    media_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[Cookie, ...] = ()


PROBLEM_MEDIA_TYPE = "application/problem+json"
SAFE_METHODS = frozenset({"GET", "HEAD"})

# No content sniffing, no scripts, no frames, no referrer to other sites. Sent with every response; pages have
# their own Content-Security-Policy, which allows their style and script.
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
# Without includeSubDomains: subdomains are not ours.
_HSTS = {"Strict-Transport-Security": "max-age=31536000"}


def complete(request: Request, response: Response) -> Response:
    """Adds security headers, unless the response has them; removes the body of a response to HEAD."""
    hsts = _HSTS if request.origin.startswith("https:") else {}
    text = "" if request.method == "HEAD" else response.text
    return replace(response, text=text, headers={**SECURITY_HEADERS, **hsts, **response.headers})


def relative_url(request: Request) -> str:
    """Returns the path and query of a request, percent-encoded and relative to the site's root."""
    # HTTP APIs decode every escape in a path except %25.
    path = quote(request.path.lstrip("/").replace("%25", "%"), errors="replace")
    return f"{path}?{urlencode(request.query)}" if request.query else path


def conditional(request: Request, response: Response) -> Response:
    """Adds a strong ETag to a 200; returns 304 if the client already has it."""
    if response.status != 200:
        return response
    digest = sha256(f"{response.media_type}\0{response.text}".encode()).hexdigest()
    headers = {**response.headers, "ETag": f'"{digest[:32]}"'}
    known = {etag.strip().removeprefix("W/") for etag in request.headers.get("if-none-match", "").split(",")}
    if not known & {headers["ETag"], "*"}:
        return replace(response, headers=headers)
    return Response(304, headers=headers)


@dataclass(frozen=True, slots=True)
class Responder:
    """Builds responses.

    Pages may load images from `image_origins` and connect to `connect_origins`, like `https://host:port`.
    """

    image_origins: tuple[str, ...] = ()
    connect_origins: tuple[str, ...] = ()

    def page(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
        policy = {"Content-Security-Policy": self.policy()}
        return self.text(status, text, "text/html; charset=utf-8", {**policy, **(headers or {})})

    def policy(self, form_url: str = "", image_url: str = "") -> str:
        """Returns the policy of a page, which may send a form to `form_url` and show `image_url`."""
        form_origin = _origin(form_url) if form_url else ""
        image_origins = [*self.image_origins, *([_origin(image_url)] if image_url else ())]
        return content_security_policy(image_origins, list(self.connect_origins), form_origin)

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
        return Response(status, text, media_type, {**_cache_headers(status), **(headers or {})})

    def lines(self, status: int, lines: Iterable[str], headers: Mapping[str, str] | None = None) -> Response:
        """Returns plain text for a terminal, without empty lines and control characters."""
        text = "".join(f"{printable(line)}\n" for line in lines if line)
        return self.text(status, text, "text/plain; charset=utf-8", headers)

    def problem(
        self,
        request: Request,
        kind: Problem,
        sentence: str = "",
        extra: JsonObject | None = None,
        advice: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Returns a page or text with the `advice`, or JSON with the `extra` members.

        Without a `sentence`, the response states the meaning of the problem.
        """
        sentence = sentence or kind.meaning
        if request.wants_of_problem is Wanted.PAGE:
            page = pages.problem(request, kind.title, sentence, advice)
            return self.page(kind.status, page, headers)
        if request.wants_of_problem is Wanted.TEXT:
            return self.lines(kind.status, [f"{kind.title}. {sentence}", advice or ""], headers)
        document = {"type": kind.type, "title": kind.title, "status": kind.status, "detail": sentence}
        return self.json(kind.status, document | (extra or {}), headers, PROBLEM_MEDIA_TYPE)

    def not_found(self, request: Request) -> Response:
        """Returns 404, or redirects from a path with a trailing slash to the path without it."""
        path = request.path.rstrip("/")
        if path != request.path and path and request.method in SAFE_METHODS:
            return self.redirect(308, request.root + relative_url(replace(request, path=path)))
        return self.problem(request, problems.NOT_FOUND)

    def broken(self, request: Request, request_id: str) -> Response:
        """Returns 500 with the request id, without details of the error."""
        sentence = f"Something went wrong on our side. It is logged as {request_id}. Try again later."
        return self.problem(request, problems.BROKEN, sentence, {"request": request_id})

    def redirect(self, status: int, location: str, headers: Mapping[str, str] | None = None) -> Response:
        return Response(status, headers={**_cache_headers(status), "Location": location, **(headers or {})})


def responder_for(
    originals: Originals, renditions: Renditions, reports: Reports, live_url: str = ""
) -> Responder:
    """Creates a Responder with the origins of the buckets and of the WebSocket.

    `live_url` is a path if the WebSocket has the site's own origin, and empty if there is no WebSocket.
    """
    connect_urls = [
        originals.post_form("x", "image/png", 1, 60).url,
        renditions.url("x", 60, "x"),
        reports.url("jobs/x", 60),
    ]
    if "://" in live_url:
        connect_urls.append(live_url)
    return Responder(
        image_origins=(_origin(renditions.url("x", 60)),),
        connect_origins=tuple(dict.fromkeys(map(_origin, connect_urls))),
    )


def _cache_headers(status: int) -> Mapping[str, str]:
    """Returns headers that let clients store a 200 only, and revalidate it by its ETag."""
    # Responses vary by Origin because API Gateway adds CORS headers.
    return {"Vary": "Accept, Origin", "Cache-Control": "private, no-cache" if status == 200 else "no-store"}


def _origin(url: str) -> str:
    return "{0.scheme}://{0.netloc}".format(urlsplit(url))
