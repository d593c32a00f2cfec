"""Authentication, origin checks and signing in."""

from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

import pytest

from darkroom.domain.auth import AuthMode
from darkroom.domain.rows import Tally
from darkroom.domain.tokens import SIGNED_IN_SECONDS, TokenSet, new_secret, parse_tokens, serialize_tokens
from darkroom.web.auth import COOKIE, Authorizer, PublicAccess, TokenCache
from darkroom.web.http import Request, Responder, Response
from darkroom.web.pages import views as pages
from darkroom.web.routes import ROUTES, Handler, Route, dispatch
from darkroom.web.sign_in import SignInRoutes
from tests.builders import an_authorizer
from tests.fakes import FakeTokenDocument

HTML = "text/html"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
ORIGIN = "https://pictures.example"


@dataclass
class Api:
    """The routes with one valid token; all but the sign-in routes return the start page."""

    auth: AuthMode = AuthMode.TOKEN
    public_pages: bool = False
    allowed_origins: frozenset[str] = frozenset()
    now: float = 1_800_000_000
    secret: str = field(default_factory=new_secret)
    document: FakeTokenDocument = field(default_factory=FakeTokenDocument)
    faults: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.write(TokenSet.empty().with_token(self.secret, "then"))
        self.token_cache = TokenCache(self.document, self.faults.append, clock=lambda: self.now)
        self.sign_in_routes = SignInRoutes(self.authorizer)

    @property
    def authorizer(self) -> Authorizer:
        return an_authorizer(
            self.auth, self.token_cache, public_pages=self.public_pages, allowed_origins=self.allowed_origins
        )

    def write(self, tokens: TokenSet) -> None:
        before = self.document.written
        self.document.write(serialize_tokens(tokens), expected_version=before.version if before else 0)

    def send(self, request: Request) -> Response:
        """Dispatches a request to the route of its path."""
        [route] = [route for route in ROUTES if (route.method, route.path) == (request.method, request.path)]
        sign_in = self.sign_in_routes
        handlers: dict[str, Handler] = dict.fromkeys(_OPERATIONS, _home)
        handlers |= {"sign_in_page": sign_in.page, "sign_in": sign_in.sign_in, "sign_out": sign_in.sign_out}
        return dispatch(route, handlers, self.authorizer, replace(request, route_key=route.keys[0]), {})

    def get(self, path: str = "/", accept: str = JSON, **headers: str) -> Response:
        return self.send(Request(path, ORIGIN, accept, headers=_named(headers)))

    def post(self, path: str = "/", accept: str = JSON, **headers: str) -> Response:
        return self.send(Request(path, ORIGIN, accept, headers=_named(headers), method="POST"))

    def sign_in(self, secret: str, to: str = "", accept: str = HTML) -> Response:
        form = urlencode({"token": secret, "to": to}).encode()
        return self.send(
            Request("/sign-in", ORIGIN, accept, {}, FORM, form, {"origin": ORIGIN}, method="POST")
        )

    @property
    def bearer(self) -> str:
        return f"Bearer {self.secret}"

    @property
    def cookie(self) -> str:
        [cookie] = self.sign_in(self.secret).cookies
        return f"{cookie.name}={cookie.value}"


_OPERATIONS = [route.operation for route in ROUTES]


def _home(request: Request) -> Response:
    page = pages.home(request, [], 1, Tally())
    return Responder().page(200, page)


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_only_sign_in_routes_are_open_without_a_token(route: Route) -> None:
    handlers: dict[str, Handler] = {route.operation: lambda *_: Responder().page(200, "")}
    request = Request("/x", ORIGIN, JSON, headers={"origin": ORIGIN}, method=route.method)

    status = dispatch(route, handlers, an_authorizer(AuthMode.TOKEN), request, {}).status

    assert status == (200 if route.path in ("/sign-in", "/sign-out") else 401)


def test_a_valid_token_is_accepted() -> None:
    api = Api()

    assert api.get().status == 401
    assert api.get(authorization=api.bearer).status == 200


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer ", "Bearer x", "Basic {}", "{}", "bearer{}", "Bearer {}x", "AWS4-HMAC-SHA256 x"],
)
def test_any_other_authorization_header_is_refused(authorization: str) -> None:
    api = Api()

    response = api.get(authorization=authorization.format(api.secret))

    assert (response.status, response.headers["WWW-Authenticate"]) == (401, 'Bearer realm="darkroom"')


def test_the_bearer_scheme_is_case_insensitive() -> None:
    api = Api()

    assert api.get(authorization=f"bearer  {api.secret} ").status == 200


