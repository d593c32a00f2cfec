"""The site in a browser, on a local stack."""

import json
import re
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import BrowserContext, Page, Request, Route, WebSocket, WebSocketRoute, expect

from bench.gallery import HOSTILE, Gallery
from tests.browser.test_pages import axe_violations, natural_width, open_foreign_page
from tests.e2e.conftest import Stack, send
from tests.pictures import a_photograph, a_small_png

pytestmark = pytest.mark.browser

# Drags files over the page and drops them.
_DROP = """(files) => {
    const transfer = new DataTransfer();
    for (const { name, type, content } of files) {
        const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type }));
    }
    for (const type of ["dragover", "drop"]) {
        const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
        document.body.dispatchEvent(new DragEvent(type, options));
    }
}"""


def drop(page: Page, **files: bytes) -> None:
    """Drops files on the page, without waiting. A dot in a name is written "__"."""
    media_types = {"png": "image/png", "jpg": "image/jpeg", "txt": "text/plain"}
    dropped = []
    for key, content in files.items():
        name = key.replace("__", ".")
        media_type = media_types[name.rpartition(".")[2]]
        dropped.append({"name": name, "type": media_type, "content": b64encode(content).decode()})
    page.evaluate(_DROP, dropped)


def upload(page: Page, stack: Stack, **files: bytes) -> None:
    """Drops files and waits for S3's responses; until then the page asks before one leaves it.

    A picture may be rendered before the browser has the response to its upload.
    """
    finished: list[Request] = []

    def all_finished(request: Request) -> bool:
        if request.method == "POST" and stack.status["uploads_bucket"] in request.url:
            finished.append(request)
        return len(finished) == len(files)

    with page.expect_event("requestfinished", all_finished):
        drop(page, **files)


