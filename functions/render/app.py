"""Handles the render queue: renders uploads and records their receipts."""

from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.adapters.batches import RetryingBatch
from darkroom.adapters.logs import entry_point, redacting_logger
from darkroom.adapters.metrics import record_outcome, record_steps
from darkroom.adapters.sqs import expected_revision_of
from darkroom.bootstrap.render import bootstrap
from darkroom.domain.profile import Profile
from darkroom.domain.receipts import Rendered
from darkroom.domain.timestamps import now
from darkroom.imaging import ENGINE, render_isolated
from darkroom.services.notifications import parse_queue_message
from darkroom.services.reconciling import Worker
from darkroom.services.rendering import budget
from darkroom.services.retries import deadline, lease_expiry

logger = redacting_logger()
metrics = Metrics()


def report_profile_fault(fault: Exception) -> None:
    logger.warning("profile_fault", extra={"reason": str(fault)})
    metrics.add_metric("ProfileFault", MetricUnit.Count, 1)


reconciler, render_trial, queue, settings = bootstrap(ENGINE, report_profile_fault)
processor = RetryingBatch(queue, logger, metrics)


def render(record: SQSRecord, lambda_context: LambdaContext) -> None:
    message = parse_queue_message(record.body, settings.uploads_bucket, record.message_id)
    # Before anything can fail, so that the log lines of faults carry it too.
    logger.append_keys(correlation_id=message.correlation(record.message_id))
    metrics.add_metric("Messages", MetricUnit.Count, 1)
    for reason in message.ignored:
        logger.info("ignored", extra={"reason": reason, "message_id": record.message_id})
        metrics.add_metric("Ignored", MetricUnit.Count, 1)

    def engine(content: bytes, profile: Profile) -> Rendered:
        # Computed after the original was read, which takes part of the remaining time.
        memory, seconds = budget(settings.memory_mb, lambda_context.get_remaining_time_in_millis())
        rendered = render_isolated(content, profile, memory_bytes=memory, seconds=seconds)
        record_steps(rendered)
        return rendered

    remaining, began = lambda_context.get_remaining_time_in_millis(), now()
    with deadline(remaining):
        if message.trial_id:
            render_trial(message.trial_id, engine)
        for entry in reconciler.apply_each(
            message.changes, Worker(engine, lease_expiry(remaining)), expected_revision_of(record)
        ):
            logger.info(entry.state.value, extra=entry.summary)
            record_outcome(metrics, entry, began)


@entry_point(logger)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return process_partial_response(event=event, record_handler=render, processor=processor, context=context)
