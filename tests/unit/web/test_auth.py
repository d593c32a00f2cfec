"""The gate: who may come in, whose pages may write, and how one signs in."""

from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

import pytest

from darkroom.domain.auth import AuthMode
from darkroom.domain.tokens import SIGNED_IN_SECONDS, TokenSet, new_token, parse_tokens, serialize_tokens
from darkroom.web.auth import COOKIE, Authorizer, Public, SignInRoutes, TokenCache
from darkroom.web.http import Request, Responder, Response
from darkroom.web.routes import ROUTES, Handler, Route, answer
from tests.builders import an_authorizer
from tests.fakes import FakeTokenDocument

HTML = "text/html"
JSON = "application/json"
SITE = "https://pictures.example"


@dataclass
class Door:
    """A gate with one valid token before routes that say what they are asked for."""

    auth: AuthMode = AuthMode.TOKEN
    public_pages: bool = False
    allowed_origins: frozenset[str] = frozenset()
    now: float = 1_800_000_000
    secret: str = field(default_factory=new_token)
    document: FakeTokenDocument = field(default_factory=FakeTokenDocument)
    faults: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.write(TokenSet.nobody().with_token(self.secret, "then"))
        self.token_cache = TokenCache(self.document, self.faults.append, clock=lambda: self.now)
        self.sign_in_site = SignInRoutes(self.authorizer, self.token_cache, Responder())

    @property
    def authorizer(self) -> Authorizer:
        return an_authorizer(
            self.auth, self.token_cache, public_pages=self.public_pages, allowed_origins=self.allowed_origins
        )

    def write(self, access: TokenSet) -> None:
        before = self.document.written
        self.document.write(serialize_tokens(access), expected_version=before.version if before else 0)

    def ask(self, request: Request) -> Response:
        """What the route of that path says, by way of the gate."""
        [route] = [each for each in ROUTES if (each.method, each.path) == (request.method, request.path)]
        site = self.sign_in_site
        handlers: dict[str, Handler] = dict.fromkeys(_OPERATIONS, lambda _: Responder().page(200, _A_PAGE))
        handlers |= {"sign_in_page": site.page, "sign_in": site.sign_in, "sign_out": site.sign_out}
        return answer(route, handlers, self.authorizer, replace(request, route_key=route.key), {})

    def get(self, path: str = "/", accept: str = JSON, **headers: str) -> Response:
        return self.ask(Request(path, SITE, accept, headers=_named(headers)))

    def post(self, path: str = "/", accept: str = JSON, **headers: str) -> Response:
        return self.ask(Request(path, SITE, accept, headers=_named(headers), method="POST"))

    def sign_in(self, secret: str, to: str = "", accept: str = HTML) -> Response:
        form = urlencode({"token": secret, "to": to}).encode()
        kind = "application/x-www-form-urlencoded"
        return self.ask(Request("/sign-in", SITE, accept, {}, kind, form, {"origin": SITE}, method="POST"))

    @property
    def bearer(self) -> str:
        return f"Bearer {self.secret}"

    @property
    def cookie(self) -> str:
        [cookie] = self.sign_in(self.secret).cookies
        return f"{cookie.name}={cookie.value}"


_OPERATIONS = [each.operation for each in ROUTES]
_A_PAGE = "<nav><!-- sign out --></nav><code>curl <!-- token -->-F x</code>"


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


# Who may come in


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_no_route_but_those_to_sign_in_by_answers_a_stranger(route: Route) -> None:
    handlers: dict[str, Handler] = {route.operation: lambda *_: Responder().page(200, "")}
    request = Request("/x", SITE, JSON, headers={"origin": SITE}, method=route.method)

    status = answer(route, handlers, an_authorizer(AuthMode.TOKEN), request, {}).status

    assert status == (200 if route.path in ("/sign-in", "/sign-out") else 401)


