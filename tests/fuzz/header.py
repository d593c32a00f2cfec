"""Fuzzes the header pass, and the code that takes a file apart after it: frames, masks, coefficients.

    uv run --with atheris python tests/fuzz/header.py [--format=gif] -max_total_time=600

Any bytes must give a consistent Header or a RejectedPicture, and no other error later. Takes libFuzzer's
options, and starts with drawn pictures of every supported format, or of one (jpeg, png, webp, gif, avif,
tiff, bmp, raw). Not part of the test suite: atheris has wheels for few platforms, and fuzzing has no end.
"""

import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

PROJECT = Path(__file__).parents[2]
sys.path[:0] = [str(PROJECT / "layers" / "darkroom"), str(PROJECT)]

atheris = import_module("atheris")
with atheris.instrument_imports(include=["darkroom.imaging", "darkroom.domain.errors"]):
    from darkroom.domain.errors import RejectedPicture
    from darkroom.imaging import bmp as bmp_decoder
    from darkroom.imaging import tiff as odd_tiff
    from darkroom.imaging.animation import whole_frames
    from darkroom.imaging.decoding import strictly
    from darkroom.imaging.jpeg_damage import with_spare_bytes
    from darkroom.imaging.sniff import Header, read_header
    from darkroom.imaging.sniff.header import MAX_SCANS

from darkroom_native import jpeg_fault  # noqa: E402 - after what is to be instrumented

from tests.fuzz.seeded import fuzz  # noqa: E402
from tests.unit.imaging import pictures as drawn  # noqa: E402
from tests.unit.imaging.gain_maps import ultra_hdr  # noqa: E402
from tests.unit.imaging.test_bmp import bmp  # noqa: E402
from tests.unit.imaging.test_composing import Part, apng  # noqa: E402
from tests.unit.imaging.test_tiff import camera_raw, tags_for, tiff  # noqa: E402
from tests.unit.imaging.test_transfer import in_png  # noqa: E402

REASONS = {"empty_file", "unsupported_format", "corrupt_image", "too_many_scans", "too_expensive"}


def one_input(content: bytes) -> None:
    try:
        header = read_header(content)
    except RejectedPicture as rejected:
        if rejected.reason not in REASONS:
            raise
        return
    assert header.width >= 1
    assert header.height >= 1
    assert header.pixels >= header.width * header.height
    assert 1 <= header.orientation <= 8
    assert header.frames >= 1
    # The decoder's stream is never longer than the file.
    assert len(header.stream) <= len(content)
    if header.animation:
        assert len(header.animation.durations) > 1
        assert min(header.animation.durations) >= 0
        assert 0 <= header.animation.loops < 2**32
        assert len(header.animation.stream) <= len(content)
    if header.pixels <= MOST_PIXELS:
        take_apart(header)


# Larger pictures would be decoded for too long.
MOST_PIXELS, MOST_FRAMES = 64 * 64, 20


def take_apart(header: Header) -> None:
    """Decodes what is not left to a library alone. Raises every error but RejectedPicture."""
    with suppress(RejectedPicture):
        if header.composed and header.frames <= MOST_FRAMES:
            with strictly():
                frames = whole_frames(header, header.composed)
            for _ in range(header.frames):
                with strictly():
                    size = next(frames).size
                assert size == (header.width, header.height)
        elif header.format == "tiff":
            with strictly():
                odd_tiff.decoded(header.stream)
        elif header.format == "bmp":
            with strictly():
                assert bmp_decoder.decoded(header.stream).size == (header.width, header.height)
        elif header.arithmetic:
            with_spare_bytes(header.stream)
        elif header.format == "jpeg":
            jpeg_fault(header.stream)


def seeds() -> Iterator[bytes]:
    """Yields a small picture of every kind."""
    picture = drawn.cornered(24, 16)
    for plugin in ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF", "BMP"):
        yield drawn.encoded(picture, plugin)
    for plugin in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF"):
        yield drawn.oriented(6, picture, plugin)
        yield drawn.encoded(picture, plugin, icc_profile=drawn.display_p3())
    for plugin in ("GIF", "PNG", "WEBP", "AVIF", "TIFF"):
        yield drawn.animated(plugin)
    yield drawn.encoded(picture, "JPEG", progressive=True)
    yield drawn.encoded(picture.convert("CMYK"), "JPEG")
    yield drawn.encoded(picture.convert("RGBA"), "WEBP", lossless=True)
    yield drawn.ARITHMETIC_JPEG
    yield drawn.multi_picture_jpeg(picture, picture)
    yield ultra_hdr(picture, picture)
    yield drawn.jpeg_of_many_scans(MAX_SCANS + 1)
    yield drawn.rgb16_png((1, 2, 3), 4)
    yield drawn.avif_with_clean_aperture(picture, (12, 1, 8, 1, 0, 1, 0, 1))
    yield drawn.encoded(picture, "WEBP", icc_profile=drawn.numbered_icc(9, 16))
    yield in_png(picture, 9, 16, drawn.png_chunk(b"cLLI", bytes(8)))
    yield apng(Part(bytes(4)), Part(bytes(4), (0, 0, 8, 8), dispose=1, blend=1), default=bytes(4))
    yield bmp(0, 0, (0xF00, 0xF0, 0xF), bits=16)
    yield camera_raw(drawn.encoded(picture, "JPEG"))
    yield tiff(tags_for(2, 8, 3), planes=[bytes(1728)], big=True)
    yield tiff(tags_for(2, 10, 3), planes=[bytes(2160)], order=">", big=True)


def kind_of(seed: bytes) -> str:
    try:
        header = read_header(seed)
    except RejectedPicture:
        return "jpeg"  # the one of too many scans
    return "raw" if header.camera_raw else header.format


def main() -> None:
    wanted = [argument.removeprefix(_FORMAT) for argument in sys.argv if argument.startswith(_FORMAT)]
    options = [argument for argument in sys.argv if not argument.startswith(_FORMAT)]
    fuzz(one_input, (seed for seed in seeds() if not wanted or kind_of(seed) in wanted), options)


_FORMAT = "--format="


if __name__ == "__main__":
    main()
