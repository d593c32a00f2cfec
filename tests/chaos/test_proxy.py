"""The proxy's errors are those of AWS, as parsed by boto3."""

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
from tests.chaos.plan import Step
from tests.chaos.proxy import Call, Fault, FaultProxy, Kills, draw_fault, steps_after
from tests.chaos.workers import Workers

STATUS = a_status()


class FixedFault(random.Random):
    """A random generator with a fixed fault as its result."""

    def __init__(self) -> None:
        super().__init__()
        self.fault = Fault.THROTTLED

    def choices(self, *_: Any, **__: Any) -> list[Any]:
        return [self.fault]

    def choice(self, options: Any) -> Any:
        return options[0]


@pytest.fixture
def rng() -> FixedFault:
    return FixedFault()


@pytest.fixture
def proxy(rng: FixedFault) -> Iterator[FaultProxy]:
    proxy = FaultProxy(STATUS, free_port(), Kills(Workers(0, "render")), rng)
    proxy.start()
    yield proxy
    proxy.stop()


def call_service(proxy: FaultProxy, service: str) -> None:
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
def test_every_service_has_its_own_error_codes(
    proxy: FaultProxy, rng: FixedFault, service: str, throttled: str, failed: str
) -> None:
    for fault, code in ((Fault.THROTTLED, throttled), (Fault.FAILED, failed)):
        rng.fault = fault
        with pytest.raises(ClientError) as error:
            call_service(proxy, service)

        assert error.value.response["Error"]["Code"] == code


def test_a_lost_call_closes_the_connection(proxy: FaultProxy, rng: FixedFault) -> None:
    rng.fault = Fault.NOT_SENT

    with pytest.raises(ConnectionClosedError):
        call_service(proxy, "dynamodb")


def test_faults_have_the_stated_shares() -> None:
    rng = random.Random(1)
    counts = Counter(draw_fault(rng) for _ in range(10_000))

    for fault in Fault:
        assert counts[fault] == pytest.approx(100 * fault.value, rel=0.15)


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
def test_steps_are_recognised_by_their_calls(call: Call, steps: list[str]) -> None:
    assert list(steps_after(call, STATUS)) == steps


class Immortal(Workers):
    """Workers that only seem to be killed."""

    def kill(self, process: int) -> bool:
        return True


def test_each_attempt_is_killed_at_the_next_step() -> None:
    kills = Kills(Immortal(0, "render"), {"a.png": (Step.READ, Step.WRITTEN)})

    for worker in (1, 2, 3):
        kills.begin(worker, kills.planned(["a.png"]))
        for step in Step:
            kills.at(worker, step)

    assert kills.done == [Step.READ, Step.WRITTEN]


def test_a_step_waits_for_the_next_attempt_if_something_else_kills_the_worker() -> None:
    kills = Kills(Immortal(0, "render"), {"a.png": (Step.RESPONDED,)})
    kills.begin(1, "a.png")
    kills.at(1, Step.BEGUN)

    kills.begin(2, kills.planned(["a.png"]))

    assert kills.at(2, Step.RESPONDED)
    assert not kills.planned(["a.png"])


def test_a_worker_with_a_new_upload_is_not_killed_for_the_last_one() -> None:
    kills = Kills(Immortal(0, "render"), {"a.png": (Step.RESPONDED,)})
    kills.begin(1, "a.png")

    kills.begin(1, kills.planned(["b.png"]))

    assert not kills.at(1, Step.RESPONDED)
