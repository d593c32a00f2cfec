"""The WebSocket API -> who follows which job."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.adapters.logs import entry_point, redacting_logger
from darkroom.bootstrap.live import bootstrap

logger = redacting_logger()
live = bootstrap()


@entry_point(logger)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, int]:
    route, connection = event["requestContext"]["routeKey"], event["requestContext"]["connectionId"]
    if route == "$disconnect":
        live.forget(connection)
    elif route != "$connect":  # nothing can be sent to a connection that is not made yet
        job = live.hear(connection, event.get("body") or "")
        logger.info("follows" if job else "refused", extra={"connection": connection, "job": job})
    return {"statusCode": 200}
