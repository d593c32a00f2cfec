"""Both clients that follow a job, the command line's and the browser's, against a server on loopback."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from bench.gallery import chromium
from darkroom.services.retries import Backoff
from darkroom.web.pages import views as pages
from darkroom_cli.client import ApiClient
from darkroom_cli.drop.follow import Timing, follow
from darkroom_cli.faults import Fault
from tests.jobserver import JOB, JobServer, serving, until

# A socket silent for this long counts as dead. LONG exceeds the duration of every test.
LONG, SHORT = 600.0, 0.5
CHROMIUM = chromium()


@dataclass
class Seen:
    """A client's jobs and rows in order of arrival; `ended` once the client has finished."""

    jobs: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    ended: bool = False

    @property
    def states(self) -> dict[int, str]:
        return {row["number"]: row["state"] for row in self.rows}


@asynccontextmanager
async def command_line(server: JobServer, seen: Seen, silence: float) -> AsyncIterator[None]:
    timing = Timing(Backoff(0.05, 0.2), LONG, silence, LONG)

    async def follow_job() -> None:
        async with ClientSession() as client:
            async for change in follow(client, ApiClient(client, server.url).get, JOB, timing):
                if not seen.jobs or change.job != seen.jobs[-1]:
                    seen.jobs.append(change.job)
                seen.rows.extend(change.rows)
        seen.ended = True

    async with serving(server):
        task = asyncio.create_task(follow_job())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


PAGE = """<!doctype html><meta charset="utf-8"><script src="follow-job.js"></script><script>
const post = (kind, body = null) => fetch("/seen/" + kind, { method: "POST", body: JSON.stringify(body) });
let last = Promise.resolve();
const next = (kind, body) => (last = last.then(() => post(kind, body)));
const onJob = (job) => next("job", job);
const onRows = (rows) => next("rows", rows);
follow("/jobs/JOB?cursor=1#x", onJob, onRows, TIMING).then(() => next("end"));
</script>"""


