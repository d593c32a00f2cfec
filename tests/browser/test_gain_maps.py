"""Chromium recognises kept gain maps: it decodes the map beside its picture.

Its traces show that even for a screen without HDR. Neither canvas nor screenshots give light above white.
"""

import json
from base64 import b64encode
from dataclasses import replace

import pytest
from playwright.sync_api import Browser

from darkroom.domain.profile import Hdr
from darkroom.imaging import render
from tests.unit.imaging.gain_maps import THREE_CHANNELS, scene, ultra_hdr
from tests.unit.imaging.pictures import encoded, only
from tests.unit.imaging.test_gain_maps import KINDS, keeping

_DECODING = "ImageFrameGenerator::decodeAndScale"


def pictures_decoded(browser: Browser, content: bytes) -> int:
    """Counts the pictures that Chromium decodes to show a JPEG."""
    page = browser.new_page()
    browser.start_tracing(page=page, categories=["blink"])
    page.set_content(f'<img src="data:image/jpeg;base64,{b64encode(content).decode()}">')
    page.locator("img").screenshot()
    events = json.loads(browser.stop_tracing())["traceEvents"]
    page.close()
    return len({event["args"]["generator"] for event in events if event["name"] == _DECODING})


@pytest.mark.parametrize("kind", KINDS)
def test_chromium_decodes_a_kept_map(kind: str, browser: Browser) -> None:
    content = ultra_hdr(*scene(), kind)
    shown = {choice: only(render(content, replace(keeping(), hdr=choice))).data for choice in Hdr}

    assert pictures_decoded(browser, shown[Hdr.KEEP]) == 2
    assert pictures_decoded(browser, shown[Hdr.REDUCE]) == 1


def test_chromium_decodes_a_map_of_three_channels(browser: Browser) -> None:
    base, gain = scene()
    content = ultra_hdr(base, encoded(gain.convert("RGB"), "JPEG"), "iso", THREE_CHANNELS)

    assert pictures_decoded(browser, content) == 2
    assert pictures_decoded(browser, only(render(content, keeping())).data) == 2