def test_a_wrong_token_is_refused_despite_a_valid_cookie() -> None:
    api = Api()

    assert api.get(cookie=api.cookie).status == 200
    assert api.get(cookie=api.cookie, authorization="Bearer x").status == 401


def test_any_valid_cookie_of_the_name_counts() -> None:
    api = Api()

    assert api.get(cookie=f"{COOKIE}=outdated; other=1; {api.cookie}").status == 200
    assert api.get(cookie=f"{api.cookie}; {COOKIE}=outdated").status == 200
    assert api.get(cookie=f"{COOKIE}=outdated; {COOKIE}=").status == 401


@pytest.mark.parametrize("white_space", ["\u2003", "\xa0", "\x0b", "\x1f", "\ufeff"])
def test_a_cookie_name_with_unicode_white_space_is_another_name(white_space: str) -> None:
    api = Api()
    name, _, value = api.cookie.partition("=")

    assert api.get(cookie=f"{white_space}{name}={value}").status == 401
    assert api.get(cookie=f"{name}{white_space}={value}").status == 401


def test_every_token_is_refused_without_a_stored_document() -> None:
    api = Api(document=FakeTokenDocument())
    api.document.written = None

    assert api.get(authorization=api.bearer).status == 401
    assert api.get(authorization="Bearer ").status == 401


def test_a_json_client_gets_a_problem_and_a_browser_the_sign_in_form() -> None:
    problem, page = Api().get(), Api().get("/failures", HTML)

    assert problem.media_type == "application/problem+json"
    assert '"/docs/problems#unauthorized"' in problem.text
    assert page.status == 401
    assert '<form class="sign-in" method="post" action="./sign-in">' in page.text
    assert 'name="to" value="failures"' in page.text
    assert page.headers["Cache-Control"] == problem.headers["Cache-Control"] == "no-store"


def test_an_unauthorized_image_request_gets_a_problem() -> None:
    assert Api().get(accept="image/avif,image/*").media_type == "application/problem+json"


def test_an_open_stack_needs_no_token_and_reads_none() -> None:
    api = Api(AuthMode.OPEN)

    assert api.get().status == api.post().status == 200
    assert api.document.read_count == 0


def test_with_iam_api_gateway_authorizes_and_tokens_are_not_read() -> None:
    api = Api(AuthMode.IAM)

    assert api.get(authorization="AWS4-HMAC-SHA256 Credential=x").status == 200
    assert api.document.read_count == 0


def test_with_iam_a_request_authorized_for_another_route_is_not_found() -> None:
    """`GET /{proxy+}` may be public, and it matches the paths of private routes too."""
    failures = next(route for route in ROUTES if route.operation == "failures")
    handlers: dict[str, Handler] = {"failures": lambda _: pytest.fail("the handler was called")}

    for route_key in ("GET /{proxy+}", "HEAD /{proxy+}", ""):
        request = Request("/failures", ORIGIN, JSON, route_key=route_key)
        assert (
            dispatch(failures, handlers, an_authorizer(AuthMode.IAM, public_pages=True), request, {}).status
            == 404
        )


def test_public_pages_opens_only_the_two_picture_routes() -> None:
    authorizer = an_authorizer(AuthMode.TOKEN, public_pages=True)
    handlers: dict[str, Handler] = dict.fromkeys(_OPERATIONS, lambda *_: Responder().page(200, ""))
    opened = [
        route.keys
        for route in ROUTES
        if dispatch(route, handlers, authorizer, Request("/x", method=route.method), {}).status != 401
        and route.public is not PublicAccess.ALWAYS
    ]

    assert opened == [
        ("GET /pictures/{id}", "HEAD /pictures/{id}"),
        ("GET /{proxy+}", "HEAD /{proxy+}"),
    ]


def test_a_request_without_credentials_does_not_read_the_tokens() -> None:
    api = Api()

    api.get()

    assert api.document.read_count == 0


def test_the_tokens_are_reloaded_after_30_s() -> None:
    api = Api()
    for _ in range(3):
        api.get(authorization=api.bearer)
    assert api.document.read_count == 1

    api.now += 30
    api.get(authorization=api.bearer)

    assert api.document.read_count == 2


def test_a_revoked_token_and_its_cookie_are_refused_after_30_s() -> None:
    api = Api()
    cookie = api.cookie
    api.write(TokenSet.empty().with_token(new_secret(), "now"))

    api.now += 30

    assert api.get(authorization=api.bearer).status == 401
    assert api.get(cookie=cookie).status == 401


