"""The web function's authentication with raw events: tokens, cookies and IAM routes."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from darkroom.adapters.clients import ssm_client
from darkroom.adapters.ssm import SsmTokenDocument
from darkroom.domain.errors import BadSettings
from darkroom.domain.tokens import TokenSet, new_secret, serialize_tokens
from tests.builders import a_request, an_event
from tests.integration.conftest import Invoke, started

PARAMETER = "/darkroom/darkroom/tokens"
TOKEN = new_secret()

type Web = Callable[[dict[str, Any]], dict[str, Any]]


def document() -> SsmTokenDocument:
    return SsmTokenDocument(PARAMETER, ssm_client())


@pytest.fixture
def web(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Web:
    """The web function with AUTH=token."""
    monkeypatch.setenv("AUTH", "token")
    monkeypatch.setenv("TOKENS_PARAMETER", PARAMETER)
    return started("web")


@pytest.fixture
def stored_token(aws: None) -> None:
    document().write(serialize_tokens(TokenSet.empty().with_token(TOKEN, "then")), expected_version=0)


def a_form(token: str, **headers: str) -> dict[str, Any]:
    kind = "application/x-www-form-urlencoded"
    return a_request("/sign-in", "POST", f"token={token}&to=failures", content_type=kind, **headers)


@pytest.mark.usefixtures("stored_token")
def test_a_valid_token_is_required(web: Web) -> None:
    assert web(a_request())["statusCode"] == 401
    assert web(a_request(authorization="Bearer x"))["statusCode"] == 401
    assert web(a_request(authorization=f"Bearer {TOKEN}"))["statusCode"] == 200


def test_every_token_is_refused_without_stored_tokens(web: Web) -> None:
    assert web(a_request(authorization=f"Bearer {TOKEN}"))["statusCode"] == 401


@pytest.mark.usefixtures("stored_token")
def test_a_browser_signs_in_and_receives_a_restricted_cookie(web: Web) -> None:
    signed_in = web(a_form(TOKEN, origin="http://localhost:8000"))

    assert (signed_in["statusCode"], signed_in["headers"]["Location"]) == (303, "./failures")
    [cookie] = signed_in["cookies"]
    pair, attributes = cookie.split("; ", 1)
    assert re.fullmatch(r"__Host-darkroom=[0-9a-f.]+", pair)
    assert attributes.split("; ") == ["Path=/", "Max-Age=604800", "HttpOnly", "Secure", "SameSite=Strict"]

    # An HTTP API passes cookies as a list next to the headers, the local stack as a header.
    as_list = a_request("/failures") | {"cookies": ["other=1", pair]}
    for event in (as_list, a_request("/failures", cookie=pair)):
        page = web(event)
        assert page["statusCode"] == 200
        assert 'action="./sign-out"' in page["body"]


@pytest.mark.usefixtures("stored_token")
def test_signing_out_deletes_the_cookie(web: Web) -> None:
    response = web(a_request("/sign-out", "POST", origin="http://localhost:8000"))

    [cookie] = response["cookies"]
    assert cookie.startswith("__Host-darkroom=; Path=/; Max-Age=0;")


def test_without_parameter_store_requests_get_503_and_the_fault_is_logged(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUTH", "token")
    monkeypatch.setenv("TOKENS_PARAMETER", PARAMETER)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", "http://127.0.0.1:9")

    response = invoke("web", a_request(authorization=f"Bearer {TOKEN}"))

    output = capsys.readouterr().out
    assert response["statusCode"] == 503
    assert "token_fault" in output
    assert TOKEN not in output


def test_with_iam_the_public_route_serves_no_other_path(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    """API Gateway may match an encoded `/failures` to `GET /{proxy+}`, and passes it decoded."""
    monkeypatch.setenv("AUTH", "iam")
    monkeypatch.setenv("PUBLIC_PAGES", "true")
    web = started("web")

    assert web(a_request("/failures"))["statusCode"] == 200
    assert web(a_request("/failures") | {"routeKey": "GET /{proxy+}"})["statusCode"] == 404


def test_an_open_stack_accepts_posts_but_not_from_other_origins(invoke: Invoke) -> None:
    web = started("web")
    event = an_event("web-post-multipart")
    foreign = an_event("web-post-multipart")
    foreign["headers"]["origin"] = "https://evil.example"

    assert web(event)["statusCode"] == 202
    assert web(foreign)["statusCode"] == 403


def test_an_unknown_auth_mode_stops_the_cold_start(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH", "nonesuch")

    with pytest.raises(BadSettings, match="nonesuch"):
        started("web")
