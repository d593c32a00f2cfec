"""Batches of records, each answered for by itself."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType


class LoudBatch(BatchProcessor):
    """Hands a failed record back to its source, and says so: it is no error of the function's."""

    def __init__(self, kind: EventType, logger: Logger, metrics: Metrics) -> None:
        # A batch that failed whole is answered for record by record as well, not by an exception.
        super().__init__(kind, raise_on_entire_batch_failure=False)
        self._logger = logger
        self._metrics = metrics

    def failure_handler(self, record: Any, exception: Any) -> Any:
        name = getattr(record, "message_id", None) or getattr(record, "event_id", None)
        self._logger.error("failed", exc_info=exception, extra={"record": name})
        self._metrics.add_metric("Faults", MetricUnit.Count, 1)
        return super().failure_handler(record, exception)
