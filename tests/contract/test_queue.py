"""The contract of ports.Queue: the SQS adapter, on moto."""

import pytest

from darkroom.adapters.clients import sqs_client
from darkroom.adapters.sqs import SqsQueue


@pytest.fixture
def queue(aws: None) -> SqsQueue:
    client = sqs_client()
    url = client.create_queue(QueueName="render", Attributes={"VisibilityTimeout": "3600"})["QueueUrl"]
    return SqsQueue(url, client)


def test_a_message_keeps_its_body_and_expected_revision(queue: SqsQueue) -> None:
    queue.send('{"key": "ü"}', expected_revision=7)

    [message] = queue.client.receive_message(QueueUrl=queue.url, MessageAttributeNames=["All"])["Messages"]
    assert message["Body"] == '{"key": "ü"}'
    assert message["MessageAttributes"] == {"expected_revision": {"DataType": "Number", "StringValue": "7"}}


def test_a_hidden_message_is_redelivered_after_its_timeout(queue: SqsQueue) -> None:
    queue.send("{}", expected_revision=7)
    [message] = queue.client.receive_message(QueueUrl=queue.url)["Messages"]
    assert "Messages" not in queue.client.receive_message(QueueUrl=queue.url)

    queue.hide(message["ReceiptHandle"], 0)

    assert "Messages" in queue.client.receive_message(QueueUrl=queue.url)
