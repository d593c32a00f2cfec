"""Temporary tables on a stack."""

from collections.abc import Iterator
from contextlib import contextmanager

from darkroom.adapters.clients import dynamodb_client
from darkroom_cli.stack import Status
from darkroom_cli.views import create_table


@contextmanager
def table_like(status: Status, logical_id: str, name: str) -> Iterator[str]:
    """Creates a temporary table with the properties of one in the deployed template."""
    create_table(status, logical_id, name)
    try:
        yield name
    finally:
        dynamodb_client(status.region, status.aws_endpoint).delete_table(TableName=name)
