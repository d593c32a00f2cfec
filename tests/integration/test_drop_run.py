"""A run of `darkroom drop` from the job to its receipts, with a stack on loopback."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from rich.console import Console

from darkroom_cli.drop.files import Picture
from darkroom_cli.drop.resume import ResumeFile
from darkroom_cli.drop.run import DropRun
from tests.builders import a_status

JOB = "1c9a7a3e0d5b4f6a8e2d1c9b7a5f3e1d"


@dataclass
class SmallStack:
    """Serves a job of one picture, rendered once it is stored.

    `messages` receives the run's message after Ctrl-C at each request for the receipt.
    """

    run: DropRun | None = None
    url: str = ""
    stored: bool = False
    messages: list[str] = field(default_factory=list)

    async def job(self, request: web.Request) -> web.Response:
        state = "complete" if self.stored else "open"
        document = {"id": JOB, "revision": 1 + self.stored, "state": state}
        return web.json_response(document, status=201 if request.method == "POST" else 200)

    async def uploads(self, _request: web.Request) -> web.Response:
        row = {"number": 0, "key": "k/a.png", "picture": "ab12", "revision": 1 + self.stored}
        if self.stored:
            row |= {"state": "rendered", "version": "v1"}
        else:
            post = {"url": f"{self.url}/bucket", "fields": {"key": "k/a.png"}}
            row |= {"state": "expected", "version": "", "post": post}
        return web.json_response({"uploads": [row], "cursor": ""})

    async def bucket(self, request: web.Request) -> web.Response:
        await request.read()
        self.stored = True
        return web.Response(status=204)

    async def receipt(self, _request: web.Request) -> web.Response:
        assert self.run
        self.messages.append(self.run.interrupted_message)
        return web.json_response({"renditions": []})

    async def drop(self, picture: Picture, resume_file: ResumeFile, console: Console) -> None:
        app = web.Application()
        app.router.add_post("/jobs", self.job)
        app.router.add_get(f"/jobs/{JOB}", self.job)
        app.router.add_get(f"/jobs/{JOB}/uploads", self.uploads)
        app.router.add_post("/bucket", self.bucket)
        app.router.add_get("/pictures/ab12", self.receipt)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            status = a_status(web=self.url, aws_endpoint=self.url, auth="open", region="us-east-1")
            self.run = DropRun([picture], status, 60, console, resume_file)
            await self.run.run()
        finally:
            await runner.cleanup()


def test_a_job_can_be_resumed_until_its_receipts_are_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DARKROOM_TOKEN", raising=False)
    path, resume_file = tmp_path / "a.png", ResumeFile(tmp_path / "drops" / "job.json")
    path.write_bytes(b"a picture")
    stack = SmallStack()

    with (tmp_path / "output").open("w") as output:
        asyncio.run(stack.drop(Picture.of("a.png", path), resume_file, Console(file=output)))

    assert stack.messages == [
        "Interrupted; all pictures are uploaded. Run the same command again to see the results."
    ]
    assert resume_file.read() is None
