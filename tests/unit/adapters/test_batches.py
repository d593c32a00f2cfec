"""Messages in progress are hidden until the invocation ends, failed ones for longer at each attempt."""

from collections.abc import Callable
from types import SimpleNamespace
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


def succeeds(record: SQSRecord) -> None:
    assert record.body


def handled(
    queue: FakeQueue,
    receive_count: int = 1,
    record_handler: Callable[[SQSRecord], None] = fails,
    remaining_milliseconds: int = 60_000,
) -> Any:
    event = an_event("render-s3-put")
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(receive_count)
    context: Any = SimpleNamespace(get_remaining_time_in_millis=lambda: remaining_milliseconds)
    processor = RetryingBatch(queue, Logger("test"), Metrics("test", "test"))
    return process_partial_response(event, record_handler, processor, context)


RECEIPT = an_event("render-s3-put")["Records"][0]["receiptHandle"]


@pytest.mark.parametrize(("remaining_milliseconds", "seconds"), [(60_000, 65), (9_100, 15)])
def test_a_message_in_progress_is_hidden_until_its_invocation_ends(
    remaining_milliseconds: int, seconds: int
) -> None:
    queue = FakeQueue()

    handled(queue, record_handler=succeeds, remaining_milliseconds=remaining_milliseconds)

    assert queue.hidden == [(RECEIPT, seconds)]


def test_a_message_is_handled_even_if_hiding_it_fails() -> None:
    received: list[str] = []

    def receives(record: SQSRecord) -> None:
        received.append(record.message_id)

    assert handled(UnavailableQueue(), record_handler=receives) == {"batchItemFailures": []}
    assert received == [an_event("render-s3-put")["Records"][0]["messageId"]]


@pytest.mark.parametrize(("receive_count", "least", "most"), [(1, 2, 4), (2, 8, 16), (4, 128, 256)])
def test_a_failed_message_is_hidden_for_longer_after_each_attempt(
    receive_count: int, least: int, most: int
) -> None:
    queue = FakeQueue()

    handled(queue, receive_count)

    [_in_progress, (receipt, seconds)] = queue.hidden
    assert receipt == RECEIPT
    assert least <= seconds <= most


def test_a_message_is_reported_as_failed_even_if_hiding_it_fails() -> None:
    message = an_event("render-s3-put")["Records"][0]["messageId"]

    assert handled(UnavailableQueue(), 1) == {"batchItemFailures": [{"itemIdentifier": message}]}


def test_the_expected_revision_is_parsed_from_a_message() -> None:
    record = an_event("render-s3-put")["Records"][0]
    assert expected_revision_of(SQSRecord(record)) is None

    record["messageAttributes"] = {"expected_revision": {"dataType": "Number", "stringValue": "7"}}
    assert expected_revision_of(SQSRecord(record)) == 7
