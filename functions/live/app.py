"""Handles the WebSocket API: lets clients follow jobs."""

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
        live.disconnect(connection)
    elif route != "$connect":  # during $connect, nothing can be sent to the connection yet
        job_id = live.receive(connection, event.get("body") or "")
        logger.info("following" if job_id else "refused", extra={"connection": connection, "job": job_id})
    return {"statusCode": 200}
