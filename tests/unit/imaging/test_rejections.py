"""Rejected pictures; where possible they are rejected before a decoder is called."""

import random
import sys
import zlib
from types import FrameType

import pytest
from PIL import Image

from darkroom.domain.errors import RejectedPicture
from darkroom.domain.profile import Profile
from darkroom.imaging import render
from darkroom.imaging.sniff import read_header
from darkroom.imaging.sniff.png import holds_every_row
from darkroom_cli.local.samples import photograph
from tests.unit.imaging.pictures import (
    a_profile,
    bmp_claiming,
    encoded,
    gif_claiming,
    gif_with_a_frame_beyond_its_canvas,
    jpeg_claiming,
    jpeg_of_many_scans,
    only,
    plain,
    png_chunk,
    png_claiming,
    png_header,
    tiff_claiming,
    webp_claiming,
)
from tests.unit.imaging.test_damage import without_piece


def rejection(content: bytes, profile: Profile | None = None) -> RejectedPicture:
    with pytest.raises(RejectedPicture) as caught:
        render(content, profile or a_profile(64))
    return caught.value


def test_an_empty_file_is_rejected_as_empty() -> None:
    assert rejection(b"").reason == "empty_file"


@pytest.mark.parametrize(
    "content",
    [
        b" " * 100,
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        b"%PDF-1.7\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<html><script>alert(1)</script></html>",
        b"<?php phpinfo(); ?>",
        b"P6 10 10 255 " + bytes(300),
        b"MZ" + bytes(200),
        b"\x00\x00\x00\x0cjP  \r\n\x87\n",
        b"RIFF\x10\0\0\0WAVEfmt ",
        b"\0\0\0\x18ftypisom\0\0\0\0isommp42",
        b"BM" + bytes(60),
    ],
)
def test_other_file_formats_are_rejected(content: bytes) -> None:
    assert rejection(content).reason == "unsupported_format"


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1", b"hevc"])
def test_heic_is_rejected_with_advice_to_export_it_as_jpeg(brand: bytes) -> None:
    rejected = rejection(b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0" + brand + b"heic" + bytes(50))

    assert (rejected.reason, "export it as JPEG" in rejected.sentence) == ("unsupported_format", True)


@pytest.mark.parametrize("plugin", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF", "BMP"])
@pytest.mark.parametrize("percent", [1, 10, 50, 90])
def test_a_truncated_picture_is_rejected(plugin: str, percent: int) -> None:
    noise = Image.merge("RGB", [Image.effect_noise((200, 150), 90) for _ in range(3)])
    content = encoded(noise, plugin)

    assert rejection(content[: max(16, len(content) * percent // 100)]).reason == "corrupt_image"


@pytest.mark.parametrize("plugin", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF", "BMP"])
def test_a_picture_truncated_anywhere_is_rejected_or_complete(plugin: str) -> None:
    content = encoded(plain((30, 20)), plugin)

    reasons = set()
    for length in range(0, len(content), max(1, len(content) // 200)):
        try:
            render(content[:length], a_profile(20))
        except RejectedPicture as rejected:
            reasons.add(rejected.reason)
    assert reasons <= {"empty_file", "corrupt_image", "unsupported_format"}


def test_a_png_with_a_wrong_checksum_is_rejected() -> None:
    content = bytearray(encoded(plain((40, 40)), "PNG"))
    content[content.index(b"IDAT") + 8] ^= 0xFF

    assert rejection(bytes(content)).reason == "corrupt_image"


@pytest.mark.parametrize("colour", [0, 200])
@pytest.mark.parametrize(("rows", "whole"), [(0, False), (20, False), (39, False), (40, True), (50, True)])
def test_a_png_with_missing_rows_is_rejected(rows: int, whole: bool, colour: int) -> None:
    pixels = zlib.compress((b"\0" + bytes([colour]) * 3 * 30) * rows)
    content = png_header(30, 40) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")

    if whole:
        assert only(render(content, a_profile(30))).height == 40
    else:
        assert rejection(content).reason == "corrupt_image"


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (5, 5), (30, 40)])
@pytest.mark.parametrize(("bits", "colour_type", "channels"), [(1, 0, 1), (4, 0, 1), (8, 2, 3), (16, 6, 4)])
def test_an_interlaced_png_with_a_missing_pass_is_rejected(
    size: tuple[int, int], bits: int, colour_type: int, channels: int
) -> None:
    # First column and row of each pass, and its steps across and down.
    passes = (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)
    rows = []
    for left, top, across, down in passes:
        pixels = len(range(left, size[0], across))
        row = b"\0" + b"\xff" * ((pixels * bits * channels + 7) // 8)
        rows += [row] * len(range(top, size[1], down)) if pixels else []

    def interlaced(rows: list[bytes]) -> bytes:
        header = png_header(*size, bits=bits, colour_type=colour_type, interlaced=True)
        return header + png_chunk(b"IDAT", zlib.compress(b"".join(rows))) + png_chunk(b"IEND", b"")

    assert only(render(interlaced(rows), a_profile(30))).width == size[0]
    assert rejection(interlaced(rows[:-1])).reason == "corrupt_image"


@pytest.mark.parametrize(
    ("kind", "name", "inflated"),
    [(b"iCCP", b"x\0\0", 1), (b"zTXt", b"Raw profile type exif\0\0", 1), (b"zTXt", b"x\0\0", 0)],
)
def test_only_needed_png_metadata_is_inflated_and_only_once(kind: bytes, name: bytes, inflated: int) -> None:
    chunk = png_chunk(kind, name + zlib.compress(bytes(1_000_000)))
    content = encoded(plain((30, 20)), "PNG")
    called = []

    def record(_frame: FrameType, event: str, function: object) -> None:
        if event == "c_call":
            called.append(getattr(function, "__name__", ""))

    sys.setprofile(record)
    try:
        read_header(content[:33] + chunk * 100 + content[33:])
    finally:
        sys.setprofile(None)
    assert called.count("decompress") == inflated


def test_the_row_check_copies_only_a_part_of_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """zlib copies what is left of its input, so that large inputs would take quadratic time."""
    sizes: list[int] = []
    inflater = zlib.decompressobj

    class Inflater:
        def __init__(self) -> None:
            self._inflater = inflater()

        def decompress(self, deflated: bytes, limit_bytes: int) -> bytes:
            sizes.append(len(deflated))
            return self._inflater.decompress(deflated, limit_bytes)

        @property
        def unconsumed_tail(self) -> bytes:
            return self._inflater.unconsumed_tail

    rows = random.Random(5).randbytes(1500 * 1500 + 1500)  # noqa: S311
    idat = png_chunk(b"IDAT", zlib.compress(rows, 0))
    content = png_header(1500, 1500, colour_type=0) + idat + png_chunk(b"IEND", b"")
    monkeypatch.setattr("darkroom.imaging.sniff.png.zlib.decompressobj", Inflater)

    assert holds_every_row(content)
    assert max(sizes) <= 65_536
    assert sum(sizes) < 2 * len(content)


def test_a_jpeg_with_far_too_few_bytes_is_rejected() -> None:
    assert rejection(jpeg_claiming(2000, 2000)).reason == "corrupt_image"


JPEG_OPTIONS = [{}, {"progressive": True}, {"restart_marker_blocks": 2}]


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", JPEG_OPTIONS)
def test_a_truncated_jpeg_with_an_end_marker_is_rejected(options: dict[str, object], mode: str) -> None:
    content = encoded(Image.effect_noise((200, 150), 90).convert(mode), "JPEG", **options)
    begin = content.index(b"\xff\xda")
    end = content.index(b"\xff\xc4", begin) if "progressive" in options else len(content)

    for percent in (20, 40, 60):  # of the first scan: after that a progressive JPEG is complete, if coarse
        cut = content[: begin + (end - begin) * percent // 100]
        assert rejection(cut + b"\xff\xd9").reason == "corrupt_image"


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", JPEG_OPTIONS)
def test_a_complete_jpeg_ending_in_grey_is_rendered(options: dict[str, object], mode: str) -> None:
    image = Image.effect_noise((200, 150), 90).convert(mode)
    grey = (127,) if mode == "CMYK" else (128,)
    image.paste(grey * len(image.getbands()), (0, 64, 200, 150))

    assert only(render(encoded(image, "JPEG", **options), a_profile(64))).width == 64


def test_a_jpeg_of_magic_bytes_only_is_rejected() -> None:
    assert rejection(b"\xff\xd8").reason == "corrupt_image"
    assert rejection(b"\xff\xd8\xff\xe0<html>hello</html>").reason == "corrupt_image"


@pytest.mark.parametrize(
    "content",
    [
        png_claiming(13300, 13300),
        png_claiming(2**31 - 1, 2**31 - 1),
        webp_claiming(13300, 13300),
        gif_claiming(13300, 13300),
        gif_with_a_frame_beyond_its_canvas(13300, 13300),
        jpeg_claiming(65500, 65500),
        bmp_claiming(13300, -13300),
        tiff_claiming(13300, 13300),
    ],
    ids=["png", "largest png", "webp", "gif", "gif frame", "jpeg", "bmp", "tiff"],
)
def test_a_decompression_bomb_is_rejected_by_its_header(content: bytes) -> None:
    rejected = rejection(content)

    assert rejected.reason == "too_many_pixels"
    assert rejected.limit == 50_000_000
    assert rejected.actual is not None
    assert rejected.actual >= 13300 * 13300


def test_a_rejection_names_the_limit_and_the_actual_value() -> None:
    assert (
        rejection(png_claiming(13300, 13300)).sentence == "The picture has 176.9 megapixels; the limit is 50."
    )


def test_a_file_over_the_limit_in_bytes_is_rejected() -> None:
    content = encoded(plain((400, 400)), "BMP")

    rejected = rejection(content, a_profile(64, max_bytes=100_000))
    assert (rejected.reason, rejected.limit, rejected.actual) == ("too_large", 100_000, len(content))


def test_a_jpeg_with_too_many_scans_is_rejected() -> None:
    rejected = rejection(jpeg_of_many_scans(500))

    assert (rejected.reason, rejected.limit) == ("too_many_scans", 100)


def test_a_picture_over_the_memory_limit_is_rejected_before_decoding() -> None:
    with pytest.raises(RejectedPicture) as caught:
        render(webp_claiming(6000, 6000), a_profile(64), memory_bytes=500_000_000)

    assert caught.value.reason == "too_expensive"


@pytest.mark.parametrize("plugin", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF", "BMP"])
def test_each_supported_format_is_detected_by_content(plugin: str) -> None:
    rendered = render(encoded(plain((40, 30)), plugin), a_profile(40))

    assert (rendered.original.format, only(rendered).width) == (plugin.lower(), 40)


def test_a_12_bit_jpeg_is_rejected_with_the_reason() -> None:
    content = bytearray(encoded(plain((8, 8)), "JPEG"))
    content[content.index(b"\xff\xc0") + 4] = 12

    rejected = rejection(bytes(content))
    assert (rejected.reason, "12 bits" in rejected.sentence) == ("unsupported_format", True)


@pytest.mark.parametrize("share", [0.02, 0.3])
@pytest.mark.parametrize("plugin", ["PNG", "WEBP", "GIF", "AVIF", "TIFF", "BMP"])
def test_a_picture_with_a_piece_missing_is_rejected(plugin: str, share: float) -> None:
    content = encoded(photograph(120, 80), plugin)

    for damaged in without_piece(10, round(share * len(content)), [content]):
        assert rejection(damaged).sentence


@pytest.mark.parametrize("frame", [0xC3, 0xC7, 0xDE, 0xF7])
def test_a_lossless_or_hierarchical_jpeg_is_not_called_damaged(frame: int) -> None:
    """JPEG-LS has bytes in its data that look like markers; hierarchical ones have several frames."""
    content = encoded(Image.new("L", (10, 10)), "JPEG")
    at = content.index(b"\xff\xc0")
    header = b"\xff" + bytes([frame]) + content[at + 2 : at + 13]

    rejected = rejection(content[:at] + header + content[at:] + b"\xff\x70\xff")
    assert (rejected.reason, "hierarchical" in rejected.sentence) == ("unsupported_format", True)


def test_a_tiff_without_a_directory_is_rejected() -> None:
    content = bytearray(encoded(plain((40, 30)), "TIFF"))
    content[4:8] = bytes(4)

    assert rejection(bytes(content)).reason == "corrupt_image"


def test_floating_point_pixels_are_rejected() -> None:
    assert rejection(encoded(Image.new("F", (10, 10), 0.5), "TIFF")).reason == "unsupported_format"
