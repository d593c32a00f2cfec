"""Animations: every frame of the original is decoded, composed, finished and encoded, one at a time."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from PIL import Image, ImageFile

from darkroom.imaging import encode, png
from darkroom.imaging.decoding import opened, plain, read_as, strictly, without_opaque_alpha
from darkroom.imaging.sniff import Animation, Header
from darkroom.imaging.sniff.gif import (
    RESTORE_BACKGROUND,
    RESTORE_PREVIOUS,
    GifFrame,
    gif_frames,
    palette_bytes,
)
from darkroom.imaging.sniff.png import BLEND_OVER, DISPOSE_BACKGROUND, DISPOSE_PREVIOUS, png_frames
from darkroom.imaging.sniff.webp import webp_with_alpha

type Finish = Callable[[Image.Image], Image.Image]


def animated_webp(header: Header, animation: Animation, quality: int, finish: Finish) -> bytes:
    """Encodes the animation after applying `finish` to every frame; durations and loops stay.

    Each size decodes the original again: that costs less than encoding, and no frame is kept in memory.
    """
    with strictly():
        frames = _Frames(header, animation, finish)
        content = encode.animated_webp(frames, quality, list(animation.durations), animation.loops)
    return webp_with_alpha(content) if frames.transparent else content


def whole_frames(header: Header, animation: Animation) -> Iterator[Image.Image]:
    """Yields every frame as browsers show it, as large as the canvas; valid until the next is taken."""
    if header.format in _PARTS:
        parts = islice(_PARTS[header.format](animation.stream), len(animation.durations))
        for canvas in _composed((header.width, header.height), parts):
            stored = png.in_stored_colours(canvas, animation.stream) if header.format == "png" else canvas
            yield without_opaque_alpha(stored)
    else:
        source = opened(header, animation.stream)
        for number in range(len(animation.durations)):
            source.seek(number)
            source.load()
            yield plain(source)


@dataclass(frozen=True, slots=True)
class _Part:
    """A frame's pixels on the canvas; None draws nothing. Without `blended` they replace the canvas's."""

    image: Image.Image | None
    place: tuple[int, int]
    blended: bool
    to_background: bool
    to_previous: bool

    @property
    def size(self) -> tuple[int, int]:
        return self.image.size if self.image is not None else (0, 0)


def _composed(size: tuple[int, int], parts: Iterator[_Part]) -> Iterator[Image.Image]:
    """Yields the canvas after each frame; it begins transparent, and the background is transparent too."""
    canvas = Image.new("RGBA", size)
    for part in parts:
        left, top = part.place
        # A part can extend beyond the canvas.
        right, bottom = min(size[0], left + part.size[0]), min(size[1], top + part.size[1])
        before = canvas.copy() if part.to_previous else None
        if part.image is not None and left < right and top < bottom:
            drawn = part.image.crop((0, 0, right - left, bottom - top))
            if part.blended:
                canvas.alpha_composite(drawn, part.place)
            else:
                canvas.paste(drawn, part.place)
        yield canvas
        if before is not None:
            canvas = before
        elif part.to_background:
            canvas.paste((0, 0, 0, 0), (left, top, max(left, right), max(top, bottom)))


def _png_parts(stream: bytes) -> Iterator[_Part]:
    for number, frame in enumerate(png_frames(stream)):
        image = png.decoded(read_as("png", frame.stream), frame.stream).convert("RGBA")
        dispose = frame.dispose
        if dispose == DISPOSE_PREVIOUS and number == 0:
            dispose = DISPOSE_BACKGROUND  # before the first frame there is nothing to restore
        yield _Part(
            image,
            (frame.left, frame.top),
            blended=frame.blend == BLEND_OVER,
            to_background=dispose == DISPOSE_BACKGROUND,
            to_previous=dispose == DISPOSE_PREVIOUS,
        )


def _gif_parts(stream: bytes) -> Iterator[_Part]:
    for frame in gif_frames(stream):
        image = None
        if frame.width and frame.height:
            still: ImageFile.ImageFile = read_as("gif", _gif_of(stream, frame))
            still.load()
            image = still.convert("RGBA")
        yield _Part(
            image,
            (frame.left, frame.top),
            blended=True,
            to_background=frame.disposal == RESTORE_BACKGROUND,
            to_previous=frame.disposal == RESTORE_PREVIOUS,
        )


def _gif_of(stream: bytes, frame: GifFrame) -> bytes:
    """Returns a GIF of one frame, on a canvas of its size."""
    palette = stream[13 : 13 + palette_bytes(stream[10])]
    screen = struct.pack("<HHBBB", frame.width, frame.height, stream[10], 0, 0)
    control = b"!\xf9\4" + struct.pack("<BHBB", frame.transparent is not None, 0, frame.transparent or 0, 0)
    descriptor = b"," + struct.pack("<HHHHB", 0, 0, frame.width, frame.height, frame.flags)
    return b"GIF89a" + screen + palette + control + descriptor + stream[frame.body : frame.end] + b";"


_PARTS = {"gif": _gif_parts, "png": _png_parts}


class _Frames(Image.Image):
    """An image of several frames for Pillow's encoder, with only the current one in memory."""

    def __init__(self, header: Header, animation: Animation, finish: Finish) -> None:
        super().__init__()
        self._header = header
        self._animation = animation
        self._finish = finish
        self._frame = -1
        self._whole = whole_frames(header, animation)
        self.transparent = False
        self.n_frames = len(animation.durations)
        self.seek(0)

    def seek(self, frame: int) -> None:
        if frame == self._frame:
            return
        if frame < self._frame:
            self._whole, self._frame = whole_frames(self._header, self._animation), -1
        while self._frame < frame:
            whole = next(self._whole)
            self._frame += 1
        finished = self._finish(whole)
        if finished.mode not in ("RGB", "RGBA"):
            finished = finished.convert("RGBA" if finished.mode == "LA" else "RGB")
        # Set as in Pillow's "Writing your own image plugin".
        self.im, self._mode, self._size = finished.im, finished.mode, finished.size
        self.transparent = self.transparent or finished.mode == "RGBA"

    def tell(self) -> int:
        return self._frame
