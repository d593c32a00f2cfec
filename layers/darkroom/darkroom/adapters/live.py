"""The live channel: the table of followers and tickets, and the connections of the WebSocket API."""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest

from darkroom.ports import SendResult, Ticket

if TYPE_CHECKING:
    from types_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient
    from types_boto3_dynamodb import DynamoDBClient

_TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class DynamoChannels:
    """ports.Channels on a table keyed by channel and connection, with expiring items.

    Channel JOB_ID has one item per follower; channel `ticket:CODE` has one ticket. Channel `connection:ID`
    has one item per job that the connection follows, because the `$disconnect` event names only the
    connection.
    """

    table: str
    client: "DynamoDBClient"

    def issue(self, code: str, ticket: Ticket) -> None:
        self._put(f"ticket:{code}", _TICKET, ticket.expires, job=ticket.job_id)

    def redeem(self, code: str) -> Ticket | None:
        # One call reads and deletes: only one of two clients can redeem a ticket.
        key = {"channel": {"S": f"ticket:{code}"}, "connection": {"S": _TICKET}}
        response = self.client.delete_item(TableName=self.table, Key=key, ReturnValues="ALL_OLD")
        item = response.get("Attributes")
        return Ticket(item["job"]["S"], int(item["expires"]["N"])) if item else None

    def join(self, job_id: str, connection_id: str, expires: int) -> None:
        # The connection's item is written first, because leave_all finds the job's item only through it.
        self._put(f"connection:{connection_id}", job_id, expires)
        self._put(job_id, connection_id, expires)

    def leave(self, job_id: str, connection_id: str) -> None:
        self._delete(job_id, connection_id)
        self._delete(f"connection:{connection_id}", job_id)

    def leave_all(self, connection_id: str) -> None:
        for job_id in self._members(f"connection:{connection_id}"):
            self.leave(job_id, connection_id)

    def followers(self, job_id: str) -> list[str]:
        return self._members(job_id)

    def _members(self, channel: str) -> list[str]:
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="channel = :channel",
            ExpressionAttributeValues={":channel": {"S": channel}},
            ConsistentRead=True,
        )
        return [item["connection"]["S"] for page in pages for item in page["Items"]]

    def _put(self, channel: str, connection_id: str, expires: int, **attributes: str) -> None:
        item = {"channel": channel, "connection": connection_id} | attributes
        wire = {name: {"S": value} for name, value in item.items()}
        self.client.put_item(TableName=self.table, Item={**wire, "expires": {"N": str(expires)}})

    def _delete(self, channel: str, connection_id: str) -> None:
        key = {"channel": {"S": channel}, "connection": {"S": connection_id}}
        self.client.delete_item(TableName=self.table, Key=key)


_SENDERS = 10  # the connections in the client's pool


@dataclass(frozen=True, slots=True)
class ApiGatewaySockets:
    """ports.Sockets on API Gateway. `seconds` is the time limit of `send_each` for all connections."""

    client: "ApiGatewayManagementApiClient"
    seconds: float = 2.0

    def send(self, connection_id: str, text: str) -> bool:
        try:
            self.client.post_to_connection(ConnectionId=connection_id, Data=text.encode())
        except self.client.exceptions.GoneException:
            return False
        return True

    def send_each(self, connection_ids: Collection[str], texts: Sequence[str]) -> SendResult:
        pool = ThreadPoolExecutor(_SENDERS)
        pending = {
            pool.submit(self._send_all, connection_id, texts): connection_id
            for connection_id in connection_ids
        }
        done, late = wait(pending, self.seconds)
        # The client's timeouts end a call in progress.
        pool.shutdown(wait=False, cancel_futures=True)
        faults = [fault for sent in done if isinstance(fault := sent.exception(), Exception)]
        if late:
            faults.append(TimeoutError(f"{len(late)} connections timed out after {self.seconds:g} s"))
        gone = frozenset(pending[sent] for sent in done if not (sent.exception() or sent.result()))
        return SendResult(gone, tuple(faults))

    def _send_all(self, connection_id: str, texts: Sequence[str]) -> bool:
        return all(self.send(connection_id, text) for text in texts)

    def close(self, connection_id: str) -> None:
        with suppress(self.client.exceptions.GoneException):
            self.client.delete_connection(ConnectionId=connection_id)


# Lifetime of a signed URL. A ticket expires earlier.
_URL_SECONDS = 300


def address_signer() -> Callable[[str], str]:
    """Returns a function that signs URLs of a WebSocket API with IAM authorization for 5 minutes.

    The signature is in the query, because a browser cannot sign the headers of a handshake.
    """
    # Reuses the session of the clients, if there is one: a new session would add 20 ms to a cold start.
    session = boto3.DEFAULT_SESSION or boto3.Session()
    credentials = session.get_credentials()
    assert credentials  # noqa: S101 - a function always has its role's credentials
    signer = SigV4QueryAuth(credentials, "execute-api", session.region_name, expires=_URL_SECONDS)

    def sign(url: str) -> str:
        request = AWSRequest("GET", url)
        signer.add_auth(request)
        return str(request.url)

    return sign
