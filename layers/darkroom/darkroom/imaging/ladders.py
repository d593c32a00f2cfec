"""Plans each ladder of a profile: the part of the picture to show, and its sizes."""

from dataclasses import dataclass

from PIL import Image

from darkroom.domain.profile import Crop, Fit, Ladder
from darkroom.domain.renditions import Format
from darkroom.imaging.encode import SIDE_LIMITS
from darkroom.imaging.resize import Box, Size

_LONGEST = SIDE_LIMITS[Format.JPEG]


@dataclass(frozen=True, slots=True)
class Plan:
    """One ladder's sizes for one picture, in pixels of the upright picture.

    `window` is the part of the picture to show, `sizes` are those of the renditions, widest first, and
    `rungs` the resized pictures. `scale` is the widest size divided by the window's.
    """

    ladder: Ladder
    shown: Size
    window: tuple[int, int, int, int]
    sizes: tuple[Size, ...]
    scale: float
    cut_short: bool
    rungs: tuple[Image.Image, ...] = ()

    def window_in(self, size: Size) -> Box | None:
        """The window in a picture resized to `size`; None if it covers the whole picture."""
        if self.window == (0, 0, *self.shown):
            return None
        across, down = size[0] / self.shown[0], size[1] / self.shown[1]
        left, top, right, bottom = self.window
        return left * across, top * down, right * across, bottom * down


def planned(ladder: Ladder, shown: Size) -> Plan:
    """Plans one ladder: never larger than the picture, sides from 1 to JPEG's limit, each width once."""
    window = _window(ladder.crop, shown)
    width, height = window[2] - window[0], window[3] - window[1]
    scales = [_scale(ladder.crop, wanted_width, (width, height)) for wanted_width in ladder.widths]
    sizes = sorted((max(1, round(width * scale)), max(1, round(height * scale))) for scale in scales)
    return Plan(
        ladder=ladder,
        shown=shown,
        window=window,
        sizes=tuple(sorted(dict(sizes).items(), reverse=True)),
        scale=max(scales),
        cut_short=max(scales) * max(width, height) >= _LONGEST < max(width, height),
    )


def _window(crop: Crop | None, shown: Size) -> tuple[int, int, int, int]:
    """For `cover`, the largest part with the crop's ratio, its centre as near the focus as possible."""
    width, height = shown
    if crop is None or crop.fit is Fit.CONTAIN:
        return 0, 0, width, height
    across, down = crop.ratio
    part = (
        min(width, max(1, round(height * across / down))),
        min(height, max(1, round(width * down / across))),
    )
    left, top = (
        min(max(0, round(share * whole - kept / 2)), whole - kept)
        for share, whole, kept in zip(crop.focus, shown, part, strict=True)
    )
    return left, top, left + part[0], top + part[1]


def _scale(crop: Crop | None, wanted_width: int, window: Size) -> float:
    width, height = window
    scale = min(1.0, wanted_width / width, _LONGEST / max(width, height))
    if crop is not None and crop.fit is Fit.CONTAIN:
        across, down = crop.ratio
        scale = min(scale, wanted_width * down / across / height)
    return scale
