"""Uploading a job's pictures with presigned forms, to a bucket on loopback with S3's errors."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from darkroom.domain.limits import PAGE_SIZE
from darkroom.services.retries import Backoff
from darkroom_cli.client import ApiClient
from darkroom_cli.drop.files import Picture
from darkroom_cli.drop.progress import DropProgress
from darkroom_cli.drop.upload import ATTEMPTS, CONCURRENT_UPLOADS, Forms, Uploader

JOB = "1c9a7a3e0d5b4f6a8e2d1c9b7a5f3e1d"
REFUSAL = "<Error><Code>EntityTooLarge</Code><Message>It is too large.</Message></Error>"


@dataclass
class Bucket:
    """Accepts forms and serves the job's pages; `faults` are the first responses for each key."""

    size: int
    faults: dict[str, list[str]] = field(default_factory=dict)
    objects: dict[str, list[bytes]] = field(default_factory=dict)
    arrived: frozenset[int] = frozenset()  # according to the rows
    pages: Counter[str] = field(default_factory=Counter)
    open: int = 0
    most_open: int = 0
    url: str = ""

    async def uploads(self, request: web.Request) -> web.Response:
        cursor = request.query["cursor"]
        self.pages[cursor] += 1
        begin = int(cursor or 0) * PAGE_SIZE
        rows = [self._row(number) for number in range(begin, min(begin + PAGE_SIZE, self.size))]
        return web.json_response({"uploads": rows, "cursor": ""})

    def _row(self, number: int) -> dict[str, object]:
        key = f"{number:032x}/{number}.png"
        row: dict[str, object] = {"number": number, "key": key}
        if number in self.arrived:
            return row
        return row | {"post": {"url": f"{self.url}/bucket", "fields": {"key": key, "policy": "p"}}}

    async def post(self, request: web.Request) -> web.StreamResponse:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            # S3 accepts no chunked body.
            assert request.content_length
            parts = [(part.name, await part.read()) async for part in await request.multipart()]  # type: ignore[union-attr]
        finally:
            self.open -= 1
        assert [name for name, _ in parts] == ["key", "policy", "file"]
        key = parts[0][1].decode()
        fault = self.faults.get(key, [])
        match fault.pop(0) if fault else "":
            case "expired":
                return web.Response(status=403)
            case "busy":
                return web.Response(status=503)
            case "refused":
                return web.Response(status=400, text=REFUSAL)
            case "response lost":
                assert request.transport
                request.transport.abort()
        self.objects.setdefault(key, []).append(parts[-1][1])
        return web.Response(status=204)


@asynccontextmanager
async def serving(bucket: Bucket) -> AsyncIterator[None]:
    app = web.Application(client_max_size=10**7)
    app.router.add_get(f"/jobs/{JOB}/uploads", bucket.uploads)
    app.router.add_post("/bucket", bucket.post)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    bucket.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield
    finally:
        await runner.cleanup()


@pytest.fixture
def pictures(tmp_path: Path) -> list[Picture]:
    return some_pictures(tmp_path, 3)


def some_pictures(folder: Path, count: int) -> list[Picture]:
    paths = [folder / f"{number}.png" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number % 256]) * 300_000)
    return [Picture.of(path.name, path) for path in paths]


def send(bucket: Bucket, pictures: Sequence[Picture], *, resumed: bool = False) -> DropProgress:
    progress = DropProgress(pictures)

    async def is_stored(key: str) -> bool:
        return key in bucket.objects

    async def go() -> None:
        async with serving(bucket), ClientSession() as client:
            forms = Forms(ApiClient(client, bucket.url).get, JOB)
            uploader = Uploader(client, forms, is_stored, progress, Backoff(0.001, 0.05))
            await uploader.upload(enumerate(pictures), resumed=resumed)

    asyncio.run(go())
    return progress


def key(number: int) -> str:
    return f"{number:032x}/{number}.png"


def test_every_picture_is_uploaded_under_its_key(pictures: list[Picture]) -> None:
    bucket = Bucket(3)

    progress = send(bucket, pictures)

    assert progress.faults == {}
    assert bucket.objects == {
        key(number): [picture.path.read_bytes()] for number, picture in enumerate(pictures)
    }
    assert progress.arrived == {0, 1, 2}
    assert progress.sent_bytes == progress.size_bytes


def test_forms_are_fetched_by_page_and_concurrency_is_limited(tmp_path: Path) -> None:
    bucket = Bucket(PAGE_SIZE + 1)

    progress = send(bucket, some_pictures(tmp_path, PAGE_SIZE + 1))

    assert len(progress.arrived) == PAGE_SIZE + 1
    assert bucket.pages == {"": 1, "1": 1}
    assert bucket.most_open <= CONCURRENT_UPLOADS


def test_an_expired_form_is_fetched_again(pictures: list[Picture]) -> None:
    bucket = Bucket(3, {key(1): ["expired"]})

    progress = send(bucket, pictures)

    assert progress.arrived == {0, 1, 2}
    assert bucket.pages[""] == 2


def test_a_failed_upload_is_retried_and_its_bytes_count_once(pictures: list[Picture]) -> None:
    bucket = Bucket(3, {key(0): ["busy", "busy"]})

    progress = send(bucket, pictures)

    assert progress.arrived == {0, 1, 2}
    assert progress.sent_bytes == progress.size_bytes


def test_an_upload_with_a_lost_response_is_not_repeated(pictures: list[Picture]) -> None:
    bucket = Bucket(3, {key(2): ["response lost"]})

    progress = send(bucket, pictures)

    assert progress.arrived == {0, 1, 2}
    assert len(bucket.objects[key(2)]) == 1


def test_a_picture_failing_every_attempt_does_not_stop_the_others(pictures: list[Picture]) -> None:
    bucket = Bucket(3, {key(0): ["busy"] * ATTEMPTS})

    progress = send(bucket, pictures)

    assert progress.arrived == {1, 2}
    assert progress.faults == {0: f"not sent: S3 answered 503 ({ATTEMPTS} attempts)"}


def test_a_refusal_by_s3_is_not_retried_and_shows_its_message(pictures: list[Picture]) -> None:
    bucket = Bucket(3, {key(0): ["refused"]})

    progress = send(bucket, pictures)

    assert progress.faults == {0: "not sent: S3 answered 400 (EntityTooLarge: It is too large.)"}


def test_files_changed_after_the_announcement_are_not_sent(pictures: list[Picture]) -> None:
    pictures[1].path.write_bytes(b"other")
    pictures[2].path.unlink()
    bucket = Bucket(3)

    progress = send(bucket, pictures)

    assert list(bucket.objects) == [key(0)]
    assert "changed" in progress.faults[1]
    assert progress.faults[2] == "not sent: No such file or directory"


def test_a_resumed_job_skips_arrived_pictures(pictures: list[Picture]) -> None:
    """Row 0 has arrived according to the rows, row 1 only according to the bucket."""
    bucket = Bucket(3, arrived=frozenset({0}), objects={key(1): [b"there"]})

    progress = send(bucket, pictures, resumed=True)

    assert bucket.objects == {key(1): [b"there"], key(2): [pictures[2].path.read_bytes()]}
    assert progress.arrived == {0, 1, 2}
    assert progress.sent_bytes == progress.size_bytes
