"""SSIMULACRA2, computed by the native module."""

from darkroom_native import ssimulacra2
from PIL import Image

from darkroom.imaging.pixels import pixels_of

# Transparent pixels are scored over this grey.
_BACKDROP = (128, 128, 128)


class Ssimulacra2:
    """An original to compare encodings with."""

    def __init__(self, picture: Image.Image) -> None:
        self._size = picture.size
        self._opaque = _opaque(picture)

    def score(self, other: Image.Image) -> float:
        """Scores a picture of equal size: 100 the same, 90 visually lossless, 80 very good, 70 good."""
        if other.size != self._size:
            raise ValueError(f"{other.size} can't be compared with {self._size}")
        first, second = pixels_of(self._opaque)[0], pixels_of(_opaque(other))[0]
        return ssimulacra2(first, second, *self._size)


def _opaque(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        return picture
    if picture.mode not in ("LA", "RGBA"):
        return picture.convert("RGB")
    flat = Image.new("RGB", picture.size, _BACKDROP)
    flat.paste(picture.convert("RGB"), mask=picture.getchannel("A"))
    return flat
