"""The web function and the renditions behind nginx as a shared cache."""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from darkroom.adapters.s3 import S3Renditions
from darkroom.domain.keys import picture_id_of
from darkroom.domain.renditions import Format
from tests.aws import ACCOUNT, free_port, make_bucket
from tests.builders import a_receipt, a_rendition, a_request, an_entry
from tests.integration.conftest import UPLOADS, a_web_handler

_NGINX = Path("/usr/sbin/nginx")  # Debian's place, which is not on every user's PATH
_CONFIGURATION = """\
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    proxy_cache_path {folder}/cache keys_zone=cache:1m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        proxy_cache cache;
        proxy_set_header Host $http_host;
        add_header X-Cache $upstream_cache_status always;
        location / {{
            proxy_pass {web};
            # nginx drops it from requests whose responses it may cache.
            proxy_set_header If-None-Match $http_if_none_match;
        }}
        location /renditions/ {{ proxy_pass {renditions}; }}
    }}
}}
"""


@dataclass
class Cache:
    """nginx in front of `web`. `origin` has the requests that reached `web`."""

    port: int
    origin: list[str] = field(default_factory=list)

    def send(self, path: str, accept: str = "*/*", method: str = "GET", **headers: str) -> "Reply":
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers={"Accept": accept, **named})
        response = connection.getresponse()
        reply = Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        connection.close()
        return reply


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def cached(self) -> bool:
        """True for a response from the cache."""
        return self.headers["x-cache"] == "HIT"


@contextmanager
def listening(handler: Any, received: list[str]) -> Iterator[str]:
    """Serves a function's handler over HTTP; `received` gets the path of each request."""

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            received.append(self.path)
            headers = {name.lower().replace("-", "_"): value for name, value in self.headers.items()}
            event = a_request(address.path, self.command, **headers)
            event["queryStringParameters"] = dict(
                pair.split("=") for pair in address.query.split("&") if pair
            )
            response = handler(event)
            body = response["body"].encode()
            self.send_response(response["statusCode"])
            for name, value in response["headers"].items():
                self.send_header(name, value)
            if self.command != "HEAD" and response["statusCode"] != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the name is given

        def log_message(self, *_: object) -> None:
            """Prints no access log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def nginx(folder: Path, **upstreams: str) -> Iterator[int]:
    """Runs nginx, and yields its port once it accepts connections."""
    if not _NGINX.exists():
        pytest.skip("nginx is missing (Debian: apt-get install nginx-light)")
    port = free_port()
    (folder / "nginx.conf").write_text(_CONFIGURATION.format(folder=folder, port=port, **upstreams))
    command = [
        str(_NGINX),
        "-p",
        str(folder),
        "-c",
        str(folder / "nginx.conf"),
        "-e",
        str(folder / "error.log"),
    ]
    with subprocess.Popen(command) as server:
        try:
            while not _accepts(port):
                assert server.poll() is None, (folder / "error.log").read_text()
                time.sleep(0.05)
            yield port
        finally:
            server.terminate()


def _accepts(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    with suppress(ConnectionRefusedError):
        connection.connect()
        connection.close()
        return True
    return False


@pytest.fixture(scope="module")
def renditions(local_aws: str) -> str:
    """The address of a renditions bucket with one rendition."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ACCOUNT.items():
            patch.setenv(name, value)
        client = boto3.client("s3", endpoint_url=local_aws)
        make_bucket(client, "RenditionsBucket", "cached-renditions")
        S3Renditions("cached-renditions", client).store("immutable/640.jpg", b"jpeg", "image/jpeg")
    return f"{local_aws}/cached-renditions/"


@contextmanager
def a_cache(folder: Path, renditions: str, **settings: str) -> Iterator[Cache]:
    webp = a_rendition(Format.WEBP, key="prefix/640.webp", size_bytes=10)
    both = an_entry("both.png", bucket=UPLOADS, receipt=a_receipt(a_rendition(), webp))
    cache = Cache(0)
    with (
        a_web_handler(folder.name, both, **settings) as handler,
        listening(handler, cache.origin) as web,
        nginx(folder, web=web, renditions=renditions) as cache.port,
    ):
        yield cache


