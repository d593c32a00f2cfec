"""What every request passes before a use case hears of it, and the pages to sign in and out by.

Two questions, in this order: may whoever asks come in, and, where something is to be changed, does a page of
this site ask for it? Whatever can't be told is answered with no.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from urllib.parse import parse_qs, quote, urlencode

from darkroom.domain.auth import AuthMode
from darkroom.domain.errors import InvalidTokens, TokensUnavailable
from darkroom.domain.tokens import SIGNED_IN_SECONDS, Token, TokenSet, parse_tokens
from darkroom.ports import TokenDocument
from darkroom.services.caching import CachedValue
from darkroom.web import pages, problems
from darkroom.web.http import Cookie, Request, Responder, Response
from darkroom.web.negotiation import Wanted

# Of that prefix, browsers take a cookie only if it is Secure, of this very host and for all of its paths.
COOKIE = "__Host-darkroom"

# Age at which the tokens are read again, and the same for a request whose token is not among them.
_MAX_AGE_SECONDS = 30
_MISSED_SECONDS = 5
# While Parameter Store is unavailable, the last known tokens stay valid for this long.
_HOLD_SECONDS = 600

_SAFE_METHODS = frozenset({"GET", "HEAD"})
_FORM_LIMIT_BYTES = 8_000
_FORM_LIMIT_FIELDS = 8
_ASCII = re.compile(r"[!-\[\]-~]*")  # what an address may be made of, and no backslash
_CHALLENGE = 'Bearer realm="darkroom"'


class Public(Enum):
    """When a route needs no token."""

    NEVER = "never"
    AS_A_PAGE = "where pages are public"
    ALWAYS = "always"


class Visitor(Enum):
    """Who asks."""

    TRUSTED = "let in before, or everybody is"
    TOKEN = "shows a valid token"  # noqa: S105
    SIGNED_IN = "shows a valid cookie"
    STRANGER = "shows neither"
    UNKNOWN = "shows one that can't be checked just now"


@dataclass(slots=True)
class TokenCache:
    """The valid tokens, cached between requests. `report` receives the fault of a failed read.

    Without a stored document every request is refused.
    """

    document: TokenDocument
    report: Callable[[Exception], None]
    clock: Callable[[], float] = time.time

    _cache: CachedValue[TokenSet] = field(init=False)

    def __post_init__(self) -> None:
        self._cache = CachedValue(
            self._load,
            faults=(TokensUnavailable, InvalidTokens),
            report=self.report,
            max_age_seconds=_MAX_AGE_SECONDS,
            retry_seconds=_MISSED_SECONDS,
            hold_seconds=_HOLD_SECONDS,
            clock=self.clock,
        )

    def bearer(self, secret: str) -> Token | None:
        """Returns the valid token with that secret, if any. Raises TokensUnavailable."""
        return self._find(lambda tokens: tokens.bearer(secret))

    def signed_in(self, cookie: str) -> Token | None:
        """Returns the valid token of a session cookie, if any. Raises TokensUnavailable."""
        return self._find(lambda tokens: tokens.signed_in(cookie, self.clock()))

    def cookie(self, token: Token) -> str:
        """Returns a new session cookie for a token. Raises TokensUnavailable."""
        return self._tokens(_MAX_AGE_SECONDS).cookie(token, self.clock())

    def _find(self, find: Callable[[TokenSet], Token | None]) -> Token | None:
        # A token that was just created may not be in the cache yet.
        return find(self._tokens(_MAX_AGE_SECONDS)) or find(self._tokens(_MISSED_SECONDS))

    def _tokens(self, max_age_seconds: float) -> TokenSet:
        tokens = self._cache.get(max_age_seconds)
        if tokens is None:
            raise TokensUnavailable("the tokens could not be read")
        return tokens

    def _load(self, _last: TokenSet | None) -> TokenSet:
        written = self.document.read()
        return parse_tokens(written.document) if written else TokenSet.nobody()


@dataclass(frozen=True, slots=True)
class Authorizer:
    """Lets requests pass, or answers in place of their use case."""

    auth: AuthMode
    public_pages: bool
    allowed_origins: frozenset[str]
    token_cache: TokenCache
    responder: Responder

    def visitor(self, request: Request) -> Visitor:
        """Who asks. A request that shows both a token and a cookie is judged by its token."""
        if self.auth is not AuthMode.TOKEN:
            return Visitor.TRUSTED
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        cookie = request.cookies.get(COOKIE, "")
        try:
            if scheme:
                known = scheme.lower() == "bearer" and self.token_cache.bearer(secret.strip())
                return Visitor.TOKEN if known else Visitor.STRANGER
            return Visitor.SIGNED_IN if cookie and self.token_cache.signed_in(cookie) else Visitor.STRANGER
        except TokensUnavailable:
            return Visitor.UNKNOWN

    def refusal(self, request: Request, visitor: Visitor, public: Public, route_key: str) -> Response | None:
        """What to answer instead; None for a request that may pass.

        `route_key` is the route whose use case would answer, as API Gateway has it.
        """
        if self.auth is AuthMode.IAM and request.route_key != route_key:
            # The gateway let it in by another route, whose permission says nothing of this one.
            return self.responder.unknown(request)
        if visitor in (Visitor.STRANGER, Visitor.UNKNOWN) and not self._is_public(public):
            return self._turned_away(request, visitor)
        if request.method not in _SAFE_METHODS and not self._from_here(request, visitor):
            return self.responder.problem(
                request, problems.FOREIGN_ORIGIN, "Another site asked for this, or nobody says which."
            )
        return None

    def shown_to(self, request: Request, visitor: Visitor, given: Response) -> Response:
        """An answer as that visitor gets it: whoever has signed in can sign out on every page."""
        if visitor is not Visitor.SIGNED_IN or not given.media_type.startswith("text/html"):
            return given
        return replace(given, text=pages.for_who_signed_in(given.text, request.root))

    def _is_public(self, public: Public) -> bool:
        return public is Public.ALWAYS or (public is Public.AS_A_PAGE and self.public_pages)

    def _from_here(self, request: Request, visitor: Visitor) -> bool:
        """Whether a page of this site or of an allowed one asks; or no page, but somebody who is known."""
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        if origin is not None:
            return origin != "" and (origin == request.origin or origin in self.allowed_origins)
        if site is not None:
            return site == "same-origin"
        return visitor in (Visitor.TRUSTED, Visitor.TOKEN)  # a browser says at least one of both

    def _turned_away(self, request: Request, visitor: Visitor) -> Response:
        if visitor is Visitor.UNKNOWN:
            return _unchecked(self.responder, request)
        if request.wants is not Wanted.PAGE or request.method not in _SAFE_METHODS:
            return _unauthorized(self.responder, request)
        # A link on another site leads here without the cookie, which is SameSite=Strict. Asked for once more,
        # by the page itself, it comes with it.
        foreign = request.headers.get("sec-fetch-site") == "cross-site"
        return _unauthorized(self.responder, request, _address(request), again=foreign)


@dataclass(frozen=True, slots=True)
class SignInRoutes:
    """The routes to sign in and out by."""

    authorizer: Authorizer
    token_cache: TokenCache
    responder: Responder

    def page(self, request: Request) -> Response:
        """`GET /sign-in`: a form for the token; whoever is in already is led on."""
        to = request.query.get("to", "")
        if self.authorizer.visitor(request) in (Visitor.STRANGER, Visitor.UNKNOWN):
            return self.responder.page(200, pages.sign_in(request.root, to))
        return self.responder.redirect(303, _within(request.root, to))

    def sign_in(self, request: Request) -> Response:
        """`POST /sign-in`: a cookie for a token, and back to where it was asked for."""
        if self.authorizer.auth is not AuthMode.TOKEN:
            return self.responder.redirect(303, request.root)
        form = _form(request)
        try:
            token = self.token_cache.bearer(form.get("token", "").strip())
            cookie = self.token_cache.cookie(token) if token else ""
        except TokensUnavailable:
            return _unchecked(self.responder, request)
        to = form.get("to", "")
        if not cookie:
            return _unauthorized(self.responder, request, to, wrong=True)
        answer = self.responder.redirect(303, _within(request.root, to))
        return replace(answer, cookies=(Cookie(COOKIE, cookie, SIGNED_IN_SECONDS),))

    def sign_out(self, request: Request) -> Response:
        """`POST /sign-out`: the browser forgets its cookie."""
        answer = self.responder.redirect(303, f"{request.root}sign-in")
        return replace(answer, cookies=(Cookie(COOKIE, "", 0),))


def _unauthorized(
    responder: Responder, request: Request, to: str = "", *, wrong: bool = False, again: bool = False
) -> Response:
    """The form to sign in by, which leads on to a path; or how to send a token."""
    challenge = {"WWW-Authenticate": _CHALLENGE}
    if request.wants is Wanted.PAGE:
        return responder.page(401, pages.sign_in(request.root, to, wrong=wrong, again=again), challenge)
    sentence = "Send a valid token, as in: Authorization: Bearer TOKEN. In a browser, sign in."
    return _with(responder.problem(request, problems.UNAUTHORIZED, sentence), challenge)


def _unchecked(responder: Responder, request: Request) -> Response:
    sentence = "Whether you may come in can't be checked just now. Try again shortly."
    answer = responder.problem(request, problems.UNCHECKED, sentence)
    return _with(answer, {"Retry-After": str(_MISSED_SECONDS)})


def _with(answer: Response, headers: Mapping[str, str]) -> Response:
    return replace(answer, headers={**answer.headers, **headers})


def _address(request: Request) -> str:
    """What was asked for, below the site's root, as an address has it."""
    # An HTTP API decodes every escape but this one.
    path = quote(request.path.lstrip("/").replace("%25", "%"), errors="replace")
    return f"{path}?{urlencode(request.query)}" if request.query else path


def _within(root: str, to: str) -> str:
    """Where a path below the site's root is found from here; the root itself for what is no such path.

    It begins with the root, so that it never leads to another site.
    """
    path = to.lstrip("/")
    return root + path if _ASCII.fullmatch(path) else root


def _form(request: Request) -> Mapping[str, str]:
    """The fields of a small form, each once."""
    kind = request.content_type.partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded" or len(request.body) > _FORM_LIMIT_BYTES:
        return {}
    try:
        fields = parse_qs(request.body.decode(), max_num_fields=_FORM_LIMIT_FIELDS)
    except ValueError:  # too many, or no UTF-8
        return {}
    return {name: values[0] for name, values in fields.items()}
