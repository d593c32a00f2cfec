"""Runs on a schedule: enqueues lost uploads, settles old jobs, and removes unused renditions."""

from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.adapters.logs import entry_point, redacting_logger
from darkroom.bootstrap.sweep import bootstrap

logger = redacting_logger()
metrics = Metrics()
sweep, settings = bootstrap()


@entry_point(logger)
@metrics.log_metrics
def handler(_event: dict[str, Any], context: LambdaContext) -> None:
    # A task stops when fewer milliseconds remain than its last value; the next run continues. Tasks whose
    # work depends only on recent traffic run first. The last task stops early enough for the run to stay
    # below the duration that raises the alarm.
    tasks = (
        ("remove superseded renditions", sweep.remove_superseded(), "Removed", 600_000),
        ("settle old jobs", sweep.settle_jobs(), "NeverArrived", 450_000),
        ("enqueue lost uploads", sweep.enqueue_lost(settings.sweep_pages), "Swept", 250_000),
        ("remove unused renditions", sweep.remove_unused(settings.sweep_pages), "Removed", 190_000),
    )
    for name, pages, metric, reserve_milliseconds in tasks:
        for page in pages:
            logger.info(name, extra={"seen": page.seen, "acted_on": len(page.acted_on)})
            metrics.add_metric(metric, MetricUnit.Count, len(page.acted_on))
            if context.get_remaining_time_in_millis() < reserve_milliseconds:
                break
