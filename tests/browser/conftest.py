"""A real browser. Without Chromium these tests are skipped, and say so."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, expect, sync_playwright

from bench.gallery import Gallery, chromium, gallery
from tests.e2e.conftest import Stack, a_stack

_PATIENCE_MS = 180_000  # a busy machine is slow, not wrong


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if not (program := chromium()):
        pytest.skip("Chromium is missing (Debian: apt-get install chromium)")
    expect.set_options(timeout=_PATIENCE_MS)
    # Stopped after this package: no other event loop may run in this thread while it does.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(_PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def without_script(browser: Browser) -> Iterator[Page]:
    """A page in a browser that runs no script."""
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(_PATIENCE_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page on which no script may fail, no address be refused and no dialog open."""
    page, faults = context.new_page(), list[str]()

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            faults.append(message.text)

    def dismiss(dialog: Dialog) -> None:
        faults.append(dialog.message)
        dialog.dismiss()

    page.on("console", note)
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.on("dialog", dismiss)
    yield page
    page.close()
    assert not faults


@pytest.fixture(scope="package")
def shown(browser: Browser) -> Iterator[Gallery]:
    """Made-up pages; asks for the browser first, so that nothing is drawn where there is none."""
    with gallery() as shown:
        yield shown


@pytest.fixture(scope="package")
def stack(browser: Browser) -> Iterator[Stack]:
    with a_stack() as stack:
        yield stack