def test_a_valid_token_lets_in() -> None:
    door = Door()

    assert door.get().status == 401
    assert door.get(authorization=door.bearer).status == 200


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer ", "Bearer x", "Basic {}", "{}", "bearer{}", "Bearer {}x", "AWS4-HMAC-SHA256 x"],
)
def test_anything_but_the_token_as_a_bearer_is_refused(authorization: str) -> None:
    door = Door()

    given = door.get(authorization=authorization.format(door.secret))

    assert (given.status, given.headers["WWW-Authenticate"]) == (401, 'Bearer realm="darkroom"')


def test_the_schemes_name_is_read_in_any_case() -> None:
    door = Door()

    assert door.get(authorization=f"bearer  {door.secret} ").status == 200


def test_a_wrong_token_is_not_made_good_by_a_cookie() -> None:
    door = Door()

    assert door.get(cookie=door.cookie).status == 200
    assert door.get(cookie=door.cookie, authorization="Bearer x").status == 401


def test_nobody_gets_in_where_no_token_was_ever_made() -> None:
    door = Door(document=FakeTokenDocument())
    door.document.written = None

    assert door.get(authorization=door.bearer).status == 401
    assert door.get(authorization="Bearer ").status == 401


def test_a_json_client_is_told_what_is_missing_and_a_person_gets_the_form() -> None:
    told, page = Door().get(), Door().get("/failures", HTML)

    assert told.media_type == "application/problem+json"
    assert '"/docs/problems#unauthorized"' in told.text
    assert page.status == 401
    assert '<form class="sign-in" method="post" action="./sign-in">' in page.text
    assert 'name="to" value="failures"' in page.text
    assert page.headers["Cache-Control"] == told.headers["Cache-Control"] == "no-store"


def test_an_image_of_a_stranger_is_refused_without_a_page() -> None:
    assert Door().get(accept="image/avif,image/*").media_type == "application/problem+json"


# Modes


def test_an_open_stack_asks_nobody_and_reads_nothing() -> None:
    door = Door(AuthMode.OPEN)

    assert door.get().status == door.post().status == 200
    assert door.document.read_count == 0


def test_with_iam_the_gateways_word_counts_and_no_token_does() -> None:
    door = Door(AuthMode.IAM)

    assert door.get(authorization="AWS4-HMAC-SHA256 Credential=x").status == 200
    assert door.document.read_count == 0


def test_with_iam_a_request_that_came_by_another_route_is_not_answered() -> None:
    """`GET /{proxy+}` may be public; a path that only the function takes for another route's must not be."""
    failures = next(each for each in ROUTES if each.operation == "failures")
    handlers: dict[str, Handler] = {"failures": lambda _: pytest.fail("the use case was asked")}

    for came_by in ("GET /{proxy+}", ""):
        request = Request("/failures", SITE, JSON, route_key=came_by)
        assert (
            answer(failures, handlers, an_authorizer(AuthMode.IAM, public_pages=True), request, {}).status
            == 404
        )


def test_public_pages_opens_the_two_reading_routes_and_no_other() -> None:
    authorizer = an_authorizer(AuthMode.TOKEN, public_pages=True)
    handlers: dict[str, Handler] = dict.fromkeys(_OPERATIONS, lambda *_: Responder().page(200, ""))
    opened = [
        route.key
        for route in ROUTES
        if answer(route, handlers, authorizer, Request("/x", method=route.method), {}).status != 401
        and route.public is not Public.ALWAYS
    ]

    assert opened == ["GET /pictures/{id}", "GET /{proxy+}"]


# What is known of who may come in


def test_a_stranger_who_shows_nothing_costs_no_call() -> None:
    door = Door()

    door.get()

    assert door.document.read_count == 0


def test_what_is_known_is_asked_for_anew_after_30_s() -> None:
    door = Door()
    for _ in range(3):
        door.get(authorization=door.bearer)
    assert door.document.read_count == 1

    door.now += 30
    door.get(authorization=door.bearer)

    assert door.document.read_count == 2


def test_a_revoked_token_lets_nobody_in_30_s_later_nor_does_its_cookie() -> None:
    door = Door()
    cookie = door.cookie
    door.write(TokenSet.nobody().with_token(new_token(), "now"))

    door.now += 30

    assert door.get(authorization=door.bearer).status == 401
    assert door.get(cookie=cookie).status == 401


