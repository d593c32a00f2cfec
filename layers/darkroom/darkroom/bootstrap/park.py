"""Builds the dependencies of the park function."""

import os

from darkroom.adapters.clients import dynamodb_client, visibility_client
from darkroom.adapters.dynamodb import DynamoLedger
from darkroom.adapters.sqs import SqsQueue
from darkroom.services.parking import Parking
from darkroom.settings import ParkSettings, read_settings


def bootstrap() -> tuple[Parking, SqsQueue, ParkSettings]:
    settings = read_settings(ParkSettings, os.environ)
    ledger = DynamoLedger(settings.ledger_table, dynamodb_client())
    return Parking(ledger), SqsQueue(settings.dead_letters_url, visibility_client()), settings