def wait_on(page: Page, condition: Callable[[], bool], seconds: float = 180) -> None:
    """Waits for a condition while the page's events are delivered."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def test_three_dropped_pictures_finish_without_a_reload(page: Page, stack: Stack) -> None:
    page.goto(stack.status["web"])
    page.evaluate("window.notReloaded = true")

    upload(page, stack, a__png=a_small_png(1), b__png=a_small_png(2), c__jpg=a_photograph(600, 400))

    expect(page.locator("[data-jobs] .job-row.rendered")).to_have_count(3)
    expect(page.locator("[data-jobs] h2")).to_contain_text("3 pictures: ")
    bars = page.locator("[data-jobs] .job-row progress")
    assert bars.evaluate_all("(bars) => bars.map((bar) => bar.value)") == [1, 1, 1]
    assert page.evaluate("window.notReloaded")
    assert not axe_violations(page)

    page.locator("[data-jobs]").get_by_role("link", name="c.jpg").click()
    expect(page.locator("h1")).to_contain_text("smaller")


def test_dropped_pictures_have_a_job_page(page: Page, stack: Stack) -> None:
    page.goto(stack.status["web"])
    upload(page, stack, good__png=a_small_png(3), torn__png=a_small_png(4)[:60])
    expect(page.locator("[data-jobs] h2")).to_contain_text("2 pictures: ")
    page.get_by_role("link", name="Open this job").click()

    expect(page.locator("h1")).to_contain_text("2 pictures: ")
    expect(page.locator("[data-counts]")).to_have_text("1 rendered, 1 rejected")
    torn = page.locator(".job-row", has_text="torn.png")
    expect(torn).to_have_class("job-row rejected")
    expect(torn.locator("small")).not_to_be_empty()  # the reason
    assert page.locator(".chart rect.after").first.get_attribute("height") != "0"
    assert not axe_violations(page)


def test_job_page_receives_pushes_over_its_socket(page: Page, stack: Stack) -> None:
    """Uploads once the page has the job's first state: a state after the upload could contain its result.

    A push is best effort, so one of three is enough. If it is lost, the page notices and closes the socket.
    """
    live: set[WebSocket] = set()  # sockets that have received the job's state
    pushed: list[str] = []

    def follow(socket: WebSocket) -> None:
        def receive(frame: str | bytes) -> None:
            message = json.loads(frame)
            if message.get("type") == "state":
                live.add(socket)
            pushed.extend(upload["type"] for upload in message.get("uploads", []))

        socket.on("framereceived", receive)
        socket.on("close", lambda _: live.discard(socket))

    page.on("websocket", follow)
    contents = [a_small_png(5), a_small_png(11), a_small_png(12)]
    job = stack.announce({f"{number}.png": content for number, content in enumerate(contents)})
    page.goto(f"{stack.status['web']}/jobs/{job['id']}")
    expect(page.locator("h1")).to_have_text("3 pictures, 0 done")

    for number, content in enumerate(contents):
        wait_on(page, lambda: bool(live))
        send(job["rows"][number]["post"], content)
        expect(page.locator(".job-row.rendered")).to_have_count(number + 1)
        wait_on(page, lambda: "upload.rendered" in pushed or not live)
        if "upload.rendered" in pushed:
            return
    pytest.fail("no push arrived on the socket")


def test_job_page_polls_without_its_socket(page: Page, stack: Stack) -> None:
    sockets: list[WebSocketRoute] = []

    def connect_once(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        if len(sockets) == 1:
            socket.connect_to_server()
        else:
            socket.close()

    page.route_web_socket(re.compile("/live"), connect_once)
    first, second = a_small_png(6), a_small_png(7)
    job = stack.announce({"first.png": first, "second.png": second})
    page.goto(f"{stack.status['web']}/jobs/{job['id']}")
    send(job["rows"][0]["post"], first)
    expect(page.locator(".job-row.rendered")).to_have_count(1)

    sockets[0].close()
    send(job["rows"][1]["post"], second)

    expect(page.locator(".job-row.rendered")).to_have_count(2)
    expect(page.locator("h1")).to_contain_text("2 pictures: ")


def test_reopened_job_page_shows_the_current_state(page: Page, stack: Stack) -> None:
    job = stack.announce({"later.png": a_small_png(8)})
    address = f"{stack.status['web']}/jobs/{job['id']}"
    page.goto(address)
    page.goto("about:blank")
    send(job["rows"][0]["post"], a_small_png(8))
    page.goto(address)

    expect(page.locator(".job-row.rendered")).to_have_count(1)


def test_markup_in_a_name_is_text_on_every_page(page: Page, stack: Stack) -> None:
    page.goto(stack.status["web"])  # a dialog fails this test, see the fixture
    upload(page, stack, **{HOSTILE: a_small_png(9)})
    expect(page.locator("[data-jobs] .job-row.rendered")).to_have_count(1)

    job = page.get_by_role("link", name="Open this job").get_attribute("href")
    picture = page.locator("[data-jobs] .job-row a").get_attribute("href")
    assert job
    assert picture
    for address in (stack.status["web"], job, picture):
        page.goto(address)
        expect(page.locator("main")).to_contain_text(HOSTILE)
        assert page.locator('img[src="x"]').count() == 0


def test_files_that_are_not_pictures_are_skipped_and_named(page: Page, stack: Stack) -> None:
    page.goto(stack.status["web"])

    drop(page, notes__txt=b"Milk, bread.")

    expect(page.locator("form [role=status]")).to_contain_text("notes.txt")
    assert page.locator("[data-jobs] .job-row").count() == 0


def test_form_uploads_one_picture_without_script(without_script: Page, stack: Stack, tmp_path: Path) -> None:
    page = without_script
    (tmp_path / "plain.jpg").write_bytes(a_photograph(500, 300))
    page.goto(stack.status["web"])

    page.locator("#upload").set_input_files(tmp_path / "plain.jpg")
    page.get_by_role("button", name="Optimise").click()

    expect(page.locator("h1")).to_contain_text("plain.jpg: ")


def test_markup_of_a_picture_renders_on_another_site(
    page: Page, context: BrowserContext, stack: Stack, shown: Gallery
) -> None:
    content = a_photograph(700, 500)
    picture = stack.post(content, "copied.jpg", "application/json").json["id"]
    stack.settled("copied.jpg")
    page.goto(f"{stack.status['web']}/pictures/{picture}")
    markup = page.locator("#markup + .copy code").text_content()
    assert markup

    open_foreign_page(page, shown, markup)

    assert "X-Amz-" not in markup
    assert natural_width(page.locator("img")) > 0


def test_home_page_shows_total_savings(page: Page, stack: Stack) -> None:
    stack.post(a_photograph(640, 480), "counted.jpg")
    stack.settled("counted.jpg")

    page.goto(stack.status["web"])

    expect(page.get_by_role("heading", name="Saved so far")).to_be_visible()
    thumbnail = page.locator(".tiles li", has_text="counted.jpg").locator("img").last
    assert natural_width(thumbnail) > 0


def test_failed_uploads_can_be_retried(context: BrowserContext, stack: Stack) -> None:
    page = context.new_page()  # not the fixture: each refusal is an error on the console
    refused: list[str] = []

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=403, headers={"Access-Control-Allow-Origin": "*"})

    page.goto(stack.status["web"])
    bucket = re.compile(stack.status["uploads_bucket"])
    page.route(bucket, refuse)
    drop(page, late__png=a_small_png(10))
    expect(page.locator("[data-jobs] .job-row.upload-failed")).to_have_count(1)
    assert len(refused) == 3

    page.unroute(bucket)
    page.get_by_role("button", name="Retry failed uploads").click()

    expect(page.locator("[data-jobs] .job-row.rendered")).to_have_count(1)


def test_a_file_is_shown_while_it_is_sent_and_can_be_cancelled_and_retried(page: Page, stack: Stack) -> None:
    held: list[Route] = []
    page.route(re.compile(stack.status["uploads_bucket"]), lambda route: held.append(route))
    page.goto(stack.status["web"])
    drop(page, held__png=a_small_png(31))
    wait_on(page, lambda: bool(held))
    row = page.locator("[data-jobs] .job-row")
    row.scroll_into_view_if_needed()

    expect(row.locator("img[data-preview]")).to_have_js_property("complete", value=True)
    expect(row.locator("small")).to_contain_text("Sending: ")
    row.get_by_role("button", name="Cancel held.png").click()
    expect(row.locator("small")).to_have_text("Cancelled.")
    expect(page.locator("[data-sending]")).to_contain_text("Sent 0 bytes of")
    expect(page.locator("[data-jobs] [data-counts]")).to_have_text("1 deleted")  # no wait for its timeout

    page.unroute(re.compile(stack.status["uploads_bucket"]))
    row.get_by_role("button", name="Retry held.png").click()

    expect(row).to_have_class(re.compile("rendered"))
    expect(page.locator("[data-rendering]")).to_have_text("Processed 1 of 1 picture")
    assert page.locator("[data-sent]").get_attribute("value") == "1"
    expect(row.locator("img:not([data-preview])")).to_be_visible()  # the file gives way to the thumbnail


def test_folders_are_shown_where_names_meet(page: Page, stack: Stack, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.png").write_bytes(a_small_png(32))
    (tmp_path / "one" / "other.png").write_bytes(a_small_png(33))
    page.goto(stack.status["web"])

    page.locator("[data-folder] input").set_input_files(tmp_path)

    names = page.locator("[data-jobs] .job-row bdi")
    root = tmp_path.name
    expect(names).to_have_count(3)
    assert set(names.all_text_contents()) == {"other.png", f"{root}/one/same.png", f"{root}/two/same.png"}
    expect(page.locator("[data-jobs] .job-row.rendered")).to_have_count(3)

    page.get_by_role("link", name="Open this job").click()
    expect(page.locator("[data-counts]")).to_have_text("3 rendered")
    page.reload()
    shown = page.locator(".job-list bdi")
    expect(shown).to_have_count(3)
    assert set(shown.all_text_contents()) == {"other.png", f"{root}/one/same.png", f"{root}/two/same.png"}


def test_an_upload_is_cancelled_on_the_page_of_its_job(
    context: BrowserContext, page: Page, stack: Stack
) -> None:
    held: list[Route] = []
    page.route(re.compile(stack.status["uploads_bucket"]), lambda route: held.append(route))
    page.goto(stack.status["web"])
    drop(page, given_up__png=a_small_png(36))
    wait_on(page, lambda: bool(held))
    job_page = context.new_page()
    job_page.goto(str(page.locator("[data-jobs] a[data-job]").get_attribute("href")))

    job_page.get_by_role("button", name="Cancel given_up.png").click()

    expect(job_page.locator("[data-counts]")).to_have_text("1 deleted")
    expect(job_page.locator(".job-row small")).to_have_text("Cancelled.")
    expect(job_page.locator(".job-row button")).to_be_hidden()
    expect(page.locator("[data-jobs] .job-row small")).to_have_text("Cancelled.")  # it is not sent any more

    page.unroute(re.compile(stack.status["uploads_bucket"]))
    page.get_by_role("button", name="Retry given_up.png").click()
    expect(page.locator("[data-jobs] .job-row")).to_have_class(re.compile("rendered"))


def test_totals_and_recent_pictures_move_and_the_job_is_remembered(page: Page, stack: Stack) -> None:
    page.goto(stack.status["web"])
    upload(page, stack, moved__png=a_small_png(34))

    expect(page.locator("[data-part=recent] .tiles li", has_text="moved.png")).to_be_visible()
    expect(page.locator("[data-part=totals]")).to_be_visible()
    page.goto(stack.status["web"])
    page.locator("[data-recent-jobs] a").first.click()
    expect(page.locator(".job-row bdi")).to_have_text("moved.png")


def test_a_job_is_sorted_filtered_and_saved_as_a_zip(page: Page, stack: Stack) -> None:
    page.add_init_script("window.showSaveFilePicker = undefined")  # its dialog is not part of the page
    pictures = {"b.png": a_small_png(35), "a.png": a_small_png(36), "torn.png": a_small_png(37)[:60]}
    job = stack.announce(pictures)
    for row, content in zip(job["rows"], pictures.values(), strict=True):
        send(row["post"], content)
    page.goto(f"{stack.status['web']}/jobs/{job['id']}")
    expect(page.locator("[data-counts]")).to_have_text("2 rendered, 1 rejected")
    names = page.locator(".job-row:visible bdi")

    page.get_by_label("Sort").select_option("name")
    expect(names).to_have_text(["a.png", "b.png", "torn.png"])
    page.get_by_label("Show").select_option("rejected")
    expect(names).to_have_text(["torn.png"])
    page.get_by_label("Show").select_option("")
    page.get_by_role("searchbox", name="Name").fill("B")
    expect(names).to_have_text(["b.png"])
    assert not axe_violations(page)

    for what, expected in (("best", {"00000-b", "00001-a"}), ("all", {"00000-b", "00001-a"})):
        page.locator("select[name=what]").select_option(what)
        with page.expect_download() as download:
            page.get_by_role("button", name="Save as ZIP").click()
        with ZipFile(download.value.path()) as archive:
            assert archive.testzip() is None
            assert {re.split(r"[./]", name)[0] for name in archive.namelist()} == expected
            assert all(archive.getinfo(name).file_size for name in archive.namelist())
            assert (len(archive.namelist()) == 2) == (what == "best")
        expect(page.locator("[data-zip] [role=status]")).to_contain_text("saved")


def test_a_picture_is_deleted_by_its_button(page: Page, stack: Stack) -> None:
    receipt = stack.rendered("delete by button.png", a_small_png(38))
    page.goto(f"{stack.status['web']}/pictures/{receipt['id']}")

    page.get_by_role("button", name="Delete this picture").click()
    page.get_by_role("button", name="Press again to delete").click()

    expect(page.locator("form[data-limit]")).to_be_visible()
    wait_on(page, lambda: stack.get(f"/pictures/{receipt['id']}").status == 410)


def test_a_large_picture_is_sent_by_a_form_without_script(
    without_script: Page, stack: Stack, tmp_path: Path
) -> None:
    page = without_script
    (tmp_path / "large.bmp").write_bytes(a_photograph(1300, 1050, "BMP"))
    page.goto(stack.status["web"])
    page.locator("#upload").set_input_files(tmp_path / "large.bmp")
    page.get_by_role("button", name="Optimise").click()
    expect(page.locator("h1")).to_contain_text("this form takes up to 4")

    page.locator("#file").set_input_files(tmp_path / "large.bmp")
    page.get_by_role("button", name="Send").click()

    expect(page.locator("h1")).to_contain_text("smaller")


def test_playground_tries_a_profile_on_a_chosen_picture(page: Page, stack: Stack) -> None:
    picture = stack.rendered("choose me.jpg", a_photograph(700, 500))
    page.goto(f"{stack.status['web']}/pictures/{picture['id']}")
    page.get_by_role("link", name="Try other settings").click()
    expect(page.get_by_role("radio", name="choose me.jpg")).to_be_checked()

    page.get_by_label("Widths").fill("200, 400")
    page.get_by_role("checkbox", name="WebP").uncheck()
    page.get_by_label("JPEG: value").fill("60")
    page.get_by_label("Crop").select_option("cover")
    page.get_by_label("Ratio").fill("1:1")
    page.get_by_label("Focus").fill("0.25, 0.5")
    page.get_by_label("Focus").blur()
    pushed = json.loads(page.get_by_role("textbox", name="Profile").input_value())
    main = pushed["ladders"]["main"]
    assert pushed["name"] == "mine"
    assert (main["widths"], main["formats"]) == ([200, 400], {"jpeg": {"target": 60}, "avif": {"target": 75}})
    assert main["crop"] == {"fit": "cover", "ratio": [1, 1], "focus": [0.25, 0.5]}
    page.get_by_role("button", name="Render").click()

    expect(page.locator("h1")).to_contain_text("at 400 px")
    expect(page.locator(".compare .slider")).to_be_visible()
    assert natural_width(page.locator(".picture-after img")) == 400
    assert page.locator("tr[data-format]").count() >= 2
    expect(page.get_by_role("row", name="Sum")).to_contain_text("US$ 0.0")
    command = page.get_by_label("Commands").inner_text()
    assert json.loads(command.split("'EOF'\n")[1].split("\nEOF")[0]) == pushed
    assert not axe_violations(page)
    page.get_by_role("button", name="End this trial").click()
    expect(page.locator("h1")).to_have_text("Try a profile before you push it")


def test_playground_takes_a_dropped_picture_and_says_what_is_wrong(
    context: BrowserContext, stack: Stack
) -> None:
    page = context.new_page()  # not `page`: Chromium reports a refused request as an error
    page.goto(f"{stack.status['web']}/playground")
    drop(page, dropped__jpg=a_photograph(300, 200))
    page.get_by_label("Widths").fill("0")
    page.get_by_role("button", name="Render").click()
    expect(page.locator("form [role=status]")).to_contain_text("ladders.main.widths[0]: must be")

    page.get_by_label("Widths").fill("150")
    page.get_by_role("button", name="Render").click()

    expect(page.locator(".name")).to_contain_text("Trial: dropped.jpg")
    expect(page.get_by_role("radio", name="dropped.jpg again")).to_be_checked()
    first = page.url
    page.get_by_role("button", name="Render").click()  # the same picture again
    page.wait_for_url(lambda url: url != first)
    expect(page.locator(".name")).to_contain_text("Trial: dropped.jpg")


def test_playground_works_without_script(without_script: Page, stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "plain.jpg").write_bytes(a_photograph(300, 200))
    page = without_script
    page.goto(f"{stack.status['web']}/playground")

    page.locator("#upload").set_input_files(tmp_path / "plain.jpg")
    page.get_by_role("textbox", name="Profile").fill('{"built_in": "fast"}')
    page.get_by_role("button", name="Render").click()

    expect(page.locator("h1")).to_contain_text("at 300 px")
    page.get_by_role("button", name="End this trial").click()
    expect(page.locator("h1")).to_have_text("Try a profile before you push it")
