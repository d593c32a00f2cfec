"""What the functions say of themselves: lines of JSON in ASCII, and nothing in them that lets anybody in."""

import json
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from aws_lambda_powertools import Logger

from darkroom.redaction import redact

type Handler = Callable[[dict[str, Any], Any], Any]


class Failed(Exception):
    """A handler has failed; its log line says how. The runtime writes this one's words into the log."""


def redacting_logger() -> Logger:
    """The function's logger. Of libraries only warnings are told: their details are requests and events."""
    for libraries in (None, "aws_lambda_powertools"):  # the second listens to POWERTOOLS_DEBUG
        logging.getLogger(libraries).setLevel(logging.WARNING)
    return Logger(json_serializer=_line, use_rfc3339=True)  # RFC 3339 is what Lambda reads a line's time by


def _line(entry: object) -> str:
    # ASCII: no character can end a line, or turn about what is read.
    return redact(json.dumps(entry, default=str, separators=(",", ":")))


def entry_point(logger: Logger) -> Callable[[Handler], Handler]:
    """Makes a handler of which every line names its invocation, and never what it was asked.

    What it raises is logged here, and leaves it without its words: the runtime would log them as they are.
    """

    def made(handler: Handler) -> Handler:
        @logger.inject_lambda_context(log_event=False)  # whatever the environment says
        @wraps(handler)
        def entered(event: dict[str, Any], context: Any) -> Any:
            try:
                return handler(event, context)
            except Exception as fault:
                logger.exception("failed")
                raise Failed(type(fault).__name__) from None

        return entered

    return made
