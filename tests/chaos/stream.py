"""The ledger's stream, brought to `project` as AWS brings it.

MiniStack 1.5.33 has one shard and goes on to the next batch whatever `batchItemFailures` says, so that a
view would be lost that AWS would have tried again. Here each item has its shard, shards run beside one
another, and a batch is repeated from the first record that failed.
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
from tests.chaos.verify import Move

_SHARDS = 3
_PAUSE_SECONDS = 0.1


class Stream(Thread):
    """Follows a ledger's stream from now on.

    `moves` are the uploads' changes that it has told of, `states` what each was last, by picture and version,
    `ended` those that have come to an end.
    """

    def __init__(self, client: Callable[[str], Any], table: str, function: str) -> None:
        super().__init__(name="stream", daemon=True)
        self.moves: list[Move] = []
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
                    news = self._read()
                    waiting = [shard for shard in self._shards if shard]
                    self.idle = not news and not waiting
                    list(pool.map(self._deliver, waiting))
                    if not news:
                        self._stopped.wait(_PAUSE_SECONDS)
        except Exception as fault:  # noqa: BLE001 - it crosses to the thread that stops this one
            self.fault = fault

    def stop(self) -> None:
        """Raises what went wrong while it ran."""
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
                self.moves.append(Move(picture_id, version, int(image["revision"]["N"]), state))
                self.states[picture_id, version] = state
                if state.terminal:
                    self.ended.add((picture_id, version))
            shard = self._shards[sum(picture_id.encode()) % _SHARDS]
            shard.append(record | {"eventSourceARN": self._arn})
        return len(page["Records"])

    def _deliver(self, shard: deque[dict[str, Any]]) -> None:
        batch = [shard[n] for n in range(min(BATCH, len(shard)))]
        answer = self._lambda.invoke(
            FunctionName=self._function, Payload=json.dumps({"Records": batch}).encode()
        )
        told = json.loads(answer["Payload"].read())
        done = 0
        if "FunctionError" not in answer:
            failed = {each["itemIdentifier"] for each in told["batchItemFailures"]}
            numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
            done = next((n for n, number in enumerate(numbers) if number in failed), len(batch))
        for _ in range(done):
            shard.popleft()
