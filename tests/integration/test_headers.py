"""The security headers: on every answer of every route, whatever it says and however it goes wrong."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from darkroom.domain.keys import picture_id_of
from darkroom.web.routes import ROUTES, Route
from tests.builders import an_entry
from tests.integration.conftest import FAILED_UPLOAD, UPLOADS, a_web_handler, break_aws, started

PAGE, DOCUMENT, IMAGE = "text/html", "application/json", "image/avif,image/*"
HOSTILE = 'a\r\nSet-Cookie: stolen=1\r\n\r\n<script>"\u202e\u2028.png'

type Ask = Callable[..., dict[str, Any]]


def an_event(method: str, path: str, accept: str = "*/*", **more: Any) -> dict[str, Any]:
    """A request as an HTTP API hands it over."""
    body = more.pop("body", b"")
    query = more.pop("query", {})
    headers = {"accept": accept, "host": "pictures.test", "x-forwarded-proto": "https"}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "headers": headers | {name.replace("_", "-"): value for name, value in more.items()},
        "queryStringParameters": query,
        "requestContext": {"stage": "$default", "http": {"method": method, "path": path}},
        "body": b64encode(body).decode(),
        "isBase64Encoded": True,
    }


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """Asks `web`, over one picture that is rendered, one with a hostile key and one that was given up."""
    with a_web_handler("headers", an_entry(HOSTILE, bucket=UPLOADS)) as handler:
        yield lambda *request, **more: handler(an_event(*request, **more))


def a_job(ask: Ask) -> str:
    body = json.dumps({"uploads": [{"name": "a.png", "size": 1, "type": "image/png"}]}).encode()
    return str(json.loads(ask("POST", "/jobs", DOCUMENT, body=body)["body"])["id"])


def paths_of(route: Route, job_id: str) -> list[str]:
    """One address of that route under which something is, and one under which nothing is."""
    there = {
        "picture": picture_id_of(UPLOADS, "image.png"),
        "act_on_one": FAILED_UPLOAD.id,
    }.get(route.operation, job_id)
    filled = {"name": "image", "file": "swagger-ui.css", "action": "retry"}
    found, missing = route.path.replace("{id}", there), route.path.replace("{id}", "0" * 32)
    for name, value in filled.items():
        found, missing = found.replace(f"{{{name}}}", value), missing.replace(f"{{{name}}}", "nonesuch")
    return [found, missing]


def directives(policy: str) -> dict[str, list[str]]:
    """A Content-Security-Policy's directives, those that fall back with what they fall back to."""
    told = {name: sources for name, *sources in (part.split() for part in policy.split(";"))}
    fall_back = told["default-src"]
    return dict.fromkeys(("script-src", "style-src", "object-src", "frame-src"), fall_back) | told


