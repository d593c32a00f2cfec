"""One page of each kind, filled with drawn pictures: for screenshots and browser tests."""

import json
import random
import shutil
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from math import sin
from typing import Any
from urllib.parse import urlsplit

from PIL import Image, ImageDraw, ImageFilter

from darkroom.domain.entries import Entry, State
from darkroom.domain.profile import Profile, built_in, profile_texts
from darkroom.domain.receipts import Face, Receipt, Rejection, Window
from darkroom.domain.renditions import Format, Rendition
from darkroom.domain.rows import Tally
from darkroom.domain.uploads import Upload
from darkroom.imaging.pipeline import render
from darkroom.ports import PostForm
from darkroom.services.trials import Cost, Trial, TrialResult
from darkroom.web.http import Request, Visitor
from darkroom.web.pages import views as pages
from darkroom.web.pages.formatting import path_segment
from darkroom.web.pages.markup import Link, markup_of, picture_embed
from darkroom.web.pages.templating import content_security_policy

HOSTILE = "<img src=x onerror=alert(1)>.png"
_HEIC = "HEIC is not supported; open the picture in a photo app and export it as JPEG."
_AT = "2026-11-21T19:31:07.123Z"
_JOB = "5f2c" * 8
_SAVED = Tally(rendered=12_480, bytes_before=41_900_000_000, bytes_after=3_100_000_000)
# Each drawn picture by its colours: sky above, sky at the horizon, and nearest ridge.
_SCENES = {
    "morning on the pass.jpg": ("#3f6fa8", "#fbd9b4", "#16232b"),
    "vineyard.png": ("#8fb7c9", "#f6e7b0", "#3c4a1d"),
    "harbour.jpg": ("#23395b", "#d98b73", "#0d1321"),
    "first snow.jpg": ("#9db4c8", "#f4f1ee", "#4a5866"),
    "poppies.webp": ("#e08e6d", "#f7dcb9", "#7a1f1c"),
    "the long way home.jpg": ("#2b2d52", "#c86b85", "#140f24"),
    "orchard.jpg": ("#7fb2b8", "#eef2c3", "#1f3b2c"),
    "dusk.png": ("#1d2445", "#8a6a9a", "#0a0b16"),
}


