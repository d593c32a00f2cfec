"""AVIF: the planes, the files that libavif makes of them, and the choice of subsampling."""

from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageStat

from darkroom.domain.profile import FormatChoice
from darkroom.domain.renditions import Format
from darkroom.imaging import avif, encode
from darkroom.imaging.planes import planes_of, subsampled
from darkroom.imaging.quality import encode_ladder
from darkroom.imaging.sniff import read_header
from darkroom.imaging.sniff.coding import Coding
from darkroom.imaging.ssimulacra2 import Ssimulacra2
from darkroom_cli.local.samples import photograph
from tests.unit.imaging.pictures import distance, scene
from tests.unit.imaging.test_quality import a_scene


def encoded(picture: Image.Image, subsampling: str, quality: int = 90) -> Image.Image:
    content = encode.encoder(Format.AVIF, subsampling).file(picture, quality)
    made = Image.open(BytesIO(content))
    made.load()
    return made


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(120, 81), (1, 1), (1, 80), (65, 2)])
def test_pixels_return_from_every_mode(subsampling: str, mode: str, size: tuple[int, int]) -> None:
    picture = scene(mode).crop((0, 0, *size))

    made = encoded(picture, subsampling)

    wanted = "RGBA" if "A" in mode else "RGB"
    difference = ImageStat.Stat(ImageChops.difference(made, picture.convert(wanted))).mean
    assert (made.mode, made.size) == (wanted, size)
    assert max(difference) < 12


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (9, 9, 9)])
def test_plain_colours_stay(subsampling: str, colour: tuple[int, int, int]) -> None:
    made = encoded(Image.new("RGB", (64, 64), colour), subsampling)

    assert distance(made.getpixel((32, 32)), colour) <= 4  # type: ignore[arg-type]


def test_the_file_states_srgb() -> None:
    content = encode.encoder(Format.AVIF, "4:2:0").file(scene(), 60)

    assert read_header(content).coding == Coding(primaries=1, transfer=13)


def test_higher_qualities_take_more_bytes_and_slower_speeds_fewer() -> None:
    planes = planes_of(photograph(320, 240), "4:2:0")

    sizes = [len(avif.encode(planes, quality, speed, {})) for quality, speed in ((80, 8), (50, 8), (50, 6))]

    assert sizes == sorted(sizes, reverse=True)


def test_an_option_that_aom_does_not_know_is_an_error() -> None:
    with pytest.raises(avif.LibavifFailed):
        avif.encode(planes_of(scene(), "4:2:0"), 60, 8, {"no-such-option": "1"})


def test_one_encoder_takes_several_pictures() -> None:
    encoder, other = encode.encoder(Format.AVIF, "4:2:0"), scene().rotate(180)

    first, second, again = (encoder.file(picture, 60) for picture in (scene(), other, scene()))

    assert first == again
    assert second == encode.encoder(Format.AVIF, "4:2:0").file(other, 60)


def striped() -> Image.Image:
    """Thin stripes of two colours with the same luma, as leaves before blossoms."""
    tile = Image.new("RGB", (6, 1), (200, 60, 60))
    tile.paste((40, 130, 60), (3, 0, 6, 1))
    stripes = Image.new("RGB", (240, 240))
    for left in range(0, 240, 6):
        stripes.paste(tile.resize((6, 240)), (left, 0))
    return stripes.resize((320, 320), Image.Resampling.BICUBIC)


def test_prepared_planes_lose_less_than_averaged_ones() -> None:
    picture = striped()
    luma, *chroma = picture.convert("YCbCr").split()
    averaged = [plane.reduce(2).resize(picture.size, Image.Resampling.BILINEAR) for plane in chroma]
    usual = Image.merge("YCbCr", (luma, *averaged)).convert("RGB")

    score = Ssimulacra2(picture).score

    assert score(subsampled(picture)) > score(usual) + 5


@pytest.mark.parametrize(("target", "subsampling"), [(60, "4:2:0"), (75, "4:2:0"), (90, "4:4:4")])
def test_high_targets_keep_all_colours(target: float, subsampling: str) -> None:
    (made,) = encode_ladder(FormatChoice(Format.AVIF, None, target), [a_scene(1280, 854)])

    assert made.subsampling == subsampling
