"""Timestamps: ISO 8601, UTC, with milliseconds. As strings they sort by time."""

from datetime import UTC, datetime


def now() -> str:
    return timestamp(datetime.now(UTC))


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
