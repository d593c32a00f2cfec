"""The live channel of a job: who is let in, what they are told first, and of every change after that.

What a push loses, the next state makes good: a client joins first and is told the state after that, and
whatever is older than what it knows it passes over, by revision.
"""

import json
import random
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from darkroom.domain.keys import is_id
from darkroom.domain.timestamps import timestamp
from darkroom.ports import Channels, Sockets, Ticket

# API Gateway ends a connection after 2 hours; what it forgets to tell of is dropped a little later.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
CONNECTION_SECONDS = 2 * 3600 + 600
# A frame of API Gateway's has 32 KB at most, and a message is billed by as many: one of ours is one frame.
MESSAGE_LIMIT_BYTES = 25_000

# Of a row these are signed for one reader, and for a while: whoever wants them asks over HTTP.
_NOT_PUSHED = frozenset({"thumbnail", "post"})

type Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Tickets:
    """Lets clients in: each ticket once, into one job's channel, within a short time.

    `url` is the WebSocket API's: whole, or a path of the host that was asked; empty where there is none.
    `sign` makes a whole one an address that this API takes a connection under.
    """

    channels: Channels
    url: str
    seconds: int
    sign: Callable[[str], str]
    clock: Clock = time.time

    def issue(self, job_id: str, origin: str) -> dict[str, str] | None:
        """How to follow a job, for whoever may know of it; None where it can't be followed live."""
        address = self._address(origin)
        if not address:
            return None
        code, expires = secrets.token_hex(16), int(self.clock()) + self.seconds
        self.channels.issue(code, Ticket(job_id, expires))
        return {"url": address, "ticket": code, "expires": timestamp(datetime.fromtimestamp(expires, UTC))}

    def _address(self, origin: str) -> str:
        if not self.url.startswith("/"):
            return self.sign(self.url) if self.url else ""
        return "ws" + origin.removeprefix("http") + self.url if origin.startswith("http") else ""


@dataclass(frozen=True, slots=True)
class Hello:
    """What a client says first."""

    job_id: str
    ticket: str


def read_hello(body: str) -> Hello | None:
    """The hello that a message is; None if it is anything else."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("action") != "hello":
        return None
    job, ticket = said.get("job"), said.get("ticket")
    if not isinstance(job, str) or not isinstance(ticket, str):
        return None
    return Hello(job, ticket) if is_id(job) and is_id(ticket) else None


@dataclass(frozen=True, slots=True)
class Live:
    """One side of the channel: what clients say. `find_job` is a job's document, read consistently."""

    channels: Channels
    sockets: Sockets
    find_job: Callable[[str], Mapping[str, Any] | None]
    clock: Clock = time.time

    def receive(self, connection: str, body: str) -> str | None:
        """Lets a client in that says hello, and tells it the state; else ends the connection.

        The job that it follows, or None. Why it is refused it is not told.
        """
        hello = read_hello(body)
        if not hello or not self._admits(hello):
            if self.sockets.send(connection, _dump({"type": "refused"})):
                self.sockets.close(connection)
            return None
        # Joined before the state is read: no change falls between the two.
        self.channels.join(hello.job_id, connection, int(self.clock()) + CONNECTION_SECONDS)
        state = {"type": "state", "job": self.find_job(hello.job_id)}
        if not self.sockets.send(connection, _dump(state)):
            self.channels.leave(hello.job_id, connection)
        return hello.job_id

    def _admits(self, hello: Hello) -> bool:
        ticket = self.channels.redeem(hello.ticket)
        return bool(ticket and ticket.job_id == hello.job_id and ticket.expires > self.clock())

    def disconnect(self, connection: str) -> None:
        """A connection has ended."""
        self.channels.leave_all(connection)


@dataclass(frozen=True, slots=True)
class Pusher:
    """ports.Channel: the other side. Faults are reported and otherwise passed over: a push is best effort."""

    channels: Channels
    sockets: Sockets
    report: Callable[[Exception], None]

    def push(self, job: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        try:
            followers = self.channels.followers(job["id"])
            if not followers:
                return
            # Of more than there is time for, others are late each time.
            followers = random.sample(followers, len(followers))
            told = self.sockets.send_each(followers, messages(job, rows))
            for fault in told.faults:
                self.report(fault)
            for connection in told.gone:
                self.channels.leave(job["id"], connection)
        except Exception as fault:  # noqa: BLE001 - whatever it is, the views are written and that counts
            self.report(fault)


def messages(
    job: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], limit_bytes: int = MESSAGE_LIMIT_BYTES
) -> list[str]:
    """What those who follow a job are told of a change: as few messages as fit the limit, one at least.

    Only the last says that the job is complete: who has read it has read all.
    """
    room = limit_bytes - len(_dump({"type": "job.completed", "job": job, "uploads": []}))
    parts: list[list[str]] = [[]]
    left = room
    for row in rows:
        text = _dump({"type": f"upload.{row['state']}"} | {k: row[k] for k in row if k not in _NOT_PUSHED})
        if parts[-1] and len(text) + 1 > left:
            parts.append([])
            left = room
        parts[-1].append(text)
        left -= len(text) + 1
    last = "job.completed" if job["state"] == "complete" else "job.progress"
    kinds = ["job.progress"] * (len(parts) - 1) + [last]
    return [
        f'{{"type":"{kind}","job":{_dump(job)},"uploads":[{",".join(part)}]}}'
        for kind, part in zip(kinds, parts, strict=True)
    ]


def _dump(document: Mapping[str, Any]) -> str:
    """JSON in ASCII: a character is a byte."""
    return json.dumps(document, separators=(",", ":"))
