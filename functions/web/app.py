"""The HTTP API -> pages, receipts, redirects."""

from base64 import b64decode
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom import bootstrap
from darkroom.answers import Answer, Request

# What every answer says: take it for what it is called, and tell other sites nothing of the address.
SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}

logger = Logger()
site, failure_site = bootstrap.web()
app = APIGatewayHttpResolver()


@app.get("/")
def home() -> Response[str]:
    return respond(site.home(request()))


@app.post("/")
def post() -> Response[str]:
    return respond(site.post(request()))


@app.get("/pictures/<picture>")
def picture(picture: str) -> Response[str]:
    return respond(site.picture(request(), picture))


@app.get("/failures")
def failures() -> Response[str]:
    return respond(failure_site.parked(request()))


@app.post("/failures/<action>")
def act_on_all(action: str) -> Response[str]:
    return respond(failure_site.act(request(), action))


@app.post("/failures/<failure>/<action>")
def act_on_one(failure: str, action: str) -> Response[str]:
    return respond(failure_site.act(request(), action, failure))


@app.get("/((?s:.+))")  # a group, or it would come before the routes above
def alias() -> Response[str]:
    return respond(site.alias(request()))


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


def respond(answer: Answer) -> Response[str]:
    return Response(answer.status, answer.media_type, answer.text, {**SAFE, **answer.headers})


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
