"""Runs on a schedule: enqueues lost uploads, settles old jobs, and removes unused renditions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.adapters.logs import entry_point, redacting_logger
from darkroom.bootstrap.sweep import bootstrap
from darkroom.services.sweeping import SweptPage

logger = redacting_logger()
metrics = Metrics()
sweep, settings = bootstrap()


@dataclass(frozen=True, slots=True)
class Task:
    """One part of a run. It stops when less than `reserve_milliseconds` remain; the next run continues."""

    name: str
    pages: Iterator[SweptPage]
    metric: str
    reserve_milliseconds: int


def tasks() -> tuple[Task, ...]:
    # Tasks whose work depends only on recent traffic run first. The last task stops early enough for the
    # run to stay below the duration that raises the alarm.
    return (
        Task("remove superseded renditions", sweep.remove_superseded(), "Removed", 600_000),
        Task("settle old jobs", sweep.settle_jobs(), "NeverArrived", 450_000),
        Task("enqueue lost uploads", sweep.enqueue_lost(settings.sweep_pages), "Swept", 250_000),
        Task("remove unused renditions", sweep.remove_unused(settings.sweep_pages), "Removed", 190_000),
    )


@entry_point(logger)
@metrics.log_metrics
def handler(_event: dict[str, Any], context: LambdaContext) -> None:
    for task in tasks():
        for page in task.pages:
            logger.info(task.name, extra={"seen": page.seen, "acted_on": len(page.acted_on)})
            metrics.add_metric(task.metric, MetricUnit.Count, len(page.acted_on))
            if context.get_remaining_time_in_millis() < task.reserve_milliseconds:
                break
