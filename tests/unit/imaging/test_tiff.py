"""Kinds of TIFF: depths, planes, BigTIFF, camera raw; each rendered or rejected with a true sentence."""

import struct
from collections.abc import Sequence

import pytest

from darkroom.domain.errors import RejectedPicture
from darkroom.domain.renditions import Format
from darkroom.imaging import render
from tests.unit.imaging.pictures import (
    RED,
    Colour,
    a_profile,
    codes,
    distance,
    encoded,
    middle_of,
    only,
    opened,
    oriented,
    plain,
)

SIDE = 24
GREY, RGB, CMYK = 1, 2, 5
type Tags = dict[int, tuple[str, Sequence[int]]]
_KINDS = {"B": 1, "H": 3, "I": 4, "Q": 16}


def tiff(
    *directories: Tags,
    planes: Sequence[bytes] = (),
    order: str = "<",
    big: bool = False,
    sub_directories: Sequence[Tags] = (),
) -> bytes:
    """Builds a TIFF of linked directories; the first one's pixels are `planes`, one strip each."""
    mark = b"II" if order == "<" else b"MM"
    head = mark + (struct.pack(order + "HHHQ", 43, 8, 0, 16) if big else struct.pack(order + "HI", 42, 8))
    offset, count, inline = ("Q", "Q", 8) if big else ("I", "H", 4)
    chain = [dict(tags) for tags in directories]
    if planes:
        chain[0] |= {273: (offset, [0] * len(planes)), 279: ("I", [len(plane) for plane in planes])}
    if sub_directories:
        chain[0][330] = ("I", [0] * len(sub_directories))
    subs = [dict(tags) for tags in sub_directories]

    def size_of(tags: Tags) -> int:
        values = [struct.calcsize(f"{order}{len(values)}{kind}") for kind, values in tags.values()]
        fixed = struct.calcsize(order + count) + inline + len(tags) * (20 if big else 12)
        return fixed + sum(size for size in values if size > inline)

    starts, at = [], len(head)
    for tags in (*chain, *subs):
        starts.append(at)
        at += size_of(tags)
    if planes:
        chain[0][273] = (offset, [at + sum(map(len, planes[:n])) for n in range(len(planes))])
    if subs:
        chain[0][330] = ("I", starts[len(chain) :])
    body = b""
    for number, tags in enumerate((*chain, *subs)):
        following = starts[number + 1] if number + 1 < len(chain) else 0
        entries, extra = struct.pack(order + count, len(tags)), b""
        beyond = starts[number] + struct.calcsize(order + count) + len(tags) * (20 if big else 12) + inline
        for tag, (kind, values) in sorted(tags.items()):
            packed = struct.pack(f"{order}{len(values)}{kind}", *values)
            entries += struct.pack(order + "HH" + offset, tag, _KINDS[kind], len(values))
            if len(packed) <= inline:
                entries += packed.ljust(inline, b"\0")
            else:
                entries += struct.pack(order + offset, beyond + len(extra))
                extra += packed
        body += entries + struct.pack(order + offset, following) + extra
    return head + body + b"".join(planes)


def tags_for(photometric: int, bits: int, samples: int, *, planar: bool = False) -> Tags:
    return {
        256: ("I", [SIDE]),
        257: ("I", [SIDE]),
        258: ("H", [bits] * samples),
        259: ("H", [1]),
        262: ("H", [photometric]),
        277: ("H", [samples]),
        278: ("I", [SIDE]),
        284: ("H", [2 if planar else 1]),
    }


def shown(content: bytes) -> Colour:
    return middle_of(opened(only(render(content, a_profile(SIDE, quality=100)))))


def rejection(content: bytes, width: int = SIDE) -> RejectedPicture:
    with pytest.raises(RejectedPicture) as caught:
        render(content, a_profile(width))
    return caught.value


@pytest.mark.parametrize(("order", "big"), [("<", False), ("<", True), (">", False)])
@pytest.mark.parametrize(
    ("photometric", "levels", "extra"),
    [
        (RGB, (0xC800, 0x6400, 0x3200), {}),
        (RGB, (0xC800, 0x6400, 0x3200, 0xFFFF), {338: ("H", [2])}),
        (CMYK, (0x37FF, 0x9BFF, 0xCDFF, 0), {}),
    ],
)
def test_planes_of_16_bits_are_rendered(
    photometric: int, levels: tuple[int, ...], extra: Tags, order: str, big: bool
) -> None:
    planes = [struct.pack(order + "H", level) * SIDE * SIDE for level in levels]
    tags = tags_for(photometric, 16, len(levels), planar=True) | extra

    assert distance(shown(tiff(tags, planes=planes, order=order, big=big)), (200, 100, 50)) <= 4


