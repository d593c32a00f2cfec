"""Reduces the colours of a graphic, as far as its score stays at the target.

A median cut of the colours that the picture has: the group with the largest error is split where the
remaining error is smallest (Heckbert, "Color image quantization for frame buffer display", 1982). Pillow has
such a cut for RGB only; for RGBA it has an octree, which scores 25 for a soft shadow where this scores 95.
"""

import heapq
from array import array
from dataclasses import dataclass
from itertools import count, pairwise
from math import isqrt

from PIL import Image

from darkroom.imaging.ssimulacra2 import Ssimulacra2

# More colours than this are those of photographs.
_MOST_COLOURS = 1 << 14
_COUNTS = (8, 16, 32, 64, 128, 256)
# No channel of any pixel changes by more levels: small letters of another colour hardly change the score.
_LARGEST_CHANGE = 48

type Colour = tuple[int, ...]
type Group = list[tuple[int, Colour]]  # colours with their weights


@dataclass(frozen=True, slots=True)
class Reduced:
    """A copy with fewer colours, RGB or RGBA, and its score."""

    picture: Image.Image
    colours: int
    score: float


def reduced(picture: Image.Image, target: float) -> Reduced | None:
    """Returns the copy with the fewest colours that reaches the target; None if there is none."""
    source = without_hidden_colours(picture)
    found: list[tuple[int, Colour]] | None = source.getcolors(_MOST_COLOURS)  # type: ignore[assignment]
    if not found:
        return None
    # By the root of their pixels, rare colours count for more: those of text are rare.
    cuts = _cuts([(isqrt(pixels << 8), colour) for pixels, colour in sorted(found)])
    counts = sorted(cuts)
    ssimulacra2, best = Ssimulacra2(source), None
    low, high = 0, len(counts)
    while low < high:
        middle = (low + high) // 2
        palette = [(_one_colour(group), group) for group in cuts[counts[middle]]]
        score = -100.0
        if _largest_change(palette) <= _LARGEST_CHANGE:
            copy = _mapped(source, palette)
            score = ssimulacra2.score(copy)
        if score >= target:
            best, high = Reduced(copy, counts[middle], score), middle
        else:
            low = middle + 1
    return best


def without_hidden_colours(picture: Image.Image) -> Image.Image:
    """Converts to RGB or RGBA, with one colour for all fully transparent pixels."""
    if picture.mode not in ("LA", "RGBA"):
        return picture.convert("RGB")
    blank = Image.new("RGBA", picture.size)
    shown = picture.getchannel("A").point([0] + [255] * 255)
    return Image.composite(picture.convert("RGBA"), blank, shown)


def _cuts(colours: Group) -> dict[int, list[Group]]:
    """Returns the groups of colours that become one, for each number of colours."""
    serial = count()  # of equal errors, the older group is split
    heap = [(*_error(colours), next(serial), colours)]
    cuts: dict[int, list[Group]] = {}
    while True:
        if len(heap) in _COUNTS:
            cuts[len(heap)] = [group for *_, group in heap]
        error, channel, _, group = heap[0]
        if not error or len(heap) == _COUNTS[-1]:
            return cuts
        heapq.heappop(heap)
        for part in _split(group, channel):
            heapq.heappush(heap, (*_error(part), next(serial), part))


def _error(group: Group) -> tuple[float, int]:
    """Returns the largest squared error of a channel around its mean, negative, and that channel."""
    total = sum(weight for weight, _ in group)
    errors = []
    for channel in range(len(group[0][1])):
        values = sum(weight * colour[channel] for weight, colour in group)
        squares = sum(weight * colour[channel] ** 2 for weight, colour in group)
        errors.append((-(squares * total - values**2) / total, channel))
    return min(errors)


def _split(group: Group, channel: int) -> tuple[Group, Group]:
    """Splits a group between two levels of a channel, so that the sum of both parts' errors is smallest."""
    ordered = sorted(group, key=lambda entry: entry[1][channel])
    total = sum(weight for weight, _ in ordered)
    values = sum(weight * colour[channel] for weight, colour in ordered)
    best, place, weights, below = -1.0, 1, 0, 0
    for number, ((weight, colour), (_, following)) in enumerate(pairwise(ordered), 1):
        weights += weight
        below += weight * colour[channel]
        if colour[channel] != following[channel]:
            gain = (below * total - values * weights) ** 2 / (weights * (total - weights))
            best, place = max((best, place), (gain, number))
    return ordered[:place], ordered[place:]


def _one_colour(group: Group) -> Colour:
    """Returns the mean colour, or the one of half of the weight: a background stays as it is."""
    total = sum(weight for weight, _ in group)
    weight, main = max(group)
    if 2 * weight >= total:
        return main
    channels = range(len(main))
    return tuple(round(sum(weight * colour[c] for weight, colour in group) / total) for c in channels)


def _largest_change(palette: list[tuple[Colour, Group]]) -> int:
    return max(
        abs(old - new)
        for colour, group in palette
        for _, replaced in group
        for old, new in zip(replaced, colour, strict=True)
    )


def _mapped(source: Image.Image, palette: list[tuple[Colour, Group]]) -> Image.Image:
    """Replaces each pixel's colour; takes 40 ns a pixel."""
    numbers = {_number(old): _number(colour) for colour, group in palette for _, old in group}
    pixels = memoryview(source.convert("RGBA").tobytes()).cast("I")
    copy = array("I", map(numbers.__getitem__, pixels))
    return Image.frombytes("RGBA", source.size, copy.tobytes()).convert(source.mode)


def _number(colour: Colour) -> int:
    """Returns a pixel of RGBA as one number of 32 bits, as `memoryview.cast` reads it."""
    red, green, blue, alpha = (*colour, 255)[:4]
    return memoryview(bytes((red, green, blue, alpha))).cast("I")[0]
