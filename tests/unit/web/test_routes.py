import json
import re

import pytest

from darkroom.domain.auth import AuthMode
from darkroom.web.docs import DocsRoutes
from darkroom.web.http import Request, Responder, Response
from darkroom.web.openapi import openapi
from darkroom.web.problems import PROBLEMS
from darkroom.web.routes import COMMON_PROBLEMS, ROUTES, Handler, Route, dispatch
from darkroom.web.schemas import SCHEMAS
from tests.builders import an_authorizer


def route_of(operation: str) -> Route:
    [route] = [route for route in ROUTES if route.operation == operation]
    return route


AUTHORIZER = an_authorizer(AuthMode.OPEN)
HANDLERS: dict[str, Handler] = {
    "picture": lambda request, picture_id: Responder().json(200, {"picture": picture_id}),
    "alias": lambda request: Responder().json(200, {"alias": request.path}),
    "retry_one": lambda request, failure_id: Responder().json(200, {"retried": failure_id}),
}


def test_a_handler_gets_the_path_values_in_order() -> None:
    response = dispatch(route_of("retry_one"), HANDLERS, AUTHORIZER, Request("/"), {"id": "x.1"})

    assert json.loads(response.text) == {"retried": "x.1"}


@pytest.mark.parametrize(
    ("encoding", "status"), [("identity", 201), ("Identity", 201), ("", 201), ("gzip", 415), ("x", 415)]
)
def test_a_body_with_a_content_encoding_is_refused(encoding: str, status: int) -> None:
    handlers: dict[str, Handler] = {"new_job": lambda request: Responder().json(201, {})}
    request = Request("/jobs", method="POST", headers={"content-encoding": encoding})

    assert dispatch(route_of("new_job"), handlers, AUTHORIZER, request, {}).status == status


def test_a_path_that_only_looks_like_a_route_is_an_alias() -> None:
    picture = route_of("picture")

    here = dispatch(picture, HANDLERS, AUTHORIZER, Request("/pictures/0"), {"id": "0" * 32})
    there = dispatch(picture, HANDLERS, AUTHORIZER, Request("/pictures/y.jpg"), {"id": "y.jpg"})

    assert json.loads(here.text) == {"picture": "0" * 32}
    assert json.loads(there.text) == {"alias": "/pictures/y.jpg"}


def test_every_operation_and_route_key_is_unique() -> None:
    assert len({route.operation for route in ROUTES}) == len(ROUTES)
    keys = [key for route in ROUTES for key in route.keys]
    assert len(set(keys)) == len(keys)


def test_the_catch_all_route_comes_last() -> None:
    assert ROUTES[-1].rule == "/((?s:.+))"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_every_path_parameter_is_described_in_order(route: Route) -> None:
    described = [parameter.name for parameter in route.parameters if parameter.location == "path"]

    assert described == re.findall(r"\{(\w+)\}", route.path)


def test_schemas_and_references_match() -> None:
    used = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(openapi(ROUTES))))

    assert used == set(SCHEMAS)


def test_every_problem_belongs_to_a_route() -> None:
    possible = {kind for route in ROUTES for kind in (*route.problems, *route.refusals)}
    assert possible | set(COMMON_PROBLEMS) == set(PROBLEMS)


def test_a_problem_is_described_with_its_type() -> None:
    [gone] = [openapi()["paths"]["/pictures/{id}"]["get"]["responses"]["410"]]
    _, schema = gone["content"]["application/problem+json"]["schema"]["allOf"]

    assert schema["properties"]["type"]["enum"] == ["/docs/problems#deleted"]


def a_get(if_none_match: str = "", accept: str = "application/json") -> Response:
    request = Request("/pictures/0", accept=accept, headers={"if-none-match": if_none_match})
    return dispatch(route_of("picture"), HANDLERS, AUTHORIZER, request, {"id": "0" * 32})


def test_a_response_has_a_strong_etag_of_its_content() -> None:
    first, again = a_get(), a_get()
    other = dispatch(route_of("picture"), HANDLERS, AUTHORIZER, Request("/"), {"id": "1" * 32})

    assert re.fullmatch(r'"[0-9a-f]{32}"', first.headers["ETag"])
    assert first.headers["ETag"] == again.headers["ETag"] != other.headers["ETag"]


@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', "*"])
def test_a_matching_etag_gets_304(form: str) -> None:
    etag = a_get().headers["ETag"]

    unchanged = a_get(form.format(etag))

    assert (unchanged.status, unchanged.text, unchanged.media_type) == (304, "", "")
    assert unchanged.headers["ETag"] == etag
    assert unchanged.headers["Vary"] == "Accept, Origin"
    assert unchanged.headers["Cache-Control"] == "private, no-cache"


def test_another_etag_gets_the_full_response() -> None:
    assert a_get('"another"').status == 200


def test_a_404_has_no_etag_and_is_not_stored() -> None:
    missing: Handler = lambda request, picture_id: Responder().not_found(request)  # noqa: E731

    response = dispatch(route_of("picture"), {"picture": missing}, AUTHORIZER, Request("/"), {"id": "0" * 32})

    assert "ETag" not in response.headers
    assert response.headers["Cache-Control"] == "no-store"


DOCS = DocsRoutes(Responder())


def test_the_openapi_route_describes_the_table() -> None:
    assert json.loads(DOCS.openapi(Request("/openapi.json")).text) == openapi()


def test_the_docs_page_uses_only_files_of_this_site() -> None:
    page = DOCS.docs(Request("/docs"))
    files = re.findall(r'(?:href|src)="\./docs/([^"]+)"', page.text)

    assert "'unsafe" not in page.headers["Content-Security-Policy"]
    assert "http" not in page.headers["Content-Security-Policy"]
    assert files
    assert all(DOCS.file(Request(f"/docs/{name}"), name).status == 200 for name in files)
    assert not re.findall(r"<script>|<style>|https?://", page.text)


def test_an_unknown_docs_file_is_404() -> None:
    assert DOCS.file(Request("/docs/other.js"), "other.js").status == 404


def test_the_type_of_every_problem_links_to_its_description() -> None:
    page = DOCS.problems(Request("/docs/problems"))

    for kind in PROBLEMS:
        assert kind.type == f"/docs/problems#{kind.name}"
        assert f'id="{kind.name}"' in page.text
