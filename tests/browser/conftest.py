"""Fixtures with a real browser. Without Chromium these tests are skipped."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, expect, sync_playwright

from bench.gallery import Gallery, chromium, gallery
from tests.e2e.conftest import Stack, a_stack

_TIMEOUT_MS = 180_000  # generous: a busy machine must not fail a test


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if not (program := chromium()):
        pytest.skip("Chromium is missing (Debian: apt-get install chromium)")
    expect.set_options(timeout=_TIMEOUT_MS)
    # While Playwright runs, no other event loop can run in this thread: stop it after this package.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(_TIMEOUT_MS)
    yield context
    context.close()


@pytest.fixture
def without_script(browser: Browser) -> Iterator[Page]:
    """A page in a browser without JavaScript."""
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(_TIMEOUT_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page; fails the test on a script error, a blocked or failed request, or a dialog."""
    page, errors = context.new_page(), list[str]()

    def record_error(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    def dismiss(dialog: Dialog) -> None:
        errors.append(dialog.message)
        dialog.dismiss()

    page.on("console", record_error)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", dismiss)
    yield page
    page.close()
    assert not errors


@pytest.fixture(scope="package")
def shown(browser: Browser) -> Iterator[Gallery]:
    """The gallery of made-up pages. It depends on the browser, since drawing it takes seconds."""
    with gallery() as shown:
        yield shown


@pytest.fixture(scope="package")
def stack(browser: Browser) -> Iterator[Stack]:
    with a_stack() as stack:
        yield stack