def test_a_new_token_is_accepted_after_5_s_and_the_old_one_too() -> None:
    api = Api()
    api.get(authorization=api.bearer)
    new = new_secret()
    assert api.document.written
    api.write(parse_tokens(api.document.written.document).with_token(new, "now"))

    api.now += 5

    assert api.get(authorization=f"Bearer {new}").status == 200
    assert api.get(authorization=api.bearer).status == 200


def test_wrong_tokens_reload_the_tokens_every_5_s_at_most() -> None:
    api = Api()

    for _ in range(50):
        api.get(authorization="Bearer x")
        api.now += 0.5

    assert api.document.read_count == 5


def test_known_tokens_stay_valid_for_ten_minutes_of_failed_reloads() -> None:
    api = Api()
    api.get(authorization=api.bearer)
    api.document.broken = True

    api.now += 599
    held = api.get(authorization=api.bearer)
    api.now += 1
    ended = api.get(authorization=api.bearer)

    assert held.status == 200
    assert (ended.status, ended.headers["Retry-After"]) == (503, "5")
    assert api.faults


def test_without_loaded_tokens_requests_are_refused_and_loading_is_retried() -> None:
    api = Api()
    api.document.broken = True
    assert api.get(authorization=api.bearer).status == 503

    api.document.broken = False
    api.now += 5

    assert api.get(authorization=api.bearer).status == 200


def test_an_invalid_token_document_refuses_every_token() -> None:
    api = Api()
    api.document.write("{}", expected_version=1)

    assert api.get(authorization=api.bearer).status == 503
    assert len(api.faults) == 1


