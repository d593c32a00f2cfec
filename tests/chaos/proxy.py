"""A fault-injecting proxy between the functions and AWS.

The Host header is forwarded unchanged, because it is signed.
"""

import asyncio
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from threading import Thread
from urllib.parse import unquote

from aiohttp import ClientSession, DummyCookieJar, web
from multidict import CIMultiDict
from yarl import URL

from darkroom_cli.stack import Status
from tests.chaos.plan import KillSteps, Step
from tests.chaos.workers import Workers

# Reasons of a cancelled transaction that pass by themselves.
CANCELLED = ("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")

_HOP_BY_HOP = {"connection", "expect", "keep-alive", "transfer-encoding"}


class Fault(Enum):
    """The injected faults, each with its share of the calls in percent."""

    THROTTLED = 10
    NO_RESPONSE = 5  # executed by AWS
    NOT_SENT = 3
    FAILED = 2


def draw_fault(rng: random.Random) -> Fault | None:
    options: list[Fault | None] = [*Fault, None]
    shares = [fault.value for fault in Fault]
    return rng.choices(options, [*shares, 100 - sum(shares)])[0]


@dataclass(frozen=True, slots=True)
class Call:
    """A request from a function to AWS."""

    service: str
    operation: str
    path: str
    body: bytes

    @classmethod
    def of(cls, method: str, path: str, target: str, authorization: str, body: bytes) -> "Call":
        """Parses a request. `target` is X-Amz-Target; the service comes from the signature's scope."""
        scope = authorization.partition("Credential=")[2].split("/")
        service = scope[3] if len(scope) > 3 else "s3"
        return cls(service, target.rpartition(".")[2] or method, unquote(path.partition("?")[0]), body)

    @property
    def written_states(self) -> dict[str, str]:
        """The upload states in a transaction, by the original's key."""
        if self.operation != "TransactWriteItems":
            return {}
        puts = [item["Put"]["Item"] for item in json.loads(self.body)["TransactItems"] if "Put" in item]
        return {item["key"]["S"]: item["state"]["S"] for item in puts if "state" in item}


def error_response(call: Call, fault: Fault, rng: random.Random) -> web.Response:
    """Returns the throttling or server error of the called service."""
    throttled = fault is Fault.THROTTLED
    if call.service == "s3":
        status, code = (503, "SlowDown") if throttled else (500, "InternalError")
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>Chaos.</Message></Error>"
        return web.Response(status=status, text=text, content_type="application/xml")
    if not throttled:
        return _error(500, "InternalServerError")
    if call.service == "sqs":
        return _error(400, "RequestThrottled")
    if call.operation == "TransactWriteItems" and rng.random() < 0.5:  # MiniStack has no such error
        count = len(json.loads(call.body)["TransactItems"])
        reasons = [{"Code": rng.choice(CANCELLED)}] + [{"Code": "None"}] * (count - 1)
        return _error(400, "TransactionCanceledException", CancellationReasons=reasons)
    return _error(400, rng.choice(("ProvisionedThroughputExceededException", "ThrottlingException")))


def _error(status: int, code: str, **fields: object) -> web.Response:
    body = {"__type": code, "message": "Chaos.", **fields}
    return web.json_response(body, status=status, content_type="application/x-amz-json-1.0")


def steps_after(call: Call, status: Status) -> tuple[Step, ...]:
    """Returns the steps of a worker after the response to this call."""
    states = call.written_states.values()
    if "rendering" in states:
        return (Step.BEGUN,)
    if call.operation == "GET" and call.path.startswith(f"/{status.uploads_bucket}/"):
        return (Step.READ,)
    if call.operation == "PUT" and call.path.startswith(f"/{status.renditions_bucket}/"):
        return (Step.FIRST,)
    return (Step.COMMITTED, Step.RESPONDED) if "rendered" in states else ()


# The step of a worker when it makes the call that leads to the next step.
_STEP_BEFORE = {Step.FIRST: Step.DECODED, Step.COMMITTED: Step.WRITTEN}


