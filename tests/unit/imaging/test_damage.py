"""Damaged JPEGs are rejected, wherever the damage is; sound JPEGs of every kind are rendered.

How many are noticed by the kind and size of the damage: python -m tests.unit.imaging.test_damage [FOLDER]
"""

import random
import re
import resource
import struct
import sys
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import product
from pathlib import Path

import pytest
from darkroom_native import jpeg_fault
from PIL import Image

from darkroom.domain.errors import RejectedPicture
from darkroom.imaging import encode, jpeg_damage, render
from darkroom.imaging.child import Child, ChildDied
from darkroom.imaging.sniff import read_header
from darkroom_cli.local.samples import photograph
from tests.unit.imaging.pictures import (
    ARITHMETIC_JPEG,
    a_profile,
    distance,
    encoded,
    middle_of,
    only,
    opened,
    plain,
)

KINDS: dict[str, tuple[str, dict[str, object]]] = {
    "4:2:0": ("RGB", {"subsampling": "4:2:0"}),
    "4:4:4": ("RGB", {"subsampling": "4:4:4", "quality": 98}),
    "4:2:2, optimised": ("RGB", {"subsampling": "4:2:2", "optimize": True, "quality": 40}),
    "progressive": ("RGB", {"progressive": True}),
    "grey": ("L", {}),
    "grey, progressive": ("L", {"progressive": True, "quality": 60}),
    "CMYK": ("CMYK", {}),
    "restarts by blocks": ("RGB", {"restart_marker_blocks": 4}),
    "restarts by rows": ("RGB", {"restart_marker_rows": 1, "progressive": True}),
}

