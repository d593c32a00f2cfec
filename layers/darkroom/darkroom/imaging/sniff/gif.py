"""GIF headers: CompuServe, version 89a."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from darkroom.imaging.sniff.header import Animation, Damaged, Header, numbers, played

_GIF_BLOCK = re.compile(rb"[!,;]")
_CONTROL, _IMAGE = 0xF9, 0x2C
_LOOPING = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
RESTORE_BACKGROUND, RESTORE_PREVIOUS = 2, 3
# Old encoders counted from the wrong bit; browsers show their files as meant.
_RESTORE_PREVIOUS_OF_OLD = 4


@dataclass(frozen=True, slots=True)
class GifFrame:
    """One frame, from its descriptor at `start` to its data's `end`.

    - `duration`: in milliseconds, as stored. `disposal`: the method, 0 to 7.
    - `transparent`: the index of the palette that is not drawn; None if all are.
    - `flags`: the descriptor's. `body`: the position of its palette or data.
    """

    left: int
    top: int
    width: int
    height: int
    duration: int
    disposal: int
    transparent: int | None
    flags: int
    body: int
    end: int


def read_gif(content: bytes) -> Header:
    width, height = numbers("<HH", content, 6)
    frames = list(gif_frames(content))
    if not frames:
        raise Damaged("no picture in it")
    first = frames[0]
    composed = Animation(tuple(played(frame.duration) for frame in frames), _loops(content), content)
    return Header(
        format="gif",
        # As in browsers and Pillow, a first frame that extends beyond the canvas widens it.
        width=max(width, first.left + first.width),
        height=max(height, first.top + first.height),
        stream=content,
        frames=len(frames),
        largest_pixels=max((frame.left + frame.width) * (frame.top + frame.height) for frame in frames),
        composed=composed,
        animation=composed if len(frames) > 1 else None,
    )


def gif_frames(content: bytes) -> Iterator[GifFrame]:
    """Yields every frame. Raises Damaged if the file ends within one."""
    duration, disposal, transparent = 0, 0, None
    for start, end in gif_blocks(content):
        if content[start] == _IMAGE:
            left, top, width, height, flags = numbers("<HHHHB", content, start + 1)
            yield GifFrame(left, top, width, height, duration, disposal, transparent, flags, start + 10, end)
            duration, disposal, transparent = 0, 0, None
        elif content[start + 1] == _CONTROL:
            control, hundredths, index = numbers("<BHB", content, start + 3)
            duration, disposal = 10 * hundredths, control >> 2 & 7
            if disposal == _RESTORE_PREVIOUS_OF_OLD:
                disposal = RESTORE_PREVIOUS
            transparent = index if control & 1 else None


def _loops(content: bytes) -> int:
    for start, _ in gif_blocks(content):
        body = content[start + 3 : start + 19]
        if content[start] != _IMAGE and body[:11] in _LOOPING and body[11:13] == b"\x03\x01":
            # GIF counts repetitions: one less than the number of plays.
            (repeated,) = numbers("<H", body, 13)
            return repeated + 1 if repeated else 0
    return 1


def gif_blocks(content: bytes) -> Iterator[tuple[int, int]]:
    """Yields start and end of every extension and frame."""
    position = 13 + palette_bytes(content[10])
    while position < len(content):
        # Like browsers and Pillow, skip bytes that start no block.
        found = _GIF_BLOCK.search(content, position)
        if not found or found[0] == b";":
            return
        start = found.start()
        if content[start] == _IMAGE:
            (flags,) = numbers("<B", content, start + 9)
            position = _past_sub_blocks(content, start + 11 + palette_bytes(flags))
        else:
            position = _past_sub_blocks(content, start + 2)
        yield start, position


def palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _past_sub_blocks(content: bytes, position: int) -> int:
    while position < len(content):
        length = content[position]
        position += length + 1
        if not length:
            return position
    raise Damaged("a block is longer than the file")
