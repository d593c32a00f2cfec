"""Animations: every frame of the original, made and encoded one at a time."""

from collections.abc import Callable

from PIL import Image, ImageFile

from darkroom.imaging import encode
from darkroom.imaging.decoding import opened, plain, strictly
from darkroom.imaging.sniff import Animation, Header
from darkroom.imaging.sniff.webp import webp_with_alpha


def animated_webp(
    header: Header, animation: Animation, quality: int, finish: Callable[[Image.Image], Image.Image]
) -> bytes:
    """The animation with what `finish` makes of each whole frame; durations and loops stay.

    Decoded anew for each size: that costs less than encoding it, and no frame waits in memory. Disposal and
    blending are done by then: each frame is what is to be seen.
    """
    with strictly():
        source = opened(header, animation.stream)
        frames = _Frames(source, animation, finish)
        content = encode.animated_webp(frames, quality, list(animation.durations), animation.loops)
    return webp_with_alpha(content) if frames.transparent else content


class _Frames(Image.Image):
    """What Pillow's encoder takes for an image of several frames. Only the present one is in memory."""

    def __init__(
        self,
        source: ImageFile.ImageFile,
        animation: Animation,
        finish: Callable[[Image.Image], Image.Image],
    ) -> None:
        super().__init__()
        self._source = source
        self._first = animation.first
        self._canvas = source.size
        self._finish = finish
        self._frame = -1
        self.transparent = False
        self.n_frames = len(animation.durations)
        self.seek(0)

    def seek(self, frame: int) -> None:
        if frame == self._frame:
            return
        self._source.seek(self._first + frame)
        self._source.load()
        whole = plain(self._source)
        # In a GIF a later frame can reach beyond the canvas, which Pillow then widens.
        shown = self._finish(whole if whole.size == self._canvas else whole.crop((0, 0, *self._canvas)))
        if shown.mode not in ("RGB", "RGBA"):
            shown = shown.convert("RGBA" if shown.mode == "LA" else "RGB")
        # As Pillow's own plugins set them: see "Writing your own image plugin".
        self.im, self._mode, self._size = shown.im, shown.mode, shown.size
        self._frame = frame
        self.transparent = self.transparent or shown.mode == "RGBA"

    def tell(self) -> int:
        return self._frame
