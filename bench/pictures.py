"""Opens and encodes the pictures of a folder for benchmarks and fits."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from darkroom.domain.renditions import Format
from darkroom.imaging import encode
from darkroom.imaging.quality import Chosen

# Called as in the pipeline.
ENCODERS: dict[Format, Callable[[Image.Image, Chosen], bytes]] = {
    Format.JPEG: lambda picture, chosen: encode.jpeg(picture, chosen.quality, chosen.subsampling),
    Format.WEBP: lambda picture, chosen: encode.webp(picture, chosen.quality),
    Format.AVIF: lambda picture, chosen: encode.avif(picture, chosen.quality, chosen.subsampling),
}


def opened_upright(path: Path) -> Image.Image | None:
    """Opens a picture upright, as RGB; None if the file is not a picture in RGB or grey."""
    try:
        with Image.open(path) as stored:
            if stored.mode not in ("RGB", "L"):
                return None
            return ImageOps.exif_transpose(stored).convert("RGB")
    except (UnidentifiedImageError, OSError):
        return None
