"""JPEGs with a piece missing are rejected, wherever it was; sound JPEGs of every kind are rendered.

How many are noticed by the size of the piece: python -m tests.unit.imaging.test_damage
"""

import random
import resource
import struct
from collections.abc import Iterator

import pytest
from PIL import Image

from darkroom.domain.errors import RejectedPicture
from darkroom.imaging import jpeg_damage, render
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


def sound(kind: str) -> bytes:
    mode, options = KINDS[kind]
    return encoded(photograph(200, 150).convert(mode), "JPEG", **options)


def with_a_piece_missing(content: bytes, share: float, generator: random.Random) -> bytes:
    """Removes this share of the first scan, 1 byte at least: a progressive JPEG can do without later ones."""
    begin = content.index(b"\xff\xda")
    begin += 2 + int.from_bytes(content[begin + 2 : begin + 4])
    end = content.find(b"\xff\xc4", begin) if content.count(b"\xff\xda") > 1 else len(content) - 2
    piece = max(1, round((end - begin) * share))
    at = generator.randrange(begin, end - piece)
    return content[:at] + content[at + piece :]


def damaged(count: int, least: float, most: float) -> Iterator[bytes]:
    """Yields JPEGs of every kind without a random piece of between `least` and `most` of their data."""
    generator = random.Random(11)  # noqa: S311
    whole = [sound(kind) for kind in KINDS]
    for _ in range(count):
        yield with_a_piece_missing(generator.choice(whole), generator.uniform(least, most), generator)


def rejection(content: bytes) -> str:
    """Returns the reason of the rejection; empty if the picture is rendered."""
    try:
        render(content, a_profile(16))
    except RejectedPicture as rejected:
        return rejected.reason
    return ""


def test_a_jpeg_with_a_piece_missing_is_rejected() -> None:
    assert {rejection(content) for content in damaged(60, 0.1, 0.5)} == {"corrupt_image"}


@pytest.mark.full
def test_none_of_a_thousand_jpegs_with_a_piece_missing_is_published() -> None:
    assert {rejection(content) for content in damaged(1000, 0.1, 0.5)} == {"corrupt_image"}


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


@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_without_its_whole_end_marker_is_rejected(missing: int) -> None:
    assert rejection(sound("4:2:0")[:-missing]) == "corrupt_image"


def test_an_arithmetic_jpeg_of_far_too_few_bytes_is_rejected() -> None:
    content = bytearray(ARITHMETIC_JPEG)
    size = content.index(b"\xff\xc9") + 5
    content[size : size + 4] = struct.pack(">HH", 8000, 2000)

    assert rejection(bytes(content)) == "corrupt_image"


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
    check = jpeg_damage.check

    def short_of_memory(stream: bytes) -> Iterator[int]:
        resource.setrlimit(resource.RLIMIT_AS, (0, 0))
        yield from check(stream)

    monkeypatch.setattr(jpeg_damage, "check", short_of_memory)
    image = Image.effect_noise((3000, 2000), 50)
    with pytest.raises(MemoryError):
        render(encoded(image, "JPEG"), a_profile(16))


def measure() -> None:
    """Prints how many of 1,000 JPEGs without a piece of each size are rejected."""
    for share in (0.0001, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5):
        found = sum(rejection(content) == "corrupt_image" for content in damaged(1000, share, share))
        print(f"{share:.2%} missing: {found} of 1,000 rejected")  # noqa: T201


if __name__ == "__main__":
    measure()
