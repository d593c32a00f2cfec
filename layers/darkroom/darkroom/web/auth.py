"""Authentication and origin checks before every handler.

A request that can't be checked is refused.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from darkroom.domain.auth import AuthMode
from darkroom.domain.errors import InvalidTokens, TokensUnavailable
from darkroom.domain.tokens import Token, TokenSet, parse_tokens
from darkroom.ports import TokenDocument
from darkroom.services.caching import CachedValue
from darkroom.web import problems
from darkroom.web.http import SAFE_METHODS, Request, Responder, Response, Visitor, relative_url
from darkroom.web.negotiation import Wanted
from darkroom.web.pages import views as pages

# With this prefix, browsers accept a cookie only if it is Secure, host-only and valid for all paths.
COOKIE = "__Host-darkroom"

# Cached tokens are used for 30 s. If a request's token is not among them, and they are older than 5 s, they
# are read again at once.
_MAX_AGE_SECONDS = 30
_MAX_AGE_IF_MISSING_SECONDS = 5
# While Parameter Store is unavailable, the last known tokens stay valid for this long.
_HOLD_SECONDS = 600

_CHALLENGE = 'Bearer realm="darkroom"'


class PublicAccess(Enum):
    """A route's rule for requests without authentication."""

    NEVER = "never"
    IF_PAGES_ARE_PUBLIC = "if pages are public"
    ALWAYS = "always"


@dataclass(slots=True)
class TokenCache:
    """The valid tokens, cached between requests. `report` receives the fault of a failed read.

    Without a stored document no token is valid.
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
            retry_seconds=_MAX_AGE_IF_MISSING_SECONDS,
            hold_seconds=_HOLD_SECONDS,
            clock=self.clock,
        )

    def find_by_secret(self, secret: str) -> Token | None:
        """Returns the valid token with that secret, if any. Raises TokensUnavailable."""
        return self._find(lambda tokens: tokens.bearer(secret))

    def find_by_cookie(self, cookie: str) -> Token | None:
        """Returns the valid token of a session cookie, if any. Raises TokensUnavailable."""
        return self._find(lambda tokens: tokens.signed_in(cookie, self.clock()))

    def new_cookie(self, token: Token) -> str:
        """Returns a new session cookie for a token. Raises TokensUnavailable."""
        return self._tokens(_MAX_AGE_SECONDS).cookie(token, self.clock())

    def _find(self, find: Callable[[TokenSet], Token | None]) -> Token | None:
        # A token that was just created may not be in the cache yet.
        return find(self._tokens(_MAX_AGE_SECONDS)) or find(self._tokens(_MAX_AGE_IF_MISSING_SECONDS))

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
        """Authenticates a request by its token, else by any of its cookies."""
        if self.auth is not AuthMode.TOKEN:
            return Visitor.TRUSTED
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        try:
            if scheme:
                token = scheme.lower() == "bearer" and self.token_cache.find_by_secret(secret.strip())
                return Visitor.TOKEN if token else Visitor.ANONYMOUS
            # A cookie with an outdated value may come first.
            if any(map(self.token_cache.find_by_cookie, request.cookies(COOKIE))):
                return Visitor.SIGNED_IN
            return Visitor.ANONYMOUS
        except TokensUnavailable:
            return Visitor.UNCHECKED

    def refusal(self, request: Request, public: PublicAccess, route_keys: tuple[str, ...]) -> Response | None:
        """Returns the response to a refused request, or None if the request is allowed.

        `route_keys` are API Gateway's keys of the matched route.
        """
        if self.auth is AuthMode.IAM and request.route_key not in route_keys:
            # API Gateway authorized another route; that permission does not cover this one.
            return self.responder.not_found(request)
        if request.visitor in (Visitor.ANONYMOUS, Visitor.UNCHECKED) and not self._is_public(public):
            return self._refuse(request)
        if request.method not in SAFE_METHODS and not self._is_origin_allowed(request):
            return self.responder.problem(
                request, problems.FOREIGN_ORIGIN, "Cross-site requests can't change anything here."
            )
        return None

    def _is_public(self, public: PublicAccess) -> bool:
        return public is PublicAccess.ALWAYS or (
            public is PublicAccess.IF_PAGES_ARE_PUBLIC and self.public_pages
        )

    def _is_origin_allowed(self, request: Request) -> bool:
        """Allows this site, the allowed origins, and authenticated clients other than browsers."""
        origin, fetch_site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        if origin is not None:
            return origin != "" and (origin == request.origin or origin in self.allowed_origins)
        if fetch_site is not None:
            return fetch_site == "same-origin"
        # Without either header the client is not a browser.
        return request.visitor in (Visitor.TRUSTED, Visitor.TOKEN)

    def _refuse(self, request: Request) -> Response:
        if request.visitor is Visitor.UNCHECKED:
            return tokens_unavailable(self.responder, request)
        if request.wants_of_problem is not Wanted.PAGE or request.method not in SAFE_METHODS:
            return unauthorized(self.responder, request)
        # The cookie is SameSite=Strict: browsers leave it out when a link on another site is followed.
        # The sign-in page reloads itself once; that request has the cookie.
        cross_site = request.headers.get("sec-fetch-site") == "cross-site"
        return unauthorized(self.responder, request, relative_url(request), reload_once=cross_site)


def unauthorized(responder: Responder, request: Request, next_path: str = "", **form: bool) -> Response:
    """Returns 401: the sign-in form for a browser, otherwise a problem.

    `next_path` and `form` are passed to `pages.sign_in`.
    """
    challenge = {"WWW-Authenticate": _CHALLENGE}
    if request.wants_of_problem is Wanted.PAGE:
        return responder.page(401, pages.sign_in(request, next_path, **form), challenge)
    sentence = "Send a valid token, as in: Authorization: Bearer TOKEN. In a browser, sign in."
    return responder.problem(request, problems.UNAUTHORIZED, sentence, headers=challenge)


def tokens_unavailable(responder: Responder, request: Request) -> Response:
    """Returns 503: the tokens could not be loaded."""
    sentence = "Your token could not be checked. Try again shortly."
    retry_after = {"Retry-After": str(_MAX_AGE_IF_MISSING_SECONDS)}
    return responder.problem(request, problems.UNCHECKED, sentence, headers=retry_after)
