"""Builds the dependencies of the park function."""

import os

from darkroom.adapters.clients import dynamodb_client, s3_client, visibility_client
from darkroom.adapters.dynamodb import DynamoLedger
from darkroom.adapters.s3 import S3ListedOriginals
from darkroom.adapters.sqs import SqsQueue
from darkroom.services.keys import Keys
from darkroom.services.parking import Parking
from darkroom.settings import ParkSettings, read_settings


def bootstrap() -> tuple[Parking, SqsQueue, ParkSettings]:
    settings = read_settings(ParkSettings, os.environ)
    originals = S3ListedOriginals(settings.uploads_bucket, s3_client())
    keys = Keys(originals, DynamoLedger(settings.ledger_table, dynamodb_client()))
    return Parking(keys), SqsQueue(settings.dead_letters_url, visibility_client()), settings
