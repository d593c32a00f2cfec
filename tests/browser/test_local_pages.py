"""The pages of `darkroom render --html` and `darkroom compare --html`, opened from disk."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from darkroom_cli import compare
from darkroom_cli.local.samples import photograph
from darkroom_cli.render.command import Options, render
from darkroom_cli.render.options import chosen_profile
from tests.browser.test_pages import DESKTOP, PHONE, axe_violations, divider_position, natural_width

pytestmark = pytest.mark.browser

HOSTILE = "<b onload=alert(1)>'&\"#%20?.png"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an album, its pages in `out` and `small`, and the page of a comparison."""
    folder = tmp_path_factory.mktemp("local pages")
    (folder / "album" / "deep").mkdir(parents=True)
    photograph(700, 500).save(folder / "album" / "sea.jpg")
    photograph(300, 200, seed=2).save(folder / "album" / "deep" / HOSTILE)
    profile = chosen_profile("default", ["jpeg", "webp"], ["100", "640"], None)
    assert render([folder / "album"], folder / "out", Options(profile, with_pages=True)) == 0
    referenced = chosen_profile("default", None, None, 50)
    assert render([folder / "album"], folder / "referenced", Options(referenced, with_pages=True)) == 0
    profiles = [chosen_profile(name, None, None, None) for name in ("fast", "squoosh")]
    compared = compare.compare_profiles(folder / "album" / "sea.jpg", profiles)
    compare.write_page(compared, folder / "compared.html")
    return folder


PAGES = ("out/index.html", "out/album/sea-page.html", "compared.html")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_serious_violation_in_local_pages(
    page: Page, folder: Path, name: str, scheme: str
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for size in (PHONE, DESKTOP):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.goto((folder / name).as_uri())

        assert not axe_violations(page)


@pytest.mark.parametrize("name", PAGES)
def test_local_pages_fit_a_phone(page: Page, folder: Path, name: str) -> None:
    page.set_viewport_size({"width": 320, "height": 600})
    page.goto((folder / name).as_uri())

    assert page.evaluate("document.documentElement.scrollWidth") == 320


@pytest.mark.parametrize("pages", ["out", "referenced"])
def test_the_index_leads_to_every_picture_and_back(page: Page, folder: Path, pages: str) -> None:
    page.goto((folder / pages / "index.html").as_uri())
    expect(page.locator(".tiles li")).to_have_count(2)

    for name in (HOSTILE, "sea.jpg"):
        page.get_by_role("link", name=name).click()
        for image in ("before", "after"):
            assert natural_width(page.locator(f".picture-{image} img")) > 0
        page.get_by_role("link", name="Darkroom").click()
        expect(page.locator("h1")).to_contain_text("2 pictures: ")


def test_the_slider_of_a_local_page_moves_and_formats_can_be_chosen(page: Page, folder: Path) -> None:
    page.goto((folder / "out/album/sea-page.html").as_uri())

    page.get_by_role("slider").focus()
    page.keyboard.press("Home")
    assert divider_position(page) == 0
    page.get_by_text("100", exact=True).click()
    expect(page.locator(".picture-after img")).to_have_attribute(
        "src", (folder / "out/album/sea-100.jpg").as_uri()
    )


def test_the_markup_of_a_local_page_shows_the_picture(page: Page, folder: Path) -> None:
    page.goto((folder / "out/album/sea-page.html").as_uri())
    markup = page.locator("pre code").inner_text()
    (folder / "out/album/mine.html").write_text(markup)

    page.goto((folder / "out/album/mine.html").as_uri())

    assert natural_width(page.locator("img")) == 640


def test_the_page_of_a_comparison_shows_each_profile(page: Page, folder: Path) -> None:
    page.goto((folder / "compared.html").as_uri())
    assert natural_width(page.locator(".picture-before img")) == 700

    page.locator("[data-choice=format] label", has_text="squoosh, JPEG").click()

    expect(page.locator("[data-after]")).to_contain_text("squoosh, JPEG, 100")
    expect(page.locator(".picture-after img")).to_have_js_property("naturalWidth", 100)
