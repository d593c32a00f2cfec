"""Signing in and out in a browser, on a stack that asks for a token."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from bench.gallery import Gallery
from tests.browser.test_pages import elsewhere
from tests.browser.test_site import drop
from tests.e2e.conftest import Stack, fetch, wait_for
from tests.pictures import a_small_png

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def token(stack: Stack) -> Iterator[str]:
    """The one that lets in; the stack is open again at the end."""
    stack.deploy("Open=false")
    secret = stack.a_token()

    def known() -> bool:
        return fetch(stack.status["web"], "application/json", Authorization=f"Bearer {secret}").status == 200

    wait_for(known, "the token was known")
    yield secret
    stack.deploy()


def sign_in(page: Page, secret: str) -> None:
    page.get_by_label("Token").fill(secret)
    page.get_by_role("button", name="Sign in").click()


@pytest.fixture
def inside(context: BrowserContext, stack: Stack, token: str) -> Page:
    """The start page, of who has signed in."""
    page = context.new_page()
    page.goto(stack.status["web"])
    sign_in(page, token)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Drop a picture")
    return page


def test_by_keyboard_alone_one_signs_in_and_is_where_one_wanted_to_be(
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


def test_no_script_can_read_the_cookie(inside: Page) -> None:
    [cookie] = inside.context.cookies()

    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
    assert inside.evaluate("document.cookie") == ""


def test_pictures_are_dropped_and_followed_as_on_an_open_site(inside: Page) -> None:
    drop(inside, one__png=a_small_png(71), two__png=a_small_png(72))

    expect(inside.locator(".job-row.rendered")).to_have_count(2)


def test_without_script_a_picture_is_sent_by_the_form(
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


def test_a_link_on_another_site_leads_in_without_signing_in_again(
    inside: Page, stack: Stack, shown: Gallery
) -> None:
    elsewhere(inside, shown, f'<a href="{stack.status["web"]}/failures">there</a>')

    inside.get_by_role("link", name="there").click()

    expect(inside.get_by_role("heading", level=1)).to_have_text("No failures")


def test_another_sites_form_changes_nothing(inside: Page, stack: Stack, shown: Gallery) -> None:
    action = f"{stack.status['web']}/failures/retry"
    elsewhere(inside, shown, f'<form method="post" action="{action}"><button>Win</button></form>')

    with inside.expect_response(action) as answer:
        inside.get_by_role("button", name="Win").click()

    assert answer.value.status == 401  # the browser leaves the cookie out: SameSite=Strict


def test_who_signs_out_is_out(inside: Page, stack: Stack) -> None:
    inside.get_by_role("button", name="Sign out").click()

    expect(inside.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert inside.context.cookies() == []
    inside.goto(f"{stack.status['web']}/failures")
    expect(inside.get_by_label("Token")).to_be_visible()
