"""Batches of SQS messages with a backoff for each failed message."""

import random
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType

from darkroom.ports import Queue
from darkroom.services.retries import retry_delay, visibility_timeout


class RetryingBatch(BatchProcessor):
    """Reports failed messages to SQS, and hides each one for a time that grows with its receive count.

    A message in progress is hidden until the invocation ends, so that the death of the worker delays it no
    longer. A failed message is no error of the function.
    """

    def __init__(self, queue: Queue, logger: Logger, metrics: Metrics) -> None:
        # A batch without any success is reported message by message too, not by an exception.
        super().__init__(EventType.SQS, raise_on_entire_batch_failure=False)
        self._queue = queue
        self._logger = logger
        self._metrics = metrics

    def _process_record(self, record: Any) -> Any:
        seconds = visibility_timeout(self.lambda_context.get_remaining_time_in_millis())
        self._hide(record["receiptHandle"], seconds)
        return super()._process_record(record)

    def failure_handler(self, record: Any, exception: Any) -> Any:
        self._logger.error("message failed", exc_info=exception, extra={"record": record.message_id})
        self._metrics.add_metric("Faults", MetricUnit.Count, 1)
        count = int(record.attributes.approximate_receive_count)
        seconds = retry_delay(exception[1], count, random.random(), datetime.now(UTC))  # noqa: S311 - jitter
        self._hide(record.receipt_handle, seconds)
        return super().failure_handler(record, exception)

    def _hide(self, receipt_handle: str, seconds: int) -> None:
        try:
            self._queue.hide(receipt_handle, seconds)
        except Exception:
            # The message stays hidden for its present visibility timeout.
            self._logger.warning("visibility timeout not changed", exc_info=True)
