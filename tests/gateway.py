"""A local server in place of API Gateway's connections endpoint."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@dataclass
class Gateway:
    """Open connections with their received messages; `broken` ones fail, `hung` ones do not respond."""

    address: str = ""
    sent: dict[str, list[str]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    hung: set[str] = field(default_factory=set)
    released: threading.Event = field(default_factory=threading.Event)


class _Connections(BaseHTTPRequestHandler):
    gateway: Gateway
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        connection = self._connection()
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if connection in self.gateway.hung:
            self.gateway.released.wait(30)
        if connection in self.gateway.broken:
            self._respond(500)
        elif connection in self.gateway.sent:
            self.gateway.sent[connection].append(text)
            self._respond(200)
        else:
            self._respond(410, "GoneException")

    def do_DELETE(self) -> None:
        messages = self.gateway.sent.pop(self._connection(), None)
        self._respond(410, "GoneException") if messages is None else self._respond(204)

    def _connection(self) -> str:
        stage, _, connection = unquote(self.path).partition("/@connections/")
        assert stage.rpartition("/")[2] == "live"
        return connection

    def _respond(self, status: int, error: str = "") -> None:
        self.send_response(status)
        if error:
            self.send_header("x-amzn-ErrorType", error)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Prints no access log."""


@contextmanager
def a_gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    handler = type("Handler", (_Connections,), {"gateway": gateway})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        gateway.address = f"http://127.0.0.1:{server.server_port}/live"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield gateway
        gateway.released.set()
        server.shutdown()
