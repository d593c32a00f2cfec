"""Failed messages are hidden for longer the more often they were received."""

from typing import Any

import pytest
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.batch import process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from darkroom.adapters.batches import RetryingBatch
from darkroom.adapters.sqs import expected_revision_of
from tests.builders import an_event
from tests.fakes import FakeQueue


class UnavailableQueue(FakeQueue):
    def hide(self, receipt_handle: str, seconds: int) -> None:
        raise OSError("the queue does not answer")


def fails(record: SQSRecord) -> None:
    raise OSError("the disk is gone")


def handled(queue: FakeQueue, receive_count: int) -> Any:
    event = an_event("render-s3-put")
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(receive_count)
    processor = RetryingBatch(queue, Logger("test"), Metrics("test", "test"))
    return process_partial_response(event=event, record_handler=fails, processor=processor)


@pytest.mark.parametrize(("receive_count", "least", "most"), [(1, 2, 4), (2, 8, 16), (4, 128, 256)])
def test_a_failed_message_is_hidden_for_longer_after_each_attempt(
    receive_count: int, least: int, most: int
) -> None:
    queue = FakeQueue()

    handled(queue, receive_count)

    [(receipt, seconds)] = queue.hidden
    assert receipt == an_event("render-s3-put")["Records"][0]["receiptHandle"]
    assert least <= seconds <= most


def test_a_message_is_reported_as_failed_even_if_hiding_it_fails() -> None:
    message = an_event("render-s3-put")["Records"][0]["messageId"]

    assert handled(UnavailableQueue(), 1) == {"batchItemFailures": [{"itemIdentifier": message}]}


def test_the_expected_revision_is_parsed_from_a_message() -> None:
    record = an_event("render-s3-put")["Records"][0]
    assert expected_revision_of(SQSRecord(record)) is None

    record["messageAttributes"] = {"expected_revision": {"dataType": "Number", "stringValue": "7"}}
    assert expected_revision_of(SQSRecord(record)) == 7