# Grey pictures of 96 x 72 pixels with arithmetic coding, which Pillow can't encode.
ARITHMETIC = {
    "sequential": b64decode(
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWG"
        "kJ6jq62rZ4C8ybqmx5moq6T/yQALCABIAGABAREA/8wABgAQEAX/2gAIAQEAAD8A0b2gJfWrCb7Pf/uexwmXnSMXyrNqipql"
        "+lLXJItjPFoiTtkiFH8d1a6b7/iNsQiC9DXwI3B1sbT3A8JHDUVF8t3SOzwK/lIfwLxdPSGkVji90a3t3FrUn5fxWheH7zl2"
        "B1+pPvzjh+33dXpuRQUzrx98bOBtDPYprTyOuKliCUw4i5IVzd2mdBR4YO7OMObeZy8bhdSAPcGW479p8cTQHw6dhDMb5wAM"
        "AxWVq6gGJrUyOeNcxn/gbmoOI/zCEJEK4Sq2Sw4g7n0tW7SP6ZMAwURH+3rMJeNQkAUXRkbcClkeIkZmGd6ZQxdpbHd44A42"
        "lWc4mt/wifK4Z1IOv6zqJaUAjBMHUTzw60PRDswKThSHLbR8gKCx70qdmDMMGdFc8LBg2NUavkgJaqGEfYySf2uyH8s/kZVl"
        "eD0kAkf7kJ8J1gbjhoIG8M0LWWCI0H4nOv8AyHN5g50wy6W31Ujpg0/AW3DHpEwiNE2XLls1cDrhDnfxuy1NuHjIpoH/ALyO"
        "T9+Hqz5xghF3Ecc+Kz1yb0rYtSwjvHMfxqwCDqgAPc7YWfnzy1o/Mkqbegu1eDysZwSdHAfiBSQnceoZaV/IR6h6WgwsIii7"
        "LjvKwPHXGBo+WChZoAq0psT/AD5Qv6gVYuYabN1oQuNNLH1go1GVxnPxNmciWZxIHY8CRkLiC6YS9KmC8AXDguT0b1+npEbQ"
        "6QcEhL3wYo6r0+NCIikLUO+icLZHV0eje0KqvpLv12IyZRGM8up+LvmbX3ylVifLk1KcrHvuMgOhWl2vSPTy7RedPjCLZgcv"
        "btb7kEtyPduX+t5F97/2DP/Z"
    ),
    "progressive": b64decode(
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWG"
        "kJ6jq62rZ4C8ybqmx5moq6T/ygALCABIAGABAREA/8wABAAQ/9oACAEBAAAAAdBcIFnGEWKQzMik1N1bZXws+8XAszfBgXBi"
        "ODHpWxhOD6izh7Vk1JXz40guBdD/zAAEEAX/2gAIAQEAAQUCrxO75c28hW+amnDohIEaYsDsun6jcIUYRAhxMKXiijBdfcVR"
        "DL1QAg/h7xtA6f1mzRvWTtRDx3GDUP/MAAQQBf/aAAgBAQAGPwKsTiQEgI92CwpeWDzA/G1v0JvO2yb/zAAEEAX/2gAIAQEA"
        "AT8hBpKkWDDpnDCeaz60xk1wZDrYUsoumKCWIBqO87RxJ6pawkq8NEgdkjzHH5Rc2OYsVXF+BT6lYZBWtF9UNzQa0FUJroS8"
        "tD/hPCDNB87Wapv2lvOyMl+VIMVTjr/e5OwS/HZGFFxN/INGJNpXTykWgBAeEPpAzBexiYqjIOPZsO+sb+2OYP/aAAgBAQAA"
        "ABByUgW6wNKYTdmFOhyZkP/MAAQQBf/aAAgBAQABPxBx35tEq9cVhNlL3/tVRwreNExkPCF03ykylD6fAW54zQGfMHdZOoHk"
        "Hs0o7pQc+PQwoC5LOvtSEijuaE0lQ+TipZQRWRcy6cdOeIT5i5U2UWNRHMsF8+PhvVb35Wm77BYpY012EpPxEqiqARRZyU+m"
        "5rR4lzVwXi7sIw9tacDSuRj4FPOMT1iNc0ttYNWHsykz4D+xEVoH7pNxZZDQLh1obU515FT21XxjEbikoQiqg0CabAvlJFp2"
        "YXm3GWNsWz5HCu0qx4vO1SCB/N8N60345tv2YdW2Y9kZ/RMipHwr6X/Ue0NQDzoQ6I8D/MruGISE5hvNfR6S/dnXU1CUqdGh"
        "tR3JGE8ZhxkInZQJPeCKeHWq9pVt0FkAU7LhGt4CpS9ifpfcZg+rNPnBwX6Ln1UYq3wKs5Lljxx8H2ed27e3Tt8OZCaN1zzd"
        "+MoNWKT/2Q=="
    ),
    "restarts": b64decode(
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWG"
        "kJ6jq62rZ4C8ybqmx5moq6T/yQALCABIAGABAREA/8wABgAQEAX/3QAEACj/2gAIAQEAAD8A0b2gJfWrCb7Pf/uexwmXnSMX"
        "yrNqipql+lLXJItjPFoiTtkiFH8d1a6b7/iNsQiC9DXwI3B1sbT3A8JHDUVF8t3SOzwK/lIfwLxdPSGkVji90a3t3FrUn5fx"
        "WheH7zl2B1+pPvzjh+33dXpuRQUzrx98bOBtDPYprTyOuKliCUw4i5IVzd2mdBR4YO7OMObeZy8bhdSAPcGW479q/9DQxGVc"
        "cqpTGApL7rwODshFl4cjI4qADDDy65+tW7DvMRzdsOeZZ9azlmPVIq/kW7DPEs7mTkKEQjO0H846J58fF0pvKPM3uR56AzdQ"
        "h5brvHWwlOBXaoCn4ZT1qDtygoDAJPjmmMZCcCe/GvWZuk1n5z9m5XYbo1zLdeSCnADdvDBukjVi8+8GdWdgzv67f8vZBNM4"
        "nkYmRqqNJDeVV7zfFajaU7xKBUHSwAT/0fzQ9Si+lG2nQS86fwcDN7gWOYwIEAho3/rVzHR9VOw5/lSmbSsY/Calp4FTq+/J"
        "hnbGS/YmSU7SHSbXz47hnFkmXv058eoCtuYVCLQAlqkV6vZAPLDCRmAb2LzV2mbszcL25+7rvNz1DSdohQkA/fu+QPkt2eQw"
        "/wALn2ygPSqAATU1jbEYXaWSKqC685R/i/iF0kcTKcAZuIdjQkTUPOs1V4GiRz8HqJaA0mM28hSeoJ+ifNidIvaG7eHR4/AV"
        "Tzm5j3LrsfLs+B32NbtJbLm/8FPou2dOyXvIlvzqq3i07g7Wyb7sBn7oS3S5lP8AnXwDhil5u2xpWxoDqRHVWIzFSNuNifEE"
        "2KiNN4pQA1Jjl5V0Ef/Z"
    ),
}


