"""Small pictures of the overview: a model's card, its sparklines, and the strip of statuses."""

from __future__ import annotations

__all__ = ["facts_html", "sparkline", "status_strip"]

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any, Protocol

import numpy as np
import plotly.graph_objects as go

from monitoring.charts.numbers import moment
from monitoring.charts.status import status_of
from monitoring.charts.theme import Look, figure, safe, short

_WIDTH, _HEIGHT, _PAD = 120.0, 28.0, 3.0


class _Fact(Protocol):
    """What a card says: label, value with its unit, what it rests on, its course and status, where in it a version begins."""

    @property
    def label(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def note(self) -> str: ...
    @property
    def course(self) -> Sequence[float | None]: ...
    @property
    def status(self) -> str: ...
    @property
    def releases(self) -> Sequence[int]: ...
    @property
    def from_zero(self) -> bool: ...


def facts_html(facts: Iterable[_Fact], *, look: Look) -> str:
    """A grid of facts as HTML, every text escaped. The grid has two columns, and one on a narrow screen."""
    colours = look.palette
    cells = "".join(
        f'<div style="min-width:0"><div style="font-size:.8rem;color:{colours.muted}">{escape(fact.label)}</div>'
        f'<div style="font-size:1.25rem;font-weight:600;line-height:1.4;font-variant-numeric:tabular-nums">{escape(fact.value)}'
        f"{_sign(fact.status, look)}</div>"
        f"{sparkline(fact.course, label=fact.label, look=look, releases=fact.releases, from_zero=fact.from_zero)}"
        f'<div style="font-size:.8rem;line-height:1.35;color:{colours.muted};overflow-wrap:anywhere">{_unbroken(fact.note)}</div></div>'
        for fact in facts
    )
    return f'<div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(max(8.5rem,34%),1fr));gap:1rem 1.5rem">{cells}</div>'


def _unbroken(text: str) -> str:
    """Escaped, with no line break between a number and its percent sign."""
    return escape(text).replace(" %", "&nbsp;%")


def _sign(name: str, look: Look) -> str:
    """The status beside a number, where it is not calm."""
    status = status_of(name)
    if status.rank < status_of("warn").rank:
        return ""
    return f' <span style="font-size:.8rem;font-weight:600;color:{status.colour(look.dark)}">{status.text}</span>'


def sparkline(values: Sequence[float | None], *, label: str, look: Look, releases: Sequence[int] = (),
              from_zero: bool = False) -> str:
    """The course of a number as an image tag with the SVG inside, a gap where there is no value; blank without two values.
    `releases` are places at which a new version begins: a thin line before them. `from_zero` puts the lower edge at zero.

    Streamlit takes `svg` elements out of HTML, images with a data address stay.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return f'<div style="height:{_HEIGHT:.0f}px"></div>'
    low, high = min(0.0, *known) if from_zero else min(known), max(known)
    spread = (high - low) or 1.0
    step = (_WIDTH - 2 * _PAD) / max(len(values) - 1, 1)
    pieces: list[list[str]] = [[]]
    last = (0.0, 0.0)
    for place, value in enumerate(values):
        if value is None:
            pieces.append([])
            continue
        level = 0.5 if high == low else (value - low) / spread
        last = (_PAD + place * step, _HEIGHT - _PAD - level * (_HEIGHT - 2 * _PAD))
        pieces[-1].append(f"{last[0]:.1f},{last[1]:.1f}")
    colour = look.palette.current
    lines = "".join(
        f'<polyline points="{" ".join(piece)}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-linejoin="round"/>'
        for piece in pieces if len(piece) > 1
    )
    lines += "".join(
        f'<line x1="{_PAD + (place - 0.5) * step:.1f}" x2="{_PAD + (place - 0.5) * step:.1f}" y1="0" y2="{_HEIGHT:.0f}" '
        f'stroke="{look.palette.muted}" stroke-width="1" stroke-dasharray="2 2"/>' for place in releases
    )
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" width="{_WIDTH:.0f}" height="{_HEIGHT:.0f}">'
        f'{lines}<circle cx="{last[0]:.1f}" cy="{last[1]:.1f}" r="2.5" fill="{colour}"/></svg>'
    )
    source = "data:image/svg+xml;base64," + b64encode(drawn.encode()).decode()
    told = f"{label}: course over the range, {len(known)} windows" + (", dashed where a new version begins" if releases else "")
    return f'<img src="{source}" alt="{escape(told)}" width="{_WIDTH:.0f}" height="{_HEIGHT:.0f}" style="display:block">'


def status_strip(strips: Mapping[str, Mapping[datetime, tuple[str, str]]], *, look: Look,
                 releases: Mapping[str, Sequence[tuple[datetime, str]]] | None = None) -> go.Figure:
    """Models (from top to bottom as given) by window starts, each cell a sign in its status's colour. A cell is a status and the page that
    says why; `releases` are the first windows of later versions by model.

    A click on a cell reports `customdata` = [model, window start as ISO text, page].
    """
    names = list(strips)
    made = figure(look, height=80 + 30 * len(names), legend=True, windows=True)
    size = max(5, min(12, 480 // max((len(strip) for strip in strips.values()), default=1)))  # px: signs must not touch on a laptop
    found: dict[str, list[tuple[datetime, int, str, str]]] = {}
    for row, name in enumerate(names):
        for start, (word, key) in strips[name].items():
            found.setdefault(word, []).append((start, len(names) - 1 - row, name, key))
    starts = {start for strip in strips.values() for start in strip}  # many models share them
    times = dict(zip(starts, np.array(look.times(starts), "datetime64[us]"), strict=True))
    told = {start: f"{moment(start, look.zone)} {look.zone}" for start in starts}
    titles = {name: f"<b>{safe(name)}</b>" for name in names}
    for status in sorted((status_of(word) for word in found), key=lambda status: -status.rank):
        cells = found[status.name]
        alarming = status.rank >= status_of("warn").rank
        made.add_trace(go.Scatter(  # as arrays: of lists Plotly looks at each value
            x=np.array([times[start] for start, _, _, _ in cells]), y=np.array([row for _, row, _, _ in cells]), mode="markers",
            marker={"symbol": _SYMBOL[status.icon], "size": size, "color": status.colour(look.dark), "line": {"width": 0}},
            customdata=np.array([(name, start.isoformat(), key) for start, _, name, key in cells]), hoverinfo="text",
            hovertext=np.array([f"{titles[name]}<br>{told[start]}<br>{status.text}" + (f", {key}" if alarming else "")
                                for start, _, name, key in cells]), name=status.word,
        ))
    _draw_releases(made, strips, releases or {}, look)
    made.update_yaxes(tickmode="array", tickvals=list(range(len(names))), ticktext=[safe(short(name)) for name in reversed(names)],
                      range=[-0.6, len(names) - 0.4], showgrid=False, fixedrange=True, tickfont={"color": look.palette.text})
    made.update_xaxes(fixedrange=True, nticks=8)
    made.update_layout(clickmode="event+select")
    return made


def _draw_releases(made: go.Figure, strips: Mapping[str, Mapping[datetime, Any]], releases: Mapping[str, Sequence[tuple[datetime, str]]],
                   look: Look) -> None:
    """A bar through a model's row, half-way between the last window before a version and its first one."""
    names = list(strips)
    marks = []
    for row, name in enumerate(names):
        for start, version in releases.get(name, ()):
            before = max((one for one in strips[name] if one < start), default=None)
            if before is not None and start in strips[name]:
                marks.append((before + (start - before) / 2, len(names) - 1 - row, f"<b>{safe(name)}</b><br>version {safe(version)}"))
    if marks:
        made.add_trace(go.Scatter(
            x=look.times(when for when, _, _ in marks), y=[row for _, row, _ in marks], mode="markers", name="new version",
            hovertext=[text for _, _, text in marks], hoverinfo="text",
            marker={"symbol": "line-ns", "size": 22, "line": {"width": 2, "color": look.palette.text}, "color": look.palette.text},
        ))


_SYMBOL = {"◆": "diamond", "✖": "x", "▲": "triangle-up", "●": "circle", "○": "circle-open", "–": "line-ew-open", "·": "circle-dot"}
