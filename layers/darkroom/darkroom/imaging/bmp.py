"""Decodes BMPs as browsers do: Pillow lacks 2 bits, most masks, alpha, and what runs leave out."""

from itertools import batched

from PIL import Image

from darkroom.imaging.sniff import corrupt
from darkroom.imaging.sniff.bmp import RUNS_OF_4, RUNS_OF_8, BmpLayout, bmp_layout

_INDICES = {1: "P;1", 2: "P;2", 4: "P;4", 8: "P"}


def decoded(stream: bytes) -> Image.Image:
    """Decodes to L, RGB or RGBA. Raises RejectedPicture if pixels are missing."""
    layout = bmp_layout(stream)
    if layout.compression in (RUNS_OF_8, RUNS_OF_4):
        return _by_runs(stream, layout)
    size, row_bits = (layout.width, layout.height), layout.width * layout.bits
    row_bytes = -(-row_bits // 32) * 4
    pixels = stream[layout.start : layout.start + row_bytes * layout.height]
    padding = row_bytes - -(-row_bits // 8)
    if len(pixels) < row_bytes * layout.height - padding:
        raise corrupt()
    pixels = pixels.ljust(row_bytes * layout.height, b"\0")
    rows = row_bytes, -1 if layout.is_bottom_up else 1
    if layout.masks:
        return _by_masks(pixels, row_bytes, layout)
    if layout.bits in _INDICES:
        return _coloured(Image.frombytes("P", size, pixels, "raw", _INDICES[layout.bits], *rows), layout)
    return Image.frombytes("RGB", size, pixels, "raw", "BGR", *rows)


def _coloured(indices: Image.Image, layout: BmpLayout) -> Image.Image:
    entries = batched(layout.palette, layout.entry_bytes, strict=False)
    colours = [(entry[2], entry[1], entry[0]) for entry in entries if len(entry) > 2]
    indices.putpalette(bytes(level for colour in colours for level in colour).ljust(3 << 8, b"\0"))
    is_grey = colours in ([(level,) * 3 for level in range(len(colours))], [(0, 0, 0), (255, 255, 255)])
    return indices.convert("L" if is_grey else "RGB")


def _by_masks(pixels: bytes, row_bytes: int, layout: BmpLayout) -> Image.Image:
    """Extracts each channel's highest bits, at most 8, from whole rows."""
    used_bytes, pixel_bytes = layout.width * layout.bits // 8, layout.bits // 8
    bands = [bytearray() for _ in layout.masks]
    lows = [max((mask & -mask).bit_length() - 1, mask.bit_length() - 8) for mask in layout.masks]
    tables = [_table(mask >> low) for mask, low in zip(layout.masks, lows, strict=True)]
    starts = range(0, len(pixels), row_bytes)
    for at in reversed(starts) if layout.is_bottom_up else starts:
        row = int.from_bytes(pixels[at : at + used_bytes], "little")
        for band, low, table in zip(bands, lows, tables, strict=True):
            band += (row >> low).to_bytes(used_bytes, "little")[::pixel_bytes].translate(table)
    levels = [Image.frombytes("L", (layout.width, layout.height), band) for band in bands]
    if levels[-1].getextrema() == (0, 0):
        levels = levels[:3]  # as in browsers: many writers leave alpha empty
    return Image.merge("RGBA" if len(levels) > 3 else "RGB", levels)


def _table(most: int) -> bytes:
    """Returns the level of 8 bits for each byte, of which `most` are the channel's bits."""
    return bytes(round(255 * (byte & most) / most) for byte in range(256))


_END_OF_ROW, _END, _MOVE = 0, 1, 2


def _by_runs(stream: bytes, layout: BmpLayout) -> Image.Image:
    """Decodes runs of indices. Pixels that they leave out are transparent, as in browsers."""
    width, height = layout.width, layout.height
    indices, shown = bytearray(width * height), bytearray(width * height)
    at, row, column, ended = layout.start, 0, 0, False
    while row < height and not ended and at < len(stream):
        count, value = stream[at : at + 2]
        at += 2
        if not count and value <= _MOVE:
            ended = value == _END
            right, up = stream[at : at + 2] if value == _MOVE else (-column, value == _END_OF_ROW)
            at += 2 * (value == _MOVE)
            row, column = row + up, column + right
            continue
        if count:
            drawn = _indices(bytes([value]) * count, layout.bits)[:count]
        else:
            stored = -(-value * layout.bits // 8)
            drawn = _indices(stream[at : at + stored], layout.bits)[:value]
            at += stored + stored % 2
        visible = drawn[: max(0, width - column)]
        place = row * width + column
        indices[place : place + len(visible)] = visible
        shown[place : place + len(visible)] = b"\xff" * len(visible)
        column += len(drawn)
    if row < height and not ended and 0 in shown:
        raise corrupt()
    rows = width, -1 if layout.is_bottom_up else 1
    images = [
        Image.frombytes(mode, (width, height), band, "raw", mode, *rows)
        for mode, band in (("P", indices), ("L", shown))
    ]
    picture = _coloured(images[0], layout)
    if 0 in shown:
        picture.putalpha(images[1])
    return picture


def _indices(packed: bytes, bits: int) -> bytes:
    return packed if bits == 8 else bytes(int(digit, 16) for digit in packed.hex())
