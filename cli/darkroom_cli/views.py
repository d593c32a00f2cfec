"""`darkroom rebuild-views`."""

import boto3
from rich.console import Console

from darkroom.adapters.clients import dynamodb_client
from darkroom.adapters.dynamodb import DynamoLedger, DynamoViews
from darkroom.services.projecting import rebuild
from darkroom_cli.cloudformation import template_resources
from darkroom_cli.stack import Status

_TABLE_PROPERTIES = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")


def rebuild_views(status: Status, console: Console) -> None:
    """Writes the views again from the ledger; creates their table if it is missing."""
    dynamodb = dynamodb_client(status.region, status.aws_endpoint)
    ledger, views = DynamoLedger(status.ledger_table, dynamodb), DynamoViews(status.views_table, dynamodb)
    try:
        dynamodb.describe_table(TableName=status.views_table)
    except dynamodb.exceptions.ResourceNotFoundException:
        create_table(status, "Views", status.views_table)
        console.print(f"The table {status.views_table} was missing and has been created.")
    written = total = 0
    with console.status("Reading the ledger ...") as progress:
        for records_read, views_written in rebuild(views, ledger.records()):
            total, written = total + records_read, written + views_written
            progress.update(f"{total} records read, {written} views written ...")
    console.print(f"{total} records read, {written} views written; all other views were up to date.")


def create_table(status: Status, logical_id: str, name: str) -> None:
    """Creates a table with the properties of one in the deployed template."""
    cloudformation = boto3.client(
        "cloudformation", region_name=status.region, endpoint_url=status.aws_endpoint
    )
    described = template_resources(cloudformation, status.stack)[logical_id]["Properties"]
    dynamodb = dynamodb_client(status.region, status.aws_endpoint)
    dynamodb.create_table(
        TableName=name,
        **{option: described[option] for option in _TABLE_PROPERTIES if option in described},
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name)
    dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=described["TimeToLiveSpecification"])
