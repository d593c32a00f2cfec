"""SSIMULACRA2, computed by the native module."""

from darkroom_native import ssimulacra2
from PIL import Image

# Transparent pixels are scored over this grey.
_BACKDROP = (128, 128, 128)


class Ssimulacra2:
    """An original to compare encodings with."""

    def __init__(self, picture: Image.Image) -> None:
        self._size = picture.size
        self._pixels = _opaque(picture).tobytes()

    def score(self, other: Image.Image) -> float:
        """Scores a picture of equal size: 100 the same, 90 visually lossless, 80 very good, 70 good."""
        if other.size != self._size:
            raise ValueError(f"{other.size} can't be compared with {self._size}")
        return ssimulacra2(self._pixels, _opaque(other).tobytes(), *self._size)


def _opaque(picture: Image.Image) -> Image.Image:
    if picture.mode not in ("LA", "RGBA"):
        return picture.convert("RGB")
    flat = Image.new("RGB", picture.size, _BACKDROP)
    flat.paste(picture.convert("RGB"), mask=picture.getchannel("A"))
    return flat


def score_of(error: float) -> float:
    """Converts a weighted error of 0 or more to a score, by SSIMULACRA2's curve."""
    bent = 2.326765642916932 * error - 0.020884521182843837 * error**2 + 6.248496625763138e-05 * error**3
    return float(100 - 10 * bent**0.6276336467831387) if bent > 0 else 100.0


def error_at(score: float) -> float:
    """Returns the weighted error for a score, within 0.01."""
    low, high = 0.0, 500.0
    while high - low > 0.01:
        middle = (low + high) / 2
        low, high = (low, middle) if score_of(middle) < score else (middle, high)
    return low
