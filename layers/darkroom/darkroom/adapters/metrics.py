"""CloudWatch metrics of the functions, written to the log in the embedded metric format.

docs/operations.md lists all metrics. Dimensions have few values: CloudWatch bills each value as a metric.
"""

from datetime import datetime

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from darkroom.domain.entries import Entry, Outcome
from darkroom.domain.receipts import Rendered

# The value of the dimension `step` for each step of the pipeline; for any other step it is `other`.
_STEPS = {
    "header": "decode",
    "plan": "decode",
    "decode": "decode",
    "shrink": "resize",
    "orient": "resize",
    "step_down": "resize",
    "to_srgb": "colour",
    "encode_jpeg": "jpeg",  # including the search for a quality, and repacking
    "encode_webp": "webp",
    "encode_png": "png",
    "encode_avif": "avif",  # the remaining wait: AVIF is encoded in parallel to the others
}


def record_steps(rendered: Rendered) -> None:
    """Records the duration of each step of a rendering, and the peak memory up to the end of that step."""
    seconds: dict[str, float] = {}
    peaks: dict[str, float] = {}
    for name, milliseconds in rendered.milliseconds.items():
        step = _STEPS.get(name, "other")
        seconds[step] = seconds.get(step, 0.0) + milliseconds / 1000
        peaks[step] = max(peaks.get(step, 0.0), rendered.peak_mb.get(name, 0.0))
    for step in seconds:
        metrics = EphemeralMetrics()
        metrics.add_dimension("step", step)
        metrics.add_metric("StepSeconds", MetricUnit.Seconds, round(seconds[step], 4))
        metrics.add_metric("StepPeakMB", MetricUnit.Megabytes, peaks[step])
        metrics.flush_metrics()


def record_outcome(metrics: Metrics, entry: Entry, began: str) -> None:
    """Records the outcome of an upload; an outcome from before `began` counts as repeated."""
    if entry.since < began:
        metrics.add_metric("Repeated", MetricUnit.Count, 1)
        return
    metrics.add_metric(entry.state.value.capitalize(), MetricUnit.Count, 1)
    if entry.rejection:
        by_reason = EphemeralMetrics()
        by_reason.add_dimension("reason", entry.rejection.reason)
        by_reason.add_metric("Rejected", MetricUnit.Count, 1)
        by_reason.flush_metrics()
    if not entry.receipt or not entry.receipt.renditions:
        return
    sizes = [rendition.size_bytes for rendition in entry.receipt.renditions]
    metrics.add_metric("Renditions", MetricUnit.Count, len(sizes))
    metrics.add_metric("BytesIn", MetricUnit.Bytes, entry.receipt.size_bytes)
    metrics.add_metric("BytesOut", MetricUnit.Bytes, sum(sizes))
    metrics.add_metric("BytesSaved", MetricUnit.Bytes, entry.receipt.saved_bytes)
    # Not for an upload that is rendered again: it may have arrived long ago.
    if sum(attempt.outcome is Outcome.CONCLUDED for attempt in entry.attempts) == 1:
        duration = datetime.fromisoformat(entry.since) - datetime.fromisoformat(entry.upload.arrived)
        metrics.add_metric("SecondsToRendered", MetricUnit.Seconds, max(0.0, duration.total_seconds()))


def record_fault(version: str) -> None:
    """Records a fault of one function version, for the alarm of a canary deployment."""
    metrics = EphemeralMetrics()
    metrics.add_dimension("version", version)
    metrics.add_metric("Faults", MetricUnit.Count, 1)
    metrics.flush_metrics()
