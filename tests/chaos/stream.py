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

from darkroom.adapters.items import is_entry
from darkroom.domain.entries import State
from darkroom.services.projecting import BATCH
from tests.chaos.verify import Transition

_SHARDS = 3
_PAUSE_SECONDS = 0.1


class Stream(Thread):
    """Reads a ledger's stream from now on.

    `transitions` are the uploads' changes in order, `states` the last state by picture id and version,
    `ended` the uploads in a terminal state.
    """

    def __init__(self, client: Callable[[str], Any], table: str, function: str) -> None:
        super().__init__(name="stream", daemon=True)
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
            picture_id, version = change["Keys"]["picture"]["S"], change["Keys"]["version"]["S"]
            image = change.get("NewImage")
            if image and is_entry(image):
                state = State(image["state"]["S"])
                self.transitions.append(Transition(picture_id, version, int(image["revision"]["N"]), state))
                self.states[picture_id, version] = state
                if state.terminal:
                    self.ended.add((picture_id, version))
            shard = self._shards[sum(picture_id.encode()) % _SHARDS]
            shard.append(record | {"eventSourceARN": self._arn})
        return len(page["Records"])

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