@dataclass
class Kills:
    """Kills workers at steps of their uploads.

    `steps` are still to come: an upload's attempts are killed at one each, in turn. A step waits for the next
    attempt if something else kills the worker first. `done` are the steps of all kills.
    """

    workers: Workers
    steps: KillSteps = field(default_factory=dict)
    done: list[Step] = field(default_factory=list)
    _uploads: dict[int, str] = field(default_factory=dict)  # keys by worker

    @property
    def expected(self) -> bool:
        """True if a worker has an upload that is to be killed."""
        return bool(self._uploads)

    def planned(self, keys: Iterable[str]) -> str | None:
        """Returns the first key with a step to come."""
        return next((key for key in keys if self.steps.get(key)), None)

    def begin(self, worker: int, key: str | None) -> None:
        """Notes the upload of a worker, or that its upload is not to be killed."""
        self._uploads.pop(worker, None)
        if key:
            self._uploads[worker] = key

    def at(self, worker: int | None, step: Step | None) -> bool:
        """Kills a worker if its upload's next step to be killed at is this. Returns True if it was killed."""
        key = self._uploads.get(worker or 0, "")
        if not worker or not step or self.steps.get(key, ())[:1] != (step,) or not self.workers.kill(worker):
            return False
        del self._uploads[worker]
        self.steps[key] = self.steps[key][1:]
        self.done.append(step)
        return True


@dataclass
class FaultProxy:
    """A proxy to the local AWS, in its own thread. Injects faults as long as `fault_rng` is set."""

    status: Status
    port: int
    kills: Kills
    fault_rng: random.Random | None = None
    injected: list[Fault] = field(default_factory=list)

    def start(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(30)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        self._client = ClientSession(
            auto_decompress=False,
            cookie_jar=DummyCookieJar(),
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, auto_decompress=False, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def _close(self) -> None:
        await self._runner.cleanup()
        await self._client.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            body = await request.read()
        except ConnectionError:  # its worker was killed
            return _disconnect(request)
        headers = request.headers
        call = Call.of(
            request.method,
            request.raw_path,
            headers.get("X-Amz-Target", ""),
            headers.get("Authorization", ""),
            body,
        )
        fault = draw_fault(self.fault_rng) if self.fault_rng else None
        if fault:
            self.injected.append(fault)
        if fault is Fault.NOT_SENT:
            return _disconnect(request)
        if self.fault_rng and fault in (Fault.THROTTLED, Fault.FAILED):
            return error_response(call, fault, self.fault_rng)
        steps = steps_after(call, self.status)
        worker = self._worker(request, call, steps)
        if steps and self.kills.at(worker, _STEP_BEFORE.get(steps[0])):
            return _disconnect(request)
        response = await self._forward(request, body)
        if fault is Fault.NO_RESPONSE or (steps and self.kills.at(worker, steps[0])):
            return _disconnect(request)
        if Step.RESPONDED in steps:
            await response.prepare(request)
            await response.write_eof()
            self.kills.at(worker, Step.RESPONDED)
        return response

    def _worker(self, request: web.Request, call: Call, steps: tuple[Step, ...]) -> int | None:
        """Returns the calling process if it may be killed. Notes which upload it begins."""
        key = self.kills.planned(call.written_states) if Step.BEGUN in steps else None
        if not request.transport or not steps or not (key or self.kills.expected):
            return None
        worker = self.kills.workers.owner_of(request.transport.get_extra_info("peername")[1])
        if worker and Step.BEGUN in steps:
            self.kills.begin(worker, key)
        return worker

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        async with self._client.request(
            request.method,
            URL(f"{self.status.aws_endpoint}{request.raw_path}", encoded=True),
            headers=_end_to_end(request.headers.items()),
            data=body or None,
            allow_redirects=False,
        ) as response:
            content = await response.read()
            headers = _end_to_end(response.headers.items())
        if request.method != "HEAD":  # a HEAD response has the length of an absent body
            headers.popall("Content-Length", None)
        return web.Response(status=response.status, reason=response.reason, headers=headers, body=content)


def _end_to_end(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP)


def _disconnect(request: web.Request) -> web.Response:
    """Closes the connection without a response."""
    if request.transport:
        request.transport.abort()
    return web.Response()