def test_a_new_token_is_known_after_5_s_and_the_old_one_still() -> None:
    door = Door()
    door.get(authorization=door.bearer)
    new = new_token()
    assert door.document.written
    door.write(parse_tokens(door.document.written.document).with_token(new, "now"))

    door.now += 5

    assert door.get(authorization=f"Bearer {new}").status == 200
    assert door.get(authorization=door.bearer).status == 200


def test_wrong_tokens_cost_a_call_each_5_s_at_most() -> None:
    door = Door()

    for _ in range(50):
        door.get(authorization="Bearer x")
        door.now += 0.5

    assert door.document.read_count == 5


def test_a_fault_leaves_what_was_known_for_ten_minutes_and_no_longer() -> None:
    door = Door()
    door.get(authorization=door.bearer)
    door.document.broken = True

    door.now += 599
    held = door.get(authorization=door.bearer)
    door.now += 1
    ended = door.get(authorization=door.bearer)

    assert held.status == 200
    assert (ended.status, ended.headers["Retry-After"]) == (503, "5")
    assert door.faults


def test_nobody_gets_in_before_anything_is_known_and_it_is_asked_again_soon() -> None:
    door = Door()
    door.document.broken = True
    assert door.get(authorization=door.bearer).status == 503

    door.document.broken = False
    door.now += 5

    assert door.get(authorization=door.bearer).status == 200


def test_a_document_that_nobody_here_has_written_lets_nobody_in() -> None:
    door = Door()
    door.document.write("{}", expected_version=1)

    assert door.get(authorization=door.bearer).status == 503
    assert len(door.faults) == 1


# Whose pages may write


@pytest.mark.parametrize("auth", [AuthMode.OPEN, AuthMode.IAM])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),  # curl, a script
        ({"origin": SITE}, 200),
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
def test_another_sites_page_changes_nothing_even_where_everybody_may(
    auth: AuthMode, headers: dict[str, str], status: int
) -> None:
    door = Door(auth, allowed_origins=frozenset({"https://admin.example"}))

    given = door.post(**headers)

    assert given.status == status
    assert status == 200 or '"/docs/problems#foreign-origin"' in given.text


def test_reading_is_not_asked_where_it_is_from() -> None:
    assert Door(AuthMode.OPEN).get(origin="https://evil.example").status == 200


def test_an_origin_is_none_of_a_site_that_does_not_say_its_name() -> None:
    request = Request("/", "", JSON, headers={"origin": ""}, method="POST")

    assert Door(AuthMode.OPEN).ask(request).status == 403


def test_a_token_writes_without_an_origin_and_a_cookie_does_not() -> None:
    door = Door()

    assert door.post(authorization=door.bearer).status == 200
    assert door.post(cookie=door.cookie).status == 403
    assert door.post(cookie=door.cookie, origin=SITE).status == 200
    assert door.post(cookie=door.cookie, sec_fetch_site="same-origin").status == 200
    assert door.post(cookie=door.cookie, origin="https://evil.example").status == 403
    assert door.post(authorization=door.bearer, origin="https://evil.example").status == 403


# Signing in


def test_who_signs_in_gets_a_cookie_for_a_week_and_goes_on_to_where_he_was() -> None:
    door = Door()

    given = door.sign_in(f" {door.secret}\n", "pictures/0?w=640")

    [cookie] = given.cookies
    assert (cookie.name, cookie.seconds) == ("__Host-darkroom", SIGNED_IN_SECONDS)
    assert (given.status, given.headers["Location"]) == (303, "./pictures/0?w=640")
    assert given.headers["Cache-Control"] == "no-store"
    assert door.secret not in cookie.value
    assert door.get(cookie=f"a=b; {COOKIE}={cookie.value}; c").status == 200


