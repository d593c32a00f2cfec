"""Authentication on a local stack redeployed with `Open=false`."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from darkroom.web.auth import PublicAccess
from darkroom.web.routes import ROUTES
from darkroom_cli.client import signer
from darkroom_cli.tokens import tokens_parameter
from tests.e2e.conftest import Response, Stack, fetch, wait_for
from tests.pictures import a_small_png

pytestmark = pytest.mark.full  # deploys a stack several times

JSON = "application/json"


@pytest.fixture(scope="module")
def closed_stack(second_stack: Stack) -> Iterator[Stack]:
    """A stack with `Auth=token` and one picture, image.png."""
    second_stack.rendered("image.png", a_small_png())
    second_stack.deploy("Open=false")
    yield second_stack
    second_stack.deploy()


@pytest.fixture
def parameter(closed_stack: Stack) -> Iterator[str]:
    """The name of the tokens parameter. It does not exist before and after a test."""
    name = tokens_parameter(closed_stack.status["stack"])
    yield name
    closed_stack.client("ssm").delete_parameters(Names=[name])


@pytest.fixture
def token(closed_stack: Stack, parameter: str) -> str:
    """A valid token."""
    secret = closed_stack.a_token()
    wait_for(lambda: accepts(closed_stack, secret), "the token to be accepted")
    return secret


def request(
    stack: Stack, path: str = "/", method: str = "GET", accept: str = JSON, **headers: str
) -> Response:
    return fetch(stack.status["web"] + path, accept, method, b"" if method == "POST" else None, **headers)


def accepts(stack: Stack, secret: str) -> bool:
    status = request(stack, Authorization=f"Bearer {secret}").status
    assert status in (200, 401)
    return status == 200


def sign_in(stack: Stack, secret: str, origin: str = "") -> Response:
    form = urlencode({"token": secret, "to": "failures"}).encode()
    kind = "application/x-www-form-urlencoded"
    web = stack.status["web"]
    return fetch(f"{web}/sign-in", "text/html", "POST", form, Content_Type=kind, Origin=origin or web)


def test_every_route_needs_a_token(closed_stack: Stack) -> None:
    for route in (route for route in ROUTES if route.public is not PublicAccess.ALWAYS):
        path = re.sub(r"\{\w+\}", "0" * 32, route.path)
        for method in route.methods:
            response = request(closed_stack, path, method, Origin=closed_stack.status["web"])
            assert response.status == 401, (method, path)
            if method != "HEAD":
                assert response.json["type"] == "/docs/problems#unauthorized"


def test_requests_are_refused_until_the_first_token_is_created_once(
    closed_stack: Stack, parameter: str
) -> None:
    ssm = closed_stack.client("ssm")
    assert parameter not in [parameter["Name"] for parameter in ssm.describe_parameters()["Parameters"]]
    assert request(closed_stack, Authorization="Bearer ").status == 401

    first, again = closed_stack.darkroom("token", "first"), closed_stack.darkroom("token", "first")

    assert again.stdout == again.stderr == ""
    wait_for(lambda: accepts(closed_stack, first.stdout.strip()), "the first token to be accepted")
    assert ssm.get_parameter(Name=parameter)["Parameter"]["Type"] == "SecureString"


def test_a_picture_is_dropped_and_read_with_a_token(closed_stack: Stack, token: str, tmp_path: Path) -> None:
    picture = tmp_path / "mine.png"
    picture.write_bytes(a_small_png())
    with_token = Stack(closed_stack.environment | {"DARKROOM_TOKEN": token})

    refused, sent = closed_stack.darkroom("drop", picture), with_token.darkroom("drop", picture)

    assert (refused.returncode, sent.returncode) == (1, 0), sent.stdout + sent.stderr
    assert "Set DARKROOM_TOKEN to a valid token" in refused.stderr
    assert request(closed_stack, "/mine.jpg", Authorization=f"Bearer {token}").json["status"] == "rendered"


def test_a_browser_signs_in_writes_and_signs_out(closed_stack: Stack, token: str) -> None:
    web = closed_stack.status["web"]
    assert sign_in(closed_stack, "x").status == 401
    assert sign_in(closed_stack, token, origin="https://evil.example").status == 403

    response = sign_in(closed_stack, token)

    assert (response.status, response.headers["location"]) == (303, "./failures")
    cookie, _, attributes = response.headers["set-cookie"].partition("; ")
    assert attributes == "Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Strict"
    assert request(closed_stack, "/failures", accept="text/html", Cookie=cookie).status == 200
    for origin, status in ((web, 303), ("https://evil.example", 403)):
        retried = request(closed_stack, "/failures/retry", "POST", "text/html", Cookie=cookie, Origin=origin)
        assert retried.status == status
    assert request(closed_stack, "/failures/retry", "POST", "text/html", Cookie=cookie).status == 403
    signed_out = request(closed_stack, "/sign-out", "POST", "text/html", Cookie=cookie, Origin=web)
    assert "Max-Age=0" in signed_out.headers["set-cookie"]


def test_tokens_are_rotated_without_downtime(closed_stack: Stack, token: str) -> None:
    cookie = sign_in(closed_stack, token).headers["set-cookie"].partition(";")[0]
    new = closed_stack.a_token()

    def new_is_accepted() -> bool:
        assert accepts(closed_stack, token)
        return accepts(closed_stack, new)

    def old_is_refused() -> bool:
        assert accepts(closed_stack, new)
        return not accepts(closed_stack, token)

    wait_for(new_is_accepted, "the new token to be accepted")
    old, _ = (line.split()[0] for line in closed_stack.darkroom("token", "list").stdout.splitlines())
    assert closed_stack.darkroom("token", "revoke", old).returncode == 0
    wait_for(old_is_refused, "the old token to be refused")
    assert request(closed_stack, Cookie=cookie).status == 401
    assert new not in closed_stack.darkroom("token", "list").stdout


def test_public_pages_opens_only_pictures(closed_stack: Stack) -> None:
    closed_stack.deploy("Open=false", "PublicPages=true")
    try:
        picture = wait_for(
            lambda: (
                response.json if (response := request(closed_stack, "/image.jpg")).status == 200 else None
            ),
            "the pages to be public",
        )
        assert request(closed_stack, f"/pictures/{picture['id']}", accept="text/html").status == 200
        for path in ("/", "/failures", "/jobs/" + "0" * 32):
            assert request(closed_stack, path).status == 401
        assert request(closed_stack, "/", "POST", Origin=closed_stack.status["web"]).status == 401
    finally:
        closed_stack.deploy("Open=false")


def test_with_iam_every_route_but_public_pages_needs_a_signature(
    closed_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    web = closed_stack.status["web"]
    closed_stack.deploy("Open=false", "Auth=iam", "PublicPages=true")
    try:
        # The emulator accepts any signature, so this shows only that a request without one is refused.
        wait_for(
            lambda: request(closed_stack, "/failures").status == 403, "the gateway to require signatures"
        )
        signature = signer(closed_stack.status["region"])("GET", f"{web}/failures", {"Accept": JSON}, b"")
        headers = {name.replace("-", "_"): value for name, value in signature.items() if name != "Accept"}
        assert request(closed_stack, "/failures", **headers).status == 200
        assert request(closed_stack, "/sign-in").status == 403
        assert request(closed_stack, "/image.jpg").status == 200
    finally:
        closed_stack.deploy("Open=false")
