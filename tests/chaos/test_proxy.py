"""What the proxy says is what AWS would say, as boto3 hears it."""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.aws import free_port
from tests.builders import a_status
from tests.chaos.proxy import Call, Fault, FaultProxy, drawn, steps_after
from tests.chaos.workers import Workers

STATUS = a_status()


class Always(random.Random):
    """Chance that draws the same fault every time."""

    def __init__(self) -> None:
        super().__init__()
        self.fault = Fault.THROTTLED

    def choices(self, *_: Any, **__: Any) -> list[Any]:
        return [self.fault]

    def choice(self, among: Any) -> Any:
        return among[0]


@pytest.fixture
def chance() -> Always:
    return Always()


@pytest.fixture
def proxy(chance: Always) -> Iterator[FaultProxy]:
    proxy = FaultProxy(STATUS, free_port(), Workers(0, "render"), chance)
    proxy.start()
    yield proxy
    proxy.stop()


def ask(proxy: FaultProxy, service: str) -> None:
    client = boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=f"http://127.0.0.1:{proxy.port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    match service:
        case "s3":
            client.get_object(Bucket="bucket", Key="key")
        case "dynamodb":
            client.get_item(TableName="table", Key={"picture": {"S": "p"}})
        case "sqs":
            client.change_message_visibility(QueueUrl="q", ReceiptHandle="r", VisibilityTimeout=1)
    client.close()


@pytest.mark.parametrize(
    ("service", "throttled", "failed"),
    [
        ("s3", "SlowDown", "InternalError"),
        ("dynamodb", "ProvisionedThroughputExceededException", "InternalServerError"),
        ("sqs", "RequestThrottled", "InternalServerError"),
    ],
)
def test_each_service_refuses_in_its_own_words(
    proxy: FaultProxy, chance: Always, service: str, throttled: str, failed: str
) -> None:
    for fault, code in ((Fault.THROTTLED, throttled), (Fault.FAILED, failed)):
        chance.fault = fault
        with pytest.raises(ClientError) as refused:
            ask(proxy, service)

        assert refused.value.response["Error"]["Code"] == code


def test_a_call_that_is_lost_has_no_answer(proxy: FaultProxy, chance: Always) -> None:
    chance.fault = Fault.UNSENT

    with pytest.raises(ConnectionClosedError):
        ask(proxy, "dynamodb")


def test_faults_are_drawn_as_often_as_stated() -> None:
    chance = random.Random(1)
    drawn_of_thousands = Counter(drawn(chance) for _ in range(10_000))

    for fault in Fault:
        assert drawn_of_thousands[fault] == pytest.approx(100 * fault.value, rel=0.15)


def a_transaction(state: str) -> Call:
    item = f'{{"key": {{"S": "a b.png"}}, "state": {{"S": "{state}"}}}}'
    body = f'{{"TransactItems": [{{"Put": {{"Item": {item}}}}}, {{"ConditionCheck": {{}}}}]}}'
    return Call("dynamodb", "TransactWriteItems", "/", body.encode())


@pytest.mark.parametrize(
    ("call", "steps"),
    [
        (a_transaction("rendering"), ["begun in the ledger"]),
        (Call("s3", "GET", "/uploads_bucket/a b.png", b""), ["original read"]),
        (Call("s3", "PUT", "/renditions_bucket/p/640.jpg", b""), ["first rendition written"]),
        (a_transaction("rendered"), ["committed", "not yet acknowledged"]),
        (a_transaction("superseded"), []),
        (Call("s3", "HEAD", "/uploads_bucket/a b.png", b""), []),
    ],
)
def test_a_step_is_known_by_its_call(call: Call, steps: list[str]) -> None:
    assert list(steps_after(call, STATUS)) == steps
