"""Handles the dead-letter queue of the render queue: records uploads as failed, with the reason."""

from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.adapters.batches import RetryingBatch
from darkroom.adapters.logs import entry_point, redacting_logger
from darkroom.bootstrap.park import bootstrap
from darkroom.domain.entries import State
from darkroom.services.notifications import parse_queue_message

logger = redacting_logger()
metrics = Metrics()
parking, dead_letters, settings = bootstrap()
processor = RetryingBatch(dead_letters, logger, metrics)


def park(record: SQSRecord) -> None:
    message = parse_queue_message(record.body, settings.uploads_bucket, record.message_id)
    # Before anything can fail, so that the log lines of faults carry it too.
    logger.append_keys(correlation_id=message.correlation(record.message_id))
    # Whoever waits for a trial can start it again: nothing is recorded.
    for reason in (*message.ignored, *(["a trial"] if message.trial_id else ())):
        logger.warning("ignored", extra={"reason": reason, "message_id": record.message_id})
        metrics.add_metric("Ignored", MetricUnit.Count, 1)
    for change in message.changes:
        entry = parking.park(change, record.body)
        is_failed = entry is not None and entry.state is State.FAILED
        logger.warning(
            "recorded as failed" if is_failed else "has ended", extra=entry.summary if entry else {}
        )
        metrics.add_metric("Failed", MetricUnit.Count, int(is_failed))


@entry_point(logger)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return process_partial_response(event=event, record_handler=park, processor=processor, context=context)
