"""The native module computes the same on both processors, and its build can be reproduced."""

import json
import re
import subprocess
import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.build.runtime import python
from tests.cloudformation import PROJECT


def output_of(program: str, runnable: tuple[str, Path]) -> Any:
    """Runs a program with the packages of the layers, and returns the JSON that it prints."""
    architecture, build = runnable
    layers = (build / "ImagingLayer" / "python", build / "DarkroomLayer" / "python")
    environment = {"PYTHONPATH": ":".join(map(str, layers))}
    command = [*python(architecture), "-S", "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


# Prints the exact scores of noise, more or less changed.
PROGRAM = """
import json, random
from darkroom_native import ssimulacra2

def score(width, height, amount):
    chance = random.Random(width)
    first = chance.randbytes(3 * width * height)
    second = bytes((level + chance.randrange(amount)) % 256 for level in first)
    return ssimulacra2(first, second, width, height).hex()

print(json.dumps([score(1, 1, 9), score(7, 9, 9), score(33, 65, 3), score(129, 500, 3), score(300, 200, 9)]))
"""
SCORES = [
    "0x1.8fa802f9569b4p+6",
    "0x1.53cbe71352b50p+6",
    "0x1.f8946ddc4f73ap+5",
    "0x1.67664fdf73aaep+5",
    "-0x1.fc34cb7f3e380p+2",
]


def test_scores_are_the_same_on_both_processors(runnable: tuple[str, Path]) -> None:
    assert output_of(PROGRAM, runnable) == SCORES


# Prints hashes of files made of noise, stripes and a gradient, in all combinations of options.
JPEG_PROGRAM = """
import hashlib, json, random
from darkroom_native import encode_jpeg

def file_hash(width, height, channels, quality, subsampled, progressive):
    chance, row = random.Random(width), width * channels
    noise, stripes = chance.randbytes(row), bytes(255 * (i // 40 % 2) for i in range(row))
    rows = [(noise, stripes, bytes((y + i) % 256 for i in range(row)))[y % 3] for y in range(height)]
    content = encode_jpeg(b"".join(rows), width, height, channels, quality, subsampled, progressive)
    return hashlib.sha256(content).hexdigest()[:16]

CASES = [(1, 1, 3, 50), (97, 65, 3, 75), (160, 131, 3, 20), (64, 33, 1, 90), (33, 90, 3, 99.5)]
print(json.dumps([
    file_hash(*case, subsampled, progressive)
    for case in CASES
    for subsampled in (False, True) for progressive in (False, True)
]))
"""
FILES = [
    "ba76cb936887e2ef",
    "907ab44adc164eae",
    "e56e221c46a969f3",
    "a2894fa3c751db50",
    "8df7a65caf7bfc41",
    "9eb9b04e593c6f08",
    "482113ba7760d5d4",
    "d0aa535c4bed3af4",
    "3bfe4859ca88792e",
    "8ff0646f742eb64f",
    "be4cfb8e0d2d490b",
    "94ab4ae534832acd",
    "61fec4674e10fe72",
    "2d0262b55c20d803",
    "61fec4674e10fe72",
    "2d0262b55c20d803",
    "f683cde6f31fa55b",
    "6069de511e371a3b",
    "720fcb9a7f9cab37",
    "e3d99cda306862d4",
]


def test_files_are_the_same_on_both_processors(runnable: tuple[str, Path]) -> None:
    assert output_of(JPEG_PROGRAM, runnable) == FILES


# Prints whether the pixels that the encoder shows, and that the check draws, are those of Pillow's decoder.
SHOWN_PROGRAM = """
import json, random
from io import BytesIO
from darkroom_native import draw_jpeg, encode_jpeg, quantise_jpeg, write_jpeg
from PIL import Image

def is_shown(width, height, quality, subsampled, step):
    noise = random.Random(width).randbytes(width * height * 3)
    pixels = bytes(level // step * step for level in noise)
    frame, shown = quantise_jpeg(pixels, width, height, 3, quality, subsampled)
    file = write_jpeg(frame)
    expected = Image.open(BytesIO(file)).tobytes()
    drawn = Image.new("RGB", (width, height))
    baseline = encode_jpeg(pixels, width, height, 3, quality, subsampled, False)
    fault = draw_jpeg(baseline, 8, drawn)
    return (
        Image.frombytes("RGB", (width, height), shown, "raw", "RGBX").tobytes() == expected
        and not fault and drawn.tobytes() == Image.open(BytesIO(baseline)).tobytes()
    )

print(json.dumps([
    is_shown(width, 61, quality, subsampled, step)
    for width in (5, 33, 160) for quality in (20, 80, 100)
    for subsampled in (False, True) for step in (1, 255)
]))
"""


def test_pixels_are_shown_as_decoded_on_both_processors(runnable: tuple[str, Path]) -> None:
    assert all(output_of(SHOWN_PROGRAM, runnable))


# Prints hashes of the faces and the salient parts in noise, stripes and a gradient. With a threshold of 0,
# every place of the network has a face.
FOCUS_PROGRAM = """
import hashlib, json, random
from darkroom_native import find_faces, saliency

def hashes(width, height):
    chance, row = random.Random(width), 3 * width
    noise, stripes = chance.randbytes(row), bytes(255 * (i // 90 % 2) for i in range(row))
    kinds = [(noise, stripes, bytes((y + i) % 256 for i in range(row))) for y in range(height)]
    rows = [kind[y * 5 // height % 3] for y, kind in enumerate(kinds)]
    pixels = b"".join(rows)
    found = find_faces(pixels, width, height, 0.0), saliency(pixels, width, height)
    return [hashlib.sha256(result).hexdigest()[:16] for result in found]

SIZES = [(1, 1), (7, 90), (64, 64), (161, 97), (320, 200)]
print(json.dumps([hash for size in SIZES for hash in hashes(*size)]))
"""
FOCUS_HASHES = [
    "6267649e345b4e41",
    "6e340b9cffb37a98",
    "3eae4334e6105788",
    "6dcdf790a1818108",
    "e634d3c87e9085f5",
    "15afd17226dcd13f",
    "cda0666144148570",
    "df4ae82b0271fe7a",
    "68a2a3ed7b3dd28d",
    "0900270555438222",
]


def test_faces_and_salient_parts_are_the_same_on_both_processors(runnable: tuple[str, Path]) -> None:
    assert output_of(FOCUS_PROGRAM, runnable) == FOCUS_HASHES


# Prints hashes of resized noise.
RESIZE_PROGRAM = """
import hashlib, json, random
from darkroom_native import resize

def resized_hash(width, height, channels, new_width, new_height):
    noise, box = random.Random(width).randbytes(width * height * channels), (0.5, 0, width, height - 0.25)
    result = bytearray(new_width * new_height * channels)
    resize(noise, width, height, channels, result, new_width, new_height, box)
    return hashlib.sha256(result).hexdigest()[:16]

CASES = [(1, 1, 3, 5, 5), (300, 200, 3, 77, 50), (90, 1, 4, 91, 2)]
print(json.dumps([resized_hash(*case) for case in CASES]))
"""
RESIZED = ["523e1c1574400a9b", "22b7b851638c0db0", "b6476cfee48bc0ae"]


def test_resized_pixels_are_the_same_on_both_processors(runnable: tuple[str, Path]) -> None:
    assert output_of(RESIZE_PROGRAM, runnable) == RESIZED


# Prints hashes of the planes of noise.
PLANES_PROGRAM = """
import hashlib, json, random
from darkroom_native import avif_planes

def planes_hash(width, height, channels, subsampled):
    noise = random.Random(width).randbytes(width * height * channels)
    return hashlib.sha256(avif_planes(noise, width, height, channels, subsampled)).hexdigest()[:16]

CASES = [(1, 1, 3), (97, 65, 3), (64, 33, 4), (2, 90, 4)]
print(json.dumps([planes_hash(*case, subsampled) for case in CASES for subsampled in (False, True)]))
"""
PLANES = [
    "42d5e5b7a0111258",
    "42d5e5b7a0111258",
    "e71b739a78b42cfb",
    "22e2353e801fb7df",
    "0672599bd2db0c75",
    "b583cee9faf97b31",
    "005e0f2118befb7c",
    "ef70ee16e06ed5b1",
]


def test_planes_are_the_same_on_both_processors(runnable: tuple[str, Path]) -> None:
    assert output_of(PLANES_PROGRAM, runnable) == PLANES


# Prints the samples of noise that 4:2:0 changes, and hashes of what is shown of it.
SUBSAMPLING_PROGRAM = """
import hashlib, json, random
from darkroom_native import colour_steps, shown_subsampled

def found(width, height):
    noise = random.Random(width).randbytes(width * height * 4)
    shown = shown_subsampled(noise, width, height)
    return [colour_steps(noise, width, height, 48), hashlib.sha256(shown).hexdigest()[:16]]

print(json.dumps([found(*size) for size in [(1, 1), (97, 65), (64, 34)]]))
"""
SUBSAMPLING = [[0, "af359c54522dcbb7"], [6948, "e7ba40eef9c21517"], [2495, "20edf085e58fa708"]]


def test_subsampled_colours_are_the_same_on_both_processors(runnable: tuple[str, Path]) -> None:
    assert output_of(SUBSAMPLING_PROGRAM, runnable) == SUBSAMPLING


# Prints the first faults of sound files, and of the same with a piece missing, zero, doubled and cut.
DAMAGE_PROGRAM = """
import json, random
from darkroom_native import encode_jpeg, jpeg_fault

def faults(subsampled, progressive):
    noise = random.Random(5).randbytes(3 * 200 * 120)
    content = encode_jpeg(noise, 200, 120, 3, 80, subsampled, progressive)
    at = content.index(b"\\xff\\xda") + 1000
    head, piece, rest = content[:at], content[at : at + 300], content[at + 300 :]
    endings = (piece + rest, rest, bytes(300) + rest, piece + piece + rest, b"\\xff\\xd9")
    return [jpeg_fault(head + ending) for ending in endings]

print(json.dumps([faults(subsampled, progressive) for subsampled in (0, 1) for progressive in (0, 1)]))
"""
_SHORT, _SURPLUS = "the data ends before the last block", "data is left after the last block"
_OUTSIDE, _ZEROS = "a coefficient lies outside its block", "a block is made of zero bytes"
_NO_CODE = "the table lacks a code"
FAULTS = [
    ["", _SHORT, _ZEROS, _OUTSIDE, _SHORT],
    ["", _SHORT, _SURPLUS, _SURPLUS, _SHORT],
    ["", _OUTSIDE, _ZEROS, _NO_CODE, _SHORT],
    ["", _SHORT, _SURPLUS, _OUTSIDE, _SHORT],
]

# Prints the number of libjpeg's warnings about a sound JPEG and about one that lacks its second half.
WARNINGS_PROGRAM = """
import json
from io import BytesIO
from PIL import Image
from darkroom.imaging.jpeg_damage import warnings

file = BytesIO()
Image.effect_noise((200, 200), 90).save(file, "JPEG")
content = file.getvalue()
damaged = content[: len(content) // 2] + b"\\xff\\xd9"
print(json.dumps([next(warnings(stream)) for stream in (content, damaged)]))
"""


def test_damage_of_a_jpeg_is_noticed_on_both_processors(runnable: tuple[str, Path]) -> None:
    assert output_of(DAMAGE_PROGRAM, runnable) == FAULTS


def test_libjpegs_warnings_are_counted_on_both_processors(runnable: tuple[str, Path]) -> None:
    """libjpeg's structures are read through ctypes: their sizes must be the same."""
    sound, damaged = output_of(WARNINGS_PROGRAM, runnable)

    assert sound == 0
    assert damaged > 0


# Prints the score of a JPEG XL, and whether a JPEG returns bit for bit.
JXL_PROGRAM = """
import json
from io import BytesIO
from PIL import Image
from darkroom.imaging import jxl
from darkroom.imaging.ssimulacra2 import Ssimulacra2

picture = Image.effect_mandelbrot((200, 150), (-2.0, -1.2, 1.0, 1.2), 90).convert("RGB")
picture.save(file := BytesIO(), "JPEG", progressive=True)
jpeg = file.getvalue()
kept = jxl.from_jpeg(jpeg, picture.size, 3, orientation=1)
score = Ssimulacra2(picture).score(jxl.decode(jxl.encode(picture, 90)))
print(json.dumps([score, jxl.to_jpeg(kept, len(jpeg)) == jpeg]))
"""


def test_libjxl_works_on_both_processors(runnable: tuple[str, Path]) -> None:
    score, restored = output_of(JXL_PROGRAM, runnable)

    assert score == pytest.approx(93, abs=0.5)
    assert restored


def test_another_build_gives_the_same_file(built: tuple[str, Path], tmp_path: Path) -> None:
    architecture, build = built
    command = [PROJECT / ".tools/sam/bin/python", PROJECT / "layers/imaging/native/build.py"]

    subprocess.run([*command, architecture, tmp_path], check=True)

    first, second = (
        sha256((folder / "darkroom_native.abi3.so").read_bytes()).hexdigest()
        for folder in (build / "ImagingLayer" / "python", tmp_path)
    )
    assert first == second


def test_every_build_has_the_same_compiler() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    script = (PROJECT / "layers/imaging/native/build.py").read_text()
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]["dependencies"]

    versions = re.findall(r'^ZIGLANG = "(.*)"$', script, re.MULTILINE)
    assert wheel == [f"ziglang=={version}" for version in versions]
    assert wheel[0] in project["dependency-groups"]["sam"]
