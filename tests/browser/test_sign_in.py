"""Signing in and out in a browser, on a stack with tokens."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from bench.gallery import Gallery
from tests.browser.test_pages import open_foreign_page
from tests.browser.test_site import drop
from tests.e2e.conftest import Stack, fetch, wait_for
from tests.pictures import a_small_png

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def token(stack: Stack) -> Iterator[str]:
    """A valid token. The stack accepts nothing else until the end of the module."""
    stack.deploy("Open=false")
    secret = stack.a_token()

    def status(token: str = "") -> int:
        return fetch(stack.status["web"], "application/json", Authorization=f"Bearer {token}").status

    wait_for(lambda: status() == 401, "the stack asked for a token")
    wait_for(lambda: status(secret) == 200, "the token was accepted")
    yield secret
    stack.deploy()
    wait_for(lambda: status() == 200, "the stack was open again")


def sign_in(page: Page, secret: str) -> None:
    page.get_by_label("Token").fill(secret)
    page.get_by_role("button", name="Sign in").click()


@pytest.fixture
def signed_in(context: BrowserContext, stack: Stack, token: str) -> Page:
    """The home page, signed in."""
    page = context.new_page()
    page.goto(stack.status["web"])
    sign_in(page, token)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Pictures in")
    return page


def test_sign_in_by_keyboard_continues_to_the_requested_page(
    context: BrowserContext, stack: Stack, token: str
) -> None:
    page = context.new_page()
    page.goto(f"{stack.status['web']}/failures")
    field = page.get_by_label("Token")
    expect(field).to_be_focused()

    page.keyboard.type("not the token")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("That token is not valid.")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(re.compile("^That token is not valid.*for a week.$"))
    page.keyboard.type(token)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("No failures")
    assert page.url == f"{stack.status['web']}/failures"


def test_cookie_is_hidden_from_scripts(signed_in: Page) -> None:
    [cookie] = signed_in.context.cookies()

    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
    assert signed_in.evaluate("document.cookie") == ""


def test_dropped_pictures_are_rendered_while_signed_in(signed_in: Page) -> None:
    drop(signed_in, one__png=a_small_png(71), two__png=a_small_png(72))

    expect(signed_in.locator(".job-row.rendered")).to_have_count(2)


def test_form_uploads_without_script_while_signed_in(
    without_script: Page, stack: Stack, token: str, tmp_path: Path
) -> None:
    picture = tmp_path / "plain.png"
    picture.write_bytes(a_small_png(73))
    page = without_script
    page.goto(stack.status["web"])
    sign_in(page, token)

    page.get_by_label("Choose a picture").set_input_files(picture)
    page.get_by_role("button", name="Optimise").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("plain.png")


def test_links_from_other_sites_need_no_second_sign_in(signed_in: Page, stack: Stack, shown: Gallery) -> None:
    open_foreign_page(signed_in, shown, f'<a href="{stack.status["web"]}/failures">there</a>')

    signed_in.get_by_role("link", name="there").click()

    expect(signed_in.get_by_role("heading", level=1)).to_have_text("No failures")


def test_forms_of_other_sites_are_refused(signed_in: Page, stack: Stack, shown: Gallery) -> None:
    action = f"{stack.status['web']}/failures/retry"
    open_foreign_page(signed_in, shown, f'<form method="post" action="{action}"><button>Win</button></form>')

    with signed_in.expect_response(action) as response:
        signed_in.get_by_role("button", name="Win").click()

    assert response.value.status == 401  # without the cookie: SameSite=Strict


def test_sign_out_deletes_the_cookie(signed_in: Page, stack: Stack) -> None:
    signed_in.get_by_role("button", name="Sign out").click()

    expect(signed_in.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert signed_in.context.cookies() == []
    signed_in.goto(f"{stack.status['web']}/failures")
    expect(signed_in.get_by_label("Token")).to_be_visible()
