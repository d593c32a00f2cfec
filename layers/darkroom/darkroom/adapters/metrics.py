"""What functions measure of their work, as CloudWatch metrics with units, through the log.

docs/operations.md lists all metrics. A dimension has few values, since CloudWatch bills each as a metric.
"""

from datetime import datetime

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from darkroom.domain.entries import Entry, Outcome
from darkroom.domain.receipts import Rendered

# The pipeline's steps as people ask for them; what is not here is `other`.
_STEPS = {
    "header": "decode",
    "plan": "decode",
    "decode": "decode",
    "shrink": "resize",
    "orient": "resize",
    "step_down": "resize",
    "to_srgb": "colour",
    "encode_jpeg": "jpeg",  # with its search for a quality, and repacking
    "encode_webp": "webp",
    "encode_avif": "avif",  # what is left to wait for: AVIF is made beside the others
}


def tell_steps(rendered: Rendered) -> None:
    """Seconds of each step of one rendering, and the most memory until its end."""
    seconds: dict[str, float] = {}
    peaks: dict[str, float] = {}
    for name, spent in rendered.milliseconds.items():
        step = _STEPS.get(name, "other")
        seconds[step] = seconds.get(step, 0.0) + spent / 1000
        peaks[step] = max(peaks.get(step, 0.0), rendered.peak_mb.get(name, 0.0))
    for step in seconds:
        told = EphemeralMetrics()
        told.add_dimension("step", step)
        told.add_metric("StepSeconds", MetricUnit.Seconds, round(seconds[step], 4))
        told.add_metric("StepPeakMB", MetricUnit.Megabytes, peaks[step])
        told.flush_metrics()


def tell_end(metrics: Metrics, entry: Entry, began: str) -> None:
    """What has become of an upload since `began`; that it had ended before is told as a repetition."""
    if entry.since < began:
        metrics.add_metric("Repeated", MetricUnit.Count, 1)
        return
    metrics.add_metric(entry.state.value.capitalize(), MetricUnit.Count, 1)
    if entry.rejection:
        told = EphemeralMetrics()
        told.add_dimension("reason", entry.rejection.reason)
        told.add_metric("Rejected", MetricUnit.Count, 1)
        told.flush_metrics()
    if not entry.receipt or not entry.receipt.renditions:
        return
    sizes = [rendition.size_bytes for rendition in entry.receipt.renditions]
    metrics.add_metric("Renditions", MetricUnit.Count, len(sizes))
    metrics.add_metric("BytesIn", MetricUnit.Bytes, entry.receipt.size_bytes)
    metrics.add_metric("BytesOut", MetricUnit.Bytes, sum(sizes))
    metrics.add_metric("BytesSaved", MetricUnit.Bytes, entry.receipt.saved_bytes)
    # Not of what is rendered again: how long ago it came says nothing of that.
    if sum(attempt.outcome is Outcome.CONCLUDED for attempt in entry.attempts) == 1:
        waited = datetime.fromisoformat(entry.since) - datetime.fromisoformat(entry.upload.arrived)
        metrics.add_metric("SecondsToRendered", MetricUnit.Seconds, max(0.0, waited.total_seconds()))


def tell_fault(version: str) -> None:
    """A fault of one release. That of all together is told apart by nothing but the function."""
    told = EphemeralMetrics()
    told.add_dimension("version", version)
    told.add_metric("Faults", MetricUnit.Count, 1)
    told.flush_metrics()
