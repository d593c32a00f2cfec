"""Each page in a browser, with made-up values: that it can be used by anyone, and does what it shows."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from bench.gallery import HOSTILE, Gallery

pytestmark = pytest.mark.browser

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


def what_axe_minds(page: Page) -> list[tuple[str, list[str]]]:
    """Its rules that are broken in a serious way, and where."""
    found = Axe().run(page).response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in serious]


def settled(page: Page) -> None:
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", Gallery.PAGES)
def test_axe_finds_nothing_serious(page: Page, shown: Gallery, name: str, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for size in (PHONE, DESKTOP):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.goto(f"{shown.site}/{name}")
        settled(page)

        assert not what_axe_minds(page)


@pytest.mark.parametrize("name", Gallery.PAGES)
def test_no_page_is_wider_than_a_phone(page: Page, shown: Gallery, name: str) -> None:
    page.set_viewport_size({"width": 320, "height": 600})
    page.goto(f"{shown.site}/{name}")

    assert page.evaluate("document.documentElement.scrollWidth") == 320


@pytest.mark.parametrize("name", ["home", "picture", "job", "failures", "stored"])
def test_without_script_every_page_shows_what_it_has_to_say(
    without_script: Page, shown: Gallery, name: str
) -> None:
    page = without_script
    page.goto(f"{shown.site}/{name}")

    expect(page.locator("h1")).to_be_visible()
    said = {
        "home": "Develop",
        "picture": "Before: JPEG, 2400",
        "job": "HEIC is not supported",
        "failures": "Retry all",
        "stored": "See it at",
    }
    assert said[name] in page.locator("body").inner_text()


# Before and after


def the_cut(page: Page) -> float:
    """How much of the after picture's width is cut off, in percent."""
    clip = page.locator(".is img").evaluate("(image) => getComputedStyle(image).clipPath")
    width = page.locator(".is img").evaluate("(image) => image.getBoundingClientRect().width")
    found = re.fullmatch(r"inset\(0px(?: 0px 0px ([\d.]+)px)?\)", clip)
    assert found, clip
    return round(100 * float(found[1] or 0) / float(width), 1)


def test_the_slider_moves_by_keyboard(page: Page, shown: Gallery) -> None:
    page.goto(f"{shown.site}/picture")
    slider = page.get_by_role("slider")

    assert the_cut(page) == 50
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert the_cut(page) == 52
    expect(slider).to_have_attribute("aria-valuetext", "52 % before, 48 % after")
    page.keyboard.press("Home")
    assert the_cut(page) == 0
    page.keyboard.press("End")
    assert the_cut(page) == 100


def test_the_slider_is_reached_by_the_tab_key(page: Page, shown: Gallery) -> None:
    page.goto(f"{shown.site}/picture")

    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "range":
            return
    pytest.fail("twelve presses of Tab did not reach the slider")


def test_the_divider_follows_the_pointer(page: Page, shown: Gallery) -> None:
    page.goto(f"{shown.site}/picture")
    box = page.locator(".pair").bounding_box()
    assert box

    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 80)
    page.mouse.up()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + 80)

    assert the_cut(page) == pytest.approx(25, abs=1)
    assert page.get_by_role("slider").input_value() == "25"


def test_before_and_after_lie_over_each_other_in_the_same_size(page: Page, shown: Gallery) -> None:
    page.goto(f"{shown.site}/picture")

    before, after = (page.locator(f"{which} img").bounding_box() for which in (".was", ".is"))
    assert before == after


def test_what_is_after_can_be_chosen(page: Page, shown: Gallery) -> None:
    page.goto(f"{shown.site}/picture")
    after, image = page.locator("[data-after]"), page.locator(".is img")
    best = page.locator(".best a").get_attribute("href")
    assert best
    expect(image).to_have_attribute("src", best)  # once it is there

    page.get_by_role("group", name="Format").get_by_text("WebP").click()
    page.get_by_role("group", name="Width").get_by_text("1280").click()
    page.keyboard.press("ArrowLeft")

    expect(image).to_have_attribute("src", re.compile(r"/640\.webp$"))
    expect(after).to_contain_text("WebP, 640 \N{MULTIPLICATION SIGN} 427")
    expect(after).to_contain_text("smaller")


def test_pixels_are_shown_one_to_one_and_twice_as_large(page: Page, shown: Gallery) -> None:
    page.goto(f"{shown.site}/picture")
    pair, zoom = page.locator(".pair"), page.get_by_role("group", name="Zoom")

    def width() -> float:
        box = pair.bounding_box()
        assert box
        return box["width"]

    assert width() < 1920
    zoom.get_by_text("100 %").click()
    assert width() == 1920
    zoom.get_by_text("200 %").click()
    assert width() == 3840
    # The cut stays where the divider is, wherever the picture is scrolled to.
    page.locator(".pan").evaluate("(pan) => pan.scrollTo(0, 0)")
    seen = page.locator(".pan").evaluate("(pan) => pan.clientWidth")
    expect(pair).to_have_css("--cut", f"{seen / 2:g}px")


def test_the_original_is_asked_of_nobody(page: Page, shown: Gallery) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{shown.site}/picture")
    settled(page)

    assert asked
    assert not [url for url in asked if "morning" in url]


# Markup to copy


def elsewhere(page: Page, shown: Gallery, markup: str) -> None:
    """Opens a page of someone's own, with that in it."""
    shown.elsewhere = f'<!doctype html><link rel="icon" href="data:,">{markup}'
    page.goto(f"{shown.site}/elsewhere")
    settled(page)


def test_the_copied_markup_renders(context: BrowserContext, page: Page, shown: Gallery) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{shown.site}/picture")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    markup = page.evaluate("navigator.clipboard.readText()")

    elsewhere(page, shown, markup)

    image = page.locator("picture img")
    assert image.evaluate("(image) => image.naturalWidth") > 0
    assert image.evaluate("(image) => image.currentSrc").removeprefix(f"{shown.bucket}/") in shown.files
    assert image.get_attribute("alt") == "morning on the pass.jpg"


# Names are hostile


@pytest.mark.parametrize("name", ["home", "hostile", "job", "failures"])
def test_markup_in_a_name_is_text_and_runs_nothing(page: Page, shown: Gallery, name: str) -> None:
    page.goto(f"{shown.site}/{name}")  # a dialog would fail this test: see the fixture

    assert HOSTILE in page.locator("body").inner_text()
    assert page.locator('img[src="x"]').count() == 0


def test_markup_in_a_name_is_text_in_the_copied_markup_too(page: Page, shown: Gallery) -> None:
    page.goto(f"{shown.site}/hostile")
    markup = page.locator("#markup + .copy code").text_content()
    assert markup

    elsewhere(page, shown, markup)

    expect(page.locator("img")).to_have_count(1)
    expect(page.locator("img")).to_have_attribute("alt", HOSTILE)


# The policy


def test_the_policy_lets_in_no_script_of_anyone_else(context: BrowserContext, shown: Gallery) -> None:
    page = context.new_page()  # one that may fail: the browser says so of what it refuses
    page.goto(f"{shown.site}/home")

    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "document.title = 'taken'";
        document.body.append(script);
    }""")

    assert page.title() == "Darkroom"
