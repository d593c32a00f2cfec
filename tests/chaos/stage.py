"""The local stack as the stage of a chaos run: S3's events held back, a proxy in between, time-outs short.

All of it by AWS's own interfaces: the template's parameter, the bucket's notification, functions' variables.
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from threading import Event, Thread
from typing import Any
from urllib.parse import unquote_plus

from boto3.dynamodb.types import TypeDeserializer

from darkroom.adapters.items import INDEX_SHARDS, entry_of, is_entry, superseded_of, superseded_partition
from darkroom.domain.entries import State
from darkroom.domain.keys import picture_id_of
from darkroom.domain.uploads import Removal
from darkroom_cli.stack import LocalStack, Status
from tests.aws import free_port
from tests.chaos.pictures import drawn
from tests.chaos.plan import Delete, Destroy, Plan, Put, Tell
from tests.chaos.proxy import FaultProxy
from tests.chaos.stream import Stream
from tests.chaos.verify import Snapshot
from tests.chaos.workers import Workers
from tests.e2e.conftest import Stack, wait_for

RENDER_TIMEOUT_SECONDS = 10
VISIBILITY_SECONDS = 60  # what the template makes of it
# More than processors: a worker that waits before it tries again is in nobody's way.
RENDERED_AT_ONCE = 4
_PATIENCE_SECONDS = 0.25
_CREATED, _HIDDEN, _REMOVED = "ObjectCreated:Put", "ObjectRemoved:DeleteMarkerCreated", "ObjectRemoved:Delete"
_ENDED = {state for state in State if state.terminal}
_PUT_AWAY = {State.SUPERSEDED, State.DELETED}
_ASKED_FOR = ("text/html", "application/json", "image/webp,image/*")
# Settings of the sweep's.
_KEEPS_NOTHING = {"KEEP_SUPERSEDED_HOURS": "0", "SWEEP_PAGES": "1000"}


class Killer(Thread):
    """Ends a worker that is chosen by chance every 0.5 to 2 s, so many times."""

    def __init__(self, workers: Workers, chance: random.Random, kills: int) -> None:
        super().__init__(name="killer", daemon=True)
        self._workers, self._chance, self._wanted = workers, chance, kills
        self.kills = 0
        self._stopped = Event()

    def run(self) -> None:
        while self.kills < self._wanted and not self._stopped.wait(self._chance.uniform(0.5, 2)):
            processes = self._workers.ids()
            self.kills += bool(processes) and self._workers.kill(self._chance.choice(processes))

    def stop(self) -> None:
        self._stopped.set()
        self.join()


@dataclass
class Stage:
    """A stack that is ready: S3's events arrive in `capture`, and nowhere else."""

    stack: Stack
    status: Status
    proxy: FaultProxy
    stream: Stream
    capture: str
    sweeper: str
    told: dict[tuple[str, str, str], str] = field(default_factory=dict)

    @cached_property
    def s3(self) -> Any:
        return self.stack.client("s3")

    @cached_property
    def sqs(self) -> Any:
        return self.stack.client("sqs")

    def play(self, plan: Plan, seconds: float, advanced: Callable[[int], object]) -> dict[str, list[str]]:
        """Does what the plan says; the versions that it put under each key, oldest first.

        For so long at most it waits for the ledger before what is to be done later.
        """
        bucket, until = self.status.uploads_bucket, time.monotonic() + seconds
        put: dict[str, list[str]] = {}
        stacks: dict[str, list[str]] = {}  # of versions and delete markers, the latest last
        changes: dict[str, list[tuple[str, str]]] = {}
        for number, act in enumerate(plan.acts, 1):
            key = act.key
            stack, changed = stacks.setdefault(key, []), changes.setdefault(key, [])
            if number > len(plan.at_once) and not isinstance(act, Tell):
                while not self._is_told(key, put[key], stack[-1]) and time.monotonic() < until:
                    advanced(number - 1)
                    time.sleep(_PATIENCE_SECONDS)
            match act:
                case Put():
                    stored = self.s3.put_object(Bucket=bucket, Key=key, Body=drawn(act.picture_id))
                    stack.append(stored["VersionId"])
                    put.setdefault(key, []).append(stack[-1])
                    changed.append((stack[-1], _CREATED))
                case Delete():
                    stack.append(self.s3.delete_object(Bucket=bucket, Key=key)["VersionId"])
                    changed.append((stack[-1], _HIDDEN))
                case Destroy():
                    self.s3.delete_object(Bucket=bucket, Key=key, VersionId=stack[-1])
                    changed.append((stack.pop(), _REMOVED))
                case Tell():
                    body = self._event(key, *changed[act.change])
                    self.sqs.send_message(QueueUrl=self.status.queue_url, MessageBody=body)
            advanced(number)
        return put

    def _is_told(self, key: str, versions: list[str], latest: str) -> bool:
        """Whether all of a key has ended, and the marker that is latest hides it or was given up."""
        marker = Removal(self.status.uploads_bucket, key, latest, "", marker=True)
        states, picture_id = self.stream.states, marker.picture_id
        hidden = latest not in versions and (picture_id, marker.failed_as) not in states
        wanted = _PUT_AWAY if hidden else _ENDED
        return all(states.get((picture_id, version)) in wanted for version in versions)

    def _event(self, key: str, version: str, name: str) -> str:
        """The body that S3 wrote of that change."""
        while (key, version, name) not in self.told:
            answer = self.sqs.receive_message(
                QueueUrl=self.capture, MaxNumberOfMessages=10, WaitTimeSeconds=1
            )
            for message in answer.get("Messages", []):
                for record in json.loads(message["Body"]).get("Records", []):
                    item = record["s3"]["object"]
                    event = (unquote_plus(item["key"]), item["versionId"], record["eventName"])
                    self.told[event] = message["Body"]
                self.sqs.delete_message(QueueUrl=self.capture, ReceiptHandle=message["ReceiptHandle"])
        return self.told[key, version, name]

    def drain(self, seconds: float, look: Callable[[], object] = lambda: None) -> None:
        """Waits until nothing is under way, or the time is up."""
        until, quiet = time.monotonic() + seconds, 0
        # Twice: what the last message has moved, the stream may not have told of the first time.
        while quiet < 2 and time.monotonic() < until:
            look()
            quiet = 0 if any(self.messages().values()) or not self.stream.idle else quiet + 1
            time.sleep(_PATIENCE_SECONDS)

    def messages(self) -> dict[str, int]:
        """How many there are in each queue, those under way included."""
        queues = {"the render queue": self.status.queue_url, "the dead letters": self.status.dead_letters_url}
        return {name: _messages_in(self.sqs, url) for name, url in queues.items()}

    def snapshot(self, folder: str) -> Snapshot:
        """What stands of the keys in a folder."""
        bucket, beginning = self.status.uploads_bucket, f"{folder}/"
        versions, latest = set(), {}
        for page in self._pages("s3", "list_object_versions", Bucket=bucket, Prefix=beginning):
            for each in page.get("Versions", []):
                versions.add((each["Key"], each["VersionId"]))
                if each["IsLatest"]:
                    latest[each["Key"]] = each["VersionId"]
        items = list(self._items(self.status.ledger_table))
        entries = [entry_of(item) for item in items if is_entry(item)]
        ledger = tuple(entry for entry in entries if entry.upload.key.startswith(beginning))
        views = (entry_of(item) for item in self._items(self.status.views_table) if is_entry(item))
        keys = {key for key, _ in versions} | {entry.upload.key for entry in ledger}
        pictures = {picture_id_of(bucket, key): key for key in keys}
        shards = {superseded_partition(shard) for shard in INDEX_SHARDS}
        stored = self._pages("s3", "list_objects_v2", Bucket=self.status.renditions_bucket)
        return Snapshot(
            versions=frozenset(versions),
            latest=latest,
            ledger=ledger,
            on_top={
                item["picture"]: item["on_top"]
                for item in items
                if item["picture"] in pictures and not is_entry(item)
            },
            views=tuple(view for view in views if view.upload.key.startswith(beginning)),
            renditions={
                each["Key"]: each["ETag"].strip('"')
                for page in stored
                for each in page.get("Contents", [])
                if each["Key"].partition("/")[0] in pictures
            },
            superseded_renditions=frozenset(
                key for item in items if item["picture"] in shards for key in superseded_of(item).keys
            ),
            pages={
                key: tuple(self.stack.get(f"/pictures/{picture_id}", accept).status for accept in _ASKED_FOR)
                for picture_id, key in pictures.items()
                if key not in latest
            },
            messages=self.messages(),
            moves=tuple(move for move in self.stream.moves if move.picture_id in pictures),
        )

    def retry_failures(self) -> None:
        """What an operator does about all that was parked."""
        answer = self.stack.darkroom("retry", "--all")
        assert answer.returncode == 0, answer.stdout + answer.stderr

    def sweep(self) -> None:
        """What the schedule does, but for all that may go at once."""
        answer = self.stack.client("lambda").invoke(FunctionName=self.sweeper, Payload=b"{}")
        assert "FunctionError" not in answer, answer["Payload"].read()

    def _items(self, table: str) -> Iterator[dict[str, Any]]:
        plain = TypeDeserializer().deserialize
        for page in self._pages("dynamodb", "scan", TableName=table, ConsistentRead=True):
            for item in page["Items"]:
                yield {name: plain(value) for name, value in item.items()}

    def _pages(self, service: str, operation: str, **arguments: Any) -> Iterator[Mapping[str, Any]]:
        yield from self.stack.client(service).get_paginator(operation).paginate(**arguments)


