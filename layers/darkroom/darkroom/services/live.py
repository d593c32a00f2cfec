"""The live channel of a job: tickets, the initial state, and a push for every change.

Pushes may be lost. A client joins before it receives the state, and ignores messages with an older revision
than the one it has.
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

# API Gateway closes a connection after 2 hours. If its $disconnect event is lost, its items expire 10 minutes
# later.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
CONNECTION_SECONDS = 2 * 3600 + 600
# API Gateway's frames hold up to 32 KB, and messages are billed per 32 KB: each message fits one frame.
MESSAGE_LIMIT_BYTES = 25_000

type Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Tickets:
    """Issues tickets: each is valid once, for one job, for a short time.

    `url` is the address of the WebSocket API: absolute, or a path on the same host, or empty if there is no
    such API. `sign` signs an absolute URL for the API's IAM authorization.
    """

    channels: Channels
    url: str
    seconds: int
    sign: Callable[[str], str]
    clock: Clock = time.time

    def issue(self, job_id: str, origin: str) -> dict[str, str] | None:
        """Returns the URL and a new ticket for following a job; None without a WebSocket API."""
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
class Live:
    """Handles messages of clients. `find_job` reads a serialized job consistently."""

    channels: Channels
    sockets: Sockets
    find_job: Callable[[str], Mapping[str, Any] | None]
    clock: Clock = time.time

    def receive(self, connection_id: str, body: str) -> str | None:
        """Handles a hello: sends the state, or refuses and closes the connection.

        Returns the id of the followed job, or None. The client does not receive the reason for a refusal.
        """
        job_id = self._admitted(body)
        if job_id is None:
            if self.sockets.send(connection_id, _dump({"type": "refused"})):
                self.sockets.close(connection_id)
            return None
        # Join before reading the state, so that no change is missed between the two.
        self.channels.join(job_id, connection_id, int(self.clock()) + CONNECTION_SECONDS)
        state = {"type": "state", "job": self.find_job(job_id)}
        if not self.sockets.send(connection_id, _dump(state)):
            self.channels.leave(job_id, connection_id)
        return job_id

    def _admitted(self, body: str) -> str | None:
        """Returns the id of the job in a hello, if its ticket is valid; None for any other message."""
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            return None
        if not isinstance(message, dict) or message.get("action") != "hello":
            return None
        job_id, code = message.get("job"), message.get("ticket")
        if not (isinstance(job_id, str) and isinstance(code, str) and is_id(job_id) and is_id(code)):
            return None
        ticket = self.channels.redeem(code)
        return job_id if ticket and ticket.job_id == job_id and ticket.expires > self.clock() else None

    def disconnect(self, connection_id: str) -> None:
        """Handles the end of a connection."""
        self.channels.leave_all(connection_id)


@dataclass(frozen=True, slots=True)
class Pusher:
    """Implements ports.JobPush on a best-effort basis: faults are reported and ignored."""

    channels: Channels
    sockets: Sockets
    report: Callable[[Exception], None]

    def push(self, job: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        try:
            followers = self.channels.followers(job["id"])
            if not followers:
                return
            # In random order: if time runs out, it is not always the same followers that miss a push.
            followers = random.sample(followers, len(followers))
            result = self.sockets.send_each(followers, messages(job, rows))
            for fault in result.faults:
                self.report(fault)
            for connection_id in result.gone:
                self.channels.leave(job["id"], connection_id)
        except Exception as fault:  # noqa: BLE001 - the views are written already; a lost push is harmless
            self.report(fault)


def messages(
    job: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], limit_bytes: int = MESSAGE_LIMIT_BYTES
) -> list[str]:
    """Returns the messages for a change of a job: at least one, and as few as the limit allows.

    Only the last message reports that the job is complete.
    """
    room = limit_bytes - len(_dump({"type": "job.completed", "job": job, "uploads": []}))
    parts: list[list[str]] = [[]]
    left = room
    for row in rows:
        text = _dump({"type": f"upload.{row['state']}"} | dict(row))
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
    """Returns compact ASCII JSON: one byte per character."""
    return json.dumps(document, separators=(",", ":"))
