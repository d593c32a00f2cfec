"""The JPEG encoder of the native module."""

import random
import struct
import subprocess
import sys
from io import BytesIO

import darkroom_native
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageStat

from bench.unsmoothed import decoded as unsmoothed
from darkroom.imaging.encode import jpeg as encoded
from darkroom.imaging.encode import shown_jpeg
from darkroom.imaging.ssimulacra2 import Ssimulacra2
from darkroom_cli.local.samples import photograph

SOF0, SOF2 = b"\xff\xc0", b"\xff\xc2"


def jpeg(
    picture: Image.Image, quality: float = 75, *, subsampled: bool = True, progressive: bool = True
) -> bytes:
    channels = len(picture.getbands())
    return darkroom_native.encode_jpeg(
        picture.tobytes(), *picture.size, channels, quality, subsampled, progressive
    )


def decoded(content: bytes) -> Image.Image:
    with Image.open(BytesIO(content)) as made:
        return made.convert(made.mode)


def mean_difference(one: Image.Image, other: Image.Image) -> float:
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / len(one.getbands())


def noise(mode: str, width: int, height: int, seed: int = 1) -> Image.Image:
    chance = random.Random(seed)  # noqa: S311 - a drawing
    return Image.frombytes(mode, (width, height), chance.randbytes(width * height * len(mode)))


@st.composite
def pictures(draw: st.DrawFn) -> Image.Image:
    """Noise, or one of two colours in each pixel; sizes around those of blocks and interleaved units."""
    mode = draw(st.sampled_from(["L", "RGB"]))
    width, height = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    drawn = noise(mode, width, height, draw(st.integers(0, 9)))
    if draw(st.booleans()):
        return drawn
    colours = draw(st.tuples(*[st.tuples(*[st.integers(0, 255)] * len(mode))] * 2))
    one, other = (Image.new(mode, drawn.size, colour if mode == "RGB" else colour[0]) for colour in colours)
    return Image.composite(one, other, drawn.getchannel(0).point(lambda level: 255 * (level > 127), "1"))


@settings(max_examples=150, deadline=None)
@given(pictures(), st.floats(1, 100), st.booleans(), st.booleans())
def test_any_picture_is_decoded_with_its_size(
    picture: Image.Image, quality: float, subsampled: bool, progressive: bool
) -> None:
    content = jpeg(picture, quality, subsampled=subsampled, progressive=progressive)

    made = decoded(content)

    assert (made.size, made.mode) == (picture.size, picture.mode)
    assert (SOF2 if progressive else SOF0) in content
    assert (SOF0 if progressive else SOF2) not in content


@settings(max_examples=100, deadline=None)
@given(pictures(), st.booleans())
def test_the_highest_quality_is_nearly_lossless(picture: Image.Image, progressive: bool) -> None:
    made = decoded(jpeg(picture, 100, subsampled=False, progressive=progressive))

    assert mean_difference(made, picture) < 1.5


@pytest.mark.parametrize("size", [(1, 1), (65_500, 1), (1, 65_500), (65_500, 3), (17, 33)])
@pytest.mark.parametrize("subsampled", [False, True])
@pytest.mark.parametrize("progressive", [False, True])
def test_extreme_sizes(size: tuple[int, int], subsampled: bool, progressive: bool) -> None:
    picture = Image.linear_gradient("L").resize(size).convert("RGB")

    made = decoded(jpeg(picture, 90, subsampled=subsampled, progressive=progressive))

    assert made.size == size
    assert mean_difference(made, picture) < 2


@pytest.mark.parametrize(
    "arguments",
    [
        (b"123", 1, 1, 2, 75.0),  # channels
        (b"123", 1, 1, 3, 0.5),  # quality
        (b"123", 1, 1, 3, 100.5),
        (b"123", 1, 1, 3, float("nan")),
        (b"1234", 1, 1, 3, 75.0),  # bytes
        (b"", 0, 1, 3, 75.0),  # sides
        (bytes(65_501), 65_501, 1, 1, 75.0),
        (b"", -1, -1, 3, 75.0),
    ],
)
def test_arguments_out_of_range(arguments: tuple[bytes, int, int, int, float]) -> None:
    with pytest.raises(ValueError, match=r"range|bytes"):
        darkroom_native.encode_jpeg(*arguments, True, True)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 1e9])
