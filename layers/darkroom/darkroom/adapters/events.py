"""What is announced, on an EventBridge bus."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING

from darkroom.ports import Event

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient

SOURCE = "darkroom"
_SENT_AT_ONCE = 10  # the most that EventBridge takes


@dataclass(frozen=True, slots=True)
class EventBridgeAnnouncements:
    """ports.Announcements as events of the source `darkroom` on one bus."""

    bus: str
    client: "EventBridgeClient"

    def send(self, announcements: Sequence[Event]) -> list[Event]:
        refused: list[Event] = []
        for some in batched(announcements, _SENT_AT_ONCE, strict=False):
            answer = self.client.put_events(
                Entries=[
                    {
                        "EventBusName": self.bus,
                        "Source": SOURCE,
                        "DetailType": each.type,
                        "Detail": json.dumps(each.detail),
                    }
                    for each in some
                ]
            )
            # It answers well for a call of which it took nothing.
            if answer["FailedEntryCount"]:
                told = zip(some, answer["Entries"], strict=True)
                refused += (each for each, said in told if said.get("ErrorCode"))
        return refused
