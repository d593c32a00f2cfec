"""The schedule -> lost uploads in the queue again, and renditions gone that nothing names."""

from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.adapters.logs import discreet_logger, entry_point
from darkroom.bootstrap.sweep import bootstrap

logger = discreet_logger()
metrics = Metrics()
sweep, settings = bootstrap()


@entry_point(logger)
@metrics.log_metrics
def handler(_event: dict[str, Any], _context: LambdaContext) -> None:
    for page in sweep.find_lost(settings.sweep_pages):
        logger.info(
            "looked for lost uploads",
            extra={"seen": page.seen, "enqueued": len(page.acted_on)},
        )
        metrics.add_metric("Swept", MetricUnit.Count, len(page.acted_on))
    for page in sweep.remove_unnamed(settings.sweep_pages):
        logger.info(
            "looked for renditions that nothing names",
            extra={"seen": page.seen, "removed": len(page.acted_on)},
        )
        metrics.add_metric("Removed", MetricUnit.Count, len(page.acted_on))
    for page in sweep.settle_jobs(settings.sweep_pages):
        logger.info(
            "looked for what never arrived",
            extra={"seen": page.seen, "given_up": len(page.acted_on)},
        )
        metrics.add_metric("NeverArrived", MetricUnit.Count, len(page.acted_on))
