"""Times as the ledger writes them."""

from datetime import UTC, datetime


def now() -> str:
    """The present as the ledger writes it: ISO 8601, UTC, milliseconds; such strings sort by time."""
    return timestamp(datetime.now(UTC))


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
