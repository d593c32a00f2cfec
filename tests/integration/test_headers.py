"""Security headers on every response of every route, including errors."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from darkroom.domain.keys import picture_id_of
from darkroom.domain.profile import profile_texts
from darkroom.web.routes import ROUTES, Route
from tests.builders import an_entry
from tests.integration.conftest import FAILED_UPLOAD, UPLOADS, a_web_handler, break_aws, started

PAGE, DOCUMENT, IMAGE = "text/html", "application/json", "image/avif,image/*"
HOSTILE = 'a\r\nSet-Cookie: stolen=1\r\n\r\n<script>"\u202e\u2028.png'

type Send = Callable[..., dict[str, Any]]


def an_event(method: str, path: str, accept: str = "*/*", **more: Any) -> dict[str, Any]:
    """API Gateway event of a request."""
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
def send() -> Iterator[Send]:
    """Sends requests to `web`, with a rendered picture, one with a hostile key and a failed upload."""
    with a_web_handler("headers", an_entry(HOSTILE, bucket=UPLOADS)) as handler:
        yield lambda *request, **more: handler(an_event(*request, **more))


def a_job(send: Send) -> str:
    body = json.dumps({"uploads": [{"name": "a.png", "size": 1, "type": "image/png"}]}).encode()
    return str(json.loads(send("POST", "/jobs", DOCUMENT, body=body)["body"])["id"])


def paths_of(route: Route, job_id: str) -> list[str]:
    """An existing and a missing path of a route."""
    resource_id = {
        "picture": picture_id_of(UPLOADS, "image.png"),
        "retry_one": FAILED_UPLOAD.id,
        "skip_one": FAILED_UPLOAD.id,
    }.get(route.operation, job_id)
    filled = {"name": "image", "file": "swagger-ui.css", "action": "retry"}
    found, missing = route.path.replace("{id}", resource_id), route.path.replace("{id}", "0" * 32)
    for name, value in filled.items():
        found, missing = found.replace(f"{{{name}}}", value), missing.replace(f"{{{name}}}", "nonesuch")
    return [found, missing]


def directives(policy: str) -> dict[str, list[str]]:
    """Directives of a Content-Security-Policy, with the fallback to default-src filled in."""
    parsed = {name: sources for name, *sources in (part.split() for part in policy.split(";"))}
    fallback = parsed["default-src"]
    return dict.fromkeys(("script-src", "style-src", "object-src", "frame-src"), fallback) | parsed


def assert_safe(response: Mapping[str, Any]) -> None:
    headers: dict[str, str] = response["headers"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Cache-Control"]
    # Pages of other sites may show a redirect to an image, but not read it.
    cross_origin = response["statusCode"] == 302
    assert headers["Cross-Origin-Resource-Policy"] == ("cross-origin" if cross_origin else "same-origin")
    policy = directives(headers["Content-Security-Policy"])
    for name in ("default-src", "object-src", "frame-src", "base-uri", "frame-ancestors"):
        assert policy[name] == ["'none'"]
    assert policy["form-action"] in (["'self'"], ["'none'"])
    for name in ("script-src", "style-src"):
        assert all(source in ("'none'", "'self'") or source.startswith("'sha256-") for source in policy[name])
    if not headers.get("Content-Type", "").startswith("text/html"):
        assert policy["script-src"] == ["'none'"]
    assert not any(
        ord(character) < 0x20 or character == "\x7f" for character in "".join([*headers, *headers.values()])
    )


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_every_response_of_every_route_has_security_headers(send: Send, route: Route) -> None:
    for path in paths_of(route, a_job(send)):
        for accept in (PAGE, DOCUMENT, IMAGE):
            response = send(route.method, path, accept)

            assert_safe(response)
            assert response["statusCode"] < 500


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.method == "GET"], ids=lambda route: route.operation
)
def test_head_has_the_status_and_headers_of_get_and_no_body(send: Send, route: Route) -> None:
    for path in paths_of(route, a_job(send)):
        for accept in (PAGE, DOCUMENT, IMAGE):
            of_get, of_head = send("GET", path, accept), send("HEAD", path, accept)

            assert of_head["statusCode"] == of_get["statusCode"]
            assert of_head["headers"].keys() == of_get["headers"].keys()
            assert of_head["headers"].get("Content-Type") == of_get["headers"].get("Content-Type")
            assert of_head["body"] == ""
            assert_safe(of_head)


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/docs/", "../docs"),
        ("/docs/problems/", "../../docs/problems"),
        ("/image.jpg/", "../image.jpg"),
        ("/a b/c%.jpg//", "../../../a%20b/c%25.jpg"),
        ("//evil.test/", "../../evil.test"),
        ("/https:/", "../https%3A"),
    ],
)
def test_a_trailing_slash_leads_to_the_path_without_it(send: Send, path: str, location: str) -> None:
    for method in ("GET", "HEAD"):
        for accept in (PAGE, DOCUMENT, IMAGE):
            response = send(method, path, accept)

            assert response["statusCode"] == 308
            assert response["headers"]["Location"] == location
            assert_safe(response)


def test_a_redirect_from_a_trailing_slash_keeps_the_query(send: Send) -> None:
    response = send("GET", "/image.jpg/", IMAGE, query={"w": "640"})

    assert response["headers"]["Location"] == "../image.jpg?w=640"


@pytest.mark.parametrize("path", ["/", "//", "/nonesuch"])
def test_other_paths_do_not_redirect(send: Send, path: str) -> None:
    assert send("GET", path, DOCUMENT)["statusCode"] in (200, 404)
    assert send("DELETE", "/docs/", DOCUMENT)["statusCode"] == 404


WITHOUT_AWS = ("openapi", "docs", "docs_file", "problems", "sign_in_page", "sign_in", "sign_out")


def test_an_internal_error_has_security_headers_and_no_details(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = a_job(send)
    break_aws(monkeypatch, "an unexpected fault")
    part = (
        '--X\r\nContent-Disposition: form-data; name="profile"\r\n\r\n' + profile_texts()["default"] + "\r\n"
    )
    file = b'--X\r\nContent-Disposition: form-data; name="a"; filename="a.png"\r\n\r\n1\r\n--X--\r\n'
    form_type = "multipart/form-data; boundary=X"
    bodies: dict[str, dict[str, Any]] = {
        "post": {"body": file, "content_type": form_type},
        "new_trial": {"body": part.encode() + file, "content_type": form_type},
        "new_job": {"body": b'{"uploads": [{"name": "a.png", "size": 1}]}'},
    }

    for route in ROUTES:
        for accept in (PAGE, DOCUMENT, IMAGE):
            response = send(route.method, paths_of(route, job)[0], accept, **bodies.get(route.operation, {}))

            assert_safe(response)
            if route.operation in WITHOUT_AWS:
                assert response["statusCode"] < 500
                continue
            assert response["statusCode"] == 500
            assert "ConnectionError" not in response["body"]
            assert "unexpected" not in response["body"]
            assert "Traceback" not in response["body"]
            assert "52fdfc07-2182-154f-163f-5f0f9a621d72" in response["body"]  # the request id in the log


@pytest.mark.usefixtures("send")
def test_powertools_dev_does_not_reveal_tracebacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_DEV", "true")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "headers, verbose")
    with pytest.warns(UserWarning, match="environment variable is enabled"):
        handler = started("web")
    break_aws(monkeypatch, "an unexpected fault")

    response = handler(an_event("GET", "/", DOCUMENT))

    assert response["statusCode"] == 500
    assert json.loads(response["body"])["type"] == "/docs/problems#broken"
    assert "Traceback" not in response["body"]


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
def test_unchanged_missing_and_refused_responses_have_security_headers(
    send: Send, method: str, path: str, more: dict[str, Any], status: int
) -> None:
    response = send(method, path, IMAGE, **more)

    assert response["statusCode"] == status
    assert_safe(response)


def test_http_responses_have_no_hsts_header(send: Send) -> None:
    assert "Strict-Transport-Security" not in send("GET", "/", x_forwarded_proto="http")["headers"]


def test_no_response_header_contains_a_key(send: Send) -> None:
    for accept in (PAGE, DOCUMENT, IMAGE):
        response = send("GET", f"/pictures/{picture_id_of(UPLOADS, HOSTILE)}", accept)

        assert response["statusCode"] in (200, 302)
        assert_safe(response)
        assert "stolen" not in "".join(response["headers"].values())


def test_no_response_header_contains_the_host_header(send: Send) -> None:
    for route in ROUTES:
        for path in paths_of(route, a_job(send)):
            for accept in (PAGE, DOCUMENT, IMAGE):
                response = send(route.method, path, accept, host="evil.test")

                assert "evil.test" not in str(response["headers"])


def test_redirects_lead_only_to_this_site_or_the_renditions(send: Send) -> None:
    job, query = a_job(send), {"to": "https://evil.test", "next": "//evil.test"}
    locations = {
        response["headers"]["Location"]
        for route in ROUTES
        for path in paths_of(route, job)
        for accept in (PAGE, DOCUMENT, IMAGE)
        for response in [send(route.method, path, accept, query=query)]
        if "Location" in response["headers"]
    }

    assert locations
    assert all(
        location.startswith(("./", "../", "https://renditions.s3.eu-central-1.")) for location in locations
    )
