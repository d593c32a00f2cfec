"""Each page in a browser, with made-up values: accessibility and scripts."""

import re
from urllib.parse import parse_qs

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from bench.gallery import HOSTILE, Gallery
from darkroom.adapters.clients import dynamodb_client
from darkroom.adapters.live import DynamoChannels
from darkroom.bootstrap import web
from darkroom.web.http import responder_for
from tests.browser.conftest import LiveJob

pytestmark = pytest.mark.browser

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


def axe_violations(page: Page) -> list[tuple[str, list[str]]]:
    """Serious and critical violations of axe's rules, with the HTML of the elements."""
    violations = Axe().run(page).response["violations"]
    serious = [violation for violation in violations if violation["impact"] in ("serious", "critical")]
    return [(violation["id"], [node["html"] for node in violation["nodes"]]) for violation in serious]


def wait_until_idle(page: Page) -> None:
    page.wait_for_load_state("networkidle")


def natural_width(image: Locator) -> int:
    """Width in pixels of a picture that has been loaded, 0 if it could not be."""
    expect(image).to_have_js_property("complete", value=True)
    width = image.evaluate("(image) => image.naturalWidth")
    assert isinstance(width, int)
    return width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", Gallery.PAGES)
def test_axe_finds_no_serious_violation(page: Page, shown: Gallery, name: str, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for size in (PHONE, DESKTOP):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.goto(f"{shown.url}/{name}")
        wait_until_idle(page)

        assert not axe_violations(page)


@pytest.mark.parametrize("name", Gallery.PAGES)
def test_every_page_fits_a_phone(page: Page, shown: Gallery, name: str) -> None:
    page.set_viewport_size({"width": 320, "height": 600})
    page.goto(f"{shown.url}/{name}")

    assert page.evaluate("document.documentElement.scrollWidth") == 320


@pytest.mark.parametrize("name", ["home", "picture", "job", "failures", "stored"])
def test_every_page_shows_its_content_without_script(without_script: Page, shown: Gallery, name: str) -> None:
    page = without_script
    page.goto(f"{shown.url}/{name}")

    expect(page.locator("h1")).to_be_visible()
    text = {
        "home": "Optimise",
        "picture": "Before: JPEG, 2400",
        "job": "HEIC is not supported",
        "failures": "Retry all",
        "stored": "See it at",
    }
    assert text[name] in page.locator("body").inner_text()


# Crop


def test_a_click_on_the_crop_sends_the_focus_and_shows_the_new_picture(page: Page, shown: Gallery) -> None:
    times = iter(["before", "before", "after"])

    def respond(route: Route) -> None:
        if "json" in route.request.headers.get("accept", ""):
            route.fulfill(json={"at": next(times)})
        else:
            route.continue_()

    page.goto(f"{shown.url}/crop")
    page.route("**/crop", respond)
    page.route("**/focus", lambda route: route.fulfill(status=202, json={"action": "focus", "uploads": 1}))
    picture = page.locator(".crop svg")
    box = picture.bounding_box()
    assert box

    with page.expect_request("**/focus") as sent, page.expect_navigation():
        picture.click(position={"x": box["width"] / 4, "y": box["height"] / 2})

    focus = parse_qs(sent.value.post_data or "")["focus"][0]
    across, down = map(float, focus.split(","))
    assert (round(across, 2), round(down, 2)) == (0.25, 0.5)


def test_the_crop_has_a_form_without_script(without_script: Page, shown: Gallery) -> None:
    without_script.goto(f"{shown.url}/crop")

    assert without_script.get_by_label("Keep this point").is_visible()
    assert "or click" not in without_script.locator("main").inner_text()


# Before and after


def divider_position(page: Page) -> float:
    """Position of the divider, in percent of the picture's width."""
    clip = page.locator(".picture-after img").evaluate("(image) => getComputedStyle(image).clipPath")
    width = page.locator(".picture-after img").evaluate("(image) => image.getBoundingClientRect().width")
    inset = re.fullmatch(r"inset\(0px(?: 0px 0px ([\d.]+)px)?\)", clip)
    assert inset, clip
    return round(100 * float(inset[1] or 0) / float(width), 1)


def test_slider_moves_by_keyboard(page: Page, shown: Gallery) -> None:
    page.goto(f"{shown.url}/picture")
    slider = page.get_by_role("slider")

    assert divider_position(page) == 50
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert divider_position(page) == 52
    expect(slider).to_have_attribute("aria-valuetext", "52% before, 48% after")
    page.keyboard.press("Home")
    assert divider_position(page) == 0
    page.keyboard.press("End")
    assert divider_position(page) == 100


def test_slider_is_reached_by_the_tab_key(page: Page, shown: Gallery) -> None:
    page.goto(f"{shown.url}/picture")

    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "range":
            return
    pytest.fail("Tab did not reach the slider within twelve presses")


def test_divider_follows_the_pointer(page: Page, shown: Gallery) -> None:
    page.goto(f"{shown.url}/picture")
    box = page.locator(".pair").bounding_box()
    assert box

    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 80)
    page.mouse.up()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + 80)

    assert divider_position(page) == pytest.approx(25, abs=1)
    assert page.get_by_role("slider").input_value() == "25"


