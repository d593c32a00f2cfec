"""The pictures that the bench and the fits run on: any folder's."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from darkroom.domain.renditions import Format
from darkroom.imaging import encode
from darkroom.imaging.quality import Chosen

# As the pipeline calls them.
ENCODERS: dict[Format, Callable[[Image.Image, Chosen], bytes]] = {
    Format.JPEG: lambda picture, found: encode.jpeg(picture, found.quality, found.subsampling),
    Format.WEBP: lambda picture, found: encode.webp(picture, found.quality),
    Format.AVIF: lambda picture, found: encode.avif(picture, found.quality, found.subsampling),
}


def opened_upright(path: Path) -> Image.Image | None:
    """The whole picture, upright, as RGB; None if it is none, or not a photograph of three colours."""
    try:
        with Image.open(path) as stored:
            if stored.mode not in ("RGB", "L"):
                return None
            return ImageOps.exif_transpose(stored).convert("RGB")
    except (UnidentifiedImageError, OSError):
        return None
