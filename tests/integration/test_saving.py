"""The emulator's state is saved while it serves, by a process with a copy of it."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from darkroom_cli.local.loopback import App, Message
from darkroom_cli.local.saving import StateSaver, is_change


def asgi_request(method: str, target: str = "", kind: str = "http") -> Message:
    """Builds an ASGI request with the header X-Amz-Target."""
    headers = [(b"x-amz-target", target.encode())] if target else []
    return {"type": kind, "method": method, "path": "/", "headers": headers}


CHANGE, READ = asgi_request("PUT"), asgi_request("GET")


class Emulator:
    """A small ASGI application: a PUT increments `count`."""

    count = 0

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            self.count += scope["method"] == "PUT"


class Saved:
    """A file with the saved count, and the mark of a running emulator."""

    def __init__(self, folder: Path, emulator: Emulator) -> None:
        self.file, self.mark, self.emulator = folder / "state", folder / "running", emulator

    @property
    def count(self) -> str:
        return self.file.read_text() if self.file.exists() else ""

    def write(self) -> None:
        scratch = self.file.with_suffix(f".{os.getpid()}")
        scratch.write_text(str(self.emulator.count))
        scratch.replace(self.file)


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    return Saved(tmp_path, Emulator())


@asynccontextmanager
async def running(app: App) -> AsyncIterator[Callable[[Message], Any]]:
    """Starts an application as a server does, yields a function to send requests, and shuts it down."""
    received: asyncio.Queue[Message] = asyncio.Queue()
    sent: asyncio.Queue[Message] = asyncio.Queue()
    lifespan = asyncio.ensure_future(app({"type": "lifespan"}, received.get, sent.put))
    received.put_nowait({"type": "lifespan.startup"})
    assert (await sent.get())["type"] == "lifespan.startup.complete"
    yield lambda request: app(request, received.get, sent.put)
    received.put_nowait({"type": "lifespan.shutdown"})
    await lifespan


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def saver(saved: Saved, save: Callable[[], object] | None = None, **options: Any) -> StateSaver:
    return StateSaver(save or saved.write, saved.mark, pause_seconds=0.01, **options)


@pytest.mark.parametrize(
    ("request_scope", "expected"),
    [
        (CHANGE, True),
        (READ, False),
        (asgi_request("HEAD"), False),
        (asgi_request("POST", "DynamoDB_20120810.PutItem"), True),
        (asgi_request("POST", "DynamoDB_20120810.Query"), False),
        (asgi_request("POST", "Logs_20140328.FilterLogEvents"), False),
        (asgi_request("POST", "AmazonSQS.SendMessage"), True),
        (asgi_request("GET", kind="websocket"), False),
    ],
)
def test_only_requests_that_may_change_the_state_count(request_scope: Message, expected: bool) -> None:
    assert is_change(request_scope) is expected


def test_changes_are_saved_while_the_emulator_serves(saved: Saved) -> None:
    async def run() -> None:
        async with running(saver(saved).wrapped(saved.emulator)) as request:
            for count in ("1", "2"):
                await request(CHANGE)
                await until(lambda count=count: saved.count == count)  # type: ignore[misc]

    asyncio.run(run())


def test_nothing_is_saved_without_a_change(saved: Saved) -> None:
    began: list[bool] = []

    def is_consistent() -> bool:
        began.append(True)
        return True

    async def run() -> None:
        async with running(saver(saved, is_consistent=is_consistent).wrapped(saved.emulator)) as request:
            await request(READ)
            assert not began
            await request(CHANGE)
            await until(lambda: bool(saved.count))

    asyncio.run(run())

    assert len(began) == 1


def test_an_inconsistent_state_is_saved_later(saved: Saved) -> None:
    answers = iter([False, False, True])

    async def run() -> None:
        wrapped = saver(saved, is_consistent=lambda: next(answers)).wrapped(saved.emulator)
        async with running(wrapped) as request:
            await request(CHANGE)
            await until(lambda: saved.count == "1")

    asyncio.run(run())

    assert next(answers, None) is None


def test_a_failed_save_is_repeated(saved: Saved, capfd: pytest.CaptureFixture[str]) -> None:
    failed = saved.file.with_name("failed")

    def save() -> None:
        if not failed.exists():
            failed.touch()
            raise OSError("the disk is full")
        saved.write()

    async def run() -> None:
        async with running(saver(saved, save).wrapped(saved.emulator)) as request:
            await request(CHANGE)
            await until(lambda: saved.count == "1")

    asyncio.run(run())

    assert "the disk is full" in capfd.readouterr().err


def test_a_save_without_memory_for_a_fork_is_repeated(saved: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
    forks, fork = iter([True, False]), os.fork

    def first_fails() -> int:
        if next(forks):
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        return fork()

    async def run() -> None:
        async with running(saver(saved).wrapped(saved.emulator)) as request:
            await request(CHANGE)
            await until(lambda: saved.count == "1")

    monkeypatch.setattr(os, "fork", first_fails)
    asyncio.run(run())

    assert next(forks, None) is None


def test_requests_are_served_during_a_save_and_the_shutdown_ends_it(saved: Saved) -> None:
    begun, release = saved.file.with_name("begun"), saved.file.with_name("release")
    os.mkfifo(release)

    def save() -> None:
        begun.write_text(str(os.getpid()))
        release.read_text()  # waits until somebody writes
        saved.write()

    async def run() -> None:
        async with running(saver(saved, save).wrapped(saved.emulator)) as request:
            await request(CHANGE)
            await until(lambda: begun.exists() and bool(begun.read_text()))
            await request(CHANGE)
            assert saved.emulator.count == 2

    asyncio.run(run())

    assert not Path(f"/proc/{begun.read_text()}").exists()
    assert saved.count == ""


def test_the_mark_exists_while_the_emulator_runs(saved: Saved) -> None:
    async def run() -> None:
        async with running(saver(saved).wrapped(saved.emulator)):
            assert saved.mark.exists()

    asyncio.run(run())

    assert not saved.mark.exists()
