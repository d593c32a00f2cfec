"""The schedule -> lost uploads in the queue again, and renditions gone that nothing shows."""

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
    # What grows with what is new goes first. Each part ends when that much of the time is left, in
    # milliseconds, and the last before the alarm of what is slow; the next run goes on from there.
    for pages, looked_for, found, metric, left in (
        (sweep.remove_discarded(), "what was discarded", "removed", "Removed", 600_000),
        (sweep.settle_jobs(), "what never arrived", "given_up", "NeverArrived", 450_000),
        (sweep.find_lost(settings.sweep_pages), "lost uploads", "enqueued", "Swept", 250_000),
        (sweep.remove_unnamed(settings.sweep_pages), "what a crash has left", "removed", "Removed", 190_000),
    ):
        for page in pages:
            logger.info(f"looked for {looked_for}", extra={"seen": page.seen, found: len(page.acted_on)})
            metrics.add_metric(metric, MetricUnit.Count, len(page.acted_on))
            if context.get_remaining_time_in_millis() < left:
                break
