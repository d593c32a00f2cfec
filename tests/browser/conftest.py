"""Fixtures with a real browser. Without Chromium these tests are skipped."""

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, expect, sync_playwright

from bench.chromium import ARGUMENTS
from bench.gallery import Gallery, chromium, gallery
from darkroom.services.live import messages
from tests.builders import a_request
from tests.e2e.conftest import Stack, a_stack
from tests.integration.conftest import a_web_handler
from tests.jobserver import listening

_TIMEOUT_MS = 180_000  # generous: a busy machine must not fail a test


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if not (program := chromium()):
        pytest.skip("Chromium is missing (Debian: apt-get install chromium)")
    expect.set_options(timeout=_TIMEOUT_MS)
    # While Playwright runs, no other event loop can run in this thread: stop it after this package.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(_TIMEOUT_MS)
    yield context
    context.close()


@pytest.fixture
def without_script(browser: Browser) -> Iterator[Page]:
    """A page in a browser without JavaScript."""
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(_TIMEOUT_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page; fails the test on a script error, a blocked or failed request, or a dialog."""
    page, errors = context.new_page(), list[str]()

    def record_error(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    def dismiss(dialog: Dialog) -> None:
        errors.append(dialog.message)
        dialog.dismiss()

    page.on("console", record_error)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", dismiss)
    yield page
    page.close()
    assert not errors


@pytest.fixture(scope="package")
def shown(browser: Browser) -> Iterator[Gallery]:
    """The gallery of made-up pages. It depends on the browser, since drawing it takes seconds."""
    with gallery() as shown:
        yield shown


@pytest.fixture(scope="package")
def stack(browser: Browser) -> Iterator[Stack]:
    with a_stack() as stack:
        yield stack


@contextmanager
def in_background[T](manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Enters the context manager on an event loop of its own thread; Playwright occupies this one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)

    def run[R](coroutine: Coroutine[Any, Any, R]) -> R:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    thread.start()
    try:
        value = run(manager.__aenter__())
        try:
            yield value
        finally:
            run(manager.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@dataclass
class LiveJob:
    """A job of two pictures with its page on one origin and its WebSocket on another, as in the cloud.

    The web function serves the page. Over HTTP both pictures stay expected; only the socket reports that the
    first one is rendered. `connections` counts the socket's clients, `hellos` are their messages.
    """

    socket_url: str = ""
    page_url: str = ""
    document: dict[str, Any] = field(default_factory=dict)
    connections: int = 0
    hellos: list[dict[str, str]] = field(default_factory=list)

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        self.connections += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.hellos.append(await socket.receive_json())
        await socket.send_json({"type": "state", "job": None})
        job = self.document | {"revision": self.document["revision"] + 1, "waiting": 1}
        row = self.document["rows"][0] | {"state": "rendered", "revision": 2}
        for text in messages(job, [row]):
            await socket.send_str(text)
        async for _ in socket:
            pass
        return socket


@pytest.fixture
def live_job(request: pytest.FixtureRequest, browser: Browser) -> Iterator[LiveJob]:
    job = LiveJob()
    with in_background(listening(web.get("/live", job.connect))) as origin:
        job.socket_url = origin.replace("http", "ws") + "/live"
        with a_web_handler(request.node.name, LIVE_URL=job.socket_url) as handler:

            async def respond(request: web.Request) -> web.Response:
                headers = {"host": request.host, "accept": request.headers["Accept"]}
                response = handler(a_request(request.path, **headers))
                body = response["body"].encode()
                return web.Response(status=response["statusCode"], headers=response["headers"], body=body)

            uploads = [{"name": name, "size": 1000, "type": "image/png"} for name in ("a.png", "b.png")]
            created = handler(a_request("/jobs", "POST", json.dumps({"uploads": uploads})))
            job.document = json.loads(created["body"])
            with in_background(listening(web.get("/{path:.*}", respond))) as origin:
                job.page_url = f"{origin}/jobs/{job.document['id']}"
                yield job
