"""The state of one rendering, which the steps hand on."""

from collections.abc import Iterator
from copy import replace
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

from darkroom.domain.profile import FormatChoice, Profile
from darkroom.domain.receipts import Decision, Face
from darkroom.domain.renditions import Encoded, Format
from darkroom.imaging.child import Child
from darkroom.imaging.ladders import FACES_SIDE, Plan
from darkroom.imaging.resize import Size
from darkroom.imaging.sniff import Header

if TYPE_CHECKING:
    from darkroom.imaging.gain_map import DecodedMap
    from darkroom.imaging.rights import Rights
    from darkroom.imaging.sniff.gain_map import GainMap


class Work(NamedTuple):
    """The state of one rendering. Steps fill in the `image`, the plans' rungs and the `renditions`.

    `slack` multiplies time limits. `jpeg` is the original without metadata, if it is a JPEG to be kept
    without loss.
    """

    header: Header
    profile: Profile
    size_bytes: int
    slack: float = 1
    jpeg: bytes = b""
    plans: tuple[Plan, ...] = ()
    image: Image.Image = Image.Image()
    rights: "Rights | None" = None
    gain_map: "GainMap | None" = None
    decoded_map: "DecodedMap | None" = None
    avif: tuple[Child[Encoded], ...] = ()
    reference: Encoded | None = None
    renditions: tuple[Encoded, ...] = ()
    decisions: tuple[Decision, ...] = ()
    placeholder: str = ""
    colour: str = ""
    faces: tuple[Face, ...] = ()

    def with_decision(self, code: str, why: str) -> "Work":
        return replace(self, decisions=(*self.decisions, Decision(code, why)))

    def with_renditions(self, *renditions: Encoded) -> "Work":
        return replace(self, renditions=(*self.renditions, *renditions))

    def plans_with(self, wanted: Format) -> Iterator[tuple[Plan, FormatChoice]]:
        """Yields each plan whose ladder has a format, with the settings for that format."""
        for plan in self.plans:
            choice = plan.ladder.choice(wanted)
            if choice:
                yield plan, choice

    @property
    def is_transparent(self) -> bool:
        return self.image.mode in ("LA", "RGBA")

    @property
    def working_size(self) -> Size:
        """Upright size of the whole picture at the largest scale of any plan."""
        width, height = self.header.upright_size
        scale = max(plan.scale for plan in self.plans)
        if any(plan.looks_for_subject for plan in self.plans):
            scale = max(scale, min(1, FACES_SIDE / max(width, height)))
        return max(1, round(width * scale)), max(1, round(height * scale))
