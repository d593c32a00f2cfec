"""Handles the ledger's stream: updates the views, sends events, and pushes to followers of jobs."""

from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.adapters.logs import entry_point, redacting_logger
from darkroom.adapters.streams import partial_batch_response, records_of
from darkroom.bootstrap.project import bootstrap

logger = redacting_logger()
metrics = Metrics()


def report_push_fault(fault: Exception) -> None:
    logger.warning("not pushed", extra={"reason": str(fault)})


broadcast = bootstrap(report_push_fault)


@entry_point(logger)
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    records = records_of(event)
    result = broadcast.process(records)
    for entry in result.entries:
        logger.info("projected", extra=entry.summary)
    for record in records:
        if fault := result.faults.get(record.id):
            logger.error("record not projected", exc_info=fault, extra=record.summary)
    metrics.add_metric("Projected", MetricUnit.Count, len(result.entries))
    metrics.add_metric("Faults", MetricUnit.Count, len(result.faults))
    metrics.add_metric(
        "JobsCompleted", MetricUnit.Count, sum(progress.job.complete for progress in result.progress)
    )
    return partial_batch_response(result.faults)
