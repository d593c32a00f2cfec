"""What stands between the functions and AWS in a chaos run, and what it does to their calls.

The signature is over the Host header, which passes as it came.
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
from tests.chaos.plan import Deaths, Step
from tests.chaos.workers import Workers

_HOP_BY_HOP = {"connection", "expect", "keep-alive", "transfer-encoding"}


class Fault(Enum):
    """What becomes of a call, and of how many in a hundred."""

    THROTTLED = 10
    UNANSWERED = 5  # after AWS has done it
    UNSENT = 3
    FAILED = 2


def drawn(chance: random.Random) -> Fault | None:
    among: list[Fault | None] = [*Fault, None]
    shares = [each.value for each in Fault]
    return chance.choices(among, [*shares, 100 - sum(shares)])[0]


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a function's to AWS."""

    service: str
    operation: str
    path: str
    body: bytes

    @classmethod
    def of(cls, method: str, path: str, target: str, authorization: str, body: bytes) -> "Call":
        """`target` is the header X-Amz-Target; a signature's scope names the service."""
        scope = authorization.partition("Credential=")[2].split("/")
        service = scope[3] if len(scope) > 3 else "s3"
        return cls(service, target.rpartition(".")[2] or method, unquote(path.partition("?")[0]), body)

    @property
    def moved(self) -> dict[str, str]:
        """The upload's state that a transaction writes, by the original's key."""
        if self.operation != "TransactWriteItems":
            return {}
        puts = [item["Put"]["Item"] for item in json.loads(self.body)["TransactItems"] if "Put" in item]
        return {item["key"]["S"]: item["state"]["S"] for item in puts if "state" in item}


def refusal(call: Call, fault: Fault, chance: random.Random) -> web.Response:
    """How the service that was called says that it is throttling, or failing."""
    throttled = fault is Fault.THROTTLED
    if call.service == "s3":
        status, code = (503, "SlowDown") if throttled else (500, "InternalError")
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>Chaos.</Message></Error>"
        return web.Response(status=status, text=text, content_type="application/xml")
    if not throttled:
        return _refused(500, "InternalServerError")
    if call.service == "sqs":
        return _refused(400, "RequestThrottled")
    if call.operation == "TransactWriteItems" and chance.random() < 0.5:  # MiniStack never says it
        count = len(json.loads(call.body)["TransactItems"])
        reasons = [{"Code": "TransactionConflict"}] + [{"Code": "None"}] * (count - 1)
        return _refused(400, "TransactionCanceledException", CancellationReasons=reasons)
    return _refused(400, chance.choice(("ProvisionedThroughputExceededException", "ThrottlingException")))


def _refused(status: int, code: str, **more: object) -> web.Response:
    body = {"__type": code, "message": "Chaos.", **more}
    return web.json_response(body, status=status, content_type="application/x-amz-json-1.0")


def steps_after(call: Call, status: Status) -> tuple[Step, ...]:
    """The steps that a worker has come to when this call is answered."""
    states = call.moved.values()
    if "rendering" in states:
        return (Step.BEGUN,)
    if call.operation == "GET" and call.path.startswith(f"/{status.uploads_bucket}/"):
        return (Step.READ,)
    if call.operation == "PUT" and call.path.startswith(f"/{status.renditions_bucket}/"):
        return (Step.FIRST,)
    return (Step.COMMITTED, Step.ANSWERED) if "rendered" in states else ()


# When a worker makes a call that ends in this step, it has come to that one.
_BEFORE = {Step.FIRST: Step.DECODED, Step.COMMITTED: Step.WRITTEN}


@dataclass
class FaultProxy:
    """A proxy to the stack's AWS, in a thread of its own. Faults are drawn while `chance` is set.

    `deaths` are the steps at which an upload's attempts are killed, one step for each attempt.
    """

    status: Status
    port: int
    workers: Workers
    chance: random.Random | None = None
    deaths: Deaths = field(default_factory=dict)
    killed: list[Step] = field(default_factory=list)
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
        self._doomed: dict[int, Step] = {}
        self._client = ClientSession(
            auto_decompress=False,
            cookie_jar=DummyCookieJar(),
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, auto_decompress=False, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def _close(self) -> None:
        await self._runner.cleanup()
        await self._client.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            body = await request.read()
        except ConnectionError:  # its worker was killed
            return _hung_up(request)
        headers = request.headers
        call = Call.of(
            request.method,
            request.raw_path,
            headers.get("X-Amz-Target", ""),
            headers.get("Authorization", ""),
            body,
        )
        fault = drawn(self.chance) if self.chance else None
        if fault:
            self.injected.append(fault)
        if fault is Fault.UNSENT:
            return _hung_up(request)
        if self.chance and fault in (Fault.THROTTLED, Fault.FAILED):
            return refusal(call, fault, self.chance)
        steps = steps_after(call, self.status)
        worker = self._worker(request, call, steps)
        if steps and self._dies(worker, _BEFORE.get(steps[0])):
            return _hung_up(request)
        answer = await self._forwarded(request, body)
        if fault is Fault.UNANSWERED or (steps and self._dies(worker, steps[0])):
            return _hung_up(request)
        if Step.ANSWERED in steps:
            await answer.prepare(request)
            await answer.write_eof()
            self._dies(worker, Step.ANSWERED)
        return answer

    def _worker(self, request: web.Request, call: Call, steps: tuple[Step, ...]) -> int | None:
        """The process that calls; when it begins an upload, whether and when this one dies is settled."""
        begins = [key for key in call.moved if self.deaths.get(key)] if Step.BEGUN in steps else []
        if not request.transport or not steps or not (begins or self._doomed):
            return None
        worker = self.workers.owner_of(request.transport.get_extra_info("peername")[1])
        if worker and Step.BEGUN in steps:
            self._doomed.pop(worker, None)
            for key in begins:
                self._doomed[worker], *later = self.deaths[key]
                self.deaths[key] = tuple(later)
        return worker

    def _dies(self, worker: int | None, step: Step | None) -> bool:
        if worker is None or step is None or self._doomed.get(worker) is not step:
            return False
        del self._doomed[worker]
        if dead := self.workers.kill(worker):
            self.killed.append(step)
        return dead

    async def _forwarded(self, request: web.Request, body: bytes) -> web.Response:
        async with self._client.request(
            request.method,
            URL(f"{self.status.aws_endpoint}{request.raw_path}", encoded=True),
            headers=_end_to_end(request.headers.items()),
            data=body or None,
            allow_redirects=False,
        ) as answer:
            content = await answer.read()
            headers = _end_to_end(answer.headers.items())
        if request.method != "HEAD":  # its length is that of the body it does not have
            headers.popall("Content-Length", None)
        return web.Response(status=answer.status, reason=answer.reason, headers=headers, body=content)


def _end_to_end(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP)


def _hung_up(request: web.Request) -> web.Response:
    """Closes the connection without an answer."""
    if request.transport:
        request.transport.abort()
    return web.Response()
