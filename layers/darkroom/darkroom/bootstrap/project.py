"""Builds the dependencies of the project function."""

import os
from collections.abc import Callable

from darkroom.adapters.clients import connections_client, dynamodb_client, events_client
from darkroom.adapters.dynamodb import DynamoViews
from darkroom.adapters.events import EventBridgeBus
from darkroom.adapters.live import ApiGatewaySockets, DynamoChannels
from darkroom.services.live import Pusher
from darkroom.services.projecting import Broadcast, Projection
from darkroom.settings import ProjectSettings, read_settings


def bootstrap(report_push_fault: Callable[[Exception], None]) -> Broadcast:
    settings = read_settings(ProjectSettings, os.environ)
    dynamodb = dynamodb_client()
    return Broadcast(
        Projection(DynamoViews(settings.views_table, dynamodb)),
        EventBridgeBus(settings.event_bus, events_client()),
        Pusher(
            DynamoChannels(settings.channels_table, dynamodb),
            ApiGatewaySockets(connections_client(settings.live_endpoint)),
            report_push_fault,
        ),
    )
