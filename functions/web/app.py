"""The HTTP API -> pages, receipts, redirects."""

from base64 import b64decode
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.answers import Answer, Request
from darkroom.api import ROUTES, Route, answer
from darkroom.bootstrap.web import bootstrap

# What every answer says: take it for what it is called, and tell other sites nothing of the address.
SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}

logger = Logger()
handlers = bootstrap()
app = APIGatewayHttpResolver()


def serving(route: Route) -> Callable[..., Response[str]]:
    return lambda **values: respond(answer(route, handlers, request(), values))


@app.not_found
def nothing(_: NotFoundError) -> Response[str]:
    return respond(handlers["nothing"](request()))


def respond(given: Answer) -> Response[str]:
    return Response(given.status, given.media_type or None, given.text, {**SAFE, **given.headers})


def request() -> Request:
    event = app.current_event
    body = event.body or ""
    scheme, host = event.headers.get("x-forwarded-proto", "http"), event.headers.get("host", "")
    return Request(
        path=event.path,
        origin=f"{scheme}://{host}" if host else "",
        accept=event.headers.get("accept", "*/*"),
        query=event.query_string_parameters,
        content_type=event.headers.get("content-type", ""),
        headers=event.headers,
        body=b64decode(body) if event.is_base64_encoded else body.encode(),
    )


for each in ROUTES:
    app.route(each.rule, method=each.method)(serving(each))


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