def test_a_wrong_token_is_said_so_and_the_way_is_not_forgotten() -> None:
    given = Door().sign_in("x", "failures")

    assert (given.status, given.cookies) == (401, ())
    assert 'role="alert">That token is not valid.' in given.text
    assert 'aria-invalid="true"' in given.text
    assert 'name="to" value="failures"' in given.text
    assert Door().sign_in("x", accept=JSON).media_type == "application/problem+json"


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
def test_the_way_on_never_leads_to_another_site(to: str, location: str) -> None:
    door = Door()

    assert door.sign_in(door.secret, to).headers["Location"] == location


def test_the_way_back_is_escaped_and_keeps_what_was_asked() -> None:
    request = Request('/a "b"/ü 100%25.jpg', SITE, HTML, query={"w": "640", "x": "<&>"})

    page = answer(ROUTES[-1], {}, an_authorizer(AuthMode.TOKEN), request, {}).text

    assert 'value="a%20%22b%22/%C3%BC%20100%25.jpg?w=640&amp;x=%3C%26%3E"' in page


def test_a_link_on_another_site_is_followed_once_more_by_the_page_itself() -> None:
    """The cookie is SameSite=Strict: a browser leaves it out where another site's link leads here."""
    from_afar = Door().get("/failures", HTML, sec_fetch_site="cross-site")
    from_here = Door().get("/failures", HTML, sec_fetch_site="same-origin")

    assert '<meta http-equiv="refresh" content="0">' in from_afar.text
    assert "http-equiv" not in from_here.text


@pytest.mark.parametrize("body", [b"token=%ff", b"token", b"&" * 9_000, b"a=1&" * 20 + b"token=x", b"\xff"])
def test_a_form_that_can_not_be_read_is_a_wrong_token(body: bytes) -> None:
    kind = "application/x-www-form-urlencoded"
    request = Request("/sign-in", SITE, HTML, {}, kind, body, {"origin": SITE}, method="POST")

    assert Door().ask(request).status == 401


def test_a_form_of_another_kind_is_none() -> None:
    door = Door()
    body = f"token={door.secret}".encode()
    request = Request("/sign-in", SITE, HTML, {}, "text/plain", body, {"origin": SITE}, method="POST")

    assert door.ask(request).status == 401


def test_another_sites_page_signs_nobody_in() -> None:
    door = Door()
    body = f"token={door.secret}".encode()
    kind = "application/x-www-form-urlencoded"

    for headers in ({"origin": "https://evil.example"}, {}):
        request = Request("/sign-in", SITE, HTML, {}, kind, body, headers, method="POST")
        assert door.ask(request).status == 403


def test_who_is_in_already_is_led_on() -> None:
    door = Door()
    request = Request("/sign-in", SITE, HTML, {"to": "jobs/1"}, headers={"cookie": door.cookie})

    assert door.ask(request).headers["Location"] == "./jobs/1"
    assert door.ask(replace(request, headers={})).status == 200
    assert Door(AuthMode.OPEN).get("/sign-in", HTML).headers["Location"] == "./"
    assert Door(AuthMode.OPEN).sign_in("x").headers["Location"] == "./"


def test_signing_in_while_nothing_is_known_is_not_called_wrong() -> None:
    door = Door()
    door.document.broken = True

    assert door.sign_in(door.secret).status == 503


def test_who_signs_out_is_forgotten() -> None:
    given = Door().post("/sign-out", HTML, origin=SITE)

    [cookie] = given.cookies
    assert (cookie.name, cookie.value, cookie.seconds) == (COOKIE, "", 0)
    assert given.headers["Location"] == "./sign-in"


def test_only_who_has_signed_in_by_cookie_is_shown_the_way_out() -> None:
    door = Door()

    page = door.get(cookie=door.cookie).text
    assert 'action="./sign-out"' in page
    assert "curl -H &#34;Authorization: Bearer $DARKROOM_TOKEN&#34; -F x" in page
    assert "sign-out" not in door.get(authorization=door.bearer).text
    assert Door(AuthMode.OPEN).get().text == _A_PAGE


def test_a_page_differs_by_its_etag_for_who_has_signed_in() -> None:
    door = Door()

    signed_in, by_token = door.get(cookie=door.cookie), door.get(authorization=door.bearer)

    assert signed_in.headers["ETag"] != by_token.headers["ETag"]
