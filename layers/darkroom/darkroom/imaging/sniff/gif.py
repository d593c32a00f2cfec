"""GIF headers: CompuServe, version 89a."""

import re

from darkroom.imaging.sniff.header import Animation, Damaged, Header, numbers

_GIF_BLOCK = re.compile(rb"[!,;]")
_GIF_CONTROL = 0xF9
_GIF_LOOPING = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


def read_gif(content: bytes) -> Header:
    width, height, flags = numbers("<HHB", content, 6)
    position = 13 + _gif_palette_bytes(flags)
    largest = right = bottom = 0
    durations: list[int] = []
    duration, loops = 0, 1
    while position < len(content):
        # Like browsers and Pillow, skip bytes that start no block.
        found = _GIF_BLOCK.search(content, position)
        if not found or found[0] == b";":
            break
        position, introducer = found.start(), content[found.start()]
        if introducer == 0x21:
            label, body = content[position + 1], content[position + 3 : position + 19]
            if label == _GIF_CONTROL:
                duration = 10 * numbers("<H", body, 1)[0]
            elif body[:11] in _GIF_LOOPING and body[11:13] == b"\x03\x01":
                # GIF counts repetitions: one less than the number of plays.
                (repeated,) = numbers("<H", body, 13)
                loops = repeated + 1 if repeated else 0
            position = _past_sub_blocks(content, position + 2)
        else:
            left, top, frame_width, frame_height, flags = numbers("<HHHHB", content, position + 1)
            position = _past_sub_blocks(content, position + 11 + _gif_palette_bytes(flags))
            largest = max(largest, (left + frame_width) * (top + frame_height))
            if not durations:
                right, bottom = left + frame_width, top + frame_height
            durations.append(duration)
            duration = 0
    if not durations:
        raise Damaged("no picture in it")
    return Header(
        format="gif",
        # As in browsers and Pillow, a first frame that extends beyond the canvas widens it.
        width=max(width, right),
        height=max(height, bottom),
        stream=content,
        frames=len(durations),
        largest_pixels=largest,
        animation=Animation(tuple(durations), loops, content) if len(durations) > 1 else None,
    )


def _gif_palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _past_sub_blocks(content: bytes, position: int) -> int:
    while position < len(content):
        length = content[position]
        position += length + 1
        if not length:
            return position
    raise Damaged("a block is longer than the file")
