"""The render queue and its dead-letter queue."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from types_boto3_sqs import SQSClient

_REVISION = "expected_revision"


def expected_revision_of(record: "SQSRecord") -> int | None:
    """Returns the expected revision of a message, if it has one."""
    attribute = record.message_attributes.get(_REVISION)
    return int(attribute["stringValue"]) if attribute else None


@dataclass(frozen=True, slots=True)
class SqsQueue:
    """ports.Queue on a standard queue; the expected revision is a message attribute."""

    url: str
    client: "SQSClient"

    def send(self, body: str, expected_revision: int | None = None) -> None:
        attribute = {_REVISION: {"DataType": "Number", "StringValue": str(expected_revision)}}
        self.client.send_message(
            QueueUrl=self.url,
            MessageBody=body,
            MessageAttributes={} if expected_revision is None else attribute,  # type: ignore[arg-type]  # a literal
        )

    def hide(self, receipt_handle: str, seconds: int) -> None:
        self.client.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
        )
