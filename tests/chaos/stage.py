"""Prepares the local stack for a chaos run: captured S3 events, a fault proxy, short timeouts.

Uses AWS's own interfaces: a template parameter, the bucket's notifications, the functions' variables.
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
from darkroom.services.retries import visibility_timeout
from darkroom_cli.stack import LocalStack, Status
from tests.aws import free_port
from tests.chaos.log import S3Step, Step
from tests.chaos.pictures import content_of
from tests.chaos.plan import Delete, DeleteVersion, Plan, Put, SendEvent
from tests.chaos.proxy import FaultProxy, Kills
from tests.chaos.stream import Stream
from tests.chaos.verify import Snapshot
from tests.chaos.workers import Workers
from tests.e2e.conftest import Stack, wait_for

RENDER_TIMEOUT_SECONDS = 10
VISIBILITY_SECONDS = visibility_timeout(RENDER_TIMEOUT_SECONDS * 1000)  # of a message in progress
# More than the machine has cores: a worker that waits for a retry uses none.
RENDERED_AT_ONCE = 4
_POLL_SECONDS = 0.25
_CREATED, _HIDDEN, _REMOVED = "ObjectCreated:Put", "ObjectRemoved:DeleteMarkerCreated", "ObjectRemoved:Delete"
_ENDED = {state for state in State if state.terminal}
_NOT_CURRENT = {State.SUPERSEDED, State.DELETED}
_MEDIA_TYPES = ("text/html", "application/json", "image/webp,image/*")
# The sweep removes superseded renditions at once, and reads all pages in one invocation.
_SWEEP_SETTINGS = {"KEEP_SUPERSEDED_HOURS": "0", "SWEEP_PAGES": "1000"}


class Killer(Thread):
    """Kills a random worker every 0.5 to 2 s, `kills` times."""

    def __init__(self, workers: Workers, rng: random.Random, kills: int) -> None:
        super().__init__(name="killer", daemon=True)
        self._workers, self._rng, self._limit = workers, rng, kills
        self.kills = 0
        self._stopped = Event()

    def run(self) -> None:
        while self.kills < self._limit and not self._stopped.wait(self._rng.uniform(0.5, 2)):
            processes = self._workers.ids()
            self.kills += bool(processes) and self._workers.kill(self._rng.choice(processes))

    def stop(self) -> None:
        self._stopped.set()
        self.join()


@dataclass
class Stage:
    """A prepared stack. S3's events arrive only in the queue `capture`."""

    stack: Stack
    status: Status
    proxy: FaultProxy
    stream: Stream
    capture: str
    sweeper: str
    events: dict[tuple[str, str, str], str] = field(default_factory=dict)

    @cached_property
    def s3(self) -> Any:
        return self.stack.client("s3")

    @cached_property
    def sqs(self) -> Any:
        return self.stack.client("sqs")

    def execute(self, plan: Plan, seconds: float, progress: Callable[[int], object]) -> dict[str, list[str]]:
        """Executes a plan. Returns the version ids of each key, oldest first.

        Waits up to `seconds` for the ledger before the plan's later changes.
        """
        bucket, until = self.status.uploads_bucket, time.monotonic() + seconds
        put: dict[str, list[str]] = {}
        stacks: dict[str, list[str]] = {}  # versions and delete markers, the latest last
        changes: dict[str, list[tuple[str, str]]] = {}
        for number, action in enumerate(plan.actions, 1):
            key = action.key
            stack, changed = stacks.setdefault(key, []), changes.setdefault(key, [])
            if number > len(plan.at_once) and not isinstance(action, SendEvent):
                while not self._is_processed(key, put[key], stack[-1]) and time.monotonic() < until:
                    progress(number - 1)
                    time.sleep(_POLL_SECONDS)
            match action:
                case Put():
                    step = self._logged(key, "put")
                    stored = self.s3.put_object(Bucket=bucket, Key=key, Body=content_of(action.picture))
                    step.version = stored["VersionId"]
                    stack.append(step.version)
                    put.setdefault(key, []).append(step.version)
                    changed.append((step.version, _CREATED))
                case Delete():
                    step = self._logged(key, "marker")
                    step.version = self.s3.delete_object(Bucket=bucket, Key=key)["VersionId"]
                    stack.append(step.version)
                    changed.append((step.version, _HIDDEN))
                case DeleteVersion():
                    step = self._logged(key, "destroyed", stack.pop())
                    self.s3.delete_object(Bucket=bucket, Key=key, VersionId=step.version)
                    changed.append((step.version, _REMOVED))
                case SendEvent():
                    body = self._event(key, *changed[action.change])
                    self.sqs.send_message(QueueUrl=self.status.queue_url, MessageBody=body)
            progress(number)
        return put

    def _logged(self, key: str, kind: str, version: str = "") -> S3Step:
        """Logs a change in S3 that is about to be made."""
        step = S3Step(picture_id_of(self.status.uploads_bucket, key), key, kind, version)
        self.stream.log.append(step)
        return step

    def _is_processed(self, key: str, versions: list[str], latest: str) -> bool:
        """True if all versions of a key have ended, and a latest delete marker hides them or has failed."""
        marker = Removal(self.status.uploads_bucket, key, latest, marker=True)
        states, picture_id = self.stream.states, marker.picture_id
        hidden = latest not in versions and (picture_id, marker.failed_as) not in states
        wanted = _NOT_CURRENT if hidden else _ENDED
        return all(states.get((picture_id, version)) in wanted for version in versions)

    def _event(self, key: str, version: str, name: str) -> str:
        """Returns S3's message about a change."""
        while (key, version, name) not in self.events:
            response = self.sqs.receive_message(
                QueueUrl=self.capture, MaxNumberOfMessages=10, WaitTimeSeconds=1
            )
            for message in response.get("Messages", []):
                for record in json.loads(message["Body"]).get("Records", []):
                    item = record["s3"]["object"]
                    event = (unquote_plus(item["key"]), item["versionId"], record["eventName"])
                    self.events[event] = message["Body"]
                self.sqs.delete_message(QueueUrl=self.capture, ReceiptHandle=message["ReceiptHandle"])
        return self.events[key, version, name]

    def drain(self, seconds: float, progress: Callable[[], object] = lambda: None) -> None:
        """Waits until queues and stream are empty, for up to `seconds`."""
        until, quiet = time.monotonic() + seconds, 0
        # Twice, because the changes of the last message may not be in the stream the first time.
        while quiet < 2 and time.monotonic() < until:
            progress()
            quiet = 0 if any(self.messages().values()) or not self.stream.idle else quiet + 1
            time.sleep(_POLL_SECONDS)

    def messages(self) -> dict[str, int]:
        """Counts the messages of each queue, including those in flight."""
        queues = {"the render queue": self.status.queue_url, "the dead letters": self.status.dead_letters_url}
        return {name: _messages_in(self.sqs, url) for name, url in queues.items()}

    def snapshot(self, folder: str) -> Snapshot:
        """Reads everything stored about the keys in a folder."""
        bucket, prefix = self.status.uploads_bucket, f"{folder}/"
        versions, latest = set(), {}
        for page in self._pages("s3", "list_object_versions", Bucket=bucket, Prefix=prefix):
            for version in page.get("Versions", []):
                versions.add((version["Key"], version["VersionId"]))
                if version["IsLatest"]:
                    latest[version["Key"]] = version["VersionId"]
        items = list(self._items(self.status.ledger_table))
        entries = [entry_of(item) for item in items if is_entry(item)]
        ledger = tuple(entry for entry in entries if entry.upload.key.startswith(prefix))
        views = (entry_of(item) for item in self._items(self.status.views_table) if is_entry(item))
        keys = {key for key, _ in versions} | {entry.upload.key for entry in ledger}
        pictures = {picture_id_of(bucket, key): key for key in keys}
        shards = {superseded_partition(shard) for shard in INDEX_SHARDS}
        stored = self._pages("s3", "list_objects_v2", Bucket=self.status.renditions_bucket)
        return Snapshot(
            versions=frozenset(versions),
            latest=latest,
            ledger=ledger,
            latest_ids={
                item["picture"]: item["latest_version"]
                for item in items
                if item["picture"] in pictures and not is_entry(item)
            },
            views=tuple(view for view in views if view.upload.key.startswith(prefix)),
            renditions={
                rendition["Key"]: rendition["ETag"].strip('"')
                for page in stored
                for rendition in page.get("Contents", [])
                if rendition["Key"].partition("/")[0] in pictures
            },
            superseded_renditions=frozenset(
                key for item in items if item["picture"] in shards for key in superseded_of(item).keys
            ),
            pages={
                key: tuple(
                    self.stack.get(f"/pictures/{picture_id}", accept).status for accept in _MEDIA_TYPES
                )
                for picture_id, key in pictures.items()
                if key not in latest
            },
            messages=self.messages(),
            transitions=tuple(
                transition for transition in self.stream.transitions if transition.picture_id in pictures
            ),
        )

    def log(self, folder: str) -> list[Step]:
        """Returns the steps of the keys in a folder."""
        pictures = {
            step.picture_id
            for step in self.stream.log
            if isinstance(step, S3Step) and step.key.startswith(f"{folder}/")
        }
        return [step for step in self.stream.log if step.picture_id in pictures]

    def retry_failures(self) -> None:
        """Retries every failure, as an operator would."""
        response = self.stack.darkroom("retry", "--all")
        assert response.returncode == 0, response.stdout + response.stderr

    def sweep(self) -> None:
        """Invokes the sweep function, as its schedule does."""
        response = self.stack.client("lambda").invoke(FunctionName=self.sweeper, Payload=b"{}")
        assert "FunctionError" not in response, response["Payload"].read()

    def _items(self, table: str) -> Iterator[dict[str, Any]]:
        deserialize = TypeDeserializer().deserialize
        for page in self._pages("dynamodb", "scan", TableName=table, ConsistentRead=True):
            for item in page["Items"]:
                yield {name: deserialize(value) for name, value in item.items()}

    def _pages(self, service: str, operation: str, **arguments: Any) -> Iterator[Mapping[str, Any]]:
        yield from self.stack.client(service).get_paginator(operation).paginate(**arguments)


