from collections.abc import Buffer

def ssimulacra2(first: Buffer, second: Buffer, width: int, height: int, /) -> float: ...
def encode_jpeg(
    pixels: Buffer,
    width: int,
    height: int,
    channels: int,
    quality: float,
    subsampled: bool,
    progressive: bool,
    tuning: Buffer | None = None,
    /,
) -> bytes: ...
def jpeg_tuning() -> bytes: ...
def find_faces(pixels: Buffer, width: int, height: int, threshold: float, /) -> bytes: ...
def saliency(pixels: Buffer, width: int, height: int, /) -> bytes: ...
def jpeg_fault(content: Buffer, /) -> str: ...
def resize(
    pixels: Buffer,
    width: int,
    height: int,
    channels: int,
    new_width: int,
    new_height: int,
    box: tuple[float, float, float, float],
    /,
) -> bytes: ...
