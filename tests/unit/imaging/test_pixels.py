"""The native module reads Pillow's pixels in place."""

import darkroom_native
import pytest
from PIL import Image

from darkroom.imaging.jpeg_damage import drawn
from darkroom.imaging.pixels import pixels_of
from darkroom.imaging.resize import resized
from darkroom_cli.local.samples import photograph
from tests.unit.imaging.pictures import encoded


def in_pieces(picture: Image.Image) -> Image.Image:
    """Copies a picture so that Pillow lays it out in several pieces."""
    whole = Image.core.get_block_size()  # type: ignore[attr-defined]
    Image.core.set_block_size(1 << 16)  # type: ignore[attr-defined]
    try:
        return picture.copy()
    finally:
        Image.core.set_block_size(whole)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1)])
def test_a_picture_gives_the_same_file_as_its_bytes(mode: str, channels: int) -> None:
    picture = photograph(321, 215).convert(mode)

    pixels, bytes_each = pixels_of(picture)

    assert pixels is picture
    options = (80.0, True, True)
    assert darkroom_native.encode_jpeg(pixels, 321, 215, bytes_each, *options) == darkroom_native.encode_jpeg(
        picture.tobytes(), 321, 215, channels, *options
    )


def test_a_picture_has_the_same_score_as_its_bytes() -> None:
    picture, other = photograph(100, 67), photograph(100, 67).quantize(16).convert("RGB")

    assert darkroom_native.ssimulacra2(picture, other, 100, 67) == darkroom_native.ssimulacra2(
        picture.tobytes(), other.tobytes(), 100, 67
    )


def test_a_picture_in_pieces_is_copied() -> None:
    picture = photograph(320, 214)
    pieces = in_pieces(picture)

    pixels, bytes_each = pixels_of(pieces)

    assert isinstance(pixels, bytes)
    assert len(pixels) == bytes_each * 320 * 214
    assert resized(pieces, (100, 67)) == resized(picture, (100, 67))


def test_a_result_in_pieces_is_left_to_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, content = photograph(320, 214), encoded(photograph(320, 214), "JPEG")
    expected = picture.resize((200, 134), Image.Resampling.LANCZOS)
    monkeypatch.setattr(
        Image,
        "new",
        lambda mode, size, _colour=0: in_pieces(Image.linear_gradient("L").resize(size).convert(mode)),
    )

    assert resized(picture, (200, 134)).tobytes() == expected.tobytes()
    assert drawn(content, "RGB", (320, 214), halved=False) is None


def test_a_picture_larger_than_16_mb_is_read_in_place() -> None:
    picture = Image.new("RGB", (3000, 2000))

    assert pixels_of(picture)[0] is picture


@pytest.mark.parametrize("mode", ["F", "I"])
def test_pixels_of_other_types_are_an_error(mode: str) -> None:
    with pytest.raises(ValueError, match="one or four bytes"):
        darkroom_native.encode_jpeg(Image.new(mode, (8, 8)), 8, 8, 4, 80.0, True, True)


def test_the_picture_is_released_after_wrong_arguments() -> None:
    picture = Image.new("RGB", (8, 8))

    for _ in range(100):
        with pytest.raises(TypeError):
            darkroom_native.encode_jpeg(picture, 8, "8", 4, 80.0, True, True)  # type: ignore[arg-type]

    assert len(darkroom_native.encode_jpeg(picture, 8, 8, 4, 80.0, True, True)) > 0