@pytest.mark.parametrize("index", [0, 3, 6, 20, 55])
def test_constants_out_of_range(index: int, value: float) -> None:
    constants = bytearray(darkroom_native.jpeg_tuning())
    struct.pack_into("f", constants, 4 * index, value * 20)

    with pytest.raises(ValueError, match="tuning"):
        darkroom_native.encode_jpeg(b"123", 1, 1, 3, 75.0, True, True, constants)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_higher_quality_takes_more_bytes_and_scores_better(mode: str) -> None:
    scene = photograph(320, 214).convert(mode)
    reference = Ssimulacra2(scene.convert("RGB"))

    made = [jpeg(scene, quality) for quality in (40, 60, 80, 95)]

    sizes = [len(content) for content in made]
    scores = [reference.score(decoded(content).convert("RGB")) for content in made]
    assert sizes == sorted(sizes)
    assert scores == sorted(scores)


@pytest.mark.parametrize("quality", [1, 30, 75, 90, 100])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_white_and_black_areas_stay_exact(mode: str, quality: int) -> None:
    page = Image.new(mode, (64, 64), "white")
    page.paste("black", (0, 0, 32, 64))

    made = decoded(jpeg(page, quality))

    assert ImageChops.difference(made, page).getbbox() is None


def test_text_rings_less_than_libjpegs() -> None:
    page = Image.new("L", (200, 60), 255)
    ImageDraw.Draw(page).text((4, 4), "Handgloves on white\npaper, 12 point", fill=0)
    mine = jpeg(page, 70)
    other = BytesIO()
    quality = 95
    while other.tell() == 0 or len(other.getvalue()) > len(mine):
        other = BytesIO()
        page.save(other, "JPEG", quality=quality, optimize=True)
        quality -= 1

    assert mean_difference(decoded(mine), page) < mean_difference(decoded(other.getvalue()), page)


def test_saturated_red_keeps_its_light() -> None:
    """Subsampled chroma darkens the edge of a red sign; luma is corrected for it."""
    sign = Image.new("RGB", (128, 128), (20, 40, 30))
    ImageDraw.Draw(sign).ellipse((21, 21, 105, 105), (235, 10, 15))
    mine, other = jpeg(sign, 85), BytesIO()
    sign.save(other, "JPEG", quality=90, subsampling="4:2:0", optimize=True, progressive=True)

    scores = [Ssimulacra2(sign).score(decoded(content)) for content in (mine, other.getvalue())]

    assert len(mine) < len(other.getvalue())
    assert scores[0] > scores[1] + 5