def sound(kind: str) -> bytes:
    mode, options = KINDS[kind]
    return encoded(photograph(200, 150).convert(mode), "JPEG", **options)


def first_scan(content: bytes) -> tuple[int, int]:
    """Returns begin and end of the first scan's data; a progressive JPEG can do without later ones."""
    begin = content.index(b"\xff\xda")
    begin += 2 + int.from_bytes(content[begin + 2 : begin + 4])
    after = re.compile(rb"\xff[^\0\xd0-\xd7\xff]").search(content, begin)
    return begin, after.start() if after else len(content)


type Damage = Callable[[bytes, int, int], bytes]
DAMAGES: dict[str, Damage] = {
    "missing": lambda content, begin, end: content[:begin] + content[end:],
    "zero": lambda content, begin, end: content[:begin] + bytes(end - begin) + content[end:],
    "twice": lambda content, begin, end: content[:end] + content[begin:],
    "missing up to the end": lambda content, begin, end: content[:begin] + b"\xff\xd9",
}


def damaged(
    count: int,
    least: float,
    most: float,
    damage: Damage = DAMAGES["missing"],
    whole: Sequence[bytes] = (),
) -> Iterator[bytes]:
    """Yields JPEGs with a random piece of between `least` and `most` of their data damaged.

    They are those of `whole`, or else of every kind.
    """
    generator = random.Random(11)  # noqa: S311
    whole = whole or [sound(kind) for kind in KINDS]
    while count:
        content = generator.choice(whole)
        begin, end = first_scan(content)
        piece = max(1, round((end - begin) * generator.uniform(least, most)))
        at = generator.randrange(begin, max(begin + 1, end - piece))
        made = damage(content, at, at + piece)
        if made != content:
            count -= 1
            yield made


def rejection(content: bytes) -> str:
    """Returns the reason of the rejection; empty if the picture is rendered."""
    try:
        render(content, a_profile(16))
    except RejectedPicture as rejected:
        return rejected.reason
    return ""


def test_a_jpeg_with_a_piece_missing_is_rejected() -> None:
    assert {rejection(content) for content in damaged(60, 0.1, 0.5)} == {"corrupt_image"}


