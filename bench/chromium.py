"""Draws pictures with headless Chromium, with the sRGB profile forced: the oracle of fidelity."""

from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image
from playwright.sync_api import Page, Route, sync_playwright

from bench.gallery import chromium

ARGUMENTS = ["--no-sandbox", "--force-color-profile=srgb"]

# A secure origin, since ImageDecoder needs one; every request to it is answered here.
_ORIGIN = "https://pictures.test/"
_MEDIA_TYPES = {"jpg": "jpeg", "tif": "tiff"}
_SCRIPT = """async ([name, type]) => {
    const pixels = (source, width, height) => {
        const canvas = new OffscreenCanvas(width, height);
        const context = canvas.getContext("2d", {colorSpace: "srgb", willReadFrequently: true});
        context.drawImage(source, 0, 0, width, height);
        const {data} = context.getImageData(0, 0, width, height);
        let text = "";
        for (let at = 0; at < data.length; at += 32768)
            text += String.fromCharCode(...data.subarray(at, at + 32768));
        return {width, height, pixels: btoa(text)};
    };
    const image = new Image();
    image.src = name;
    try { await image.decode(); } catch { return []; }
    const still = {...pixels(image, image.naturalWidth, image.naturalHeight), milliseconds: 0};
    if (!await ImageDecoder.isTypeSupported(type)) return [still];
    const body = await (await fetch(name)).arrayBuffer();
    const decoder = new ImageDecoder({data: body, type, colorSpaceConversion: "default"});
    try {
        await decoder.tracks.ready;
        await decoder.completed;
        const count = decoder.tracks.selectedTrack.animated ? decoder.tracks.selectedTrack.frameCount : 1;
        if (count < 2) return [still];
        const frames = [];
        for (let frameIndex = 0; frameIndex < count; frameIndex++) {
            const {image: frame} = await decoder.decode({frameIndex});
            frames.push({...pixels(frame, frame.displayWidth, frame.displayHeight),
                         milliseconds: (frame.duration ?? 0) / 1000});
            frame.close();
        }
        return frames;
    } catch { return [still]; }
}"""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as shown, in RGBA, and its duration; a still has one frame of 0 ms."""

    image: Image.Image
    milliseconds: float


class Chromium:
    """A page that draws pictures, frame by frame."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._content = b""
        self._type = ""
        page.route(_ORIGIN + "**", self._respond)
        page.goto(_ORIGIN)

    def frames(self, content: bytes, extension: str) -> list[Frame]:
        """Returns the frames as drawn; none if Chromium does not show the file."""
        self._content, self._type = content, f"image/{_MEDIA_TYPES.get(extension, extension)}"
        drawn = self._page.evaluate(_SCRIPT, ["/picture", self._type])
        return [
            Frame(
                Image.frombytes("RGBA", (one["width"], one["height"]), b64decode(one["pixels"])),
                one["milliseconds"],
            )
            for one in drawn
        ]

    def _respond(self, route: Route) -> None:
        if route.request.url == _ORIGIN:
            route.fulfill(body="<!doctype html>", content_type="text/html")
        else:
            headers = {"cache-control": "no-store"}
            route.fulfill(body=self._content, content_type=self._type, headers=headers)


@contextmanager
def chromium_page() -> Iterator[Chromium]:
    """Starts Chromium. Raises LookupError if it is not installed."""
    if not (program := chromium()):
        raise LookupError("Chromium is missing: install it (Debian: apt-get install chromium) and try again.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield Chromium(browser.new_page())
        browser.close()