def test_faint_texture_beside_strong_texture_is_kept() -> None:
    """As skin beside hair: errors in strong texture can be large, and faint texture needs few bits."""
    strong, faint = noise("L", 16, 128), noise("L", 16, 128, seed=2).point(lambda level: 122 + level // 21)
    scene = Image.new("L", (128, 128))
    scene.paste(strong.resize((64, 128), Image.Resampling.BICUBIC))
    scene.paste(faint.resize((64, 128), Image.Resampling.BICUBIC), (64, 0))
    constants = bytearray(darkroom_native.jpeg_tuning())
    struct.pack_into("f", constants, 4 * 10, 0)  # `faint`
    unweighted = darkroom_native.encode_jpeg(scene.tobytes(), *scene.size, 1, 75, True, True, constants)

    kept, lost = (
        ImageStat.Stat(decoded(content).crop((64, 0, 128, 128))).stddev[0]
        for content in (jpeg(scene, 75), unweighted)
    )

    assert kept > 1.1 * lost


def test_small_squares_keep_their_mean() -> None:
    """The lowest frequencies make up for what higher ones lose."""
    scene = photograph(320, 214).convert("L")
    constants = bytearray(darkroom_native.jpeg_tuning())
    struct.pack_into("f", constants, 4 * 11, 0)  # `means`
    uncorrected = darkroom_native.encode_jpeg(scene.tobytes(), *scene.size, 1, 60, True, True, constants)

    kept, lost = (
        mean_difference(decoded(content).reduce(4), scene.reduce(4))
        for content in (jpeg(scene, 60), uncorrected)
    )

    assert kept < 0.95 * lost


def test_a_decoder_that_repeats_chroma_scores_nearly_as_well() -> None:
    scene = photograph(320, 214)
    reference, content = Ssimulacra2(scene), jpeg(scene, 80)

    assert reference.score(unsmoothed(content)) > reference.score(decoded(content)) - 6


def test_a_grey_picture_has_one_component() -> None:
    scene = photograph(320, 214).convert("L")

    assert decoded(jpeg(scene)).mode == "L"
    assert mean_difference(decoded(jpeg(scene, 100)), scene) < 1


@settings(max_examples=150, deadline=None)
@given(pictures(), st.floats(1, 100), st.booleans())
def test_the_pixels_shown_are_those_of_libjpeg_turbo(
    picture: Image.Image, quality: float, subsampled: bool
) -> None:
    wide = picture.resize((picture.width + 4, picture.height), Image.Resampling.NEAREST)
    channels, layout = (1, "L") if wide.mode == "L" else (3, "RGBX")

    frame, shown = darkroom_native.quantise_jpeg(wide.tobytes(), *wide.size, channels, quality, subsampled)
    file = darkroom_native.write_jpeg(frame)

    assert file == jpeg(wide, quality, subsampled=subsampled)
    assert Image.frombytes(wide.mode, wide.size, shown, "raw", layout).tobytes() == decoded(file).tobytes()


@pytest.mark.parametrize("size", [(4, 9), (0, 9), (9, -1)])
def test_pixels_of_narrow_pictures_are_an_error(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"range|number of bytes"):
        darkroom_native.quantise_jpeg(bytes(4 * 9 * 3), *size, 3, 75.0, True)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("size", [(640, 427), (100, 67), (4, 30_000)])
def test_a_file_is_scored_as_it_is_decoded(mode: str, size: tuple[int, int]) -> None:
    scene = photograph(640, 427).convert(mode).resize(size)
    reference = Ssimulacra2(scene)

    shown, write = shown_jpeg(scene, 75)

    assert write() == encoded(scene, 75)
    assert reference.score(shown) == reference.score(decoded(write()))


@pytest.mark.parametrize("frame", [b"", None, 3])
def test_only_frames_are_written(frame: object) -> None:
    with pytest.raises(ValueError, match="PyCapsule"):
        darkroom_native.write_jpeg(frame)


def test_a_memoryview_is_accepted() -> None:
    scene = noise("RGB", 48, 32)
    view = memoryview(bytearray(scene.tobytes()))

    assert darkroom_native.encode_jpeg(view, 48, 32, 3, 75.0, True, True) == jpeg(scene)


_MEMORY = """
import random, resource
import darkroom_native
WIDTH, HEIGHT = 2400, 1800
pixels = random.Random(1).randbytes(WIDTH * HEIGHT * 3)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
content = darkroom_native.encode_jpeg(pixels, WIDTH, HEIGHT, 3, {quality}, {subsampled}, {progressive})
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(((after - before) * 1024 - len(content)) / (WIDTH * HEIGHT))
"""


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize(("quality", "subsampled"), [(75, True), (100, False)])
def test_at_most_12_bytes_a_pixel(quality: int, subsampled: bool, progressive: bool) -> None:
    """Noise is the worst case. The bytes object is a copy of the file, and not the encoder's."""
    script = _MEMORY.format(quality=quality, subsampled=subsampled, progressive=progressive)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert float(done.stdout) <= 12
