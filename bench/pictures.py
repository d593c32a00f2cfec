"""Opens the pictures of a folder for benchmarks and fits."""

from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError


def opened_upright(path: Path) -> Image.Image | None:
    """Opens a picture upright, as RGB; None if the file is not a picture in RGB or grey."""
    try:
        with Image.open(path) as stored:
            if stored.mode not in ("RGB", "L"):
                return None
            return ImageOps.exif_transpose(stored).convert("RGB")
    except (UnidentifiedImageError, OSError):
        return None