@pytest.mark.parametrize("auth", [AuthMode.OPEN, AuthMode.IAM])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),  # curl, a script
        ({"origin": ORIGIN}, 200),
        ({"origin": "https://admin.example"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://pictures.example"}, 403),
        ({"origin": "https://pictures.example.evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"origin": "https://evil.example", "sec_fetch_site": "same-origin"}, 403),
    ],
)
def test_cross_site_writes_are_refused_even_on_an_open_stack(
    auth: AuthMode, headers: dict[str, str], status: int
) -> None:
    api = Api(auth, allowed_origins=frozenset({"https://admin.example"}))

    response = api.post(**headers)

    assert response.status == status
    assert status == 200 or '"/docs/problems#foreign-origin"' in response.text


def test_behind_cloudfront_pages_need_an_allowed_origin() -> None:
    """CloudFront keeps its own Host to itself, and any client can send a forwarded host."""
    page = {"origin": "https://www.example.com", "x_forwarded_host": "www.example.com"}
    allowed = Api(AuthMode.OPEN, allowed_origins=frozenset({"https://www.example.com"}))

    assert Api(AuthMode.OPEN).post(**page).status == 403
    assert allowed.post(**page).status == 200


def test_reads_are_allowed_from_any_origin() -> None:
    assert Api(AuthMode.OPEN).get(origin="https://evil.example").status == 200


def test_an_empty_origin_never_matches_a_site_without_a_host() -> None:
    request = Request("/", "", JSON, headers={"origin": ""}, method="POST")

    assert Api(AuthMode.OPEN).send(request).status == 403


def test_a_write_needs_an_origin_with_a_cookie_but_not_with_a_token() -> None:
    api = Api()

    assert api.post(authorization=api.bearer).status == 200
    assert api.post(cookie=api.cookie).status == 403
    assert api.post(cookie=api.cookie, origin=ORIGIN).status == 200
    assert api.post(cookie=api.cookie, sec_fetch_site="same-origin").status == 200
    assert api.post(cookie=api.cookie, origin="https://evil.example").status == 403
    assert api.post(authorization=api.bearer, origin="https://evil.example").status == 403


def test_signing_in_sets_a_cookie_for_a_week_and_redirects() -> None:
    api = Api()

    response = api.sign_in(f" {api.secret}\n", "pictures/0?w=640")

    [cookie] = response.cookies
    assert (cookie.name, cookie.max_age_seconds) == ("__Host-darkroom", SIGNED_IN_SECONDS)
    assert (response.status, response.headers["Location"]) == (303, "./pictures/0?w=640")
    assert response.headers["Cache-Control"] == "no-store"
    assert api.secret not in cookie.value
    assert api.get(cookie=f"a=b; {COOKIE}={cookie.value}; c").status == 200


def test_a_wrong_token_shows_an_error_and_keeps_the_target_path() -> None:
    response = Api().sign_in("x", "failures")

    assert (response.status, response.cookies) == (401, ())
    assert 'role="alert">That token is not valid.' in response.text
    assert 'aria-invalid="true"' in response.text
    assert 'name="to" value="failures"' in response.text
    assert Api().sign_in("x", accept=JSON).media_type == "application/problem+json"


@pytest.mark.parametrize(
    ("to", "location"),
    [
        ("", "./"),
        ("/jobs/1", "./jobs/1"),
        ("//evil.example", "./evil.example"),
        ("https://evil.example", "./https://evil.example"),
        ("javascript:alert(1)", "./javascript:alert(1)"),
        ("/\\evil.example", "./"),
        ("x\r\nSet-Cookie: a=b", "./"),
        ("ü", "./"),
    ],
)
def test_the_sign_in_redirect_never_leads_to_another_site(to: str, location: str) -> None:
    api = Api()

    assert api.sign_in(api.secret, to).headers["Location"] == location


def test_the_sign_in_form_keeps_the_escaped_path_and_query() -> None:
    request = Request('/a "b"/ü 100%25.jpg', ORIGIN, HTML, query={"w": "640", "x": "<&>"})

    page = dispatch(ROUTES[-1], {}, an_authorizer(AuthMode.TOKEN), request, {}).text

    assert 'value="a%20%22b%22/%C3%BC%20100%25.jpg?w=640&amp;x=%3C%26%3E"' in page


def test_the_sign_in_page_reloads_itself_after_a_cross_site_link() -> None:
    """The cookie is SameSite=Strict: browsers leave it out when a link on another site is followed."""
    cross_site = Api().get("/failures", HTML, sec_fetch_site="cross-site")
    same_site = Api().get("/failures", HTML, sec_fetch_site="same-origin")

    assert '<meta http-equiv="refresh" content="0">' in cross_site.text
    assert "http-equiv" not in same_site.text


@pytest.mark.parametrize("body", [b"token=%ff", b"token", b"&" * 9_000, b"a=1&" * 20 + b"token=x", b"\xff"])
def test_an_unreadable_sign_in_form_is_unauthorized(body: bytes) -> None:
    request = Request("/sign-in", ORIGIN, HTML, {}, FORM, body, {"origin": ORIGIN}, method="POST")

    assert Api().send(request).status == 401


def test_a_sign_in_form_of_another_media_type_is_unauthorized() -> None:
    api = Api()
    body = f"token={api.secret}".encode()
    request = Request("/sign-in", ORIGIN, HTML, {}, "text/plain", body, {"origin": ORIGIN}, method="POST")

    assert api.send(request).status == 401


def test_a_cross_site_sign_in_is_refused() -> None:
    api = Api()
    body = f"token={api.secret}".encode()

    for headers in ({"origin": "https://evil.example"}, {}):
        request = Request("/sign-in", ORIGIN, HTML, {}, FORM, body, headers, method="POST")
        assert api.send(request).status == 403


def test_the_sign_in_page_redirects_a_signed_in_client() -> None:
    api = Api()
    request = Request("/sign-in", ORIGIN, HTML, {"to": "jobs/1"}, headers={"cookie": api.cookie})

    assert api.send(request).headers["Location"] == "./jobs/1"
    assert api.send(replace(request, headers={})).status == 200
    assert Api(AuthMode.OPEN).get("/sign-in", HTML).headers["Location"] == "./"
    assert Api(AuthMode.OPEN).sign_in("x").headers["Location"] == "./"


def test_signing_in_without_loaded_tokens_is_unavailable() -> None:
    api = Api()
    api.document.broken = True

    assert api.sign_in(api.secret).status == 503


def test_signing_out_deletes_the_cookie() -> None:
    response = Api().post("/sign-out", HTML, origin=ORIGIN)

    [cookie] = response.cookies
    assert (cookie.name, cookie.value, cookie.max_age_seconds) == (COOKIE, "", 0)
    assert response.headers["Location"] == "./sign-in"


def test_only_a_signed_in_browser_gets_the_sign_out_form() -> None:
    api = Api()

    page = api.get(cookie=api.cookie).text
    assert 'action="./sign-out"' in page
    assert "curl -H &#34;Authorization: Bearer $DARKROOM_TOKEN&#34; -F upload=@image.png" in page
    assert "sign-out" not in api.get(authorization=api.bearer).text
    anonymous = Api(AuthMode.OPEN).get().text
    assert "sign-out" not in anonymous
    assert "curl -F upload=@image.png" in anonymous


def test_the_etag_differs_for_a_signed_in_browser() -> None:
    api = Api()

    signed_in, by_token = api.get(cookie=api.cookie), api.get(authorization=api.bearer)

    assert signed_in.headers["ETag"] != by_token.headers["ETag"]
