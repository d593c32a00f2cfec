"""The pictures that the bench and the fits run on: any folder's."""

from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError


def opened_upright(path: Path) -> Image.Image | None:
    """The whole picture, upright, as RGB; None if it is none, or not a photograph of three colours."""
    try:
        with Image.open(path) as stored:
            if stored.mode not in ("RGB", "L"):
                return None
            return ImageOps.exif_transpose(stored).convert("RGB")
    except (UnidentifiedImageError, OSError):
        return None
