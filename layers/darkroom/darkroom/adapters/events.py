"""Events on an EventBridge bus."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING

from darkroom.ports import Event

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient

SOURCE = "darkroom"
_BATCH = 10  # EventBridge's limit for PutEvents


@dataclass(frozen=True, slots=True)
class EventBridgeBus:
    """ports.EventBus with events of the source `darkroom`."""

    bus: str
    client: "EventBridgeClient"

    def send(self, events: Sequence[Event]) -> list[Event]:
        refused: list[Event] = []
        for batch in batched(events, _BATCH, strict=False):
            response = self.client.put_events(
                Entries=[
                    {
                        "EventBusName": self.bus,
                        "Source": SOURCE,
                        "DetailType": event.type,
                        "Detail": json.dumps(event.detail),
                    }
                    for event in batch
                ]
            )
            # PutEvents returns 200 even when every entry failed.
            if response["FailedEntryCount"]:
                results = zip(batch, response["Entries"], strict=True)
                refused += (event for event, result in results if result.get("ErrorCode"))
        return refused
