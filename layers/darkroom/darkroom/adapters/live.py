"""The live channel: a table of who follows what, and the WebSocket API's connections."""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
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
    """ports.Channels on a table keyed by channel and connection, whose items expire.

    A job's channel has an item for each connection. `ticket:` has a ticket, `connection:` the jobs that one
    follows: a connection that ends says only who it was.
    """

    table: str
    client: "DynamoDBClient"

    def issue(self, code: str, ticket: Ticket) -> None:
        self._put(f"ticket:{code}", _TICKET, ticket.expires, job=ticket.job_id)

    def redeem(self, code: str) -> Ticket | None:
        # One call reads it and takes it away: of two that show it one gets it.
        key = {"channel": {"S": f"ticket:{code}"}, "connection": {"S": _TICKET}}
        answer = self.client.delete_item(TableName=self.table, Key=key, ReturnValues="ALL_OLD")
        item = answer.get("Attributes")
        return Ticket(item["job"]["S"], int(item["expires"]["N"])) if item else None

    def join(self, job_id: str, connection: str, expires: int) -> None:
        # In this order: what is in a channel can be found again when its connection ends.
        self._put(f"connection:{connection}", job_id, expires)
        self._put(job_id, connection, expires)

    def leave(self, job_id: str, connection: str) -> None:
        self._delete(job_id, connection)
        self._delete(f"connection:{connection}", job_id)

    def leave_all(self, connection: str) -> None:
        for job in self._within(f"connection:{connection}"):
            self.leave(job, connection)

    def followers(self, job_id: str) -> list[str]:
        return self._within(job_id)

    def _within(self, channel: str) -> list[str]:
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="channel = :channel",
            ExpressionAttributeValues={":channel": {"S": channel}},
            ConsistentRead=True,
        )
        return [item["connection"]["S"] for page in pages for item in page["Items"]]

    def _put(self, channel: str, connection: str, expires: int, **more: str) -> None:
        item = {"channel": channel, "connection": connection} | more
        wire = {name: {"S": value} for name, value in item.items()}
        self.client.put_item(TableName=self.table, Item={**wire, "expires": {"N": str(expires)}})

    def _delete(self, channel: str, connection: str) -> None:
        key = {"channel": {"S": channel}, "connection": {"S": connection}}
        self.client.delete_item(TableName=self.table, Key=key)


_AT_ONCE = 10  # as many as the client has connections for


@dataclass(frozen=True, slots=True)
class ApiGatewaySockets:
    """ports.Sockets on an API Gateway. `seconds` bounds how long all connections together may take."""

    client: "ApiGatewayManagementApiClient"
    seconds: float = 2.0

    def send(self, connection: str, text: str) -> bool:
        try:
            self.client.post_to_connection(ConnectionId=connection, Data=text.encode())
        except self.client.exceptions.GoneException:
            return False
        return True

    def send_each(self, connections: Collection[str], texts: Sequence[str]) -> SendResult:
        pool = ThreadPoolExecutor(_AT_ONCE)
        asked = {pool.submit(self._send_all, each, texts): each for each in connections}
        done, late = wait(asked, self.seconds)
        # What has begun ends by itself, by the client's own time-outs; nobody waits for it.
        pool.shutdown(wait=False, cancel_futures=True)
        faults = [fault for each in done if isinstance(fault := each.exception(), Exception)]
        if late:
            faults.append(TimeoutError(f"{len(late)} connections were not told within {self.seconds:g} s"))
        return SendResult(frozenset(asked[each] for each in done if _found_gone(each)), tuple(faults))

    def _send_all(self, connection: str, texts: Sequence[str]) -> bool:
        return all(self.send(connection, text) for text in texts)

    def close(self, connection: str) -> None:
        try:
            self.client.delete_connection(ConnectionId=connection)
        except self.client.exceptions.GoneException:
            return


def _found_gone(sent: Future[bool]) -> bool:
    return not sent.exception() and not sent.result()


# How long a signed address may be used; a ticket to it is good for less.
_ADDRESS_SECONDS = 300


def address_signer() -> Callable[[str], str]:
    """Signs addresses of a WebSocket API whose `$connect` asks for IAM: each is good for 5 minutes.

    A browser can't sign a handshake's headers, so the signature stands in the query.
    """
    # The clients' own, where there are any: a session of its own would cost a cold start 20 ms.
    session = boto3.DEFAULT_SESSION or boto3.Session()
    credentials = session.get_credentials()
    assert credentials  # noqa: S101 - a function always has its role's
    signer = SigV4QueryAuth(credentials, "execute-api", session.region_name, expires=_ADDRESS_SECONDS)

    def sign(url: str) -> str:
        request = AWSRequest("GET", url)
        signer.add_auth(request)
        return str(request.url)

    return sign
