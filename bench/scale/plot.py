"""Line plots as SVG: a few dozen lines that read in light and in dark, in place of a plotting library."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 440, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 16, 54, 48
_GAP = 36

# Told apart by shape as well as by colour; each has 4.5:1 against its background.
_STYLE = """
svg { background: #ffffff; font: 12px system-ui, -apple-system, "Segoe UI", sans-serif }
text { fill: #24292f } .title { font-weight: 600; font-size: 14px } .tick { fill: #57606a }
.grid { stroke: #d0d7de; stroke-width: 1 } .axis { stroke: #57606a; stroke-width: 1 }
.line { fill: none; stroke-width: 2; stroke-linejoin: round }
.c0 { stroke: #0550ae } .c1 { stroke: #bc4c00 } .c2 { stroke: #116329 } .c3 { stroke: #8250df }
.d1 { stroke-dasharray: 6 4 } .d2 { stroke-dasharray: 2 3 }
@media (prefers-color-scheme: dark) {
svg { background: #0d1117 } text { fill: #e6edf3 } .tick { fill: #9da7b3 }
.grid { stroke: #30363d } .axis { stroke: #9da7b3 }
.c0 { stroke: #79c0ff } .c1 { stroke: #ffa657 } .c2 { stroke: #7ee787 } .c3 { stroke: #d2a8ff } }
"""


@dataclass(frozen=True, slots=True)
class Line:
    """Points to join. `colour` is 0 to 3, `dash` 0 (none) to 2; without a name it is not in the legend."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: int
    dash: int = 0


@dataclass(frozen=True, slots=True)
class Axis:
    """From the first of its ticks to the last."""

    name: str
    ticks: Sequence[float]
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """0 at the first tick, 1 at the last; what lies beyond stops there."""
        first, last = self.ticks[0], self.ticks[-1]
        value = min(max(value, first), last)
        if self.logarithmic:
            return math.log(value / first) / math.log(last / first)
        return (value - first) / (last - first)


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    x: Axis
    y: Axis
    lines: Sequence[Line]


def svg(panels: Sequence[Panel], description: str) -> str:
    """The panels beside each other."""
    width = len(panels) * _WIDTH + (len(panels) - 1) * _GAP
    legend = max(len(panel.lines) for panel in panels) * 18 + 8
    inner = "\n".join(
        f'<g transform="translate({number * (_WIDTH + _GAP)} 0)">\n{_panel(panel)}\n</g>'
        for number, panel in enumerate(panels)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT + legend}" role="img" '
        f'aria-label="{escape(description)}">\n<style>{_STYLE}</style>\n{inner}\n</svg>\n'
    )


def _panel(panel: Panel) -> str:
    across, down = _scales(panel)
    left, right, bottom = _LEFT, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    parts = [_text(left, 20, panel.title, "title"), _text(left, 42, panel.y.name, "tick")]
    for tick in panel.y.ticks:
        y = down(tick)
        parts.append(f'<path class="grid" d="M{left} {y:.1f}H{right}"/>')
        parts.append(_text(left - 8, y + 4, f"{tick:,g}", "tick", "end"))
    for tick in panel.x.ticks:
        parts.append(f'<path class="axis" d="M{across(tick):.1f} {bottom}v5"/>')
        parts.append(_text(across(tick), bottom + 19, f"{tick:,g}", "tick", "middle"))
    parts.append(f'<path class="axis" d="M{left} {bottom}H{right}"/>')
    parts.append(_text((left + right) / 2, bottom + 38, panel.x.name, "tick", "middle"))
    for line in panel.lines:
        drawn = "L".join(f"{across(x):.1f} {down(y):.1f}" for x, y in line.points)
        parts.append(f'<path class="{_kind(line)}" d="M{drawn}"/>')
    for number, line in enumerate(line for line in panel.lines if line.name):
        kind, at = _kind(line), _HEIGHT + 10 + 18 * number
        parts.append(f'<path class="{kind}" d="M{left} {at}h34"/>')
        parts.append(_text(left + 42, at + 4, line.name, "name"))
    return "\n".join(parts)


def _kind(line: Line) -> str:
    return f"line c{line.colour} d{line.dash}"


def _scales(panel: Panel) -> tuple[Callable[[float], float], Callable[[float], float]]:
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    return (
        lambda value: _LEFT + width * panel.x.place(value),
        lambda value: _HEIGHT - _BOTTOM - height * panel.y.place(value),
    )


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