@contextmanager
def staged(stack: Stack, visibility_seconds: int | None = None) -> Iterator[Stage]:
    """Makes a stack ready; it stays so, but without the proxy it is of no use to others afterwards.

    The queue hides a message as long as the template says, or so many seconds: more than a rendering takes.
    """
    site = LocalStack.of(stack.environment)
    status, ministack = site.status(), site.ministack.holder()
    assert ministack
    # Were a worker stopped with S3's test event, that would stay hidden as long as the template said before.
    wait_for(lambda: not _messages_in(stack.client("sqs"), status.queue_url), "S3's test events read")
    outputs = _shorten(stack, status, visibility_seconds)
    proxy = FaultProxy(status, free_port(), Workers(ministack, outputs["RenderFunction"]))
    stream = Stream(stack.client, status.ledger_table, outputs["ProjectFunction"])
    proxy.start()
    try:
        _lead_through(stack, f"http://127.0.0.1:{proxy.port}", {outputs["WebFunction"]})
        _subscribe(stack, outputs["RenderFunction"], ScalingConfig={"MaximumConcurrency": RENDERED_AT_ONCE})
        _subscribe(stack, outputs["ProjectFunction"], Enabled=False)
        capture = _capture(stack, status)
        stream.start()
        yield Stage(stack, status, proxy, stream, capture, outputs["SweepFunction"])
        stream.stop()
    finally:
        proxy.stop()


