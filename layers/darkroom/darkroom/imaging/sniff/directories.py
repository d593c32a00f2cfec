"""Directories of TIFF, which EXIF and the index of several pictures in a JPEG have too."""

from collections.abc import Iterator
from struct import calcsize
from typing import NamedTuple

from darkroom.imaging.sniff.header import MAX_PARTS, Damaged, numbers

# Later directories of a file are counted, not read.
MAX_READ = 20

type Directory = dict[int, tuple[int, int]]


class Layout(NamedTuple):
    """Layouts of offsets, of counts of entries, and of one entry."""

    order: str
    offset: str
    entries: str
    entry: str
    entry_bytes: int
    first: int


def layout_of(content: bytes) -> Layout:
    order = "<" if content[:2] == b"II" else ">"
    if content[2:4] in (b"+\0", b"\0+"):
        return Layout(order, order + "Q", order + "Q", order + "HHQ", 20, 8)
    return Layout(order, order + "I", order + "H", order + "HHI", 12, 4)


def directories_of(content: bytes, layout: Layout) -> Iterator[Directory]:
    """Yields the linked directories; stops at a loop, and after the first one at damage."""
    (position,) = numbers(layout.offset, content, layout.first)
    if position < 8:
        raise Damaged("the directory lies in the header")
    seen: set[int] = set()
    while position and position not in seen and len(seen) < MAX_PARTS:
        seen.add(position)
        try:
            directory, position = directory_at(content, layout, position, read=len(seen) <= MAX_READ)
        except Damaged:
            if len(seen) == 1:
                raise
            return
        yield directory


def directory_at(content: bytes, layout: Layout, start: int, *, read: bool = True) -> tuple[Directory, int]:
    """Maps a directory's tags to their value (or the offset of their values) and count; also its successor.

    Entries outside the file are ignored: cameras write wrong counts.
    """
    (entries,) = numbers(layout.entries, content, start)
    start += calcsize(layout.entries)
    end = start + layout.entry_bytes * entries
    tags: Directory = {}
    last = min(end, len(content) - layout.entry_bytes + 1) if read else start
    for at in range(start, last, layout.entry_bytes):
        tag, kind, count = numbers(layout.entry, content, at)
        value = {1: layout.order + "B", 3: layout.order + "H", 4: layout.order + "I"}.get(kind, layout.offset)
        value_bytes = {1: 1, 3: 2, 4: 4}.get(kind, 8)
        if count * value_bytes > layout.entry_bytes // 2 - 2:
            value = layout.offset  # the values do not fit into the entry
        tags.setdefault(tag, (numbers(value, content, at + layout.entry_bytes // 2 + 2)[0], count))
    following = numbers(layout.offset, content, end)[0] if end + 4 <= len(content) else 0
    return tags, following
