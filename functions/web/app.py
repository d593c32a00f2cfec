"""Handles the HTTP API: pages, receipts and redirects."""

from base64 import b64decode
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler import Response as GatewayResponse
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.shared.cookies import Cookie, SameSite
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.adapters.logs import entry_point, redacting_logger
from darkroom.adapters.metrics import record_fault
from darkroom.bootstrap.web import bootstrap
from darkroom.domain.entries import Entry
from darkroom.web.http import Request, Response, complete
from darkroom.web.routes import ROUTES, Route, dispatch

logger = redacting_logger()
metrics = Metrics()
app = APIGatewayHttpResolver(debug=False)  # overrides POWERTOOLS_DEV: never show tracebacks to clients


def report(action: str, entry: Entry) -> None:
    logger.info(action, extra=entry.summary)
    count(action.capitalize())


def count(name: str) -> None:
    metrics.add_metric(name, MetricUnit.Count, 1)
    metrics.flush_metrics()  # not in the handler: Powertools warns when it flushes no metrics


def report_token_fault(fault: Exception) -> None:
    logger.warning("token_fault", extra={"reason": str(fault)})
    count("TokenFault")


authorizer, handlers = bootstrap(report, report_token_fault)


def endpoint(route: Route) -> Callable[..., GatewayResponse[str]]:
    return lambda **values: respond(dispatch(route, handlers, authorizer, request(), values))


@app.not_found
def not_found(_: NotFoundError) -> GatewayResponse[str]:
    return respond(handlers["not_found"](request()))


def handle_exception(_: Exception) -> GatewayResponse[str]:
    logger.exception("request failed")
    count("Faults")
    record_fault(app.lambda_context.function_version)  # counts against a release during its canary
    return respond(handlers["broken"](request(), app.lambda_context.aws_request_id))


def respond(response: Response) -> GatewayResponse[str]:
    response = complete(request(), response)
    cookies = [
        Cookie(
            cookie.name,
            cookie.value,
            path="/",
            secure=True,
            http_only=True,
            max_age=cookie.max_age_seconds,
            same_site=SameSite.STRICT_MODE,
        )
        for cookie in response.cookies
    ]
    return GatewayResponse(
        response.status, response.media_type or None, response.text, dict(response.headers), cookies=cookies
    )


def request() -> Request:
    event = app.current_event
    body = event.body or ""
    scheme, host = event.headers.get("x-forwarded-proto", "http"), event.headers.get("host", "")
    # API Gateway passes cookies apart from the headers; the local stack leaves them in the headers.
    cookies = {"cookie": "; ".join(event.cookies)} if event.cookies else {}
    return Request(
        path=event.path,
        origin=f"{scheme}://{host}" if host else "",
        accept=event.headers.get("accept", "*/*"),
        query=event.query_string_parameters,
        content_type=event.headers.get("content-type", ""),
        headers=event.headers | cookies,
        method=event.http_method,
        route_key=event.route_key,
        body=b64decode(body) if event.is_base64_encoded else body.encode(),
    )


app.exception_handler(Exception)(handle_exception)
for route in ROUTES:
    app.route(route.rule, method=list(route.methods))(endpoint(route))


@entry_point(logger)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
