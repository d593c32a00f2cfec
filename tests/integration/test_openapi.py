"""Tests the web function against its OpenAPI description with schemathesis, in this process."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from darkroom.domain.keys import picture_id_of
from darkroom.web.routes import ROUTES, Route
from tests.integration.conftest import FAILED_UPLOAD, UPLOADS, a_web_handler

CHECKS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# A page, JSON and an image.
ACCEPTS = ("text/html", "application/json", "image/avif,image/*")


def gateway(handler: Callable[[dict[str, Any]], Any]) -> Callable[..., Iterable[bytes]]:
    """Wraps the function as a WSGI application."""

    def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
        }
        query: dict[str, list[str]] = {}
        for pair in filter(None, environ["QUERY_STRING"].split("&")):
            name, _, value = pair.partition("=")
            query.setdefault(unquote(name.replace("+", " ")), []).append(unquote(value.replace("+", " ")))
        http = {"method": environ["REQUEST_METHOD"], "path": path}
        event = {
            "version": "2.0",
            "routeKey": "",  # only checked with Auth=iam
            "rawPath": path,
            "headers": headers,
            "queryStringParameters": {name: ",".join(values) for name, values in query.items()},
            "requestContext": {
                "stage": "$default",
                "http": http,
            },
            "body": b64encode(body).decode(),
            "isBase64Encoded": True,
        }
        response = handler(event)
        status = HTTPStatus(response["statusCode"])
        start_response(f"{status.value} {status.phrase}", list(response["headers"].items()))
        content = response["body"]
        return [b64decode(content) if response.get("isBase64Encoded") else content.encode()]

    return application


@pytest.fixture(scope="module")
def api() -> Iterator[BaseSchema]:
    """The described API, with one rendered picture and one failed upload."""
    with a_web_handler("openapi", LIVE_URL="/live") as handler:
        yield schemathesis.openapi.from_wsgi("/openapi.json", gateway(handler))


@pytest.mark.parametrize(
    ("route", "mode"),
    [
        pytest.param(route, mode, id=f"{route.operation}-{mode.value}")
        for route in ROUTES
        for mode in GenerationMode
        if mode is GenerationMode.POSITIVE or route.parameters or route.request_body
    ],
)
def test_generated_requests_get_the_described_responses(
    api: BaseSchema, route: Route, mode: GenerationMode
) -> None:
    @given(api[route.path][route.method].as_strategy(generation_mode=mode))
    @settings(max_examples=12, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def send(case: Case[Any]) -> None:
        for accept in ACCEPTS:
            response = case.call_and_validate(checks=CHECKS, headers={"Accept": accept})
            assert "Origin" in response.headers["vary"][0]

    send()


@pytest.mark.parametrize("accept", ACCEPTS)
@pytest.mark.parametrize(
    ("method", "path", "parts", "status"),
    [
        ("GET", "/", {}, {200}),
        ("GET", "/pictures/{id}", {"id": picture_id_of(UPLOADS, "image.png")}, {200, 302}),
        ("GET", "/{name}.jpg", {"name": "image"}, {200, 302}),
        ("GET", "/failures", {}, {200}),
        ("POST", "/failures/{id}/retry", {"id": FAILED_UPLOAD.id}, {202, 303}),
        ("POST", "/failures/{id}/skip", {"id": FAILED_UPLOAD.id}, {202, 303, 404}),
        ("POST", "/failures/retry", {}, {202, 303}),
        ("POST", "/failures/skip", {}, {202, 303}),
        ("GET", "/docs/{file}", {"file": "swagger-ui.css"}, {200}),
        ("POST", "/sign-out", {}, {303}),
    ],
)
def test_existing_resources_get_the_described_responses(
    api: BaseSchema, method: str, path: str, parts: dict[str, str], status: set[int], accept: str
) -> None:
    case = api[path][method].Case(path_parameters=parts)

    response = case.call_and_validate(checks=CHECKS, headers={"Accept": accept})

    assert response.status_code in status


def test_a_job_is_created_and_read_as_described(api: BaseSchema) -> None:
    uploads: list[Any] = [{"name": f"{n}.png", "size": 1, "type": "image/png"} for n in range(101)]
    new = api["/jobs"]["POST"].Case(
        body={"uploads": uploads}, media_type="application/json", headers={"Idempotency-Key": "key"}
    )

    job = new.call_and_validate(checks=CHECKS).json()
    again = new.call_and_validate(checks=CHECKS).json()

    assert (again["id"], len(job["rows"]), bool(job["cursor"])) == (job["id"], 100, True)
    assert job["live"]["url"] == "ws://localhost/live"
    for route in (route for route in ROUTES if route.path.startswith("/jobs/")):
        case = api[route.path]["GET"].Case(path_parameters={"id": job["id"]})
        for accept in ACCEPTS:
            assert case.call_and_validate(checks=CHECKS, headers={"Accept": accept}).status_code == 200


@pytest.mark.parametrize("accept", ACCEPTS)
def test_a_trial_is_started_read_and_ended_as_described(api: BaseSchema, accept: str) -> None:
    fields: Any = {"profile": '{"built_in": "fast"}', "picture": picture_id_of(UPLOADS, "image.png")}
    new = api["/playground"]["POST"].Case(body=fields, media_type="multipart/form-data")

    started = new.call_and_validate(checks=CHECKS, headers={"Accept": accept})

    trial_id = started.headers["location"][0].rpartition("/")[2]
    for method, path, statuses in (
        ("GET", "/playground/{id}", {202}),
        ("POST", "/playground/{id}/end", {303}),
        ("GET", "/playground/{id}", {404}),
    ):
        case = api[path][method].Case(path_parameters={"id": trial_id})
        assert case.call_and_validate(checks=CHECKS, headers={"Accept": accept}).status_code in statuses
