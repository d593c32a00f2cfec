"""The OpenAPI description of the routes."""

from darkroom.domain.serialization import JsonObject
from darkroom.web import problems
from darkroom.web.auth import COOKIE, PublicAccess
from darkroom.web.problems import Problem
from darkroom.web.routes import COMMON_PROBLEMS, HTML, PLAIN, ROUTES, ResponseSpec, Route
from darkroom.web.schemas import SCHEMAS, TEXT, ref

_PROBLEM = "application/problem+json"

_DESCRIPTION = (
    "Upload a picture to S3 and get small JPEG, WebP and AVIF copies, with a receipt of the bytes saved. "
    "The response format depends on `Accept`. Every `GET` route also serves `HEAD`. "
    "Requests need a token (`Auth=token`) or an IAM signature (`Auth=iam`), depending on how the stack was "
    "deployed. Sign-in routes need no token. With `PublicPages=true`, picture routes need no authentication. "
    "The local stack needs none at all."
)
_SECURITY_SCHEMES: JsonObject = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "With `Auth=token`. `darkroom token new` creates a token.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "With `Auth=token`: the session cookie of a signed-in browser.",
    },
    "iam": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "With `Auth=iam`: an AWS signature (SigV4) for `execute-api`.",
    },
}
_ANONYMOUS: JsonObject = {}
_UNCHANGED = ResponseSpec(304, "Not modified: `If-None-Match` has the current ETag.", {}, ("ETag",))


def openapi(routes: tuple[Route, ...] = ROUTES) -> JsonObject:
    """Describes routes as an OpenAPI 3.1 document."""
    paths: JsonObject = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Darkroom",
            "version": "1",
            "description": _DESCRIPTION,
            "license": {"name": "MIT"},
        },
        "paths": paths,
        "components": {"schemas": SCHEMAS, "securitySchemes": _SECURITY_SCHEMES},
        "security": [{name: []} for name in _SECURITY_SCHEMES],
    }


def _operation(route: Route) -> JsonObject:
    operation: JsonObject = {
        "operationId": route.operation,
        "tags": [route.tag],
        "summary": route.summary,
        "responses": _responses(route),
    }
    if route.public is not PublicAccess.NEVER:
        operation["security"] = [*({name: []} for name in _SECURITY_SCHEMES), _ANONYMOUS]
    if route.parameters:
        operation["parameters"] = [
            {
                "name": parameter.name,
                "in": parameter.location,
                "required": parameter.location == "path",
                "description": parameter.description,
                "schema": parameter.schema,
            }
            for parameter in route.parameters
        ]
    if route.request_body:
        media_type, schema = route.request_body
        operation["requestBody"] = {"required": True, "content": {media_type: {"schema": schema}}}
    return operation


def _responses(route: Route) -> JsonObject:
    responses: JsonObject = {}
    unchanged = (_UNCHANGED,) if route.method == "GET" else ()
    for spec in (*route.responses, *unchanged):
        headers = ("ETag",) if spec.status == 200 else spec.headers
        responses[str(spec.status)] = {
            "description": spec.description,
            "content": {media_type: {"schema": schema} for media_type, schema in spec.content.items()},
            "headers": {name: {"required": True, "schema": TEXT} for name in headers},
        }
    possible = {*route.problems, *route.refusals, *COMMON_PROBLEMS}
    for status in sorted({kind.status for kind in possible}):
        kinds = [kind for kind in problems.PROBLEMS if kind in possible and kind.status == status]
        response = responses.setdefault(str(status), {"description": "", "content": {}})
        response["description"] = " ".join(
            filter(None, [response["description"], *(kind.meaning for kind in kinds)])
        )
        response["content"] |= {_PROBLEM: {"schema": _problem_schema(kinds)}, HTML: {"schema": TEXT}}
        if route.method != "GET":
            response["content"] |= {PLAIN: {"schema": TEXT}}
    return responses


def _problem_schema(kinds: list[Problem]) -> JsonObject:
    base = ref("TooLarge") if problems.TOO_LARGE in kinds else ref("Problem")
    return {"allOf": [base, {"properties": {"type": {"enum": [kind.type for kind in kinds]}}}]}
