"""Jobs in the ledger's table, one partition per job."""

import json
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from copy import replace
from dataclasses import asdict, dataclass
from itertools import batched

from darkroom.adapters.items import Key, item_of, job_item_of, job_key, job_of, keyed, to_wire
from darkroom.adapters.tables import DynamoTable, key_of, replacing
from darkroom.domain.entries import Entry
from darkroom.domain.jobs import AnnouncedUpload, IdempotentRequest, Job
from darkroom.domain.limits import PAGE_SIZE

# The partition of the unsettled jobs, sorted by their creation time.
_DUE = "jobs"


def _due_key(job: Job) -> Key:
    return _DUE, f"{job.created}.{job.id}"


def manifest_key(job_id: str, page: int) -> Key:
    """Returns the key of one manifest page.

    A page has 100 names of at most 255 characters, far below DynamoDB's limit of 400 KB for an item.
    """
    return job_key(job_id, f"page:{page:04}")


@dataclass(frozen=True, slots=True)
class DynamoJobs(DynamoTable):
    """ports.JobLedger on the table of DynamoLedger."""

    def remember_request(self, idempotent_request: IdempotentRequest) -> IdempotentRequest:
        key = f"request:{idempotent_request.key_hash}", "request"
        item = keyed(
            key,
            digest=idempotent_request.digest,
            job=idempotent_request.job_id,
            created=idempotent_request.created,
            expires=idempotent_request.expires,
        )
        try:
            self.client.put_item(
                TableName=self.table,
                Item=to_wire(item),
                # DynamoDB deletes expired items with a delay.
                ConditionExpression="attribute_not_exists(picture) OR expires < :now",
                ExpressionAttributeValues={":now": {"N": str(int(time.time()))}},
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            stored = self._get(*key)
            if stored is None:  # deleted since the put
                return self.remember_request(idempotent_request)
            return IdempotentRequest(
                idempotent_request.key_hash,
                stored["digest"],
                stored["job"],
                stored["created"],
                int(stored["expires"]),
            )
        return idempotent_request

    def open(self, job: Job, manifest: Sequence[AnnouncedUpload]) -> None:
        pages = [
            keyed(manifest_key(job.id, number), announced=json.dumps([asdict(member) for member in page]))
            for number, page in enumerate(batched(manifest, PAGE_SIZE, strict=False))
        ]
        self._put_many([keyed(_due_key(job)), *pages])
        self._put(job)

    def find_job(self, job_id: str) -> Job | None:
        item = self._get(*job_key(job_id))
        return job_of(item) if item else None

    def manifest(self, job_id: str, page: int) -> list[AnnouncedUpload]:
        item = self._get(*manifest_key(job_id, page))
        return [AnnouncedUpload(**member) for member in json.loads(item["announced"])] if item else []

    def expect(self, entries: Collection[Entry]) -> None:
        self._put_many(map(item_of, entries))

    def seal(self, job: Job) -> Job:
        sealed = replace(job, revision=2)
        self._put(sealed)
        return sealed

    def _put(self, job: Job) -> None:
        """Puts the next revision of a job. A failed condition means that it was put before."""
        with suppress(self.client.exceptions.ConditionalCheckFailedException):
            self.client.put_item(**replacing(self.table, job_item_of(job), job.revision - 1))

    def due(self, before: str, limit: int) -> list[Job]:
        places = (item["version"].rpartition(".") for item in self._before(_DUE, before, limit))
        return [Job(job_id, 0, created) for created, _, job_id in places]

    def settle(self, job: Job) -> None:
        self.client.delete_item(TableName=self.table, Key=key_of(*_due_key(job)))
