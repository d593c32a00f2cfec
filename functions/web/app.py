"""The HTTP API -> pages, receipts, redirects."""

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
from darkroom.web.http import Request, Response, safe
from darkroom.web.routes import ROUTES, Route, answer

logger = redacting_logger()
metrics = Metrics()
app = APIGatewayHttpResolver(debug=False)  # whatever the environment says: it would tell a client of faults


def report(what: str, entry: Entry) -> None:
    logger.info(what, extra=entry.summary)
    count(what.capitalize())


def count(name: str) -> None:
    metrics.add_metric(name, MetricUnit.Count, 1)
    metrics.flush_metrics()  # here, since most requests have none and a flush of nothing is warned of


def report_token_fault(fault: Exception) -> None:
    logger.warning("token_fault", extra={"why": str(fault)})
    count("TokenFault")


authorizer, handlers = bootstrap(report, report_token_fault)


def serving(route: Route) -> Callable[..., GatewayResponse[str]]:
    return lambda **values: respond(answer(route, handlers, authorizer, request(), values))


@app.not_found
def nothing(_: NotFoundError) -> GatewayResponse[str]:
    return respond(handlers["nothing"](request()))


def broken(_: Exception) -> GatewayResponse[str]:
    logger.exception("failed")
    count("Faults")
    record_fault(app.lambda_context.function_version)  # a fault of a release that is let in by and by
    return respond(handlers["broken"](request(), app.lambda_context.aws_request_id))


def respond(given: Response) -> GatewayResponse[str]:
    told = safe(request(), given)
    cookies = [
        Cookie(
            each.name,
            each.value,
            path="/",
            secure=True,
            http_only=True,
            max_age=each.seconds,
            same_site=SameSite.STRICT_MODE,
        )
        for each in told.cookies
    ]
    return GatewayResponse(
        told.status, told.media_type or None, told.text, dict(told.headers), cookies=cookies
    )


def request() -> Request:
    event = app.current_event
    body = event.body or ""
    scheme, host = event.headers.get("x-forwarded-proto", "http"), event.headers.get("host", "")
    # API Gateway hands them over beside the headers, the local stack among them.
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


app.exception_handler(Exception)(broken)
for each in ROUTES:
    app.route(each.rule, method=each.method)(serving(each))


@entry_point(logger)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
