"""Builds the dependencies of the live function."""

import os

from darkroom.adapters.clients import connections_client, dynamodb_client
from darkroom.adapters.dynamodb import DynamoViews
from darkroom.adapters.live import ApiGatewaySockets, DynamoChannels
from darkroom.domain.serialization import JOB_ROOT, JsonObject, serialize_job
from darkroom.services.live import Live
from darkroom.settings import LiveSettings, read_settings


def bootstrap() -> Live:
    settings = read_settings(LiveSettings, os.environ)
    dynamodb = dynamodb_client()
    views = DynamoViews(settings.views_table, dynamodb)

    def find_job(job_id: str) -> JsonObject | None:
        view = views.job(job_id)
        return serialize_job(view, JOB_ROOT) if view else None

    return Live(
        DynamoChannels(settings.channels_table, dynamodb),
        ApiGatewaySockets(connections_client(settings.live_endpoint)),
        find_job,
    )