@pytest.mark.parametrize(("order", "big"), [("<", False), ("<", True), (">", False)])
@pytest.mark.parametrize("extra", [[0], [0, 0], [2], [1]])
def test_planes_of_8_bits_with_extra_ones_are_rendered(extra: list[int], order: str, big: bool) -> None:
    planes = [bytes([level]) * SIDE * SIDE for level in (200, 100, 50, *[255] * len(extra))]
    tags = tags_for(RGB, 8, len(planes), planar=True) | {338: ("H", extra)}

    assert distance(shown(tiff(tags, planes=planes, order=order, big=big)), (200, 100, 50)) <= 4


def with_bits_reversed(content: bytes) -> bytes:
    return bytes(int(f"{byte:08b}"[::-1], 2) for byte in content)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("scale", [1, 257])
@pytest.mark.parametrize("is_reversed", [False, True])
def test_colours_of_a_palette_of_8_or_16_bits(bits: int, scale: int, order: str, is_reversed: bool) -> None:
    """The palette's last colour is drawn."""
    padded = [level * scale for last in (200, 100, 50) for level in (*[9] * ((1 << bits) - 1), last)]
    row = packed([255] * SIDE, bits, order)
    pixels = (with_bits_reversed(row) if is_reversed else row) * SIDE
    tags = tags_for(3, bits, 1) | {320: ("H", padded), 266: ("H", [1 + is_reversed])}

    assert distance(shown(tiff(tags, planes=[pixels], order=order)), (200, 100, 50)) <= 4


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("sampling", "stored"), [([1, 1], (100, 90, 160)), ([2, 2], (100, 100, 100, 100, 90, 160))]
)
def test_uncompressed_luma_and_chroma_are_rendered(
    sampling: list[int], stored: tuple[int, ...], order: str
) -> None:
    pixels = bytes(stored) * (SIDE * SIDE // (sampling[0] * sampling[1]))
    tags = tags_for(6, 8, 3) | {530: ("H", sampling), 531: ("H", [1])}

    # ITU-R BT.601
    assert distance(shown(tiff(tags, planes=[pixels], order=order)), (145, 90, 33)) <= 4


def test_premultiplied_alpha_of_grey_is_divided_out() -> None:
    content = tiff(tags_for(GREY, 8, 2) | {338: ("H", [1])}, planes=[bytes((50, 128)) * SIDE * SIDE])

    rendered = render(content, a_profile(SIDE, formats=(Format.WEBP,), quality=100))
    level, *_, alpha = opened(only(rendered, Format.WEBP)).convert("RGBA").getpixel((9, 9))  # type: ignore[misc]
    assert (abs(level - 100) <= 3, alpha) == (True, 128)


@pytest.mark.parametrize("compression", [34712, 50001, 50002, 65000])
def test_an_unknown_compression_is_not_told_as_damage(compression: int) -> None:
    tags = tags_for(RGB, 8, 3) | {259: ("H", [compression])}

    rejected = rejection(tiff(tags, planes=[bytes(3 * SIDE * SIDE)]))
    assert (rejected.reason, "compression" in rejected.sentence) == ("unsupported_format", True)


@pytest.mark.parametrize(("level", "expected"), [(0, 0), (0x3FF, 63), (0x800, 128), (0xFFF, 255)])
def test_grey_of_12_bits_has_its_whole_range(level: int, expected: int) -> None:
    pixels = bytes((level >> 4, (level & 15) << 4 | level >> 8, level & 255)) * (SIDE * SIDE // 2)

    assert distance(shown(tiff(tags_for(GREY, 12, 1), planes=[pixels])), (expected,) * 3) <= 1


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bits_with_white_as_0_are_rendered(order: str) -> None:
    pixels = struct.pack(order + "H", 45_535) * SIDE * SIDE

    assert distance(shown(tiff(tags_for(0, 16, 1), planes=[pixels], order=order)), (78, 78, 78)) <= 2


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_big_tiff_is_rendered(order: str) -> None:
    pixels = bytes((200, 100, 50)) * SIDE * SIDE

    rendered = render(tiff(tags_for(RGB, 8, 3), planes=[pixels], order=order, big=True), a_profile(SIDE))
    assert (rendered.original.format, rendered.original.width) == ("tiff", SIDE)
    assert distance(middle_of(opened(only(rendered))), (200, 100, 50)) <= 6


def test_a_compressed_big_tiff_of_the_rare_byte_order_is_rejected_as_such() -> None:
    tags = tags_for(RGB, 8, 3) | {259: ("H", [5])}
    rejected = rejection(tiff(tags, planes=[bytes(100)], order=">", big=True))

    assert (rejected.reason, "big-endian" in rejected.sentence) == ("unsupported_format", True)


def packed(levels: Sequence[int], bits: int, order: str) -> bytes:
    """Packs a row of samples, from shares of 255, as the standard demands."""
    stored = [level * ((1 << bits) - 1) // 255 for level in levels]
    if bits == 16:
        return struct.pack(f"{order}{len(stored)}H", *stored)
    text = "".join(f"{level:0{bits}b}" for level in stored)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [4, 5, 10, 12, 14, 15])
@pytest.mark.parametrize("planar", [False, True])
def test_rgb_of_any_depth_is_rendered(bits: int, order: str, planar: bool) -> None:
    row = (200, 100, 50) * SIDE
    rows = [row[channel::3] for channel in range(3)] if planar else [row]
    planes = [packed(levels, bits, order) * SIDE for levels in rows]

    found = shown(tiff(tags_for(RGB, bits, 3, planar=planar), planes=planes, order=order))
    assert distance(found, (200, 100, 50)) <= (16 if bits < 8 else 4)


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("bits", [3, 9, 10, 12, 14])
def test_grey_of_any_depth_is_rendered(bits: int, photometric: int) -> None:
    pixels = packed([200] * SIDE, bits, "<") * SIDE

    expected = 200 if photometric else 55
    assert distance(shown(tiff(tags_for(photometric, bits, 1), planes=[pixels])), (expected,) * 3) <= 20


@pytest.mark.parametrize("order", ["<", ">"])
def test_grey_of_16_bits_with_alpha_is_rendered(order: str) -> None:
    tags = tags_for(GREY, 16, 2) | {338: ("H", [2])}
    content = tiff(tags, planes=[packed([90, 128] * SIDE, 16, order) * SIDE], order=order)

    rendered = render(content, a_profile(SIDE, formats=(Format.JPEG, Format.WEBP), quality=100))
    found = opened(only(rendered, Format.WEBP)).convert("RGBA").getpixel((12, 12))
    assert max(abs(a - b) for a, b in zip(found, (90, 90, 90, 128), strict=True)) <= 4  # type: ignore[arg-type]


def test_strips_that_overlap_are_read_only_as_far_as_needed() -> None:
    strips, strip_bytes = 50_000, 1_000_000  # 50 GB together
    tags = tags_for(GREY, 10, 1) | {273: ("I", [8] * strips), 279: ("I", [strip_bytes] * strips)}

    rendered = render(tiff(tags) + bytes(strip_bytes), a_profile(SIDE))
    assert only(rendered).width == SIDE


def test_an_unusual_tiff_without_all_rows_is_rejected() -> None:
    pixels = packed([200] * SIDE, 10, "<") * (SIDE - 1)

    assert rejection(tiff(tags_for(GREY, 10, 1), planes=[pixels])).reason == "corrupt_image"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("photometric", "bits", "samples", "extra"),
    [
        (GREY, 10, 1, {259: ("H", [5])}),
        (GREY, 14, 1, {274: ("H", [6])}),
        (RGB, 12, 3, {266: ("H", [2])}),
        (RGB, 12, 4, {338: ("H", [1])}),
        (0, 8, 2, {338: ("H", [2])}),
        (GREY, 16, 2, {338: ("H", [0])}),
        (RGB, 32, 3, {339: ("H", [3, 3, 3])}),
        (GREY, 64, 1, {339: ("H", [3])}),
        (GREY, 8, 1, {339: ("H", [2])}),
        (GREY, 16, 2, {259: ("H", [8]), 338: ("H", [2])}),
    ],
)
def test_pixels_that_can_not_be_decoded_are_not_told_as_damaged(
    photometric: int, bits: int, samples: int, extra: Tags, order: str
) -> None:
    pixels = bytes(SIDE * SIDE * samples * bits // 8)
    tags = tags_for(photometric, bits, samples) | extra

    rejected = rejection(tiff(tags, planes=[pixels], order=order))
    assert (rejected.reason, "kind of pixels" in rejected.sentence) == ("unsupported_format", True)


def test_a_tiff_of_too_many_strips_is_rejected_by_its_header() -> None:
    count = 100_001
    tags = tags_for(GREY, 8, 1) | {257: ("I", [count]), 278: ("I", [1])}
    tags |= {273: ("I", [8] * count), 279: ("H", [1] * count)}

    rejected = rejection(tiff(tags))
    assert (rejected.reason, rejected.limit, rejected.actual) == ("too_expensive", 100_000, count)


def camera_raw(preview: bytes, *, where: str = "sub directory") -> bytes:
    """Builds a DNG: a small picture first, and a JPEG preview after it."""
    small = tags_for(RGB, 8, 3) | {254: ("I", [1]), 50706: ("B", [1, 4, 0, 0])}
    thumbnail = bytes(3 * SIDE * SIDE)
    if where == "sub directory":
        found: Tags = {254: ("I", [1]), 259: ("H", [7]), 262: ("H", [6]), 273: ("I", [0]), 279: ("I", [0])}
        start = len(tiff(small, planes=[thumbnail], sub_directories=[found, found]))
        found |= {273: ("I", [start]), 279: ("I", [len(preview)])}
        sensor: Tags = {259: ("H", [7]), 262: ("H", [32803]), 273: ("I", [8]), 279: ("I", [8])}
        sensor |= {254: ("I", [0])}
        return tiff(small, planes=[thumbnail], sub_directories=[sensor, found]) + preview
    found = {513: ("I", [0]), 514: ("I", [0])}
    start = len(tiff(small, found, planes=[thumbnail]))
    return tiff(small, {513: ("I", [start]), 514: ("I", [len(preview)])}, planes=[thumbnail]) + preview


@pytest.mark.parametrize("where", ["sub directory", "next directory"])
def test_the_preview_of_a_camera_raw_is_rendered_with_a_decision(where: str) -> None:
    content = camera_raw(encoded(plain((120, 80), RED), "JPEG"), where=where)

    rendered = render(content, a_profile(100))
    assert codes(rendered)[0] == "camera_raw_preview"
    assert (only(rendered).width, distance(middle_of(opened(only(rendered))), RED) < 8) == (100, True)


@pytest.mark.parametrize("large_at", [0, 19])
def test_the_largest_of_many_previews_is_rendered(large_at: int) -> None:
    small, large = encoded(plain((60, 40)), "JPEG"), encoded(plain((120, 80), RED), "JPEG")
    previews = [small] * 30
    previews[large_at] = large
    raw = b""
    for _ in range(2):  # the first time only to know the length
        ends = [len(raw) + sum(map(len, previews[: n + 1])) for n in range(len(previews))]
        entries: list[Tags] = [
            {513: ("I", [end - len(preview)]), 514: ("I", [len(preview)])}
            for end, preview in zip(ends, previews, strict=True)
        ]
        first = tags_for(RGB, 8, 3) | {50706: ("B", [1, 4, 0, 0])} | entries[0]
        raw = tiff(first, *entries[1:], planes=[bytes(3 * SIDE * SIDE)], sub_directories=entries)

    assert only(render(raw + b"".join(previews), a_profile(120))).width == 120


def test_the_preview_of_a_camera_raw_is_turned_upright() -> None:
    rendered = render(camera_raw(oriented(6, plain((80, 120), RED), "JPEG")), a_profile(80))

    assert (only(rendered).width, only(rendered).height) == (80, 120)


def test_a_camera_raw_without_a_large_preview_is_rejected_as_such() -> None:
    small = rejection(camera_raw(encoded(plain((120, 80), RED), "JPEG")), width=121)
    broken = rejection(camera_raw(b"\xff\xd8\xff\xc3" + bytes(50)))
    alone = rejection(tiff(tags_for(RGB, 8, 3) | {254: ("I", [1])}, planes=[bytes(3 * SIDE * SIDE)]))

    for rejected in (small, broken, alone):
        assert (rejected.reason, "camera raw" in rejected.sentence) == ("unsupported_format", True)
