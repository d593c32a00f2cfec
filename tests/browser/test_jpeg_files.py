"""Chromium decodes files of the native JPEG encoder to the pixels that libjpeg-turbo decodes."""

from base64 import b64decode, b64encode
from io import BytesIO
from itertools import product

import darkroom_native
import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Page

from darkroom_cli.local.samples import photograph

_DECODE = """async (url) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width, image.height];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  return canvas.toDataURL("image/png").split(",")[1];
}"""


@pytest.mark.parametrize(
    ("mode", "subsampled", "progressive"), [*product(["L", "RGB"], [False, True], [False, True])]
)
def test_chromium_decodes_every_kind(mode: str, subsampled: bool, progressive: bool, page: Page) -> None:
    scene = photograph(333, 201).convert(mode)

    for quality in (30, 75, 97):
        content = darkroom_native.encode_jpeg(
            scene.tobytes(), *scene.size, len(mode), quality, subsampled, progressive
        )
        drawn = page.evaluate(_DECODE, f"data:image/jpeg;base64,{b64encode(content).decode()}")

        with Image.open(BytesIO(content)) as expected:
            difference = ImageChops.difference(pixels_of(drawn), expected.convert("RGB"))
        assert max(high for _, high in difference.getextrema()) <= 4  # type: ignore[misc]


def pixels_of(png_base64: str) -> Image.Image:
    with Image.open(BytesIO(b64decode(png_base64))) as picture:
        return picture.convert("RGB")