def test_before_and_after_cover_each_other(page: Page, shown: Gallery) -> None:
    page.goto(f"{shown.url}/picture")

    before, after = (
        page.locator(f"{which} img").bounding_box() for which in (".picture-before", ".picture-after")
    )
    assert before == after


def test_format_and_width_of_after_can_be_chosen(page: Page, shown: Gallery) -> None:
    page.goto(f"{shown.url}/picture")
    after, image = page.locator("[data-after]"), page.locator(".picture-after img")
    best = page.locator(".best a").get_attribute("href")
    assert best
    expect(image).to_have_attribute("src", best)  # once it is decoded

    page.get_by_role("group", name="Format").get_by_text("JPEG").click()
    page.get_by_role("group", name="Width").get_by_text("1280").click()
    page.keyboard.press("ArrowLeft")

    expect(image).to_have_attribute("src", re.compile(r"/640\.jpg$"))
    expect(after).to_contain_text("JPEG, 640 \N{MULTIPLICATION SIGN} 427")
    expect(after).to_contain_text("smaller")


def test_any_two_renditions_can_be_compared(page: Page, shown: Gallery) -> None:
    page.goto(f"{shown.url}/picture")
    left = page.get_by_label("Left")
    expect(left.locator("option").first).to_have_text("Before")

    left.select_option(label="JPEG 640")

    expect(page.locator(".picture-before img")).to_have_attribute("src", re.compile(r"/640\.jpg$"))
    expect(page.locator("[data-before]")).to_contain_text("JPEG, 640")
    left.select_option(label="Before")
    expect(page.locator("[data-before]")).to_contain_text("Before")


def test_the_wheel_with_ctrl_zooms_at_the_pointer(page: Page, shown: Gallery) -> None:
    page.goto(f"{shown.url}/picture")
    pair = page.locator(".pair")
    box = pair.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 4, box["y"] + 100
    page.mouse.move(x, y)

    page.mouse.wheel(0, -10)  # without Ctrl the page scrolls
    assert pair.bounding_box()["width"] == box["width"]  # type: ignore[index]
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    expect(page.locator(".compare")).to_have_class(re.compile("zoomed"))
    zoomed = pair.bounding_box()
    assert zoomed
    page.mouse.wheel(0, 2000)

    assert zoomed["width"] > 2 * box["width"]
    assert (x - zoomed["x"]) / zoomed["width"] == pytest.approx(0.25, abs=0.01)
    expect(page.locator(".compare")).not_to_have_class(re.compile("zoomed"))
    page.keyboard.up("Control")


def test_two_fingers_zoom(page: Page, shown: Gallery) -> None:
    page.goto(f"{shown.url}/picture")

    page.locator(".stage").evaluate("""(stage) => {
        const touch = (type, gap) => {
            const at = (identifier, clientX) =>
                new Touch({ identifier, target: stage, clientX, clientY: 300 });
            const touches = [at(0, 600 - gap), at(1, 600 + gap)];
            stage.dispatchEvent(new TouchEvent(type, { touches, bubbles: true, cancelable: true }));
        };
        touch("touchstart", 50);
        touch("touchmove", 150);
    }""")

    expect(page.locator(".compare")).to_have_class(re.compile("zoomed"))


