"""The engine: pictures in, renditions out. Only this package of the layer imports Pillow.

`render` works in this process. `render_isolated` gives the same result from a child process, where a hostile
picture can crash native code without harm: the caller gets a RejectedPicture.
"""

from typing import TYPE_CHECKING

from darkroom.domain.profile import Profile
from darkroom.domain.receipts import Rendered
from darkroom.imaging.child import isolated
from darkroom.imaging.decoding import import_codecs
from darkroom.imaging.pipeline import ENGINE, render

if TYPE_CHECKING:
    from darkroom.imaging import comparing

__all__ = ["ENGINE", "compare_isolated", "render", "render_isolated"]


def render_isolated(
    content: bytes, profile: Profile, *, memory_bytes: int, seconds: float, slack: float = 1
) -> Rendered:
    """Runs `render` in a child process of at most `memory_bytes` of address space and `seconds`.

    `slack` multiplies this and every other time limit, where other programs share the processors. The caller
    must have no other thread. Raises RejectedPicture, and DecoderProcessDied if the child died.
    """
    import_codecs(profile)  # before the fork: otherwise in every child again
    return isolated(
        lambda: render(content, profile, memory_bytes=memory_bytes, slack=slack),
        memory_bytes=memory_bytes,
        seconds=seconds * slack,
    )


def compare_isolated(
    original: bytes, other: bytes, *, memory_bytes: int, seconds: float
) -> "comparing.Comparison":
    """Scores a picture against an original in a child process, as `render_isolated` does."""
    from darkroom.imaging import comparing  # not needed by the function

    return isolated(
        lambda: comparing.compare(original, other, memory_bytes=memory_bytes),
        memory_bytes=memory_bytes,
        seconds=seconds,
    )
