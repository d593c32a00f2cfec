"""Draws a line chart as SVG into docs/performance/, legible on light and dark pages."""

from math import ceil, floor, log10
from pathlib import Path
from typing import Final

from darkroom_cli.stack import PROJECT

_FOLDER: Final = PROJECT / "docs" / "performance"
_COLOURS: Final = ("#d9480f", "#1971c2", "#2f9e44", "#9c36b5", "#868e96")
_LEFT, _TOP, _WIDTH, _HEIGHT = 60, 20, 560, 320

type Lines = dict[str, list[tuple[float, float]]]


def write(name: str, x_title: str, y_title: str, lines: Lines) -> Path:
    """Writes a chart of lines by name, each a list of (x, y). y is on a logarithmic scale."""
    _FOLDER.mkdir(exist_ok=True)
    file = _FOLDER / f"{name}.svg"
    file.write_text(svg(x_title, y_title, lines))
    return file


def svg(x_title: str, y_title: str, lines: Lines) -> str:
    """Returns the chart. Raises ValueError without a point."""
    points = [point for line in lines.values() for point in line]
    if not points:
        raise ValueError("a chart needs a point")
    x_from, x_to = min(x for x, _ in points), max(x for x, _ in points)
    low, high = log10(min(y for _, y in points)), log10(max(y for _, y in points))
    low, high = floor(low * 10) / 10, ceil(high * 10) / 10

    def at(x: float, y: float) -> tuple[float, float]:
        across = (x - x_from) / ((x_to - x_from) or 1)
        up = (log10(y) - low) / ((high - low) or 1)
        return round(_LEFT + across * _WIDTH, 1), round(_TOP + (1 - up) * _HEIGHT, 1)

    width = _LEFT + _WIDTH + 140  # with the names of the lines
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_TOP + _HEIGHT + 50}">',
        "<style>text {font: 12px system-ui, sans-serif; text-anchor: middle}",
        ".name {text-anchor: start}</style>",
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for x in sorted({x for x, _ in points}):
        left, bottom = at(x, 10**low)
        parts.append(f'<text x="{left}" y="{bottom + 18}">{x:g}</text>')
        parts.append(f'<path d="M{left} {_TOP}V{bottom}" stroke="#ddd"/>')
    for y in _ticks(10**low, 10**high):
        left, middle = at(x_from, y)
        parts.append(f'<text x="{left - 8}" y="{middle + 4}" style="text-anchor: end">{y:g}</text>')
        parts.append(f'<path d="M{left} {middle}h{_WIDTH}" stroke="#ddd"/>')
    for colour, line in zip(_COLOURS, lines.values(), strict=False):
        path = " ".join(f"{x},{y}" for x, y in (at(*point) for point in line))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    below = float("-inf")
    named = zip(_COLOURS, lines.items(), strict=False)
    for colour, (name, line) in sorted(named, key=lambda drawn: -drawn[1][1][-1][1]):
        right, end = at(*line[-1])
        below = max(end + 4, below + 14)  # so that names don't overlap
        parts.append(f'<text x="{right + 8}" y="{below}" fill="{colour}" class="name">{name}</text>')
    middle, bottom = _LEFT + _WIDTH / 2, _TOP + _HEIGHT
    parts.append(f'<text x="{middle}" y="{bottom + 40}">{x_title}</text>')
    parts.append(f'<text transform="translate(16 {_TOP + _HEIGHT / 2}) rotate(-90)">{y_title}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _ticks(low: float, high: float) -> list[float]:
    steps = [factor * 10**power for power in range(-3, 7) for factor in (1, 2, 5)]
    return [step for step in steps if low <= step <= high]