@pytest.mark.parametrize("damage", DAMAGES)
def test_none_of_a_thousand_damaged_jpegs_is_published(damage: str) -> None:
    published = [content for content in damaged(1000, 0.1, 0.5, DAMAGES[damage]) if not jpeg_fault(content)]

    assert len(published) <= (0 if "missing" in damage else 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_jpeg_of_every_kind_is_rendered(kind: str) -> None:
    assert only(render(sound(kind), a_profile(200))).width == 200


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("marker", [b"\xff\xfe\0\x04ab", b"\xff\xc4\0\x02", b"\xff\xe5\0\x04ab", b"\xff\xd9"])
@pytest.mark.parametrize("kind", ["4:2:0", "grey", "restarts by blocks"])
def test_a_jpeg_cut_before_another_marker_is_rejected(kind: str, marker: bytes, share: float) -> None:
    content = sound(kind)

    with pytest.raises(RejectedPicture) as caught:
        render(content[: round(len(content) * share)] + marker, a_profile(16))
    assert caught.value.reason == "corrupt_image"


@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_is_sound_without_its_end_marker(kind: str) -> None:
    content = sound(kind)

    cut = only(render(content[:-2], a_profile(64)))
    assert cut.data == only(render(content, a_profile(64))).data


@pytest.mark.parametrize("kind", KINDS)
def test_half_an_end_marker_shows_that_a_jpeg_was_cut(kind: str) -> None:
    assert rejection(sound(kind)[:-1]) == "corrupt_image"


def test_a_jpeg_that_lost_its_last_scan_and_end_is_rejected() -> None:
    content = sound("progressive")

    assert rejection(content[: content.rindex(b"\xff\xc4")]) == "corrupt_image"


def test_a_scan_that_lost_its_header_is_rejected() -> None:
    content = sound("progressive")
    header = content.rindex(b"\xff\xda")

    assert content[header - 40 : header].count(b"\xff\xc4") == 1
    assert rejection(content[:header] + content[header + 10 :]) == "corrupt_image"


@pytest.mark.parametrize("more", [b"\0", bytes(16), b"Some text."])
@pytest.mark.parametrize("segment", [b"\xff\xdb", b"\xff\xc0", b"\xff\xda"])
def test_bytes_between_the_segments_in_front_of_the_first_scan_mean_nothing(
    segment: bytes, more: bytes
) -> None:
    """Some cameras leave them; browsers show the whole picture."""
    content = sound("4:2:0")
    at = content.index(segment)

    assert rejection(content[:at] + more + content[at:]) == ""


def before_markers(content: bytes, more: bytes) -> bytes:
    """Inserts bytes in front of the restart markers and the end marker."""
    begin = content.index(b"\xff\xda")
    return content[:begin] + re.sub(rb"\xff[\xd0-\xd7\xd9]", lambda found: more + found[0], content[begin:])


@pytest.mark.parametrize("more", [b"\0", bytes(64), b"\xff", b"\xff\xff", b"\xff\0", b"\xff\0\xff\0"])
@pytest.mark.parametrize("kind", ["4:2:0", "grey", "restarts by blocks"])
def test_fill_bytes_mean_nothing(kind: str, more: bytes) -> None:
    assert rejection(before_markers(sound(kind), more)) == ""


@pytest.mark.parametrize("more", [b"\1", b"\x55\xaa", b"\0\1", bytes(65)])
def test_surplus_data_is_rejected(more: bytes) -> None:
    assert rejection(before_markers(sound("4:2:0"), more)) == "corrupt_image"


def test_the_bits_after_the_last_block_mean_nothing() -> None:
    """The standard demands ones; some cameras write others. Seven of eight files have such a bit."""
    found = 0
    for seed in range(16):
        content = bytearray(encoded(photograph(60, 40, seed), "JPEG"))
        content[-3] ^= 1
        found += not jpeg_fault(content)
    assert found >= 8


def test_a_restart_marker_after_the_last_block_means_nothing() -> None:
    content = sound("restarts by rows")

    assert rejection(content[:-2] + b"\xff\xd3" + content[-2:]) == ""


def test_restart_markers_out_of_order_are_rejected() -> None:
    content = sound("restarts by blocks").replace(b"\xff\xd2", b"\xff\xd7")

    assert rejection(content) == "corrupt_image"


def test_a_jpeg_without_its_standard_huffman_tables_is_rendered() -> None:
    """Frames of Motion JPEG leave them out."""
    content = sound("4:2:0")
    begin, end = content.index(b"\xff\xc4"), content.index(b"\xff\xda")

    assert only(render(content[:begin] + content[end:], a_profile(64))).width == 64


def test_quantizers_of_16_bits_are_read() -> None:
    content = sound("grey")
    at = content.index(b"\xff\xdb")
    wide = b"".join(bytes((0, step)) for step in content[at + 5 : at + 69])
    content = content[:at] + b"\xff\xdb" + struct.pack(">HB", 131, 0x10) + wide + content[at + 69 :]

    assert only(render(content, a_profile(64))).width == 64


def test_a_brightness_beyond_the_samples_range_is_rejected() -> None:
    """What follows a lost difference of brightness is too bright or too dark."""
    white = encoded(plain((64, 64), (255,) * 3).convert("L"), "JPEG")
    at = white.index(b"\xff\xdb") + 5
    brighter = white[:at] + bytes([white[at] + 2]) + white[at + 1 :]

    assert (rejection(white), rejection(brighter)) == ("", "corrupt_image")


@pytest.mark.parametrize("quality", [1, 30, 75, 100])
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("progressive", [False, True])
def test_the_strongest_contrasts_are_sound(mode: str, quality: int, *, progressive: bool) -> None:
    checks = Image.effect_noise((64, 64), 500).point(lambda level: 255 * (level > 127)).convert(mode)
    board = Image.new(mode, (64, 64))
    for x, y in product(range(64), range(64)):
        board.putpixel((x, y), 255 * ((x + y) & 1) if mode == "L" else (255 * ((x + y) & 1),) * 3)

    for picture in (checks, board):
        assert rejection(encoded(picture, "JPEG", quality=quality, progressive=progressive)) == ""
        ours = encode.jpeg(picture, quality, "4:4:4")
        assert rejection(ours) == ""


def test_an_arithmetic_jpeg_of_far_too_few_bytes_is_rejected() -> None:
    content = bytearray(ARITHMETIC_JPEG)
    size = content.index(b"\xff\xc9") + 5
    content[size : size + 4] = struct.pack(">HH", 8000, 2000)

    assert rejection(bytes(content)) == "corrupt_image"


@pytest.mark.parametrize("coding", ARITHMETIC)
def test_a_sound_arithmetic_jpeg_is_rendered(coding: str) -> None:
    assert only(render(ARITHMETIC[coding], a_profile(96))).width == 96


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("coding", ["sequential", "restarts"])
def test_a_cut_arithmetic_jpeg_is_rejected(coding: str, share: float) -> None:
    """libjpeg shows zeros for what is missing, without a warning."""
    content = ARITHMETIC[coding]
    begin, end = first_scan(content)

    assert rejection(content[: begin + round(share * (end - begin))] + b"\xff\xd9") == "corrupt_image"


@pytest.mark.parametrize("damage", DAMAGES)
def test_most_damaged_arithmetic_jpegs_are_rejected(damage: str) -> None:
    contents = [*damaged(40, 0.2, 0.5, DAMAGES[damage], [ARITHMETIC["sequential"], ARITHMETIC["restarts"]])]

    assert sum(rejection(content) == "corrupt_image" for content in contents) >= 30


def test_fill_bytes_in_front_of_markers_mean_nothing_in_an_arithmetic_jpeg() -> None:
    content = ARITHMETIC["restarts"].replace(b"\xff\xd0", b"\xff\xff\xd0")

    assert rejection(content[:-2] + b"\xff\xff\xff\xd9") == ""


def test_an_arithmetic_jpeg_of_one_colour_is_rendered() -> None:
    """Its encoder leaves out the zeros at the end of its code."""
    content = ARITHMETIC["sequential"]
    begin, end = first_scan(content)

    assert rejection(content[:begin] + content[end:]) == ""


def test_an_arithmetic_jpeg_over_64_kib_is_rendered() -> None:
    """Pillow gives libjpeg 64 KiB at a time, and its arithmetic decoder can't wait for more."""
    table = ARITHMETIC_JPEG.index(b"\xff\xdb")
    one = ARITHMETIC_JPEG[table : table + 69]
    two = b"\xff\xdb" + struct.pack(">H", 132) + 2 * one[4:]
    # Repeated tables, so that the boundary lies 5 bytes before the end.
    missing = 65_536 + 5 - len(ARITHMETIC_JPEG)
    pairs = next(count for count in range(69) if (missing - count * len(two)) % len(one) == 0)
    tables = two * pairs + one * ((missing - pairs * len(two)) // len(one))
    content = ARITHMETIC_JPEG[:table] + tables + ARITHMETIC_JPEG[table:]
    assert content[65_536 + 3 :] == b"\xff\xd9"

    assert only(render(content, a_profile(32))).width == 32


@pytest.mark.parametrize(
    "segment", [b"\xff\xe0\0\7JFIF\0", b"\xff\xe0\0\2", b"\xff\xee\0\7Adobe", b"\xff\xee\0\5Ado"]
)
@pytest.mark.parametrize("keep", [True, False])
def test_a_short_application_segment_means_nothing(segment: bytes, keep: bool) -> None:
    content = encoded(plain((40, 40), (200, 100, 50)), "JPEG", quality=100, subsampling="4:4:4")
    rest = content[2:] if keep else content[2 + 18 :]

    shown = opened(only(render(content[:2] + segment + rest, a_profile(40, quality=100))))
    assert distance(middle_of(shown), (200, 100, 50)) <= 3


def test_an_unusual_version_of_jfif_is_rendered() -> None:
    content = bytearray(sound("4:2:0"))
    content[content.index(b"JFIF\0") + 5] = 9  # libjpeg warns about it, although nothing is missing

    assert only(render(bytes(content), a_profile(64))).width == 64


def test_a_check_that_runs_out_of_memory_does_not_blame_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    size = ARITHMETIC_JPEG.index(b"\xff\xc9") + 5
    comments = (b"\xff\xfe\xff\xff" + bytes(0xFFFD)) * 3
    large = (
        ARITHMETIC_JPEG[:size] + struct.pack(">HH", 8000, 2000) + ARITHMETIC_JPEG[size + 4 : -2] + comments
    )
    warnings = jpeg_damage.warnings

    def short_of_memory(stream: bytes, intervals: int) -> Iterator[int]:
        resource.setrlimit(resource.RLIMIT_AS, (0, 0))
        yield from warnings(stream, intervals)

    monkeypatch.setattr(jpeg_damage, "warnings", short_of_memory)
    with pytest.raises(MemoryError):
        render(large + b"\xff\xd9", a_profile(16))


def measure(folder: str = "") -> None:
    """Prints how many of 1,000 damaged JPEGs are rejected, by the kind and size of the damage.

    With a folder: of its sound JPEGs, by libjpeg's warnings, instead of drawn ones; first how many of them
    are rejected undamaged, last with a piece missing anywhere in a file of at least 20,000 bytes.
    """
    whole = [*sound_in(Path(folder))] if folder else [sound(kind) for kind in KINDS]
    print(f"{len(whole):,} sound, {sum(map(bool, map(jpeg_fault, whole)))} rejected")  # noqa: T201
    for (name, damage), share in product(DAMAGES.items(), SHARES):
        report(f"{share:.2%} {name}", damaged(1000, share, share, damage, whole))
    photographs = [content for content in whole if len(content) >= PHOTOGRAPH_BYTES]
    for size in PIECES if folder else ():
        report(f"{size:,} bytes missing", without_piece(1000, size, photographs))


SHARES = (0.0001, 0.001, 0.01, 0.02, 0.05, 0.1)
PHOTOGRAPH_BYTES, PIECES = 20_000, (1, 4, 16, 64, 256, 1024, 4096)


def report(label: str, contents: Iterable[bytes]) -> None:
    rejected = warned = both = 0
    for content in contents:
        is_rejected, is_warned = is_damaged(content), libjpeg_warns(content)
        rejected, warned, both = (
            rejected + is_rejected,
            warned + is_warned,
            both + (is_rejected and is_warned),
        )
    print(f"{label}: {rejected} rejected; libjpeg warns about {warned}, {both} of them rejected")  # noqa: T201


def is_damaged(content: bytes) -> bool:
    try:
        return bool(jpeg_fault(read_header(content).stream))
    except RejectedPicture:
        return True


def libjpeg_warns(content: bytes) -> bool:
    child = Child(partial(jpeg_damage.warnings, content), seconds=100)
    try:
        return next(child.results()) > 0
    except ChildDied:  # it gave up
        return True
    finally:
        child.end()


def without_piece(count: int, size: int, whole: Sequence[bytes]) -> Iterator[bytes]:
    generator = random.Random(size)  # noqa: S311
    while count:
        content = generator.choice(whole)
        at = generator.randrange(2, len(content) - size)
        made = content[:at] + content[at + size :]
        if made != content:
            count -= 1
            yield made


def sound_in(folder: Path) -> Iterator[bytes]:
    """Yields the different JPEGs with Huffman coding about which libjpeg does not warn."""
    seen = set()
    for path in sorted(folder.rglob("*")):
        with suppress(RejectedPicture, IsADirectoryError):
            header = read_header(path.read_bytes())
            is_new = header.stream not in seen
            if (
                header.format == "jpeg"
                and not header.arithmetic
                and is_new
                and not libjpeg_warns(header.stream)
            ):
                seen.add(header.stream)
                yield header.stream


if __name__ == "__main__":
    measure(*sys.argv[1:2])
