"""Animations: every frame of the original is decoded, finished and encoded, one at a time."""

from collections.abc import Callable

from PIL import Image, ImageFile

from darkroom.imaging import encode
from darkroom.imaging.decoding import opened, plain, strictly
from darkroom.imaging.sniff import Animation, Header
from darkroom.imaging.sniff.webp import webp_with_alpha


def animated_webp(
    header: Header, animation: Animation, quality: int, finish: Callable[[Image.Image], Image.Image]
) -> bytes:
    """Encodes the animation after applying `finish` to every frame; durations and loops stay.

    Each size decodes the original again: that costs less than encoding, and no frame is kept in memory.
    The decoder has already applied disposal and blending, so each frame is complete.
    """
    with strictly():
        source = opened(header, animation.stream)
        frames = _Frames(source, animation, finish)
        content = encode.animated_webp(frames, quality, list(animation.durations), animation.loops)
    return webp_with_alpha(content) if frames.transparent else content


class _Frames(Image.Image):
    """An image of several frames for Pillow's encoder, with only the current one in memory."""

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
        # A later GIF frame can extend beyond the canvas; Pillow then widens the canvas.
        finished = self._finish(whole if whole.size == self._canvas else whole.crop((0, 0, *self._canvas)))
        if finished.mode not in ("RGB", "RGBA"):
            finished = finished.convert("RGBA" if finished.mode == "LA" else "RGB")
        # Set as in Pillow's "Writing your own image plugin".
        self.im, self._mode, self._size = finished.im, finished.mode, finished.size
        self._frame = frame
        self.transparent = self.transparent or finished.mode == "RGBA"

    def tell(self) -> int:
        return self._frame
