"""Decodes BMPs as browsers do: Pillow lacks 2 bits, most masks, alpha, and what runs leave out."""

import re
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
        return _by_masks(pixels, rows, layout)
    if layout.bits in _INDICES:
        return _coloured(Image.frombytes("P", size, pixels, "raw", _INDICES[layout.bits], *rows), layout)
    return Image.frombytes("RGB", size, pixels, "raw", "BGR", *rows)


def _coloured(indices: Image.Image, layout: BmpLayout) -> Image.Image:
    entries = batched(layout.palette, layout.entry_bytes, strict=False)
    colours = [(entry[2], entry[1], entry[0]) for entry in entries if len(entry) > 2]
    indices.putpalette(bytes(level for colour in colours for level in colour).ljust(3 << 8, b"\0"))
    is_grey = colours in ([(level,) * 3 for level in range(len(colours))], [(0, 0, 0), (255, 255, 255)])
    return indices.convert("L" if is_grey else "RGB")


def _by_masks(pixels: bytes, rows: tuple[int, int], layout: BmpLayout) -> Image.Image:
    """Extracts each channel's highest bits, at most 8, from many pixels at once."""
    pixel_bytes = layout.bits // 8
    bands = [bytearray() for _ in layout.masks]
    lows = [max((mask & -mask).bit_length() - 1, mask.bit_length() - 8) for mask in layout.masks]
    tables = [_table(mask >> low) for mask, low in zip(layout.masks, lows, strict=True)]
    for at in range(0, len(pixels), _BLOCK_BYTES):
        block = pixels[at : at + _BLOCK_BYTES]
        number = int.from_bytes(block, "little")
        for band, low, table in zip(bands, lows, tables, strict=True):
            band += (number >> low).to_bytes(len(block), "little")[::pixel_bytes].translate(table)
    size, stride = (layout.width, layout.height), (rows[0] // pixel_bytes, rows[1])
    levels = [Image.frombytes("L", size, band, "raw", "L", *stride) for band in bands]
    if levels[-1].getextrema() == (0, 0):
        levels = levels[:3]  # many writers leave alpha empty
    return Image.merge("RGBA" if len(levels) > 3 else "RGB", levels)


_BLOCK_BYTES = 1 << 14


def _table(most: int) -> bytes:
    """Returns the level of 8 bits for each byte, of which `most` are the channel's bits."""
    return bytes(round(255 * (byte & most) / most) for byte in range(256))


_END_OF_ROW, _END, _MOVE = 0, 1, 2
# Of one row as a rule. Some at once: in Python, 10 million runs of one pixel would take 5 s.
_RUNS = re.compile(rb"(?:[^\0].){1,1024}", re.DOTALL)


def _by_runs(stream: bytes, layout: BmpLayout) -> Image.Image:
    """Decodes runs of indices. Pixels that they leave out are transparent, as in browsers."""
    width, height, at = layout.width, layout.height, layout.start
    indices, shown, row, column = bytearray(), bytearray(), 0, 0
    patterns = [_indices(bytes([value]), layout.bits) for value in range(256)]
    while len(indices) < width * height:
        runs = _RUNS.match(stream, at)
        _, value = stream[at : at + 2]
        at = runs.end() if runs else at + 2
        if runs:
            pairs = batched(runs[0], 2, strict=True)
            drawn = b"".join([(patterns[index] * count)[:count] for count, index in pairs])
        elif value > _MOVE:
            stored_bytes = -(-value * layout.bits // 8)
            drawn = _indices(stream[at : at + stored_bytes], layout.bits)[:value]
            at += stored_bytes + stored_bytes % 2
        else:
            if value == _MOVE:
                right, up = stream[at : at + 2]
                at, row, column = at + 2, row + up, column + right
            else:
                row, column = height if value == _END else row + 1, 0
            begin, end = len(indices), min(row * width + min(column, width), width * height)
            shown += b"\xff" * (begin - len(shown)) + bytes(end - begin)
            indices += bytes(end - begin)
            continue
        column += len(drawn)
        # The end of runs can lie beyond its row.
        indices += drawn if column <= width else drawn[: width - column]
    rows = "P", width, -1 if layout.is_bottom_up else 1
    picture = _coloured(Image.frombytes("P", (width, height), indices, "raw", *rows), layout)
    if 0 in shown:
        shown += b"\xff" * (len(indices) - len(shown))
        picture.putalpha(Image.frombytes("L", (width, height), shown, "raw", "L", *rows[1:]))
    return picture


def _indices(packed: bytes, bits: int) -> bytes:
    return packed if bits == 8 else packed.hex().encode().translate(_DIGITS)


_DIGITS = bytes.maketrans(b"0123456789abcdef", bytes(range(16)))