def chromium() -> str | None:
    """Returns the path of Chromium, or None if it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


_FORM = PostForm("https://uploads.test/", {"key": "a1b2/x.jpg", "policy": "e30="})


class Gallery:
    """The pages by name, and their pictures by key.

    `url` and `bucket_url` are the origins of pages and pictures. `foreign_html` is a page of another site,
    served as "foreign" without a policy.
    """

    def __init__(self) -> None:
        self.url = self.bucket_url = self.foreign_html = ""
        self.files: dict[str, bytes] = {}

    @cached_property
    def entries(self) -> list[Entry]:
        fast, best = built_in("fast"), built_in("default")
        first, *rest = _SCENES
        return [self._rendered(first, best, (2400, 1600))] + [
            self._rendered(name, fast, (900, 600)) for name in rest
        ]

    @cached_property
    def hostile(self) -> Entry:
        return self._rendered(HOSTILE, built_in("default"), (480, 320))

    def page(self, name: str) -> str:
        """Returns one page. Raises KeyError for an unknown name."""
        first, rejected = self.entries[0], self._rejected
        request = Request("/", self.url)
        signed_in = Request("/", self.url, visitor=Visitor.SIGNED_IN)
        pages_by_name = {
            "home": lambda: pages.home(request, self._tiles, 4_000_000, _SAVED),
            "empty": lambda: pages.home(request, [], 4_000_000, Tally()),
            "picture": lambda: self._picture(first),
            "crop": lambda: self._picture(_cropped(first), may_write=True),
            "playground": lambda: self._playground(request),
            "trial": lambda: self._playground(request, _cropped(first)),
            "private": lambda: self._picture(self.entries[1], markup=None, reference=None),
            "hostile": lambda: self._picture(self.hostile),
            "rejected": lambda: pages.picture(request, rejected, ()),
            "job": lambda: pages.job(request, self.job, self.rows, ""),
            "failures": lambda: pages.failures(request, _failures(), ""),
            "no-failures": lambda: pages.failures(request, [], ""),
            "too-large": lambda: pages.too_large(
                request,
                "The picture is 12.4 MB; this form takes up to 4 MB.",
                first.upload.name,
                _FORM,
                10**8,
            ),
            "stored": lambda: pages.stored(request, first, "./image.jpg"),
            "sign-in": lambda: pages.sign_in(request, "failures"),
            "wrong-token": lambda: pages.sign_in(request, "failures", invalid_token=True),
            "signed-in": lambda: pages.failures(signed_in, _failures(), "more"),
            "problem": lambda: pages.problem(
                request,
                "Not found",
                "There is no picture or page at this address.",
                "See the recent pictures.",
            ),
        }
        return pages_by_name[name]()

    PAGES = (
        *("home", "empty", "picture", "crop", "playground", "trial", "private", "hostile", "rejected", "job"),
        *("failures", "no-failures", "too-large", "stored", "problem", "sign-in", "wrong-token", "signed-in"),
    )

    @property
    def rows(self) -> list[dict[str, Any]]:
        done = [self._row(number, entry, State.RENDERED) for number, entry in enumerate(self.entries)]
        detail = "The worker was killed before it finished."
        return [
            *done[:6],
            self._row(6, self._rejected, State.REJECTED, self._rejected.receipt.rejection.sentence),  # type: ignore[union-attr]
            self._row(7, self.entries[6], State.RENDERING),
            self._row(8, self.entries[7], State.EXPECTED),
            self._row(9, self.hostile, State.FAILED, detail),
        ]

    @property
    def job(self) -> dict[str, Any]:
        rows = self.rows
        counts = {
            state.value: sum(row["state"] == state for row in rows) for state in State if state.terminal
        }
        before, after = sum(row["bytes_before"] for row in rows), sum(row["bytes_after"] for row in rows)
        return {
            "id": _JOB,
            "state": "running",
            "size": len(rows),
            "created": _AT,
            "revision": 9,
            "counts": counts,
            "waiting": len(rows) - sum(counts.values()),
            "bytes_before": before,
            "bytes_after": after,
            "saved_percent": round(100 * (before - after) / before, 1),
        }

    def _rendered(self, name: str, profile: Profile, size: tuple[int, int]) -> Entry:
        content = _scene(name, size)
        rendered = render(content, profile)
        upload = Upload("uploads", f"{'a1b2' * 8}/{name}", "v1", size_bytes=len(content), arrived=_AT)
        renditions = []
        for rendition in rendered.renditions:
            key = f"{upload.picture_id}/{rendition.name}"
            self.files[key] = rendition.data
            renditions.append(rendition.stored_as(key))
        receipt = Receipt(
            profile="default",
            profile_hash="3f9c1e0a77d2b415",
            engine="pillow-13.0.0 mozjpeg-1.3.2",
            at=_AT,
            size_bytes=len(content),
            original=rendered.original,
            renditions=tuple(renditions),
            decisions=rendered.decisions,
            milliseconds=rendered.milliseconds,
            placeholder=rendered.placeholder,
            colour=rendered.colour,
        )
        return Entry(upload, State.RENDERED, 3, receipt=receipt)

    @property
    def _rejected(self) -> Entry:
        rejection = Rejection("unsupported_format", _HEIC)
        receipt = Receipt("default", "3f9c1e0a77d2b415", "pillow-13.0.0", _AT, 2_310_000, rejection=rejection)
        return Entry(Upload("uploads", "scans/letter.heic", "v1"), State.REJECTED, 2, receipt=receipt)

    @property
    def _tiles(self) -> list[tuple[Entry, Link | None]]:
        tiles: list[tuple[Entry, Link | None]] = [
            self._tile(entry) for entry in (*self.entries, self.hostile)
        ]
        rendering = Entry(Upload("uploads", "a name that goes on and on.png", "v1"), State.RENDERING, 1)
        tiles.insert(3, (self._rejected, None))
        tiles.insert(6, (rendering, None))
        return tiles

    def _tile(self, entry: Entry) -> tuple[Entry, Link]:
        small = self._thumbnail(entry)
        return entry, Link(self._url(small), small)

    def _picture(self, entry: Entry, **changes: Any) -> str:
        receipt = _receipt(entry)
        widest = receipt.of_format(Format.JPEG)[-1]
        content = b64encode(self.files[widest.key]).decode()
        values: dict[str, Any] = {
            "reference": Link(self._url(receipt.reference), receipt.reference) if receipt.reference else None,
            "embedded": Link(f"data:image/jpeg;base64,{content}", widest),
            "alias_url": "./" + path_segment(entry.alias),
            "markup": markup_of(picture_embed(receipt, self._url), entry.upload.name),
            "backdrop": Link(self._url(receipt.thumbnail), receipt.thumbnail) if receipt.thumbnail else None,
        }
        links = tuple(Link(self._url(rendition), rendition) for rendition in receipt.shown)
        return pages.picture(Request("/"), entry, links, **values | changes)

    def _playground(self, request: Request, tried: Entry | None = None) -> str:
        """The playground, with the trial of a picture if there is one."""
        document = profile_texts()["default"]
        return pages.playground(
            request,
            [self._tile(entry) for entry in (*self.entries, self.hostile)],
            document,
            4_000_000,
            tried or self.entries[1],
            Trial(_JOB, tried.upload, document) if tried else None,
            TrialResult(_receipt(tried), Cost(1.62, 3008, "arm64", 0.0637, 0.06, 0.0057)) if tried else None,
            lambda rendition: Link(self._url(rendition), rendition),
        )

    def _row(self, number: int, entry: Entry, state: State, sentence: str = "") -> dict[str, Any]:
        receipt, done = _receipt(entry), state is State.RENDERED
        row = {
            "number": number,
            "picture": entry.picture_id,
            "name": entry.upload.name,
            "state": state.value,
            "announced_bytes": receipt.size_bytes,
            "bytes_before": receipt.size_bytes if done else 0,
            "bytes_after": receipt.size_bytes - receipt.saved_bytes if done else 0,
            "saved_percent": receipt.saved_percent if done else 0.0,
            "revision": 3,
            "thumbnail": self._url(self._thumbnail(entry)) if done else None,
        }
        return row | ({"sentence": sentence} if sentence else {})

    def _thumbnail(self, entry: Entry) -> Rendition:
        renditions = _receipt(entry).of_format(Format.JPEG)
        return next((rendition for rendition in renditions if rendition.width >= 320), renditions[-1])

    def _url(self, rendition: Rendition) -> str:
        return f"{self.bucket_url}/{rendition.key}"


def _receipt(entry: Entry) -> Receipt:
    assert entry.receipt  # noqa: S101  # every entry here has one
    return entry.receipt


def _scene(name: str, size: tuple[int, int]) -> bytes:
    """Draws a landscape: a sun in a soft sky over ridges, paler with distance, and a little grain."""
    chance = random.Random(name)  # noqa: S311 - a drawing, not a secret
    width, height = size
    above, horizon, near = (
        Image.new("RGB", size, colour) for colour in _SCENES.get(name, ("#555", "#aaa", "#222"))
    )
    down = Image.linear_gradient("L").resize(size)
    picture = Image.composite(horizon, above, down.point(lambda v: min(255, int(v * 1.7))))
    radius = height // 2
    glow = Image.radial_gradient("L").resize((2 * radius, 2 * radius))
    sun = chance.randrange(width // 4, 3 * width // 4), int(height * 0.42)
    light = glow.point([min(255, int(9e4 / (v + 4) ** 2.2)) if v < 128 else 0 for v in range(256)])
    picture.paste("#fff6e4", (sun[0] - radius, sun[1] - radius), light)
    for layer in range(6):
        waves = [(chance.uniform(1, 3) * 1.9**k, chance.uniform(0, 7), 0.55**k) for k in range(7)]
        base, tall = height * (0.46 + 0.1 * layer), height * (0.05 + 0.012 * layer)
        ridge = [
            (x, base - tall * sum(much * sin(often * 6.3 * x / width + at) for often, at, much in waves))
            for x in range(0, width + 4, 4)
        ]
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).polygon([(0, height), *ridge, (width, height)], fill=255)
        picture.paste(Image.blend(horizon, near, (0.25, 0.42, 0.58, 0.73, 0.87, 1.0)[layer]), (0, 0), mask)
    grain = Image.frombytes("L", size, chance.randbytes(width * height)).filter(ImageFilter.GaussianBlur(1))
    picture = Image.blend(picture, Image.merge("RGB", [grain] * 3), 0.015)
    buffer = BytesIO()
    picture.save(buffer, name.rpartition(".")[2].replace("jpg", "jpeg").upper(), quality=95)
    return buffer.getvalue()


def _cropped(entry: Entry) -> Entry:
    """The entry with the windows of two more ladders, and a face, in its receipt."""
    receipt = _receipt(entry)
    original = receipt.original
    assert original  # noqa: S101 - it is rendered
    width, height = original.width, original.height
    square = Window("square", (width - height) // 3, 0, height, height)
    tall = Window("tall", width // 4, 0, height * 9 // 16, height)
    face = Face(width // 3, height // 3, height // 8, height // 6, 0.92)
    return replace(entry, receipt=replace(receipt, windows=(square, tall), faces=(face,)))


def _failures() -> list[dict[str, Any]]:
    failures = [
        ("holiday/harbour at night.jpg", "killed", "The worker was killed before it finished.", False),
        (f"holiday/{HOSTILE}", "exception", "SlowDown: Please reduce your request rate.", False),
        ("old/first snow.jpg", "not_begun", "Processing never started.", True),
    ]
    return [
        {
            "id": f"{number}.v1",
            "key": key,
            "removal": removal,
            "reason": reason,
            "detail": detail,
            "attempts": 5,
            "since": _AT,
            "page": f"./pictures/{number}",
        }
        for number, (key, reason, detail, removal) in enumerate(failures)
    ]


@contextmanager
def gallery() -> Iterator[Gallery]:
    """Serves a gallery on loopback: pages and pictures from two origins, as on AWS."""
    shown = Gallery()

    class PageHandler(_Quiet):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path.strip("/")
            as_json = {"job": shown.job, "job/uploads": {"uploads": shown.rows, "cursor": ""}}
            if path in as_json and "json" in self.headers.get("Accept", ""):
                return self.respond(json.dumps(as_json[path]).encode(), "application/json")
            if path == "foreign":
                return self.respond(shown.foreign_html.encode(), "text/html; charset=utf-8")
            if path not in Gallery.PAGES:
                return self.send_error(404)
            policy = content_security_policy([shown.bucket_url], [])
            return self.respond(
                shown.page(path).encode(), "text/html; charset=utf-8", {"Content-Security-Policy": policy}
            )

    class BucketHandler(_Quiet):
        def do_GET(self) -> None:
            key = urlsplit(self.path).path.lstrip("/")
            if key not in shown.files:
                return self.send_error(404)
            kind = Format("jpeg" if key.endswith(".jpg") else key.rpartition(".")[2])
            return self.respond(shown.files[key], kind.media_type)

    servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for handler in (PageHandler, BucketHandler)]
    shown.url, shown.bucket_url = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield shown
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


class _Quiet(BaseHTTPRequestHandler):
    def respond(self, body: bytes, media_type: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(200)
        for name, value in {"Content-Type": media_type, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Logs nothing."""
