"""The routes to sign in and out."""

import re
from dataclasses import dataclass, replace

from darkroom.domain.auth import AuthMode
from darkroom.domain.errors import TokensUnavailable
from darkroom.domain.tokens import SIGNED_IN_SECONDS
from darkroom.web.auth import COOKIE, Authorizer, tokens_unavailable, unauthorized
from darkroom.web.forms import small_form
from darkroom.web.http import Cookie, Request, Response, Visitor
from darkroom.web.pages import views as pages

_URL_CHARACTERS = re.compile(r"[!-\[\]-~]*")  # printable ASCII without space and backslash


@dataclass(frozen=True, slots=True)
class SignInRoutes:
    """The routes `/sign-in` and `/sign-out`."""

    authorizer: Authorizer

    def page(self, request: Request) -> Response:
        """`GET /sign-in`: returns the form, or redirects if the client is already signed in."""
        next_path = request.query.get("to", "")
        if request.visitor in (Visitor.ANONYMOUS, Visitor.UNCHECKED):
            return self.authorizer.responder.page(200, pages.sign_in(request, next_path))
        return self.authorizer.responder.redirect(303, _local_url(request.root, next_path))

    def sign_in(self, request: Request) -> Response:
        """`POST /sign-in`: exchanges a token for a session cookie and redirects."""
        if self.authorizer.auth is not AuthMode.TOKEN:
            return self.authorizer.responder.redirect(303, request.root)
        form = small_form(request.content_type, request.body)
        try:
            token = self.authorizer.token_cache.find_by_secret(form.get("token", "").strip())
            cookie = self.authorizer.token_cache.new_cookie(token) if token else ""
        except TokensUnavailable:
            return tokens_unavailable(self.authorizer.responder, request)
        next_path = form.get("to", "")
        if not cookie:
            return unauthorized(self.authorizer.responder, request, next_path, invalid_token=True)
        response = self.authorizer.responder.redirect(303, _local_url(request.root, next_path))
        return replace(response, cookies=(Cookie(COOKIE, cookie, SIGNED_IN_SECONDS),))

    def sign_out(self, request: Request) -> Response:
        """`POST /sign-out`: deletes the session cookie."""
        response = self.authorizer.responder.redirect(303, f"{request.root}sign-in")
        return replace(response, cookies=(Cookie(COOKIE, "", 0),))


def _local_url(root: str, next_path: str) -> str:
    """Resolves a path against the site's root; returns the root for an invalid path.

    The result begins with the root, so it never leads to another site.
    """
    path = next_path.lstrip("/")
    return root + path if _URL_CHARACTERS.fullmatch(path) else root
