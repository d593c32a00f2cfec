import pytest
from playwright.sync_api import Page, expect

from darkroom.web.routes import ROUTES
from tests.browser.test_pages import DESKTOP, PHONE, axe_violations
from tests.e2e.conftest import Stack

pytestmark = pytest.mark.browser


def test_docs_show_every_operation_and_can_execute_one(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.status['web']}/docs")
    expect(page.locator(".opblock")).to_have_count(len(ROUTES))

    page.locator("#operations-failures-failures").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()

    expect(page.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_docs_are_legible_and_fit_a_phone(page: Page, stack: Stack, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for size in (PHONE, DESKTOP):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.goto(f"{stack.status['web']}/docs")
        page.locator("#operations-pictures-picture .opblock-summary").click()
        expect(page.locator(".opblock-body")).to_be_visible()

        assert not axe_violations(page)
        assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
    page.get_by_role("banner").get_by_role("link", name="Darkroom").click()
    expect(page.locator("form[data-limit]")).to_be_visible()


def test_problem_type_links_to_its_description(page: Page, stack: Stack) -> None:
    problem = stack.get("/nothing.jpg", "application/json").json

    page.goto(stack.status["web"] + problem["type"])

    expect(page.locator(":target")).to_contain_text(problem["title"])
