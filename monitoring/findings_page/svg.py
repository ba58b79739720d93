"""Static charts as SVG text: no script, no font of their own, some hundred bytes to a few kB each. Every text is escaped. Pure."""

from __future__ import annotations

__all__ = ["bars", "course", "curve", "steps"]

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from monitoring.charts.numbers import number, short

Row = Mapping[str, Any]
XY = tuple[float, float]

_W, _H = 320.0, 150.0  # of a chart; it scales with its place
_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 6.0, 8.0, 20.0
_MOST_BARS = 10


def _svg(label: str, inside: str, *, height: float = _H) -> str:
    return f'<svg viewBox="0 0 {_W:g} {height:g}" role="img" aria-label="{escape(label)}">{inside}</svg>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _frame(top: float, left: str, right: str) -> str:
    """Base line, the label of the largest share, and both ends of the horizontal axis."""
    base = _H - _BOTTOM
    return (
        f'<path class="grid" d="M{_LEFT} {base}H{_W - _RIGHT}M{_LEFT} {_TOP}H{_W - _RIGHT}"/>'
        + _text(_LEFT - 4, _TOP + 4, f"{number(100 * top)} %", "end") + _text(_LEFT - 4, base, "0", "end")
        + _text(_LEFT, _H - 6, left) + _text(_W - _RIGHT, _H - 6, right, "end")
    )  # fmt: skip


def steps(current: Sequence[Row], reference: Sequence[Row], *, label: str) -> str:
    """Two histograms in the same bins (x, x_end, value: share): the reference as an area, the window as a line."""
    low, high = float(current[0]["x"]), float(current[-1]["x_end"])
    top = max([*(row["value"] for row in [*current, *reference]), 0.0]) or 1.0
    left, right = (str(row["label"] or number(edge)) for row, edge in ((current[0], low), (current[-1], high)))
    area = f'<path class="reference" d="{_outline(reference, low, high, top)}Z"/>' if reference else ""
    return _svg(label, area + f'<path class="current" d="{_outline(current, low, high, top)}"/>' + _frame(top, left, right))


def _outline(rows: Sequence[Row], low: float, high: float, top: float) -> str:
    base, width, height = _H - _BOTTOM, _W - _LEFT - _RIGHT, _H - _TOP - _BOTTOM
    spread = (high - low) or 1.0
    path = [f"M{_LEFT:g} {base:g}"]
    for row in rows:
        y = base - height * row["value"] / top
        path.append(f"V{y:.1f}H{_LEFT + width * min(max((row['x_end'] - low) / spread, 0), 1):.1f}")
    return "".join([*path, f"V{base:g}"])


def bars(current: Sequence[Row], reference: Sequence[Row], *, label: str) -> str:
    """Shares of categories (label, value) as pairs of lying bars, the largest ten; what is left out is counted in a last line."""
    now, before = ({str(row["label"]): float(row["value"]) for row in rows} for rows in (current, reference))
    names = sorted({*now, *before}, key=lambda name: (-max(now.get(name, 0.0), before.get(name, 0.0)), name))
    top = max([*now.values(), *before.values(), 0.0]) or 1.0
    left, line = 110.0, 15.0
    width = _W - left - 48
    parts = []
    for place, name in enumerate(names[:_MOST_BARS]):
        y, one, other = 4 + place * line, now.get(name, 0.0), before.get(name, 0.0)
        parts.append(
            _text(left - 4, y + 9, short(name, 20), "end")
            + (f'<path class="reference" d="M{left:g} {y:g}h{width * other / top:.1f}v11H{left:g}Z"/>' if reference else "")
            + f'<path class="bar" d="M{left:g} {y + 3:g}h{width * one / top:.1f}v5H{left:g}Z"/>'
            + _text(left + width * max(one, other) / top + 4, y + 9, f"{number(100 * one)} %")
        )
    height = 8 + line * min(len(names), _MOST_BARS)
    if len(names) > _MOST_BARS:
        parts.append(_text(left, height + 8, f"and {len(names) - _MOST_BARS} more"))
        height += 14
    return _svg(label, "".join(parts), height=height)


def curve(points: Sequence[XY], *, label: str, x: str, y: str, dots: bool = False) -> str:
    """A line, or dots, in the unit square with its diagonal; `x` and `y` name the axes."""
    base, width, height = _H - _BOTTOM, _W - _LEFT - _RIGHT, _H - _TOP - _BOTTOM
    places = [(_LEFT + width * px, base - height * py) for px, py in points]
    drawn = "".join(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="2.5"/>' for px, py in places) if dots else (
        f'<path class="current" d="M{"L".join(f"{px:.1f} {py:.1f}" for px, py in places)}"/>')
    frame = f'<path class="grid" d="M{_LEFT} {base}H{_W - _RIGHT}M{_LEFT} {_TOP}V{base}"/>'
    diagonal = f'<path class="threshold" d="M{_LEFT} {base}L{_W - _RIGHT} {_TOP}"/>'
    words = _text(_W - _RIGHT, _H - 6, f"{x}, 0 to 1", "end") + _text(_LEFT + 4, _TOP + 8, f"{y}, 0 to 1")
    return _svg(label, frame + diagonal + drawn + words)


def course(values: Sequence[float | None], threshold: float | None, *, label: str) -> str:
    """A number over the last windows, small, with its threshold dashed and this window as a dot; empty with fewer than two values."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ""
    width, height, pad = 120.0, 26.0, 3.0
    low, high = min(known), max(known)
    if threshold is not None and low - (high - low) <= threshold <= high + (high - low):
        low, high = min(low, threshold), max(high, threshold)
    spread, step = (high - low) or 1.0, (width - 2 * pad) / max(len(values) - 1, 1)

    def at(value: float) -> float:
        return height - pad - (height - 2 * pad) * (value - low) / spread

    line, pen = [], "M"
    for place, value in enumerate(values):
        if value is not None:
            line.append(f"{pen}{pad + place * step:.1f} {at(value):.1f}")
        pen = "M" if value is None else "L"
    shown = threshold is not None and low <= threshold <= high
    mark = f'<path class="threshold" d="M{pad} {at(threshold or 0.0):.1f}H{width - pad}"/>' if shown else ""
    last = values[-1]
    dot = f'<circle cx="{width - pad}" cy="{at(last):.1f}" r="2.5"/>' if last is not None else ""
    return (f'<svg class="course" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">{mark}'
            f'<path class="current" d="{"".join(line)}"/>{dot}</svg>')  # fmt: skip

