from collections.abc import Buffer
from typing import Protocol

class Picture(Protocol):
    """A picture with the Arrow interface: pixels of one byte, or of four."""

    def __arrow_c_array__(self) -> tuple[object, object]: ...

type Pixels = Buffer | Picture

def ssimulacra2(first: Pixels, second: Pixels, width: int, height: int, /) -> float: ...
def encode_jpeg(
    pixels: Pixels,
    width: int,
    height: int,
    channels: int,
    quality: float,
    subsampled: bool,
    progressive: bool,
    tuning: Buffer | None = None,
    /,
) -> bytes: ...
def quantise_jpeg(
    pixels: Pixels,
    width: int,
    height: int,
    channels: int,
    quality: float,
    subsampled: bool,
    /,
) -> tuple[object, bytes]: ...
def write_jpeg(frame: object, /) -> bytes: ...
def jpeg_tuning() -> bytes: ...
def avif_planes(pixels: Pixels, width: int, height: int, channels: int, subsampled: bool, /) -> bytes: ...
def colour_steps(pixels: Pixels, width: int, height: int, step: int, /) -> int: ...
def shown_subsampled(pixels: Pixels, width: int, height: int, /) -> bytes: ...
def find_faces(pixels: Buffer, width: int, height: int, threshold: float, /) -> bytes: ...
def saliency(pixels: Buffer, width: int, height: int, /) -> bytes: ...
def draw_jpeg(content: Buffer, eighths: int, picture: Pixels, /) -> str: ...
def jpeg_fault(content: Buffer, /) -> str: ...
def resize(
    pixels: Pixels,
    width: int,
    height: int,
    channels: int,
    result: Pixels,
    new_width: int,
    new_height: int,
    box: tuple[float, float, float, float],
    /,
) -> None: ...
