"""SSIMULACRA2, computed by the native module."""

from darkroom_native import ssimulacra2
from PIL import Image

from darkroom.imaging.decoding import flattened
from darkroom.imaging.pixels import Shown, pixels_of

# Transparent pixels are scored over this grey.
_BACKDROP = "#808080"


class Ssimulacra2:
    """An original to compare encodings with."""

    def __init__(self, picture: Image.Image) -> None:
        self._size = picture.size
        self._opaque = _opaque(picture)

    def score(self, other: Shown) -> float:
        """Scores a picture of equal size: 100 the same, 90 visually lossless, 80 very good, 70 good."""
        if isinstance(other, bytes):
            return ssimulacra2(pixels_of(self._opaque)[0], other, *self._size)
        if other.size != self._size:
            raise ValueError(f"{other.size} can't be compared with {self._size}")
        first, second = pixels_of(self._opaque)[0], pixels_of(_opaque(other))[0]
        return ssimulacra2(first, second, *self._size)


def _opaque(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        picture.load()  # its file may be closed before it is compared
        return picture
    return flattened(picture, _BACKDROP).convert("RGB")
