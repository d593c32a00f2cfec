"""Plans each ladder of a profile: the part of the picture to show, and its sizes."""

from copy import replace
from typing import NamedTuple

from PIL import Image

from darkroom.domain.focus import AUTO, CENTRE
from darkroom.domain.profile import Crop, Fit, Ladder
from darkroom.domain.renditions import Format
from darkroom.imaging.encode import SIDE_LIMITS
from darkroom.imaging.resize import Box, Size

# The longest side of the picture in which faces are looked for, in pixels.
FACES_SIDE = 640
_LONGEST = SIDE_LIMITS[Format.JPEG]


class Plan(NamedTuple):
    """One ladder's sizes for one picture, in pixels of the upright picture.

    - `upright_size`: of the whole picture. `window`: the part of it to show.
    - `sizes`: of the renditions, widest first. `scale`: of the widest, relative to the window.
    - `side_limited`: the widest is limited by the longest side of a JPEG.
    - `rungs`: the resized pictures, added by `step_down`. `has_flat_areas`, `is_graphic`:
      see graphics.py; False if the ladder has no format that depends on it.
    """

    ladder: Ladder
    upright_size: Size
    window: tuple[int, int, int, int]
    sizes: tuple[Size, ...]
    scale: float
    side_limited: bool
    rungs: tuple[Image.Image, ...] = ()
    has_flat_areas: bool = False
    is_graphic: bool = False

    @property
    def looks_for_subject(self) -> bool:
        """True if the position of the window depends on the content of the picture."""
        crop = self.ladder.crop
        return crop is not None and crop.focus == AUTO and self.window_size != self.upright_size

    @property
    def window_size(self) -> Size:
        left, top, right, bottom = self.window
        return right - left, bottom - top

    def beginning_at(self, begin: float) -> "Plan":
        """Moves the window along the side that it does not cover, to a position as a share of that side."""
        width, height = self.window_size
        left, top = (
            min(round(begin * whole), whole - part)
            for whole, part in zip(self.upright_size, self.window_size, strict=True)
        )
        return replace(self, window=(left, top, left + width, top + height))

    def window_in(self, size: Size) -> Box | None:
        """The window in a picture resized to `size`; None if it covers the whole picture."""
        if self.window == (0, 0, *self.upright_size):
            return None
        across, down = size[0] / self.upright_size[0], size[1] / self.upright_size[1]
        left, top, right, bottom = self.window
        return left * across, top * down, right * across, bottom * down


def planned(ladder: Ladder, upright_size: Size) -> Plan:
    """Plans one ladder: no size exceeds the picture or JPEG's limit, and each width occurs once."""
    window = _window(ladder.crop, upright_size)
    width, height = window[2] - window[0], window[3] - window[1]
    scales = [_scale(ladder.crop, wanted_width, (width, height)) for wanted_width in ladder.widths]
    longest = max(width, height)
    too_long, at_limit = longest > _LONGEST, max(scales) * longest >= _LONGEST
    sizes = sorted((max(1, round(width * scale)), max(1, round(height * scale))) for scale in scales)
    return Plan(
        ladder=ladder,
        upright_size=upright_size,
        window=window,
        sizes=tuple(sorted(dict(sizes).items(), reverse=True)),
        scale=max(scales),
        side_limited=too_long and at_limit,
    )


def _window(crop: Crop | None, upright_size: Size) -> tuple[int, int, int, int]:
    """For `cover`, the largest part with the crop's ratio, its centre as near the focus as possible.

    With `auto` it is in the middle until the picture is decoded.
    """
    width, height = upright_size
    if crop is None or crop.fit is Fit.CONTAIN:
        return 0, 0, width, height
    across, down = crop.ratio
    part = (
        min(width, max(1, round(height * across / down))),
        min(height, max(1, round(width * down / across))),
    )
    focus = CENTRE if crop.focus == AUTO else crop.focus
    left, top = (
        min(max(0, round(share * whole - kept / 2)), whole - kept)
        for share, whole, kept in zip(focus, upright_size, part, strict=True)
    )
    return left, top, left + part[0], top + part[1]


def _scale(crop: Crop | None, wanted_width: int, window: Size) -> float:
    width, height = window
    scale = min(1.0, wanted_width / width, _LONGEST / max(width, height))
    if crop is not None and crop.fit is Fit.CONTAIN:
        across, down = crop.ratio
        scale = min(scale, wanted_width * down / across / height)
    return scale
