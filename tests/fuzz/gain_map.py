"""Fuzzes the reader of gain maps: any bytes must give none, or one that a screen can apply.

    uv run --with atheris python tests/fuzz/gain_map.py -max_total_time=600

Takes libFuzzer's options. See header.py.
"""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

PROJECT = Path(__file__).parents[2]
sys.path[:0] = [str(PROJECT / "layers" / "darkroom"), str(PROJECT), str(PROJECT / "cli")]

atheris = import_module("atheris")
with atheris.instrument_imports(include=["darkroom.imaging.sniff"]):
    from darkroom.imaging.sniff.gain_map import read_gain_map

from tests.fuzz.seeded import fuzz  # noqa: E402 - after what is to be instrumented
from tests.unit.imaging import gain_maps as drawn  # noqa: E402
from tests.unit.imaging.pictures import encoded, plain  # noqa: E402

TINY = encoded(plain((8, 8)), "JPEG")
APPLE = drawn.segment(0xE1, drawn.XMP + drawn.apple(None))
# A segment's length has 16 bits.
LONGEST = 60_000


def one_input(content: bytes) -> None:
    check(content)
    # Mutations seldom reach the readers of metadata through a whole file.
    body = content[:LONGEST]
    check(drawn.joined(TINY, TINY, second=drawn.segment(0xE2, drawn.ISO + body)))
    check(drawn.joined(TINY, TINY, second=drawn.segment(0xE1, drawn.XMP + body)))
    check(drawn.joined(TINY, TINY, first=drawn.segment(0xE1, b"Exif\0\0" + body), second=APPLE))
    index = drawn.segment(0xE2, b"MPF\0" + body)
    check(drawn.joined(TINY, TINY, index="", first=index, second=APPLE))


def check(content: bytes) -> None:
    found = read_gain_map(content)
    if found:
        assert found.is_valid
        assert min(found.picture.width, found.picture.height) >= 1
        assert len(found.picture.stream) <= len(content)


def seeds() -> Iterator[bytes]:
    """Yields a small picture of every kind, and its metadata alone."""
    for kind in ("xmp", "iso", "container", "apple"):
        yield drawn.ultra_hdr(TINY, TINY, kind)
    yield drawn.ultra_hdr(TINY, TINY, "iso", drawn.THREE_CHANNELS)
    yield drawn.joined(TINY, TINY, first=drawn.segment(0xE1, drawn.maker_note(1.2, 0.3)), second=APPLE)
    yield drawn.iso_metadata(drawn.FACTS)
    yield drawn.iso_metadata(drawn.THREE_CHANNELS, common_denominator=True)
    yield drawn.hdrgm(drawn.THREE_CHANNELS)
    yield drawn.apple(2.5)
    yield drawn.maker_note(0.5, 0.001)[6:]


if __name__ == "__main__":
    fuzz(one_input, seeds(), sys.argv)
