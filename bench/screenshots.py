"""Takes screenshots of the pages into docs/screenshots/: light and dark, phone and desktop."""

import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from bench.gallery import Gallery, chromium, gallery

FOLDER = Path(__file__).parent.parent / "docs" / "screenshots"
_SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
_SHOW_DEFAULT_URL = """() => {
    for (const place of document.querySelectorAll("[data-address]")) place.textContent = "http://localhost:8000/";
}"""
_FULL_HEIGHT = ("home", "job")
_PAGES = ("home", "picture", "job", "failures")


def main() -> None:
    if not (program := chromium()):
        sys.exit("Chromium is missing: install it (Debian: apt-get install chromium) and try again.")
    FOLDER.mkdir(exist_ok=True)
    with gallery() as shown, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name in _PAGES:
            for scheme in ("light", "dark"):
                for size in _SIZES:
                    path = FOLDER / f"{name}-{scheme}-{size}.webp"
                    path.write_bytes(_screenshot(browser, shown, name, scheme, size))
                    print(f"{path.relative_to(Path.cwd())}: {path.stat().st_size // 1000} KB")  # noqa: T201
        browser.close()


def _screenshot(browser: Browser, shown: Gallery, name: str, scheme: str, size: str) -> bytes:
    width, height = _SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(f"{shown.url}/{name}")
    page.wait_for_load_state("networkidle")
    page.evaluate(_SHOW_DEFAULT_URL)
    if name in _FULL_HEIGHT:  # thumbnails are loaded once they are visible
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_load_state("networkidle")
    taken = page.screenshot(animations="disabled")
    context.close()
    return _webp(taken)


def _webp(png: bytes) -> bytes:
    """Converts a screenshot to WebP; with a PNG palette the pictures in it would show bands."""
    buffer = BytesIO()
    Image.open(BytesIO(png)).convert("RGB").save(buffer, "WEBP", quality=90)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