def _messages_in(sqs: Any, queue: str) -> int:
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    return sum(int(count) for name, count in found.items() if name.startswith("ApproximateNumberOf"))


def _shorten(stack: Stack, status: Status, visibility_seconds: int | None) -> dict[str, str]:
    """Shortens the stack's time-outs; its outputs."""
    deployments = stack.client("cloudformation")
    [deployed] = deployments.describe_stacks(StackName=status.stack)["Stacks"]
    names = {each["ParameterKey"] for each in deployed["Parameters"]} - {"RenderTimeoutSeconds"}
    deployments.update_stack(
        StackName=status.stack,
        UsePreviousTemplate=True,
        Parameters=[
            *({"ParameterKey": name, "UsePreviousValue": True} for name in names),
            {"ParameterKey": "RenderTimeoutSeconds", "ParameterValue": str(RENDER_TIMEOUT_SECONDS)},
        ],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    deployments.get_waiter("stack_update_complete").wait(
        StackName=status.stack, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
    if visibility_seconds:
        stack.client("sqs").set_queue_attributes(
            QueueUrl=status.queue_url, Attributes={"VisibilityTimeout": str(visibility_seconds)}
        )
    return {each["OutputKey"]: each["OutputValue"] for each in deployed["Outputs"]}


def _lead_through(stack: Stack, endpoint: str, spared: set[str]) -> None:
    """From here on functions call AWS there."""
    functions = stack.client("lambda")
    for function in functions.list_functions()["Functions"]:
        if function["FunctionName"] not in spared:
            variables = function["Environment"]["Variables"] | _KEEPS_NOTHING | {"AWS_ENDPOINT_URL": endpoint}
            functions.update_function_configuration(
                FunctionName=function["FunctionName"], Environment={"Variables": variables}
            )


def _subscribe(stack: Stack, function: str, **terms: object) -> None:
    """Changes how a function hears of its events."""
    functions = stack.client("lambda")
    for mapping in functions.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=mapping["UUID"], **terms)


def _capture(stack: Stack, status: Status) -> str:
    """A queue that S3's events go to from here on."""
    queues = stack.client("sqs")
    url: str = queues.create_queue(QueueName="captured-events")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    queues.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    stack.client("s3").put_bucket_notification_configuration(
        Bucket=status.uploads_bucket,
        NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}]
        },
    )
    return url
