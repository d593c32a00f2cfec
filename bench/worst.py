"""Measures the processor time per input byte of small files that are costly to render, in every format.

    python -m bench.worst

Prints the table of docs/security.md. Each file is as costly as the limits of a default profile allow.
"""

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO

from PIL import Image, ImageCms

from darkroom.domain.errors import RejectedPicture
from darkroom.domain.profile import FormatChoice, Ladder, Limits, Profile
from darkroom.domain.renditions import Format
from darkroom.imaging import render_isolated
from darkroom.imaging.sniff.header import PNG_MAGIC
from darkroom.imaging.sniff.png import png_chunk

LIMITS = Limits()
# 50 megapixels, and 512 frames of together 100.
LARGE, FRAME, FRAMES = (8000, 6250), (440, 440), 512
_MEMORY_BYTES, _SECONDS = 1_500_000_000, 300.0


def profile() -> Profile:
    choices = (FormatChoice(Format.JPEG, 75), FormatChoice(Format.WEBP, 75))
    return Profile("worst", (Ladder("main", (640, 100), choices, animation=True),), LIMITS)


def saved(image: Image.Image, plugin: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, plugin, **options)
    return file.getvalue()


def flat(plugin: str, mode: str = "RGB", size: tuple[int, int] = LARGE, **options: object) -> bytes:
    return saved(Image.new(mode, size), plugin, **options)


def moving(plugin: str, mode: str, **options: object) -> bytes:
    """Returns an animation of frames that differ, so that none is left out."""
    frames = [Image.new(mode, FRAME, (number % 256,) * len(mode)) for number in range(FRAMES)]
    return saved(frames[0], plugin, save_all=True, append_images=frames[1:], duration=20, **options)


def png(bits: int, colour_type: int, channels: int, *, interlaced: bool = False, more: bytes = b"") -> bytes:
    """Builds a PNG of zeros, with more bytes than any interlacing has."""
    width, height = LARGE
    deflater, rows = zlib.compressobj(9), b""
    for _ in range(height):
        rows += deflater.compress(bytes(width * channels * bits // 8 + 8))
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, interlaced)
    idat = rows + deflater.flush()
    return PNG_MAGIC + png_chunk(b"IHDR", header) + more + png_chunk(b"IDAT", idat) + png_chunk(b"IEND", b"")


def many_scans(scans: int = 99) -> bytes:
    """Builds a grey progressive JPEG whose scans are runs of empty blocks."""
    width, height = LARGE
    # One code each: no difference of DC, and a run of 16,384 blocks or more (with 14 bits).
    tables = (
        b"\xff\xc4"
        + struct.pack(">H", 2 + 2 * 18)
        + b"\0\1"
        + bytes(15)
        + b"\0"
        + b"\x10\1"
        + bytes(15)
        + b"\xe0"
    )
    steps = b"\xff\xdb" + struct.pack(">HB", 67, 0) + bytes([1]) * 64
    frame = b"\xff\xc2" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\1\x11\0"
    blocks = -(-width // 8) * -(-height // 8)
    runs, left = "", blocks
    while left >= 1 << 14:
        run = left if left < 1 << 15 else min((1 << 15) - 1, left - (1 << 14))
        runs += f"0{run - (1 << 14):014b}"
        left -= run
    data = scan_header(0, 0) + in_bytes("0" * blocks)
    data += (scan_header(1, 63) + in_bytes(runs)) * scans
    return b"\xff\xd8" + steps + frame + tables + data + b"\xff\xd9"


def scan_header(first: int, last: int) -> bytes:
    return b"\xff\xda\0\x08\1\1\0" + bytes((first, last, 0))


def in_bytes(bits: str) -> bytes:
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8).replace(b"\xff", b"\xff\0")


def table_profile() -> bytes:
    """Builds a profile of 33 x 33 x 33 points (ICC.1, 10.10), which takes long to prepare."""
    linear = struct.pack(">2H", 0, 65535)
    numbers = (round(65536 * number) for number in (1, 0, 0, 0, 1, 0, 0, 0, 1))
    table = b"mft2\0\0\0\0\3\3\x21\0" + struct.pack(">9i", *numbers) + struct.pack(">HH", 2, 2) + linear * 3
    table += bytes(2 * 3 * 33**3) + linear * 3
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    head = bytearray(made[:128])
    head[8:12], head[12:24] = b"\2\x40\0\0", b"scnrRGB Lab "
    head[:4] = struct.pack(">I", 144 + len(table))
    return bytes(head) + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table


def many_strips(strips: int = 100_000) -> bytes:
    """Builds a TIFF of one-pixel rows, each a strip of its own; all of them are the same byte."""
    start = 8 + 2 + 12 * 9 + 4
    entries = (
        (256, 4, 1, 1), (257, 4, 1, strips), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, strips, start), (277, 3, 1, 1), (278, 4, 1, 1), (279, 3, strips, start + 4 * strips),
    )  # fmt: skip
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    offsets = struct.pack("<I", 8) * strips + struct.pack("<H", 1) * strips
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 9) + directory + bytes(4) + offsets


