"""The routes of jobs and their reports."""

import csv
import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from darkroom.domain.entries import Entry, State
from darkroom.domain.keys import picture_id_of
from darkroom.services.jobs import Jobs
from darkroom.services.live import Tickets
from darkroom.services.projecting import Projection
from darkroom.web.http import Request, Responder, Response
from darkroom.web.jobs import JobRoutes
from darkroom.web.reports import csv_report
from tests.builders import UPLOADS, a_receipt, a_rendition, an_entry
from tests.fakes import FakeChannels, FakeLedger, FakeOriginals, FakeRenditions, FakeReports, FakeViews

JSON = "application/json"
INVALID_FOCUSES: tuple[object, ...] = (
    *("0.5,0.5", [0.5], [0.5, 0.5, 0.5], [0, 1.1], [-0.1, 0], [True, 0], {}, 0, ""),
)


@dataclass
class Api:
    """The routes of jobs on fakes."""

    ledger: FakeLedger = field(default_factory=FakeLedger)
    views: FakeViews = field(default_factory=FakeViews)
    renditions: FakeRenditions = field(default_factory=FakeRenditions)
    reports: FakeReports = field(default_factory=FakeReports)
    channels: FakeChannels = field(default_factory=FakeChannels)
    live_url: str = "/live"
    response_limit_bytes: int = 4_000_000

    @property
    def jobs(self) -> Jobs:
        return Jobs(UPLOADS, self.ledger, self.views)

    @property
    def routes(self) -> JobRoutes:
        return JobRoutes(
            self.jobs,
            self.views,
            FakeOriginals(),
            self.renditions,
            self.reports,
            Tickets(self.channels, self.live_url, 60, lambda url: url),
            Responder(),
            3600,
            self.response_limit_bytes,
        )

    def post(self, document: object, **headers: str) -> Response:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.routes.create(
            Request("/jobs", "http://localhost:8000", JSON, body=body, headers=named, content_type=JSON)
        )

    def create_job(self, *names: str, **headers: str) -> dict[str, Any]:
        response = self.post({"uploads": [an_upload(name) for name in names]}, **headers)
        assert response.status == 201
        return parse(response)

    def project(self) -> None:
        """Projects all records of the ledger."""
        assert not Projection(self.views).apply(self.ledger.records()).faults

    def finish(self, row: dict[str, Any], state: State = State.RENDERED, **changes: Any) -> Entry:
        entry = an_entry(row["key"], state, revision=2, **changes)
        job_id = self.ledger.entries[row["picture"], "expected"].job_id
        entry = replace(entry, job_id=job_id, number=row["number"])
        self.ledger.entries[entry.picture_id, entry.upload.version] = entry
        return entry


@pytest.fixture
def api() -> Api:
    return Api()


def an_upload(name: object = "beach.png", **changes: Any) -> dict[str, Any]:
    return {"name": name, "size": 1000, "type": "image/png"} | changes


def a_request(path: str, *, accept: str = JSON, **query: str) -> Request:
    return Request(path, "http://localhost:8000", accept, query=query)


def parse(response: Response) -> dict[str, Any]:
    document = json.loads(response.text)
    assert isinstance(document, dict)
    return document


def test_a_new_job_has_a_form_for_each_upload(api: Api) -> None:
    response = api.post({"uploads": [an_upload("a.png"), an_upload("holiday/b c.jpg", type="image/jpeg")]})

    job = parse(response)
    assert response.status == 201
    assert response.headers["Location"] == f"./jobs/{job['id']}"
    assert re.fullmatch("[0-9a-f]{32}", job["id"])
    assert (job["state"], job["sealed"], job["size"], job["waiting"], job["cursor"]) == (
        "running",
        True,
        2,
        2,
        "",
    )
    first, second = job["rows"]
    assert re.fullmatch(r"[0-9a-f]{32}/a\.png", first["key"])
    assert first["picture"] == picture_id_of(UPLOADS, first["key"])
    assert second["post"]["fields"] == {"key": second["key"], "Content-Type": "image/jpeg"}
    assert (second["name"], second["number"], second["state"]) == ("b c.jpg", 1, "expected")
    assert first["key"][:32] != second["key"][:32]


