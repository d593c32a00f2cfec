"""What every request passes before a use case hears of it, and the pages to sign in and out by.

Two questions, in this order: may whoever asks come in, and, where something is to be changed, does a page of
this site ask for it? Whatever can't be told is answered with no.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from urllib.parse import parse_qs, quote, urlencode

from darkroom.domain.errors import InvalidTokens, TokensUnavailable
from darkroom.domain.tokens import SIGNED_IN_SECONDS, Token, TokenSet, parse_tokens
from darkroom.ports import TokenDocument
from darkroom.web import pages, problems
from darkroom.web.http import Cookie, Request, Responder, Response, Visitor
from darkroom.web.negotiation import Wanted

# Of that prefix, browsers take a cookie only if it is Secure, of this very host and for all of its paths.
COOKIE = "__Host-darkroom"

# What is known of who may come in is asked for anew when it is so old; sooner, for a token that is not in it.
_MAX_AGE_SECONDS = 30
_MISSED_SECONDS = 5
# While it can't be asked for, what was known last holds for so long.
_HELD_SECONDS = 600

_SAFE_METHODS = frozenset({"GET", "HEAD"})
_FORM_LIMIT_BYTES = 8_000
_FORM_LIMIT_FIELDS = 8
_ASCII = re.compile(r"[!-\[\]-~]*")  # what an address may be made of, and no backslash
_CHALLENGE = 'Bearer realm="darkroom"'


class AuthMode(StrEnum):
    """How a stack knows who may come in: by its tokens, by API Gateway's word, or not at all."""

    TOKEN = "token"  # noqa: S105
    IAM = "iam"
    OPEN = "open"


class Public(Enum):
    """When a route needs no token."""

    NEVER = "never"
    AS_A_PAGE = "where pages are public"
    ALWAYS = "always"


@dataclass(slots=True)
class TokenCache:
    """Who may come in, kept in memory between requests. `report` is told when that can't be asked for.

    Nobody may as long as nothing is written of it.
    """

    document: TokenDocument
    report: Callable[[Exception], None]
    clock: Callable[[], float] = time.time  # goes on while Lambda freezes the process

    _access: TokenSet | None = field(default=None, init=False)
    _read_at: float = field(default=0.0, init=False)
    _asked_at: float = field(default=0.0, init=False)

    def bearer(self, secret: str) -> Token | None:
        """The valid token that a secret is. Raises TokensUnavailable."""
        return self._found(lambda access: access.bearer(secret))

    def signed_in(self, cookie: str) -> Token | None:
        """The valid token that a cookie stands for. Raises TokensUnavailable."""
        return self._found(lambda access: access.signed_in(cookie, self.clock()))

    def cookie(self, token: Token) -> str:
        """What stands for a token in a browser from now on. Raises TokensUnavailable."""
        return self._known(_MAX_AGE_SECONDS).cookie(token, self.clock())

    def _found(self, find: Callable[[TokenSet], Token | None]) -> Token | None:
        # A token that was made just now is not known yet.
        return find(self._known(_MAX_AGE_SECONDS)) or find(self._known(_MISSED_SECONDS))

    def _known(self, max_age_seconds: float) -> TokenSet:
        now = self.clock()
        patience = _MISSED_SECONDS if self._access is None else max_age_seconds
        if not 0 <= now - self._asked_at < patience:
            self._asked_at = now
            try:
                written = self.document.read()
                self._access = parse_tokens(written.document) if written else TokenSet.nobody()
                self._read_at = now
            except (TokensUnavailable, InvalidTokens) as fault:
                self.report(fault)
        if self._access is None or not 0 <= now - self._read_at < _HELD_SECONDS:
            raise TokensUnavailable("nothing certain is known of who may come in")
        return self._access


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

    def refusal(self, request: Request, public: Public, route_key: str) -> Response | None:
        """What to answer instead; None for a request that may pass.

        `route_key` is the route whose use case would answer, as API Gateway has it.
        """
        if self.auth is AuthMode.IAM and request.route_key != route_key:
            # The gateway let it in by another route, whose permission says nothing of this one.
            return self.responder.unknown(request)
        if request.visitor in (Visitor.STRANGER, Visitor.UNKNOWN) and not self._is_public(public):
            return self._turned_away(request)
        if request.method not in _SAFE_METHODS and not self._from_here(request):
            return self.responder.problem(
                request, problems.FOREIGN_ORIGIN, "Another site asked for this, or nobody says which."
            )
        return None

    def _is_public(self, public: Public) -> bool:
        return public is Public.ALWAYS or (public is Public.AS_A_PAGE and self.public_pages)

    def _from_here(self, request: Request) -> bool:
        """Whether a page of this site or of an allowed one asks; or no page, but somebody who is known."""
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        if origin is not None:
            return origin != "" and (origin == request.origin or origin in self.allowed_origins)
        if site is not None:
            return site == "same-origin"
        return request.visitor in (Visitor.TRUSTED, Visitor.TOKEN)  # a browser says at least one of both

    def _turned_away(self, request: Request) -> Response:
        if request.visitor is Visitor.UNKNOWN:
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
        if request.visitor in (Visitor.STRANGER, Visitor.UNKNOWN):
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
