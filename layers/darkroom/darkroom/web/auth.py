"""Authentication and origin checks before every handler.

A request that can't be checked is refused.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from urllib.parse import quote, urlencode

from darkroom.domain.auth import AuthMode
from darkroom.domain.errors import InvalidTokens, TokensUnavailable
from darkroom.domain.tokens import Token, TokenSet, parse_tokens
from darkroom.ports import TokenDocument
from darkroom.services.caching import CachedValue
from darkroom.web import pages, problems
from darkroom.web.http import Request, Responder, Response, Visitor
from darkroom.web.negotiation import Wanted

# With this prefix, browsers accept a cookie only if it is Secure, host-only and valid for all paths.
COOKIE = "__Host-darkroom"

# Age at which the tokens are read again, and the same for a request whose token is not among them.
_MAX_AGE_SECONDS = 30
_MISSED_SECONDS = 5
# While Parameter Store is unavailable, the last known tokens stay valid for this long.
_HOLD_SECONDS = 600

_SAFE_METHODS = frozenset({"GET", "HEAD"})
_CHALLENGE = 'Bearer realm="darkroom"'


class Public(Enum):
    """Access to a route without authentication."""

    NEVER = "never"
    AS_A_PAGE = "where pages are public"
    ALWAYS = "always"


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
        return parse_tokens(written.document) if written else TokenSet.empty()


@dataclass(frozen=True, slots=True)
class Authorizer:
    """Decides on each request before its handler is called."""

    auth: AuthMode
    public_pages: bool
    allowed_origins: frozenset[str]
    token_cache: TokenCache
    responder: Responder

    def visitor(self, request: Request) -> Visitor:
        """Authenticates a request. If it has both a token and a cookie, only the token counts."""
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

    def refusal(self, request: Request, public: Public, route_key: str) -> Response | None:
        """Returns the response to a refused request, or None if the request is allowed.

        `route_key` is API Gateway's key of the matched route.
        """
        if self.auth is AuthMode.IAM and request.route_key != route_key:
            # API Gateway authorized another route; that permission does not cover this one.
            return self.responder.not_found(request)
        if request.visitor in (Visitor.STRANGER, Visitor.UNKNOWN) and not self._is_public(public):
            return self._refuse(request)
        if request.method not in _SAFE_METHODS and not self._is_same_site(request):
            return self.responder.problem(
                request, problems.FOREIGN_ORIGIN, "Cross-site requests can't change anything here."
            )
        return None

    def _is_public(self, public: Public) -> bool:
        return public is Public.ALWAYS or (public is Public.AS_A_PAGE and self.public_pages)

    def _is_same_site(self, request: Request) -> bool:
        """Checks for a page of this site or an allowed one, or an authenticated client without a page."""
        origin, fetch_site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        if origin is not None:
            return origin != "" and (origin == request.origin or origin in self.allowed_origins)
        if fetch_site is not None:
            return fetch_site == "same-origin"
        # Browsers send at least one of the two headers.
        return request.visitor in (Visitor.TRUSTED, Visitor.TOKEN)

    def _refuse(self, request: Request) -> Response:
        if request.visitor is Visitor.UNKNOWN:
            return tokens_unavailable(self.responder, request)
        if request.wants is not Wanted.PAGE or request.method not in _SAFE_METHODS:
            return unauthorized(self.responder, request)
        # The cookie is SameSite=Strict: browsers leave it out when a link on another site is followed.
        # The sign-in page reloads itself once; that request has the cookie.
        cross_site = request.headers.get("sec-fetch-site") == "cross-site"
        return unauthorized(self.responder, request, _relative_url(request), again=cross_site)


def unauthorized(
    responder: Responder, request: Request, to: str = "", *, wrong: bool = False, again: bool = False
) -> Response:
    """Returns 401: the sign-in form for a browser, otherwise a problem.

    The form redirects to the path `to`.
    """
    challenge = {"WWW-Authenticate": _CHALLENGE}
    if request.wants is Wanted.PAGE:
        return responder.page(401, pages.sign_in(request.root, to, wrong=wrong, again=again), challenge)
    sentence = "Send a valid token, as in: Authorization: Bearer TOKEN. In a browser, sign in."
    return _with_headers(responder.problem(request, problems.UNAUTHORIZED, sentence), challenge)


def tokens_unavailable(responder: Responder, request: Request) -> Response:
    """Returns 503: the tokens could not be loaded."""
    sentence = "Your token could not be checked. Try again shortly."
    response = responder.problem(request, problems.UNCHECKED, sentence)
    return _with_headers(response, {"Retry-After": str(_MISSED_SECONDS)})


def _with_headers(response: Response, headers: Mapping[str, str]) -> Response:
    return replace(response, headers={**response.headers, **headers})


def _relative_url(request: Request) -> str:
    """Path and query of a request, percent-encoded and relative to the site's root."""
    # HTTP APIs decode every escape in a path except %25.
    path = quote(request.path.lstrip("/").replace("%25", "%"), errors="replace")
    return f"{path}?{urlencode(request.query)}" if request.query else path