@asynccontextmanager
async def browser(server: JobServer, seen: Seen, silence: float) -> AsyncIterator[None]:
    long = 1000 * LONG
    timing = {"minPoll": 50, "maxPoll": 200, "hello": long, "silence": 1000 * silence, "retrySocket": long}

    async def page(_request: web.Request) -> web.Response:
        text = PAGE.replace("JOB", JOB).replace("TIMING", str(timing))
        return web.Response(text=text, content_type="text/html")

    async def script(_request: web.Request) -> web.Response:
        text = (Path(pages.__file__).parent / "scripts/follow-job.js").read_text()
        return web.Response(text=text, content_type="text/javascript")

    async def receive(request: web.Request) -> web.Response:
        body = await request.json()
        match request.match_info["kind"]:
            case "job":
                seen.jobs.append(body)
            case "rows":
                seen.rows.extend(body)
            case "end":
                seen.ended = True
        return web.Response()

    routes = web.get("/", page), web.get("/follow-job.js", script), web.post("/seen/{kind}", receive)
    with tempfile.TemporaryDirectory() as folder:
        async with serving(server, *routes):
            assert CHROMIUM
            process = await asyncio.create_subprocess_exec(
                *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
                *(f"--user-data-dir={folder}", f"{server.url}/"),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            # Waits for all of the browser's processes: each holds the pipe and may write to the folder.
            finished = asyncio.create_task(process.communicate())
            try:
                yield
            finally:
                process.terminate()
                await finished


NEEDS_CHROMIUM = pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")
type Following = Callable[[JobServer, Seen, float], Any]


@pytest.fixture(params=[command_line, pytest.param(browser, marks=NEEDS_CHROMIUM)])
def following(request: pytest.FixtureRequest) -> Following:
    client: Following = request.param
    return client


def run(
    following: Following,
    server: JobServer,
    scenario: Callable[[Seen], Awaitable[None]],
    silence: float = LONG,
) -> Seen:
    """Runs a client and a scenario together, and returns everything the client saw."""
    seen = Seen()

    async def go() -> None:
        async with following(server, seen, silence):
            await scenario(seen)

    asyncio.run(go())
    return seen


def test_a_job_is_followed_to_its_end(following: Following) -> None:
    server = JobServer(5)

    async def scenario(seen: Seen) -> None:
        await until(lambda: len(seen.rows) == 5)
        await server.advance(3)
        await until(lambda: seen.states[3] == "rendered")
        await server.advance(0, 1, state="rejected")
        await server.advance(2, 4)
        await until(lambda: seen.ended)

    seen = run(following, server, scenario)

    assert seen.states == {0: "rejected", 1: "rejected", 2: "rendered", 3: "rendered", 4: "rendered"}
    revisions = [job["revision"] for job in seen.jobs]
    assert revisions == sorted(set(revisions))
    assert seen.jobs[-1]["state"] == "complete"
    assert server.greeted == 1


def test_older_revisions_are_ignored(following: Following) -> None:
    server = JobServer(1)

    async def scenario(seen: Seen) -> None:
        await until(lambda: len(seen.rows) == 1)
        old = server.document, server.rows[0]
        server.revision = 8
        server.rows[0] |= {"revision": 3, "state": "rendering"}
        await server.advance(0, state="expected")
        await until(lambda: seen.jobs[-1]["revision"] == 9)
        await server.say(json.dumps({"type": "job.progress", "job": old[0], "uploads": [old[1]]}))
        await server.say('{"message": "Internal server error"}')
        await server.advance(0)
        await until(lambda: seen.ended)

    seen = run(following, server, scenario)

    assert [job["revision"] for job in seen.jobs] == [1, 9, 10]


def test_without_a_socket_the_client_polls_to_the_end(following: Following) -> None:
    server = JobServer(3, sockets=False)

    async def scenario(seen: Seen) -> None:
        await until(lambda: len(seen.rows) == 3)
        await server.advance(1)
        await until(lambda: seen.states[1] == "rendered")
        await server.advance(0, 2)
        await until(lambda: seen.ended)

    seen = run(following, server, scenario)

    assert set(seen.states.values()) == {"rendered"}
    assert seen.jobs[-1]["waiting"] == 0


def test_a_refused_client_polls_to_the_end(following: Following) -> None:
    server = JobServer(3, welcome=False)

    async def scenario(seen: Seen) -> None:
        await until(lambda: len(seen.rows) == 3)
        await server.advance(0, 1, 2)
        await until(lambda: seen.ended)

    assert set(run(following, server, scenario).states.values()) == {"rendered"}


def test_a_killed_socket_is_replaced_without_losing_changes(following: Following) -> None:
    server = JobServer(4)

    async def scenario(seen: Seen) -> None:
        await until(lambda: server.greeted == 1 and len(seen.rows) == 4)
        await server.kill()
        await server.advance(0, 3)  # no socket is open
        await until(lambda: server.greeted == 2)
        await until(lambda: (seen.states[0], seen.states[3]) == ("rendered", "rendered"))
        await server.advance(1, 2)
        await until(lambda: seen.ended)

    assert set(run(following, server, scenario).states.values()) == {"rendered"}


def test_rows_of_a_lost_push_are_fetched_at_the_end(following: Following) -> None:
    server = JobServer(4)

    async def scenario(seen: Seen) -> None:
        await until(lambda: server.greeted == 1 and len(seen.rows) == 4)
        await server.advance(0, 1, lost=True)
        await server.advance(2, 3)
        await until(lambda: seen.ended)

    assert set(run(following, server, scenario).states.values()) == {"rendered"}


def test_a_silent_socket_is_replaced(following: Following) -> None:
    server = JobServer(2)

    async def scenario(seen: Seen) -> None:
        await until(lambda: server.greeted and len(seen.rows) == 2)
        server.mute = True
        await server.advance(0)
        await until(lambda: server.greeted > 1 and seen.states[0] == "rendered")
        await server.advance(1)
        await until(lambda: seen.ended)

    assert set(run(following, server, scenario, silence=SHORT).states.values()) == {"rendered"}


def test_a_failing_server_is_polled_again(following: Following) -> None:
    server = JobServer(2, broken=True)

    async def scenario(seen: Seen) -> None:
        await until(lambda: server.asked > 2)
        server.broken = False
        await until(lambda: len(seen.rows) == 2)
        await server.advance(0, 1)
        await until(lambda: seen.ended)

    assert set(run(following, server, scenario).states.values()) == {"rendered"}


def test_a_complete_job_is_yielded_once(following: Following) -> None:
    server = JobServer(3)

    async def scenario(seen: Seen) -> None:
        await until(lambda: seen.ended)

    asyncio.run(server.advance(0, 1, 2))
    seen = run(following, server, scenario)

    assert [job["state"] for job in seen.jobs] == ["complete"]
    assert len(seen.rows) == 3
    assert server.greeted == 0


@NEEDS_CHROMIUM
def test_the_browser_fetches_thumbnails_missing_from_messages() -> None:
    server = JobServer(2)

    async def scenario(seen: Seen) -> None:
        await until(lambda: server.greeted == 1 and len(seen.rows) == 2)
        await server.advance(0, 1)
        await until(lambda: seen.ended)

    seen = run(browser, server, scenario)

    assert {row["number"]: row.get("thumbnail") for row in seen.rows} == {0: "/t", 1: "/t"}


def test_following_an_unknown_job_is_a_fault() -> None:
    async def go() -> None:
        server = JobServer(1)
        async with serving(server), ClientSession() as client:
            with pytest.raises(Fault, match="404"):
                async for _ in follow(client, ApiClient(client, server.url).get, "f" * 32):
                    pass

    asyncio.run(go())