def test_zoom_shows_pixels_at_100_and_200_percent(page: Page, shown: Gallery) -> None:
    page.goto(f"{shown.url}/picture")
    pair, zoom = page.locator(".pair"), page.get_by_role("group", name="Zoom")

    def width() -> float:
        box = pair.bounding_box()
        assert box
        return box["width"]

    assert width() < 1920
    zoom.get_by_text("100%").click()
    assert width() == 1920
    zoom.get_by_text("200%").click()
    assert width() == 3840
    # The divider stays in the middle of the visible part.
    page.locator(".pan").evaluate("(pan) => pan.scrollTo(0, 0)")
    visible_width = page.locator(".pan").evaluate("(pan) => pan.clientWidth")
    expect(pair).to_have_css("--picture-divider", f"{visible_width / 2:g}px")


def test_original_is_never_requested(page: Page, shown: Gallery) -> None:
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(f"{shown.url}/picture")
    wait_until_idle(page)

    assert urls
    assert not [url for url in urls if "morning" in url]


# Markup to copy


def open_foreign_page(page: Page, shown: Gallery, markup: str) -> None:
    """Opens a page of another site with this markup in it."""
    shown.foreign_html = f'<!doctype html><link rel="icon" href="data:,">{markup}'
    page.goto(f"{shown.url}/foreign")
    wait_until_idle(page)


def test_copied_markup_renders(context: BrowserContext, page: Page, shown: Gallery) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{shown.url}/picture")
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    markup = page.evaluate("navigator.clipboard.readText()")

    open_foreign_page(page, shown, markup)

    image = page.locator("picture img")
    assert natural_width(image) > 0
    assert image.evaluate("(image) => image.currentSrc").removeprefix(f"{shown.bucket_url}/") in shown.files
    assert image.get_attribute("alt") == "morning on the pass.jpg"


# Hostile names


@pytest.mark.parametrize("name", ["home", "hostile", "job", "failures"])
def test_markup_in_a_name_is_shown_as_text(page: Page, shown: Gallery, name: str) -> None:
    page.goto(f"{shown.url}/{name}")  # a dialog fails this test, see the fixture

    assert HOSTILE in page.locator("body").inner_text()
    assert page.locator('img[src="x"]').count() == 0


def test_markup_in_a_name_is_text_in_copied_markup(page: Page, shown: Gallery) -> None:
    page.goto(f"{shown.url}/hostile")
    markup = page.locator("#markup + .copy code").text_content()
    assert markup

    open_foreign_page(page, shown, markup)

    expect(page.locator("img")).to_have_count(1)
    expect(page.locator("img")).to_have_attribute("alt", HOSTILE)


# Content-Security-Policy


def test_policy_blocks_foreign_script(context: BrowserContext, shown: Gallery) -> None:
    page = context.new_page()  # not the fixture: the blocked script is an error on the console
    page.goto(f"{shown.url}/home")

    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "document.title = 'changed'";
        document.body.append(script);
    }""")

    assert page.title() == "Darkroom"


def test_job_page_follows_a_socket_on_another_origin(live_job: LiveJob, page: Page) -> None:
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(f"{request.resource_type} {request.url}"))
    page.clock.install(time="2026-01-01")
    page.clock.pause_at("2026-01-02")  # no timeout of the page depends on the speed of the machine

    page.goto(live_job.page_url)  # a violation of the policy fails this test, see the fixture

    expect(page.locator(".job-row.rendered")).to_have_count(1)
    expect(page.locator("h1")).to_have_text("2 pictures, 1 done")
    [hello] = live_job.hellos
    ticket = DynamoChannels("channels", dynamodb_client()).redeem(hello["ticket"])
    assert ticket
    assert ticket.job_id == hello["job"] == live_job.document["id"]
    page.clock.run_for(5000)  # longest pause between two polls
    page.evaluate("fetch('/')")  # a poll's request would be sent before this one
    assert fetched.count(f"fetch {live_job.page_url}") == 1


@pytest.fixture
def policy_without_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Creates the responder without the URL of the WebSocket."""
    monkeypatch.setattr(web, "responder_for", lambda *arguments: responder_for(*arguments[:3]))


@pytest.mark.usefixtures("policy_without_socket")
def test_job_page_polls_if_its_policy_forbids_the_socket(live_job: LiveJob, context: BrowserContext) -> None:
    page = context.new_page()  # not the fixture: the violation is an error on the console
    page.clock.install()
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text) as violation:
        page.goto(live_job.page_url)
    with page.expect_request(live_job.page_url):  # the next poll
        page.clock.fast_forward(5000)  # time limit of the hello

    assert f"'{live_job.socket_url}?" in violation.value.text
    assert "connect-src" in violation.value.text
    assert live_job.connections == 0
    expect(page.locator(".job-row.expected")).to_have_count(2)
