"""Opens and encodes the pictures of a folder for benchmarks and fits."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from darkroom.domain.renditions import Format
from darkroom.imaging import encode
from darkroom.imaging.quality import EncoderSettings

# Called as in the pipeline.
ENCODERS: dict[Format, Callable[[Image.Image, EncoderSettings], bytes]] = {
    Format.JPEG: lambda picture, settings: encode.jpeg(picture, settings.quality, settings.subsampling),
    Format.WEBP: lambda picture, settings: encode.webp(picture, settings.quality),
    Format.AVIF: lambda picture, settings: encode.avif(picture, settings.quality, settings.subsampling),
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