def test_a_new_job_has_a_ticket_for_its_live_channel(api: Api) -> None:
    job = api.create_job("a.png")

    assert job["live"]["url"] == "ws://localhost:8000/live"
    ticket = api.channels.redeem(job["live"]["ticket"])
    assert ticket
    assert ticket.job_id == job["id"]


def test_a_complete_job_has_no_ticket(api: Api) -> None:
    job = api.create_job("a.png")
    api.finish(job["rows"][0])
    api.project()
    api.channels.tickets.clear()

    document = parse(api.routes.job(a_request(f"/jobs/{job['id']}"), job["id"]))

    assert document["state"] == "complete"
    assert "live" not in document
    assert not api.channels.tickets


def test_without_a_live_url_a_job_has_no_live_channel(api: Api) -> None:
    api.live_url = ""

    assert "live" not in api.create_job("a.png")


@pytest.mark.parametrize(
    ("document", "upload"),
    [
        (b"{", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
        ([], None),
        ({}, None),
        ({"uploads": []}, None),
        ({"uploads": [an_upload()] * 10_001}, None),
        ({"uploads": [an_upload(), "b.png"]}, 1),
        ({"uploads": [an_upload("")]}, 0),
        ({"uploads": [an_upload(7)]}, 0),
        ({"uploads": [an_upload("a\nb.png")]}, 0),
        ({"uploads": [an_upload("\ud800.png")]}, 0),
        ({"uploads": [an_upload("x" * 256)]}, 0),
        ({"uploads": [an_upload("\U0001f600" * 240)]}, 0),
        ({"uploads": [an_upload(size=0)]}, 0),
        ({"uploads": [an_upload(size=100_000_001)]}, 0),
        ({"uploads": [an_upload(size=1.5)]}, 0),
        ({"uploads": [an_upload(size=True)]}, 0),
        ({"uploads": [an_upload(type="png")]}, 0),
        ({"uploads": [an_upload(type=["image/png"])]}, 0),
        *(({"uploads": [an_upload(focus=focus)]}, 0) for focus in INVALID_FOCUSES),
        (b'{"uploads": ' + b"[" * 100_000, None),
    ],
)
def test_an_invalid_job_is_refused_with_the_number_of_the_upload(
    api: Api, document: object, upload: int | None
) -> None:
    response = api.post(document)

    assert (response.status, response.media_type) == (422, "application/problem+json")
    assert parse(response).get("upload") == upload
    assert not api.ledger.entries


def test_upload_names_lose_paths_and_s3_form_variables(api: Api) -> None:
    [first, second] = api.create_job("../../etc/${filename}.png", "..")["rows"]

    assert first["key"].partition("/")[2] == "$_{filename}.png"
    assert second["key"].count("/") == 1


def test_an_empty_media_type_becomes_octet_stream(api: Api) -> None:
    [row] = parse(api.post({"uploads": [an_upload(type="")]}))["rows"]

    assert row["post"]["fields"]["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize(("focus", "text"), [([0.31, 0.4], "0.31,0.4"), ([0, 1], "0,1"), ("auto", "auto")])
def test_the_focus_of_an_announced_upload_is_part_of_its_form(api: Api, focus: object, text: str) -> None:
    job = parse(api.post({"uploads": [an_upload("a.png", focus=focus), an_upload("b.png", focus=None)]}))

    first, second = (row["post"]["fields"] for row in job["rows"])
    assert first["x-amz-meta-focus"] == text
    assert "x-amz-meta-focus" not in second


def test_folders_are_shown_before_names_where_names_meet(api: Api) -> None:
    folders = ("one/two/", "x" * 300, "a\nb", None)
    job = parse(api.post({"uploads": [an_upload("a.png", folder=folder) for folder in folders]}))

    request, page_request = (
        a_request(f"/jobs/{job['id']}"),
        a_request(f"/jobs/{job['id']}", accept="text/html"),
    )
    found = parse(api.routes.uploads(request, job["id"]))["uploads"]
    page, table = api.routes.job(page_request, job["id"]).text, api.routes.table(request, job["id"]).text

    assert [row.get("folder") for row in found] == ["one/two", "x" * 255, "a_b", None]
    assert "<bdi>one/two/a.png</bdi>" in page
    assert "<bdi>a.png</bdi>" in page
    assert [line.rpartition(",")[2] for line in table.splitlines()][:2] == ["folder", "one/two"]


def test_an_idempotency_key_with_another_focus_is_refused(api: Api) -> None:
    api.post({"uploads": [an_upload(focus="auto")]}, idempotency_key="one")

    response = api.post({"uploads": [an_upload(focus=[0.5, 0.5])]}, idempotency_key="one")

    assert parse(response)["type"].endswith("#key-reused")


def test_a_folder_is_not_a_focus_for_an_idempotency_key(api: Api) -> None:
    api.post({"uploads": [an_upload(focus="auto")]}, idempotency_key="one")

    response = api.post({"uploads": [an_upload(folder="auto")]}, idempotency_key="one")

    assert parse(response)["type"].endswith("#key-reused")


def test_the_same_idempotency_key_returns_the_same_job(api: Api) -> None:
    first = api.create_job("a.png", idempotency_key="one")
    again = api.create_job("a.png", idempotency_key="one")
    other = api.create_job("a.png", idempotency_key="two")

    assert {name: first[name] for name in ("id", "created", "rows")} == {
        name: again[name] for name in ("id", "created", "rows")
    }
    assert other["id"] != first["id"]
    assert api.create_job("a.png")["id"] != api.create_job("a.png")["id"]


@pytest.mark.parametrize(("length", "status"), [(0, 400), (1, 201), (255, 201), (256, 400)])
def test_an_idempotency_key_has_1_to_255_characters(api: Api, length: int, status: int) -> None:
    response = api.post({"uploads": [an_upload()]}, idempotency_key="k" * length)

    assert response.status == status


def test_the_same_idempotency_key_with_other_uploads_is_refused(api: Api) -> None:
    api.create_job("a.png", idempotency_key="one")

    response = api.post({"uploads": [an_upload("b.png")]}, idempotency_key="one")

    assert response.status == 422
    assert parse(response)["type"].endswith("#key-reused")


class Crash(Exception):
    pass


@dataclass
class CrashingLedger(FakeLedger):
    """Crashes before or after one of its writes."""

    writes_left: int = 100

    def _write(self) -> None:
        self.writes_left -= 1
        if self.writes_left < 0:
            raise Crash

    def remember_request(self, request: Any) -> Any:
        self._write()
        stored = super().remember_request(request)
        self._write()
        return stored

    def open(self, job: Any, manifest: Any) -> None:
        self._write()
        super().open(job, manifest)
        self._write()

    def expect(self, entries: Any) -> None:
        for entry in entries:
            self._write()
            super().expect([entry])

    def seal(self, job: Any) -> Any:
        self._write()
        sealed = super().seal(job)
        self._write()
        return sealed


@pytest.mark.parametrize("writes", range(10))
def test_a_retry_with_the_same_key_completes_a_job_after_a_crash(writes: int) -> None:
    ledger = CrashingLedger(writes_left=writes)
    api = Api(ledger=ledger)
    with pytest.raises(Crash):
        api.create_job(*"abcd", idempotency_key="one")
    assert not any(job.sealed for job in api.ledger.jobs.values()) or writes == 9
    ledger.writes_left = 100

    job = api.create_job(*"abcd", idempotency_key="one")

    assert list(api.ledger.jobs) == [job["id"]]
    assert api.ledger.jobs[job["id"]].sealed
    expected = {picture for picture, _ in api.ledger.entries}
    assert expected == {row["picture"] for row in job["rows"]}


def test_a_job_is_read_from_the_ledger_before_its_projection(api: Api) -> None:
    job = api.create_job("a.png")

    document = parse(api.routes.job(a_request(f"/jobs/{job['id']}"), job["id"]))

    assert (document["size"], document["sealed"], document["revision"]) == (1, True, 0)
    assert document["uploads"] == f"../jobs/{job['id']}/uploads"


def test_a_job_counts_its_uploads_as_they_finish(api: Api) -> None:
    job = api.create_job("a.png", "b.png")
    api.finish(job["rows"][0])
    api.project()

    document = parse(api.routes.job(a_request(f"/jobs/{job['id']}"), job["id"]))
    assert (document["state"], document["waiting"], document["counts"]["rendered"]) == ("running", 1, 1)
    assert (document["bytes_before"], document["bytes_after"], document["saved_percent"]) == (1000, 640, 36.0)

    api.finish(job["rows"][1], State.REJECTED)
    api.project()
    document = parse(api.routes.job(a_request(f"/jobs/{job['id']}"), job["id"]))
    assert (document["state"], document["counts"]["rejected"]) == ("complete", 1)


def test_the_job_page_starts_at_the_cursor(api: Api) -> None:
    job = api.create_job(*(f"<b>{number}.png" for number in range(150)))

    response = api.routes.job(
        Request(f"/jobs/{job['id']}", accept="text/html", query={"cursor": "1"}), job["id"]
    )

    assert (response.status, response.media_type) == (200, "text/html; charset=utf-8")
    assert "&lt;b&gt;149.png" in response.text
    assert "&lt;b&gt;99.png" not in response.text
    assert "<b>" not in response.text
    assert len(api.channels.tickets) == 1  # the page gets its ticket later, from JSON


@pytest.mark.parametrize("job_id", ["0" * 32, "x", ""])
def test_an_unknown_job_is_not_found(api: Api, job_id: str) -> None:
    routes = api.routes
    for route in (routes.job, routes.uploads, routes.table, routes.receipts, routes.script):
        response = route(a_request(f"/jobs/{job_id}"), job_id)
        assert (response.status, parse(response)["type"]) == (404, "/docs/problems#no-job")


def job_page(api: Api, job_id: str, **query: str) -> Response:
    return api.routes.job(replace(a_request(f"/jobs/{job_id}", **query), accept="text/html"), job_id)


def test_a_browser_gets_the_job_page(api: Api) -> None:
    job = api.create_job("a.png", "<b>.png")
    api.finish(job["rows"][0])
    api.project()

    response = job_page(api, job["id"])

    assert (response.status, response.media_type) == (200, "text/html; charset=utf-8")
    assert "2 pictures, 1 done" in response.text
    assert f'href="../pictures/{job["rows"][0]["picture"]}"' in response.text
    assert "&lt;b&gt;.png" in response.text
    assert 'data-job="' + job["id"] in response.text


def test_a_large_job_page_links_to_the_next_page(api: Api) -> None:
    job = api.create_job(*(f"{number}.png" for number in range(101)))

    first, last = job_page(api, job["id"]), job_page(api, job["id"], cursor="1")

    assert f'href="../jobs/{job["id"]}?cursor=1"' in first.text
    assert "100.png" not in first.text
    assert "100.png" in last.text
    assert job_page(api, job["id"], cursor="7").status == 400


def test_an_unknown_job_has_no_page(api: Api) -> None:
    assert job_page(api, "ab" * 16).status == 404


def test_uploads_are_listed_in_pages_with_forms_for_expected_ones(api: Api) -> None:
    job = api.create_job(*(f"{number}.png" for number in range(205)))
    assert (len(job["rows"]), job["cursor"]) == (100, "1")
    api.finish(job["rows"][1])
    api.finish(job["rows"][2], State.REJECTED)
    api.project()

    rows, cursor = [], ""
    while True:
        page = parse(api.routes.uploads(a_request("/jobs/x/uploads", cursor=cursor), job["id"]))
        rows += page["uploads"]
        cursor = page["cursor"]
        if not cursor:
            break

    assert [row["number"] for row in rows] == list(range(205))
    assert ("post" in rows[0], "post" in rows[1], "post" in rows[2]) == (True, False, False)
    assert rows[1]["thumbnail"].startswith("https://renditions.test/")
    assert (rows[2]["reason"], rows[2]["sentence"], rows[2]["thumbnail"]) == (
        "corrupt_image",
        "It is damaged.",
        None,
    )
    assert rows[0]["page"] == f"../../pictures/{rows[0]['picture']}"


def test_an_upload_that_never_arrived_still_has_a_form(api: Api) -> None:
    job = api.create_job("a.png")
    [entry] = list(api.ledger.entries.values())
    api.ledger.advance(entry.moved(State.FAILED))
    api.project()

    [row] = parse(api.routes.uploads(a_request("/jobs/x/uploads"), job["id"]))["uploads"]

    assert (row["state"], row["reason"]) == ("failed", "never_arrived")
    assert row["post"]


@pytest.mark.parametrize("cursor", ["x", "-1", "0", "3", "01", "99999", "1 "])
def test_an_invalid_job_cursor_is_refused(api: Api, cursor: str) -> None:
    job = api.create_job(*(f"{number}.png" for number in range(205)))

    for route in (api.routes.job, api.routes.uploads, api.routes.script):
        assert route(a_request("/jobs/x/uploads", cursor=cursor), job["id"]).status == 400


@pytest.fixture
def mixed(api: Api) -> str:
    """Id of a job with three uploads: rendered, rejected and expected."""
    job = api.create_job('=1+1,"x".png', "it's; $(rm -rf) `x`.png", "late.png")
    first, second, _ = job["rows"]
    receipt = a_receipt(a_rendition(key="prefix/100.jpg", width=100), a_rendition(key="prefix/640.jpg"))
    api.finish(first, receipt=receipt)
    api.finish(second, State.REJECTED)
    api.project()
    return str(job["id"])


def test_the_csv_has_a_line_per_upload_and_no_formula(api: Api, mixed: str) -> None:
    response = api.routes.table(a_request("/jobs/x/receipts.csv"), mixed)

    lines = list(csv.DictReader(StringIO(response.text)))
    assert response.media_type == "text/csv; charset=utf-8"
    assert [line["state"] for line in lines] == ["rendered", "rejected", "expected"]
    assert lines[0]["name"] == '\'=1+1,"x".png'
    assert (lines[0]["saved_bytes"], lines[0]["saved_percent"]) == ("360", "36.0")
    assert lines[1]["reason"] == "corrupt_image"


@pytest.mark.parametrize(
    "begin", ["=", "+", "-", "@", " =", "\u3000=", "\uff1d", "\uff0b", "\uff0d", "\uff20"]
)
def test_the_csv_escapes_names_that_look_like_formulas(api: Api, begin: str) -> None:
    job = api.create_job(f"{begin}cmd|' -c calc'!A1")
    api.project()

    [line] = csv.DictReader(StringIO(api.routes.table(a_request("/jobs/x/receipts.csv"), job["id"]).text))

    assert line["name"].startswith(f"'{begin}")


@pytest.mark.parametrize("separator", [";", ",", "\t", ", ", ';"'])
def test_the_csv_has_no_formula_if_it_is_split_at_another_separator(api: Api, separator: str) -> None:
    member = api.jobs.page(job, 0)[0] if (job := api.jobs.find(api.create_job("a.png")["id"])) else None
    assert member
    name = f"a{separator}=cmd|' -c calc'!A1"
    text = csv_report([replace(member, row=replace(member.row, key=f"x/{name}"))])

    cells = re.split(r"[;,\t]", text)
    assert any("=cmd" in cell for cell in cells)
    assert not [cell for cell in cells if cell.strip(' "').startswith("=")]


def test_the_csv_keeps_names_without_formulas(api: Api) -> None:
    names = ["holiday - 1.png", "a+b.png", "a;b, c=d.png", "e@mail.png"]
    job = api.create_job(*names)

    lines = csv.DictReader(StringIO(api.routes.table(a_request("/jobs/x/receipts.csv"), job["id"]).text))

    assert [line["name"] for line in lines] == names


def test_the_files_of_a_job_have_a_path_a_url_and_a_size(api: Api, mixed: str) -> None:
    document = parse(api.routes.files(a_request("/jobs/x/files"), mixed))

    assert [(file["size_bytes"], file["best"]) for file in document["files"]] == [(100, False), (640, True)]
    assert all(re.fullmatch(r"00000-[\w.-]+/\d+\.jpg", file["path"]) for file in document["files"])
    assert document["files"][0]["url"] == "https://renditions.test/prefix/100.jpg?seconds=3600&as=100.jpg"
    assert document["cursor"] == ""


def test_the_json_report_has_complete_receipts(api: Api, mixed: str) -> None:
    documents = json.loads(api.routes.receipts(a_request("/jobs/x/receipts.json"), mixed).text)

    assert [document["state"] for document in documents] == ["rendered", "rejected", "expected"]
    assert [rendition["width"] for rendition in documents[0]["receipt"]["renditions"]] == [100, 640]
    assert documents[1]["receipt"]["rejection"]["reason"] == "corrupt_image"
    assert documents[2]["receipt"] is None


@pytest.mark.parametrize(
    ("route", "extension", "holds", "media_type"),
    [("table", "csv", b"rejected", "text/csv"), ("script", "sh", b"#!/bin/sh", "text/x-shellscript")],
)
def test_a_report_too_large_for_a_response_redirects_to_s3(
    api: Api, mixed: str, route: str, extension: str, holds: bytes, media_type: str
) -> None:
    api.response_limit_bytes = 100

    response = getattr(api.routes, route)(a_request("/jobs/x/report"), mixed)

    [(key, (content, stored_as))] = api.reports.objects.items()
    assert re.fullmatch(rf"jobs/{mixed}/[0-9a-f]{{32}}\.{extension}", key)
    assert (response.status, response.headers["Location"]) == (303, api.reports.url(key, 3600))
    assert (holds in content, stored_as) == (True, f"{media_type}; charset=utf-8")


def test_the_script_fetches_renditions_into_one_folder_per_upload(
    api: Api, mixed: str, tmp_path: Path
) -> None:
    script = api.routes.script(a_request("/jobs/x/fetch.sh"), mixed).text
    fetch = tmp_path / "fetch"
    fetch.write_text('#!/bin/sh\nprintf "%s" "$3" > "$2"\n')  # -o FILE URL
    fetch.chmod(0o755)

    result = subprocess.run(
        [shutil.which("sh") or "sh"],
        input=script,
        text=True,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "DARKROOM_CURL": str(fetch)},
        capture_output=True,
        timeout=20,
        check=False,
    )

    assert (result.returncode, result.stderr) == (0, "")
    files = {path.relative_to(tmp_path): path for path in (tmp_path / f"job-{mixed[:8]}").rglob("*.jpg")}
    assert [str(name).split("/", 1)[1] for name in sorted(files)] == [
        "00000-_1_1_x_/100.jpg",
        "00000-_1_1_x_/640.jpg",
    ]
    assert files.popitem()[1].read_text().startswith("https://renditions.test/prefix/")


def test_reports_omit_renditions_of_deleted_pictures(api: Api) -> None:
    job = api.create_job("gone.png")
    api.finish(job["rows"][0], State.DELETED, receipt=a_receipt())
    api.project()

    script = api.routes.script(a_request("/jobs/x/fetch.sh"), job["id"]).text
    [receipt] = json.loads(api.routes.receipts(a_request("/jobs/x/receipts.json"), job["id"]).text)

    assert "renditions.test" not in script
    assert (receipt["state"], receipt["receipt"]) == ("deleted", None)


def test_the_script_runs_the_script_of_the_next_page(api: Api) -> None:
    job = api.create_job(*(f"{number}.png" for number in range(150)))

    def script(**query: str) -> str:
        path = f"/jobs/{job['id']}/fetch.sh"
        return api.routes.script(a_request(path, **query), job["id"]).text

    assert f"'http://localhost:8000/jobs/{job['id']}/fetch.sh?cursor=1'" in script()
    assert "cursor=" not in script(cursor="1")


@pytest.mark.parametrize(
    ("token", "sent"), [({}, "[]"), ({"DARKROOM_TOKEN": "a token"}, "[-H][Authorization: Bearer a token]")]
)
def test_the_script_sends_the_token_only_to_the_site(
    api: Api, tmp_path: Path, token: dict[str, str], sent: str
) -> None:
    job = api.create_job(*(f"{number}.png" for number in range(150)))
    script = api.routes.script(a_request(f"/jobs/{job['id']}/fetch.sh"), job["id"]).text
    fetch = tmp_path / "fetch"
    fetch.write_text(f'#!/bin/sh\nfor each; do printf "[%s]" "$each"; done > {tmp_path}/arguments\n')
    fetch.chmod(0o755)

    subprocess.run(
        [shutil.which("sh") or "sh"],
        input=script,
        text=True,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "DARKROOM_CURL": str(fetch), **token},
        timeout=20,
        check=True,
    )

    url = f"[http://localhost:8000/jobs/{job['id']}/fetch.sh?cursor=1]"
    assert (tmp_path / "arguments").read_text() == sent.removeprefix("[]") + url


def test_the_script_names_files_it_could_not_fetch_and_fails(api: Api, mixed: str, tmp_path: Path) -> None:
    script = api.routes.script(a_request("/jobs/x/fetch.sh"), mixed).text

    result = subprocess.run(
        [shutil.which("sh") or "sh"],
        input=script,
        text=True,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "DARKROOM_CURL": "false"},
        capture_output=True,
        timeout=20,
        check=False,
    )

    assert result.returncode == 1
    assert result.stderr.count("not fetched") == 2
