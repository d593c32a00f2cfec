"""Delivers the ledger's stream to `project` as AWS does.

MiniStack 1.5.33 has one shard and ignores `batchItemFailures`, so that a failed record would be lost instead
of retried. Here each item belongs to one of several shards, shards are processed in parallel, and a batch is
retried from its first failed record.
"""

import json
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any

from darkroom.adapters.items import Item, entry_of, from_wire, is_entry
from darkroom.domain.entries import Latest, State
from darkroom.services.projecting import BATCH
from tests.chaos.log import EntryStep, Step
from tests.chaos.verify import Transition

_SHARDS = 3
_PAUSE_SECONDS = 0.1


class Stream(Thread):
    """Reads a ledger's stream from now on.

    `log` has the steps of all pictures in order, `transitions` the uploads' changes, `states` the last state
    by picture id and version, `ended` the uploads in a terminal state.
    """

    def __init__(self, client: Callable[[str], Any], table: str, function: str) -> None:
        super().__init__(name="stream", daemon=True)
        self.log: list[Step] = []
        self.transitions: list[Transition] = []
        self.states: dict[tuple[str, str], State] = {}
        self.ended: set[tuple[str, str]] = set()
        self.idle = False
        self.fault: Exception | None = None
        self._streams, self._lambda, self._function = client("dynamodbstreams"), client("lambda"), function
        self._stopped = Event()
        self._shards: tuple[deque[dict[str, Any]], ...] = tuple(deque() for _ in range(_SHARDS))
        [stream] = self._streams.list_streams(TableName=table)["Streams"]
        self._arn = stream["StreamArn"]
        [shard] = self._streams.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        self._iterator = self._streams.get_shard_iterator(
            StreamArn=self._arn, ShardId=shard["ShardId"], ShardIteratorType="LATEST"
        )["ShardIterator"]

    def run(self) -> None:
        try:
            with ThreadPoolExecutor(_SHARDS) as pool:
                while not self._stopped.is_set():
                    count = self._read()
                    waiting = [shard for shard in self._shards if shard]
                    self.idle = not count and not waiting
                    list(pool.map(self._deliver, waiting))
                    if not count:
                        self._stopped.wait(_PAUSE_SECONDS)
        except Exception as fault:  # noqa: BLE001 - raised again in the thread that calls stop()
            self.fault = fault

    def stop(self) -> None:
        """Stops the thread, and raises its exception if it failed."""
        self._stopped.set()
        self.join()
        if self.fault:
            raise self.fault

    def _read(self) -> int:
        page = self._streams.get_records(ShardIterator=self._iterator)
        self._iterator = page["NextShardIterator"]
        for record in page["Records"]:
            change = record["dynamodb"]
            change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].timestamp()
            picture_id = change["Keys"]["picture"]["S"]
            if image := from_wire(change.get("NewImage", {})):
                self._note(image)
            shard = self._shards[sum(picture_id.encode()) % _SHARDS]
            shard.append(record | {"eventSourceARN": self._arn})
        return len(page["Records"])

    def _note(self, image: Item) -> None:
        if "live_versions" in image:
            live_versions = tuple(json.loads(image["live_versions"]))
            latest = Latest(image["picture"], image["latest_version"], int(image["revision"]), live_versions)
            self.log.append(latest)
        elif is_entry(image):
            step = EntryStep.of(entry_of(image))
            self.log.append(step)
            self.transitions.append(Transition(step.picture_id, step.version, step.revision, step.state))
            self.states[step.picture_id, step.version] = step.state
            if step.state.terminal:
                self.ended.add((step.picture_id, step.version))

    def _deliver(self, shard: deque[dict[str, Any]]) -> None:
        batch = [shard[n] for n in range(min(BATCH, len(shard)))]
        response = self._lambda.invoke(
            FunctionName=self._function, Payload=json.dumps({"Records": batch}).encode()
        )
        result = json.loads(response["Payload"].read())
        done = 0
        if "FunctionError" not in response:
            failed = {failure["itemIdentifier"] for failure in result["batchItemFailures"]}
            numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
            done = next((n for n, number in enumerate(numbers) if number in failed), len(batch))
        for _ in range(done):
            shard.popleft()
