"""The render queue and its dead letters."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from types_boto3_sqs import SQSClient

_OVER = "over"


def expected_revision_of(record: "SQSRecord") -> int | None:
    """The revision that a message is over, if it is."""
    attribute = record.message_attributes.get(_OVER)
    return int(attribute["stringValue"]) if attribute else None


@dataclass(frozen=True)  # without slots, for the client's sake
class SqsQueue:
    """ports.Queue on a standard queue; what a message is over goes beside its body, as an attribute."""

    url: str
    connect: Callable[[], "SQSClient"]

    @cached_property
    def client(self) -> "SQSClient":
        """Made for the first message: few invocations have one, and a cold start would wait for it."""
        return self.connect()

    def send(self, body: str, expected_revision: int | None = None) -> None:
        attribute = {_OVER: {"DataType": "Number", "StringValue": str(expected_revision)}}
        self.client.send_message(
            QueueUrl=self.url,
            MessageBody=body,
            MessageAttributes={} if expected_revision is None else attribute,  # type: ignore[arg-type]  # a literal
        )

    def hide(self, receipt: str, seconds: int) -> None:
        self.client.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=receipt, VisibilityTimeout=seconds
        )
