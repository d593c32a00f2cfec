"""`darkroom ls`, `get`, `rm` and `open`, with a stack on loopback."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from darkroom_cli import pictures
from darkroom_cli.faults import Fault
from darkroom_cli.pictures import Wanted
from darkroom_cli.stack import Status
from tests.builders import a_status

BEACH, TORN, GONE, JOB, THINNED_JOB = "b" * 32, "c" * 32, "e" * 32, "d" * 32, "f" * 31 + "0"


def a_rendition(url: str, kind: str, width: int, size: int, ladder: str = "main") -> dict[str, object]:
    facts = {
        "format": kind,
        "width": width,
        "size_bytes": size,
        "ladder": ladder,
        "frames": 1,
        "alpha": False,
    }
    return {**facts, "url": f"{url}/files/{kind}-{width}"}


@dataclass
class SmallStack:
    """Serves two pictures, one of them rejected, and a job of both."""

    url: str = ""
    requests: list[str] = field(default_factory=list)

    def document(self, path: str) -> object:
        renditions = [
            a_rendition(self.url, kind, width, size)
            for kind, width, size in (
                ("jpeg", 640, 90),
                ("avif", 640, 50),
                ("jpeg", 1280, 300),
                ("avif", 1280, 200),
            )
        ]
        renditions.append(a_rendition(self.url, "jpeg", 300, 40, "card"))
        beach = {
            "id": BEACH,
            "name": "Beach 1.png",
            "status": "rendered",
            "size_bytes": 1000,
            "saved_bytes": 800,
        }
        torn = {"id": TORN, "name": "torn.jpg", "status": "rejected", "size_bytes": 9}
        rows = [
            {
                "name": "Beach 1.png",
                "picture": BEACH,
                "state": "rendered",
                "bytes_before": 1000,
                "bytes_after": 200,
            },
            {"name": "torn.jpg", "picture": TORN, "state": "rejected", "bytes_before": 0, "bytes_after": 0},
        ]
        gone = {
            "name": "old.jpg",
            "picture": GONE,
            "state": "deleted",
            "bytes_before": 0,
            "bytes_after": 0,
        }
        deleted = {"id": GONE, "name": "old.jpg", "status": "deleted"}
        return {
            "/": {"recent": [deleted, beach], "cursor": "next"},
            "/?cursor=next": {"recent": [torn], "cursor": ""},
            f"/pictures/{BEACH}": beach | {"renditions": renditions},
            "/holiday/Beach 1.jpg": beach | {"renditions": renditions},
            "/Beach 1.jpg": beach | {"renditions": renditions},
            f"/pictures/{TORN}": torn,
            f"/jobs/{JOB}": {"id": JOB},
            f"/jobs/{THINNED_JOB}": {"id": THINNED_JOB},
            f"/jobs/{THINNED_JOB}/uploads?cursor=": {"uploads": [gone, rows[0]], "cursor": ""},
            f"/jobs/{JOB}/uploads?cursor=": {"uploads": rows[:1], "cursor": "1"},
            f"/jobs/{JOB}/uploads?cursor=1": {"uploads": rows[1:], "cursor": ""},
        }.get(unquote(path))

    def respond(self, method: str, path: str) -> tuple[int, bytes]:
        self.requests.append(f"{method} {unquote(path)}")
        if path.startswith("/files/"):
            return 200, path.encode()
        if path == f"/pictures/{GONE}":
            return 410, b"{}"
        document = self.document(path)
        if document is None:
            return 404, b"{}"
        return (202, b"{}") if method == "DELETE" else (200, json.dumps(document).encode())


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallStack]:
    monkeypatch.delenv("DARKROOM_TOKEN", raising=False)
    small = SmallStack()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = small.respond(self.command, self.path)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_DELETE = do_GET  # noqa: N815 - the name that the server calls

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        small.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield small
        server.shutdown()
        thread.join()


@pytest.fixture
def status(stack: SmallStack) -> Status:
    return a_status(web=stack.url, aws_endpoint=stack.url, auth="open")


def test_the_newest_pictures_are_listed_without_deleted_ones(
    status: Status, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures.list_pictures(status, [], 50, as_json=False)

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert f"Beach 1.png 1 KB 200 bytes 80.0% {status.web}/pictures/{BEACH}" in lines
    assert "2 pictures: 1 rendered, 1 rejected. 1 KB became 200 bytes: 80.0% saved." in lines
    assert not any("old.jpg" in line for line in lines)


def test_only_as_many_are_listed_as_are_asked_for(status: Status, capsys: pytest.CaptureFixture[str]) -> None:
    pictures.list_pictures(status, [], 1, as_json=True)

    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["name"] == "Beach 1.png"


@pytest.mark.parametrize("name", [JOB, "{web}/jobs/" + JOB])
def test_the_pictures_of_a_job_are_listed(
    status: Status, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    pictures.list_pictures(status, [name.format(web=status.web)], 50, as_json=True)

    names = [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()]
    assert names == ["Beach 1.png", "torn.jpg"]


@pytest.mark.parametrize(
    "name",
    [
        "Beach 1.png",
        "Beach 1.jpg",
        "holiday/Beach 1.png",
        BEACH,
        "{web}/pictures/" + BEACH,
        "{web}/Beach%201.jpg",
    ],
)
def test_a_picture_is_found_by_name_id_and_address(status: Status, name: str) -> None:
    assert pictures.address_of(status, name.format(web=status.web)) == f"{status.web}/pictures/{BEACH}"


def test_the_page_of_a_job_and_of_the_stack_can_be_opened(status: Status) -> None:
    assert pictures.address_of(status, JOB) == f"{status.web}/jobs/{JOB}"
    assert pictures.address_of(status, "") == f"{status.web}/"


def test_a_deleted_picture_is_a_fault_that_says_so(status: Status) -> None:
    with pytest.raises(Fault) as fault:
        pictures.address_of(status, GONE)

    assert str(fault.value) == f"{GONE} was deleted; list the other pictures with `darkroom ls`."


def test_an_unknown_name_is_a_fault(status: Status) -> None:
    for name in ("nothing.jpg", "f" * 32):
        with pytest.raises(Fault, match="There is no picture"):
            pictures.address_of(status, name)


@pytest.mark.parametrize(
    ("wanted", "files"),
    [
        (Wanted(), {"Beach 1-1280.avif": b"/files/avif-1280"}),
        (Wanted(format="jpeg"), {"Beach 1-1280.jpg": b"/files/jpeg-1280"}),
        (Wanted(width=500), {"Beach 1-640.avif": b"/files/avif-640"}),
        (Wanted(format="jpeg", width=9999), {"Beach 1-1280.jpg": b"/files/jpeg-1280"}),
        (
            Wanted(format="avif", every=True),
            {"Beach 1-640.avif": b"/files/avif-640", "Beach 1-1280.avif": b"/files/avif-1280"},
        ),
        (
            Wanted(format="jpeg", every=True),
            {
                "Beach 1-640.jpg": b"/files/jpeg-640",
                "Beach 1-1280.jpg": b"/files/jpeg-1280",
                "Beach 1-card-300.jpg": b"/files/jpeg-300",
            },
        ),
    ],
)
def test_the_wanted_renditions_are_downloaded(
    status: Status, tmp_path: Path, wanted: Wanted, files: dict[str, bytes]
) -> None:
    paths, lacking = pictures.download(status, ["Beach 1.png"], tmp_path / "new", wanted)

    assert {path.name: path.read_bytes() for path in paths} == files
    assert lacking == []


def test_a_transparent_picture_is_downloaded_with_its_transparency() -> None:
    jpeg, avif = (
        {"format": kind, "ladder": "main", "width": 48, "frames": 1, "alpha": alpha, "size_bytes": size}
        for kind, alpha, size in (("jpeg", False, 10), ("avif", True, 20))
    )

    assert Wanted().of({"renditions": [jpeg, avif]}) == [avif]


def test_a_download_never_overwrites_a_file(status: Status, tmp_path: Path) -> None:
    (tmp_path / "Beach 1-1280.avif").write_text("mine")

    [path], _ = pictures.download(status, [BEACH], tmp_path, Wanted())

    assert path.name == "Beach 1-1280-2.avif"
    assert (tmp_path / "Beach 1-1280.avif").read_text() == "mine"


def test_the_pictures_of_a_job_are_downloaded_and_those_without_renditions_named(
    status: Status, tmp_path: Path
) -> None:
    paths, lacking = pictures.download(status, [JOB], tmp_path, Wanted())

    assert [path.name for path in paths] == ["Beach 1-1280.avif"]
    assert lacking == ["torn.jpg has no renditions: it is rejected."]


def test_a_deleted_picture_of_a_job_does_not_stop_the_download(status: Status, tmp_path: Path) -> None:
    paths, lacking = pictures.download(status, [THINNED_JOB], tmp_path, Wanted())

    assert [path.name for path in paths] == ["Beach 1-1280.avif"]
    assert lacking == ["old.jpg has no renditions: it is deleted."]


def test_a_format_that_a_picture_lacks_is_named_with_those_it_has(status: Status, tmp_path: Path) -> None:
    paths, lacking = pictures.download(status, [BEACH], tmp_path, Wanted(format="webp"))

    assert paths == []
    assert lacking == ["Beach 1.png has no webp; it has avif, jpeg."]


def test_pictures_are_deleted_after_confirmation(stack: SmallStack, status: Status) -> None:
    asked: list[str] = []

    def refuse(question: str) -> bool:
        asked.append(question)
        return False

    assert pictures.delete_pictures(status, [JOB, BEACH], refuse) == 0
    assert asked == ["Delete 2 pictures?"]
    assert not [request for request in stack.requests if request.startswith("DELETE")]

    assert pictures.delete_pictures(status, [JOB], lambda _: True) == 2
    deleted = [request for request in stack.requests if request.startswith("DELETE")]
    assert deleted == [f"DELETE /pictures/{BEACH}", f"DELETE /pictures/{TORN}"]
