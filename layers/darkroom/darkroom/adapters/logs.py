"""The logs of the functions: lines of JSON in ASCII, without credentials."""

import json
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from aws_lambda_powertools import Logger

from darkroom.redaction import redact

type Handler = Callable[[dict[str, Any], Any], Any]


class InvocationFailed(Exception):
    """Replaces the exception of a handler, without its message: the runtime would log it unredacted."""


def redacting_logger() -> Logger:
    """Returns the function's logger.

    Libraries log warnings and errors only, because their debug and info lines contain requests and events.
    """
    for library in (None, "aws_lambda_powertools"):  # POWERTOOLS_DEBUG would change the level of the second
        logging.getLogger(library).setLevel(logging.WARNING)
    return Logger(json_serializer=_line, use_rfc3339=True)  # Lambda parses the time of a line as RFC 3339


def _line(entry: object) -> str:
    # ASCII: no character can end a line or reverse the direction of text.
    return redact(json.dumps(entry, default=str, separators=(",", ":")))


def entry_point(logger: Logger) -> Callable[[Handler], Handler]:
    """Returns a decorator for handlers: each log line has the invocation's ids, and never the event.

    An exception is logged redacted, and replaced by InvocationFailed.
    """

    def decorate(handler: Handler) -> Handler:
        @logger.inject_lambda_context(log_event=False)  # overrides POWERTOOLS_LOGGER_LOG_EVENT
        @wraps(handler)
        def decorated(event: dict[str, Any], context: Any) -> Any:
            try:
                return handler(event, context)
            except Exception as fault:
                logger.exception("invocation failed")
                raise InvocationFailed(type(fault).__name__) from None

        return decorated

    return decorate