def assert_safe(answer: Mapping[str, Any]) -> None:
    headers: dict[str, str] = answer["headers"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Cache-Control"]
    # A redirect to a picture may be followed by the pages of other sites: they show it, and can't read it.
    shown_elsewhere = answer["statusCode"] == 302
    assert headers["Cross-Origin-Resource-Policy"] == ("cross-origin" if shown_elsewhere else "same-origin")
    policy = directives(headers["Content-Security-Policy"])
    for closed in ("default-src", "object-src", "frame-src", "base-uri", "frame-ancestors"):
        assert policy[closed] == ["'none'"]
    assert policy["form-action"] in (["'self'"], ["'none'"])
    for name in ("script-src", "style-src"):
        assert all(each in ("'none'", "'self'") or each.startswith("'sha256-") for each in policy[name])
    if not headers.get("Content-Type", "").startswith("text/html"):
        assert policy["script-src"] == ["'none'"]
    assert not any(ord(each) < 0x20 or each == "\x7f" for each in "".join([*headers, *headers.values()]))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_every_route_says_them_whatever_it_answers(ask: Ask, route: Route) -> None:
    for path in paths_of(route, a_job(ask)):
        for accept in (PAGE, DOCUMENT, IMAGE):
            answer = ask(route.method, path, accept)

            assert_safe(answer)
            assert answer["statusCode"] < 500


READS_NOTHING = ("openapi", "docs", "docs_file", "problems", "sign_in_page", "sign_in", "sign_out")


def test_a_fault_of_ours_says_them_and_nothing_of_itself(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    job = a_job(ask)
    break_aws(monkeypatch, "a fault that nobody has thought of")
    form = b'--X\r\nContent-Disposition: form-data; name="a"; filename="a.png"\r\n\r\n1\r\n--X--\r\n'
    bodies: dict[str, dict[str, Any]] = {
        "post": {"body": form, "content_type": "multipart/form-data; boundary=X"},
        "new_job": {"body": b'{"uploads": [{"name": "a.png", "size": 1}]}'},
    }

    for route in ROUTES:
        for accept in (PAGE, DOCUMENT, IMAGE):
            answer = ask(route.method, paths_of(route, job)[0], accept, **bodies.get(route.operation, {}))

            assert_safe(answer)
            if route.operation in READS_NOTHING:
                assert answer["statusCode"] < 500
                continue
            assert answer["statusCode"] == 500
            assert "ConnectionError" not in answer["body"]
            assert "thought" not in answer["body"]
            assert "Traceback" not in answer["body"]
            assert "52fdfc07-2182-154f-163f-5f0f9a621d72" in answer["body"]  # as the log has it


@pytest.mark.usefixtures("ask")
def test_a_fault_is_not_shown_though_the_environment_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_DEV", "true")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "headers, verbose")
    with pytest.warns(UserWarning, match="environment variable is enabled"):
        handler = started("web")
    break_aws(monkeypatch, "a fault that nobody has thought of")

    answer = handler(an_event("GET", "/", DOCUMENT))

    assert answer["statusCode"] == 500
    assert json.loads(answer["body"])["type"] == "/docs/problems#broken"
    assert "Traceback" not in answer["body"]


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("GET", "/openapi.json", {"if_none_match": "*"}, 304),
        ("GET", "/nonesuch", {}, 404),
        ("DELETE", "/", {}, 404),
        ("PUT", "/jobs", {}, 404),
        ("GET", "/image.jpg", {"query": {"w": "x"}}, 400),
        ("GET", "/", {"query": {"cursor": "x"}}, 400),
        ("POST", "/", {"body": b"no form"}, 400),
        ("POST", "/jobs", {"body": b"no json"}, 422),
        ("GET", "/\r\nSet-Cookie: a=b.jpg", {}, 404),
    ],
)
def test_what_is_unchanged_missing_or_refused_says_them_too(
    ask: Ask, method: str, path: str, more: dict[str, Any], status: int
) -> None:
    answer = ask(method, path, IMAGE, **more)

    assert answer["statusCode"] == status
    assert_safe(answer)


def test_what_did_not_come_by_https_is_not_bound_to_it(ask: Ask) -> None:
    assert "Strict-Transport-Security" not in ask("GET", "/", x_forwarded_proto="http")["headers"]


def test_no_key_gets_into_a_header(ask: Ask) -> None:
    for accept in (PAGE, DOCUMENT, IMAGE):
        answer = ask("GET", f"/pictures/{picture_id_of(UPLOADS, HOSTILE)}", accept)

        assert answer["statusCode"] in (200, 302)
        assert_safe(answer)
        assert "stolen" not in "".join(answer["headers"].values())


def test_nobody_is_sent_where_the_host_header_says(ask: Ask) -> None:
    for route in ROUTES:
        for path in paths_of(route, a_job(ask)):
            for accept in (PAGE, DOCUMENT, IMAGE):
                answer = ask(route.method, path, accept, host="evil.test")

                assert "evil.test" not in str(answer["headers"])


def test_a_location_is_of_this_site_or_of_the_renditions(ask: Ask) -> None:
    job, elsewhere = a_job(ask), {"to": "https://evil.test", "next": "//evil.test"}
    found = {
        answer["headers"]["Location"]
        for route in ROUTES
        for path in paths_of(route, job)
        for accept in (PAGE, DOCUMENT, IMAGE)
        for answer in [ask(route.method, path, accept, query=elsewhere)]
        if "Location" in answer["headers"]
    }

    assert found
    assert all(each.startswith(("./", "../", "https://renditions.s3.eu-central-1.")) for each in found)