@contextmanager
def prepared(stack: Stack, visibility_seconds: int | None = None) -> Iterator[Stage]:
    """Prepares a stack. Other tests can't use it afterwards: its functions call a stopped proxy.

    `visibility_seconds` replaces the template's visibility timeout; it must be longer than a rendering.
    """
    local = LocalStack.of(stack.environment)
    status, ministack = local.status(), local.ministack.holder()
    assert ministack
    # Otherwise a test event of a stopped worker would stay hidden for the template's longer timeout.
    wait_for(
        lambda: not _messages_in(stack.client("sqs"), status.queue_url), "S3's test events to be consumed"
    )
    outputs = _shorten(stack, status, visibility_seconds)
    proxy = FaultProxy(status, free_port(), Kills(Workers(ministack, outputs["RenderFunction"])))
    stream = Stream(stack.client, status.ledger_table, outputs["ProjectFunction"])
    proxy.start()
    try:
        _route_through(stack, f"http://127.0.0.1:{proxy.port}", {outputs["WebFunction"]})
        _update_mappings(
            stack, outputs["RenderFunction"], ScalingConfig={"MaximumConcurrency": RENDERED_AT_ONCE}
        )
        _update_mappings(stack, outputs["ProjectFunction"], Enabled=False)
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
    """Shortens the stack's timeouts. Returns its outputs."""
    deployments = stack.client("cloudformation")
    [deployed] = deployments.describe_stacks(StackName=status.stack)["Stacks"]
    names = {parameter["ParameterKey"] for parameter in deployed["Parameters"]} - {"RenderTimeoutSeconds"}
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
    return {output["OutputKey"]: output["OutputValue"] for output in deployed["Outputs"]}


def _route_through(stack: Stack, endpoint: str, excluded: set[str]) -> None:
    """Makes all functions but the excluded ones call AWS at an endpoint."""
    functions = stack.client("lambda")
    for function in functions.list_functions()["Functions"]:
        if function["FunctionName"] not in excluded:
            variables = (
                function["Environment"]["Variables"] | _SWEEP_SETTINGS | {"AWS_ENDPOINT_URL": endpoint}
            )
            functions.update_function_configuration(
                FunctionName=function["FunctionName"], Environment={"Variables": variables}
            )


def _update_mappings(stack: Stack, function: str, **changes: object) -> None:
    """Updates the event source mappings of a function."""
    functions = stack.client("lambda")
    for mapping in functions.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=mapping["UUID"], **changes)


def _capture(stack: Stack, status: Status) -> str:
    """Sends S3's events to a new queue from now on. Returns its URL."""
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