@pytest.fixture(scope="class")
def private(renditions: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cache]:
    """A cache in front of a stack with private pages."""
    with a_cache(tmp_path_factory.mktemp("private"), renditions) as cache:
        yield cache


@pytest.fixture(scope="class")
def public(renditions: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cache]:
    """A cache in front of a stack with public pages and permanent URLs of renditions."""
    settings = {"PUBLIC_PAGES": "true", "RENDITIONS_BASE_URL": "https://images.test"}
    with a_cache(tmp_path_factory.mktemp("public"), renditions, **settings) as cache:
        yield cache


PICTURE = f"/pictures/{picture_id_of(UPLOADS, 'both.png')}"
WEBP, JPEG = "image/webp,image/*", "image/*"


class TestPrivatePages:
    @pytest.mark.parametrize("accept", ["text/html", "application/json", WEBP])
    @pytest.mark.parametrize(
        "path", ["/", PICTURE, "/both.jpg", "/failures", "/nonesuch.jpg", "/docs/start.js"]
    )
    def test_a_shared_cache_stores_nothing_private(self, private: Cache, path: str, accept: str) -> None:
        for _ in range(2):
            before = len(private.origin)
            response = private.send(path, accept)

            assert len(private.origin) == before + 1
            assert response.headers["cache-control"].startswith(("private", "no-store"))

    @pytest.mark.parametrize("accept", ["text/html", "application/json"])
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_an_unchanged_document_is_304_through_the_cache(
        self, private: Cache, accept: str, method: str
    ) -> None:
        etag = private.send("/failures", accept).headers["etag"]

        unchanged = private.send("/failures", accept, method, If_None_Match=etag)
        other = private.send("/failures", accept, method, If_None_Match='"other"')

        assert not etag.startswith("W/")
        assert (unchanged.status, unchanged.body, unchanged.headers["etag"]) == (304, b"", etag)
        assert other.status == 200

    def test_page_and_document_of_one_address_have_their_own_etag(self, private: Cache) -> None:
        etags = {
            private.send("/failures", accept).headers["etag"] for accept in ("text/html", "application/json")
        }

        assert len(etags) == 2

    def test_a_rendition_is_cached_and_revalidated_without_the_bucket(self, private: Cache) -> None:
        first, second = (private.send("/renditions/immutable/640.jpg") for _ in range(2))
        unchanged = private.send("/renditions/immutable/640.jpg", If_None_Match=first.headers["etag"])

        assert (first.cached, second.cached, unchanged.cached) == (False, True, True)
        assert (first.body, second.body, unchanged.status) == (b"jpeg", b"jpeg", 304)
        assert second.headers["cache-control"] == "public, max-age=31536000, immutable"


class TestPublicPages:
    @pytest.mark.parametrize("accept", ["text/html", "application/json"])
    def test_pages_and_receipts_of_public_pictures_are_not_shared(self, public: Cache, accept: str) -> None:
        """A page shows to a signed-in visitor that they are signed in."""
        assert not [response for _ in range(2) if (response := public.send(PICTURE, accept)).cached]

    def test_a_shared_cache_keeps_one_redirect_for_each_accept_header(self, public: Cache) -> None:
        first = [public.send("/both.jpg", accept) for accept in (WEBP, JPEG)]
        second = [public.send("/both.jpg", accept) for accept in (WEBP, JPEG)]

        assert [response.cached for response in first + second] == [False, False, True, True]
        for webp, jpeg in (first, second):
            assert webp.headers["location"] == "https://images.test/prefix/640.webp"
            assert jpeg.headers["location"] == "https://images.test/prefix/640.jpg"
            assert webp.headers["cache-control"] == "public, max-age=1800"

    def test_a_redirect_to_a_named_format_is_shared_by_all_clients(self, public: Cache) -> None:
        first = public.send("/both.jpg?format=webp", "text/html")
        second = public.send("/both.jpg?format=webp", "application/json")

        assert (first.cached, second.cached) == (False, True)
        assert (
            first.headers["location"] == second.headers["location"] == "https://images.test/prefix/640.webp"
        )

    def test_a_shared_cache_does_not_store_a_refusal(self, public: Cache) -> None:
        for _ in range(2):
            assert not public.send("/both.jpg?format=avif").cached
            assert not public.send("/both.jpg?w=wide", JPEG).cached
