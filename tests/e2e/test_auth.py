"""A stack that lets nobody in, as in the cloud: the local one, deployed once more and no longer open."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from darkroom.web.auth import Public
from darkroom.web.routes import ROUTES
from darkroom_cli.client import signer
from darkroom_cli.tokens import tokens_parameter
from tests.e2e.conftest import Reply, Stack, fetch, wait_for
from tests.pictures import a_small_png

pytestmark = pytest.mark.full  # deploys a stack of its own, again and again

JSON = "application/json"


@pytest.fixture(scope="module")
def guarded(second_stack: Stack) -> Iterator[Stack]:
    """A stack of `Auth=token` with one picture in it, image.png."""
    second_stack.rendered("image.png", a_small_png())
    second_stack.deploy("Open=false")
    yield second_stack
    second_stack.deploy()


@pytest.fixture
def parameter(guarded: Stack) -> Iterator[str]:
    """Where its tokens are written: nothing is there, before and after a test."""
    name = tokens_parameter(guarded.status["stack"])
    yield name
    guarded.client("ssm").delete_parameters(Names=[name])


@pytest.fixture
def token(guarded: Stack, parameter: str) -> str:
    """The one that lets in."""
    secret = guarded.a_token()
    wait_for(lambda: let_in(guarded, secret), "the token was known")
    return secret


def asked(stack: Stack, path: str = "/", method: str = "GET", accept: str = JSON, **headers: str) -> Reply:
    return fetch(stack.status["web"] + path, accept, method, b"" if method == "POST" else None, **headers)


def let_in(stack: Stack, secret: str) -> bool:
    status = asked(stack, Authorization=f"Bearer {secret}").status
    assert status in (200, 401)
    return status == 200


def signed_in(stack: Stack, secret: str, origin: str = "") -> Reply:
    form = urlencode({"token": secret, "to": "failures"}).encode()
    kind = "application/x-www-form-urlencoded"
    web = stack.status["web"]
    return fetch(f"{web}/sign-in", "text/html", "POST", form, Content_Type=kind, Origin=origin or web)


def test_no_route_answers_without_a_token(guarded: Stack) -> None:
    for route in (each for each in ROUTES if each.public is not Public.ALWAYS):
        path = re.sub(r"\{\w+\}", "0" * 32, route.path)
        answer = asked(guarded, path, route.method, Origin=guarded.status["web"])
        assert (answer.status, answer.json["type"]) == (401, "/docs/problems#unauthorized"), route.key


def test_nobody_gets_in_where_no_token_was_made_and_the_first_is_made_once(
    guarded: Stack, parameter: str
) -> None:
    ssm = guarded.client("ssm")
    assert parameter not in [each["Name"] for each in ssm.describe_parameters()["Parameters"]]
    assert asked(guarded, Authorization="Bearer ").status == 401

    first, again = guarded.darkroom("token", "first"), guarded.darkroom("token", "first")

    assert again.stdout == again.stderr == ""
    wait_for(lambda: let_in(guarded, first.stdout.strip()), "the first token was known")
    assert ssm.get_parameter(Name=parameter)["Parameter"]["Type"] == "SecureString"


def test_a_picture_goes_all_the_way_with_a_token(guarded: Stack, token: str, tmp_path: Path) -> None:
    picture = tmp_path / "mine.png"
    picture.write_bytes(a_small_png())
    with_token = Stack(guarded.environment | {"DARKROOM_TOKEN": token})

    refused, sent = guarded.darkroom("drop", picture), with_token.darkroom("drop", picture)

    assert (refused.returncode, sent.returncode) == (1, 0), sent.stdout + sent.stderr
    assert "Set DARKROOM_TOKEN to a valid token" in refused.stderr
    assert asked(guarded, "/mine.jpg", Authorization=f"Bearer {token}").json["status"] == "rendered"


def test_a_browser_signs_in_writes_and_signs_out(guarded: Stack, token: str) -> None:
    web = guarded.status["web"]
    assert signed_in(guarded, "x").status == 401
    assert signed_in(guarded, token, origin="https://evil.example").status == 403

    answer = signed_in(guarded, token)

    assert (answer.status, answer.headers["location"]) == (303, "./failures")
    cookie, _, attributes = answer.headers["set-cookie"].partition("; ")
    assert attributes == "Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Strict"
    assert asked(guarded, "/failures", accept="text/html", Cookie=cookie).status == 200
    for origin, status in ((web, 303), ("https://evil.example", 403)):
        acted = asked(guarded, "/failures/retry", "POST", "text/html", Cookie=cookie, Origin=origin)
        assert acted.status == status
    assert asked(guarded, "/failures/retry", "POST", "text/html", Cookie=cookie).status == 403
    gone = asked(guarded, "/sign-out", "POST", "text/html", Cookie=cookie, Origin=web)
    assert "Max-Age=0" in gone.headers["set-cookie"]


def test_tokens_change_over_without_a_moment_in_which_neither_is_valid(guarded: Stack, token: str) -> None:
    cookie = signed_in(guarded, token).headers["set-cookie"].partition(";")[0]
    new = guarded.a_token()

    def known() -> bool:
        assert let_in(guarded, token)
        return let_in(guarded, new)

    def ended() -> bool:
        assert let_in(guarded, new)
        return not let_in(guarded, token)

    wait_for(known, "the new token was known")
    old, _ = (line.split()[0] for line in guarded.darkroom("token", "list").stdout.splitlines())
    assert guarded.darkroom("token", "revoke", old).returncode == 0
    wait_for(ended, "the old token ended")
    assert asked(guarded, Cookie=cookie).status == 401
    assert new not in guarded.darkroom("token", "list").stdout


def test_public_pages_shows_pictures_and_nothing_else(guarded: Stack) -> None:
    guarded.deploy("Open=false", "PublicPages=true")
    try:
        picture = wait_for(
            lambda: reply.json if (reply := asked(guarded, "/image.jpg")).status == 200 else None,
            "pages were public",
        )
        assert asked(guarded, f"/pictures/{picture['id']}", accept="text/html").status == 200
        assert {asked(guarded, path).status for path in ("/", "/failures", "/jobs/" + "0" * 32)} == {401}
        assert asked(guarded, "/", "POST", Origin=guarded.status["web"]).status == 401
    finally:
        guarded.deploy("Open=false")


def test_with_iam_every_route_asks_for_a_signature_but_public_pages(
    guarded: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    web = guarded.status["web"]
    guarded.deploy("Open=false", "Auth=iam", "PublicPages=true")
    try:
        # The emulator takes any signature; that none is too little is what it shows.
        wait_for(lambda: asked(guarded, "/failures").status == 403, "the gateway asked for signatures")
        signature = signer(guarded.status["region"])("GET", f"{web}/failures", {"Accept": JSON}, b"")
        headers = {name.replace("-", "_"): value for name, value in signature.items() if name != "Accept"}
        assert asked(guarded, "/failures", **headers).status == 200
        assert asked(guarded, "/sign-in").status == 403
        assert asked(guarded, "/image.jpg").status == 200
    finally:
        guarded.deploy("Open=false")