PQ = png_chunk(b"cICP", bytes((9, 16, 0, 1)))
FILES: dict[str, Callable[[], bytes]] = {
    "JPEG, plain, 50 megapixels": partial(flat, "JPEG"),
    "JPEG, progressive": partial(flat, "JPEG", progressive=True),
    "JPEG, progressive, 100 scans": many_scans,
    "PNG, 1 bit": partial(png, 1, 0, 1),
    "PNG, 8 bits": partial(png, 8, 2, 3),
    "PNG, 16 bits and alpha": partial(png, 16, 6, 4),
    "PNG, interlaced": partial(png, 8, 2, 3, interlaced=True),
    "PNG in PQ": partial(png, 8, 2, 3, more=PQ),
    "PNG with a table-based profile": partial(
        png, 8, 2, 3, more=png_chunk(b"iCCP", b"a\0\0" + zlib.compress(table_profile()))
    ),
    "animated PNG, 512 frames": partial(moving, "PNG", "RGBA"),
    "animated PNG with a table-based profile": partial(moving, "PNG", "RGB", icc_profile=table_profile()),
    "GIF": partial(flat, "GIF", "L"),
    "animated GIF, 512 frames": partial(moving, "GIF", "RGB"),
    "WebP, lossy": partial(flat, "WEBP"),
    "WebP, lossless with alpha": partial(flat, "WEBP", "RGBA", lossless=True),
    "animated WebP, 512 frames": partial(moving, "WEBP", "RGB", lossless=True, method=0),
    "AVIF": partial(flat, "AVIF", speed=10),
    "AVIF with alpha": partial(flat, "AVIF", "RGBA", speed=10),
    "TIFF, deflated": partial(flat, "TIFF", compression="tiff_adobe_deflate"),
    "TIFF, 100,000 strips": many_strips,
    "BMP, 1 bit": partial(flat, "BMP", "1"),
    "to compare: a PNG of one pixel": partial(flat, "PNG", size=(1, 1)),
}


def lines() -> Iterator[str]:
    yield "| file | bytes | seconds of processor time | microseconds per byte | outcome |"
    yield "|---|---|---|---|---|"
    for name, made in FILES.items():
        content = made()
        before = os.times()
        try:
            rendered = render_isolated(content, profile(), memory_bytes=_MEMORY_BYTES, seconds=_SECONDS)
            outcome = f"{len(rendered.renditions)} renditions"
        except RejectedPicture as rejected:
            outcome = f"`{rejected.reason}`"
        after = os.times()
        seconds = after.children_user + after.children_system - before.children_user - before.children_system
        per_byte = 1e6 * seconds / len(content)
        yield f"| {name} | {len(content):,} | {seconds:.2f} | {per_byte:,.1f} | {outcome} |"


def main() -> None:
    for line in lines():
        print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
