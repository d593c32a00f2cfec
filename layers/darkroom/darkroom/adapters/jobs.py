"""Jobs in the ledger's table, one partition per job."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import batched

from darkroom.adapters.items import (
    DUE,
    due_item_of,
    due_job_of,
    from_wire,
    item_of,
    job_item_of,
    job_key,
    job_of,
    manifest_item_of,
    manifest_key,
    manifest_of,
    request_item_of,
    request_key,
    request_of,
    to_wire,
)
from darkroom.adapters.tables import DynamoTable
from darkroom.domain.entries import Entry
from darkroom.domain.jobs import AnnouncedUpload, IdempotentRequest, Job
from darkroom.domain.limits import PAGE_SIZE


@dataclass(frozen=True, slots=True)
class DynamoJobs(DynamoTable):
    """ports.JobLedger on the table of DynamoLedger."""

    def remember_request(self, idempotent_request: IdempotentRequest) -> IdempotentRequest:
        try:
            self.client.put_item(
                TableName=self.table,
                Item=to_wire(request_item_of(idempotent_request)),
                # DynamoDB deletes expired items with a delay.
                ConditionExpression="attribute_not_exists(picture) OR expires < :now",
                ExpressionAttributeValues={":now": {"N": str(int(time.time()))}},
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            item = self._get(*request_key(idempotent_request.key_hash).values())
            if item is None:  # deleted since the put
                return self.remember_request(idempotent_request)
            return request_of(item)
        return idempotent_request

    def open(self, job: Job, manifest: Sequence[AnnouncedUpload]) -> None:
        pages = enumerate(batched(manifest, PAGE_SIZE, strict=False))
        self._put_many(
            [due_item_of(job), *(manifest_item_of(job.id, number, page) for number, page in pages)]
        )
        self._put(job, "attribute_not_exists(picture)")

    def find_job(self, job_id: str) -> Job | None:
        item = self._get(*job_key(job_id).values())
        return job_of(item) if item else None

    def manifest(self, job_id: str, page: int) -> list[AnnouncedUpload]:
        item = self._get(*manifest_key(job_id, page).values())
        return manifest_of(item) if item else []

    def expect(self, entries: Collection[Entry]) -> None:
        self._put_many(map(item_of, entries))

    def seal(self, job: Job) -> Job:
        sealed = replace(job, revision=2)
        self._put(sealed, "revision = :open")
        return sealed

    def _put(self, job: Job, condition: str) -> None:
        """Puts a job's item. A failed condition means that it was put before."""
        values = {":open": {"N": "1"}} if ":open" in condition else None
        try:
            self.client.put_item(
                TableName=self.table,
                Item=to_wire(job_item_of(job)),
                ConditionExpression=condition,
                **({"ExpressionAttributeValues": values} if values else {}),  # type: ignore[arg-type]
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            return

    def due(self, before: str, limit: int) -> list[Job]:
        response = self.client.query(
            TableName=self.table,
            KeyConditionExpression="picture = :due AND version < :before",
            ExpressionAttributeValues={":due": {"S": DUE}, ":before": {"S": before}},
            Limit=limit,
            ConsistentRead=True,
        )
        return [due_job_of(from_wire(item)) for item in response["Items"]]

    def settle(self, job: Job) -> None:
        self.client.delete_item(TableName=self.table, Key=to_wire(due_item_of(job)))
