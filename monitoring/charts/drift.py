"""Drift over windows: the heat map of all columns, and one column's score against its threshold."""

from __future__ import annotations

__all__ = ["heat_map", "score_over_time", "severity"]

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import plotly.graph_objects as go
import pyarrow as pa

from monitoring.charts.numbers import moment, number
from monitoring.charts.status import status_of
from monitoring.charts.theme import SCALE_ROOM, Look, figure, safe, scale_above, short
from monitoring.charts.timeline import Release, mark_releases, middle, place_release
from monitoring.drift import METHODS, base_method, method_label

ROW_HEIGHT = 26  # pixels of one feature in the heat map: a comfortable target for a finger is 24 (WCAG 2.2, 2.5.8)
_ROOM = 18  # pixels of the line of versions above the heat map
FULL = 2.0  # the colour is at its end where a score is twice its threshold
_SCALE = {
    False: [[0.0, "#EDF2F8"], [0.4999, "#A8C8E4"], [0.5, "#F2A65A"], [1.0, "#A61B14"]],
    True: [[0.0, "#1C2836"], [0.4999, "#3A6A91"], [0.5, "#C77F2E"], [1.0, "#FF7A6E"]],
}
_UNJUDGED = {False: "#D3D9E2", True: "#3A4452"}


def severity(method: str | None, value: float | None, threshold: float | None) -> float | None:
    """Score over threshold, so that methods compare: above 1 is past the threshold. For a p-value it is threshold over value.

    None without a score or a threshold; a p-value of 0 is infinitely far.
    """
    if value is None or threshold is None:
        return None
    known = METHODS.get(base_method(method or ""))
    above, below = (value, threshold) if known is None or known.larger_is_drift else (threshold, value)
    return above / below if below else (float("inf") if above else 0.0)


def heat_map(points: pa.Table, *, rows: Sequence[str], look: Look, releases: Sequence[Release] = ()) -> go.Figure:
    """Columns (from top to bottom as in `rows`) by windows, coloured by score over threshold; grey where there is no verdict.

    `points` are drift points of one model and segment, one version per window. A transparent marker lies on each cell: it carries the
    hover text, and a click on it reports `customdata` = [column, window start as ISO text], which a heat map's own cells do not.
    """
    starts = sorted(set(points.column("window_start").to_pylist()))
    place = {start: number for number, start in enumerate(starts)}
    level = {name: len(rows) - 1 - number for number, name in enumerate(rows)}
    cells = [point for point in points.to_pylist() if point["column"] in level]
    made = figure(look, height=68 + ROW_HEIGHT * len(rows), legend=False)
    made.add_trace(_layer(cells, place, level, look, judged=False))
    made.add_trace(_layer(cells, place, level, look, judged=True))
    made.add_trace(_targets(cells, place, level, look, glyphs=len(starts) <= 45))
    ticks = _spread(len(starts), 8)
    made.update_xaxes(tickmode="array", tickvals=ticks, ticktext=_days([starts[tick] for tick in ticks], look), showgrid=False,
                      range=[-0.5, len(starts) - 0.5], fixedrange=True, ticklabeloverflow="allow")
    made.update_yaxes(tickmode="array", tickvals=list(level.values()), ticktext=[safe(short(name)) for name in level], showgrid=False,
                      range=[-0.5, len(rows) - 0.5], fixedrange=True, tickfont={"color": look.palette.text})
    made.update_layout(margin={"t": SCALE_ROOM, "l": 8, "r": 20, "b": 8}, clickmode="event+select")
    _mark_releases(made, releases, starts, look)
    return made


def _mark_releases(made: go.Figure, releases: Sequence[Release], starts: Sequence[datetime], look: Look) -> None:
    """A line between two columns of cells where a version begins; its name stands above the map, where no cell is covered."""
    places = [(sum(one < start for one in starts), version) for start, version in releases]
    shown = [(place, version) for place, version in places if 0 < place < len(starts)]
    if shown:  # below the scale of colours: on a narrow screen the names would lie on it
        made.update_layout(height=made.layout.height + _ROOM, margin={"t": made.layout.margin.t + _ROOM})
    for place, version in shown:
        place_release(made, place - 0.5, version, look)
        made.layout.shapes[-1].line.update(width=2, color=look.palette.text)  # the cells around it are coloured


def _layer(cells: Sequence[dict[str, Any]], place: Mapping[datetime, int], level: Mapping[str, int], look: Look, *,
           judged: bool) -> go.Heatmap:
    """The coloured cells, or the grey ones beneath them."""
    grid: list[list[float | None]] = [[None] * len(place) for _ in level]
    for cell in cells:
        past = _severity(cell)
        if judged and past is not None:
            grid[level[cell["column"]]][place[cell["window_start"]]] = min(past, 1e6)
        elif not judged and past is None:
            grid[level[cell["column"]]][place[cell["window_start"]]] = 0.0
    if not judged:
        grey = _UNJUDGED[look.dark]
        return go.Heatmap(z=grid, colorscale=[[0, grey], [1, grey]], showscale=False, hoverinfo="skip", xgap=1, ygap=2)
    bar = scale_above(look) | {"tickvals": [0, 1, 2], "ticktext": ["0", "threshold", "2× or more"]}
    return go.Heatmap(z=grid, zmin=0, zmax=FULL, colorscale=_SCALE[look.dark], colorbar=bar, hoverinfo="skip", xgap=1, ygap=2)


def _targets(cells: Sequence[dict[str, Any]], place: Mapping[datetime, int], level: Mapping[str, int], look: Look, *,
             glyphs: bool) -> go.Scatter:
    """Invisible squares over the cells; a drifted cell also bears its sign, so that colour is not alone."""
    signs = [status_of(cell["status"]).icon if glyphs and cell["status"] in ("drift", "failed") else "" for cell in cells]
    ink = "#10161F" if look.dark else "#FFFFFF"
    return go.Scatter(
        x=[place[cell["window_start"]] for cell in cells], y=[level[cell["column"]] for cell in cells], mode="markers+text", text=signs,
        textposition="middle center", textfont={"size": 9, "color": ink}, marker={"symbol": "square", "size": 20, "color": "rgba(0,0,0,0)"},
        customdata=[[cell["column"], cell["window_start"].isoformat()] for cell in cells],
        hovertext=[_hover(cell, look) for cell in cells], hoverinfo="text", showlegend=False,
        selected={"textfont": {"color": ink}}, unselected={"textfont": {"color": ink}},
    )


def score_over_time(points: pa.Table, *, look: Look, releases: Sequence[Release] = ()) -> go.Figure:
    """One column's drift score per window with its threshold (dashed); hollow where partial, grey where not judged."""
    rows = points.sort_by("window_start").to_pylist()
    made = figure(look, height=300, windows=True, y=_axis(rows[0]["method"]) if rows else "")
    times = look.times(middle(row) for row in rows)
    colours = look.palette
    made.add_trace(go.Scatter(x=times, y=[row["threshold"] for row in rows], name="Threshold", mode="lines",
                              line={"color": colours.muted, "dash": "dash", "width": 1.5}, hoverinfo="skip"))
    made.add_trace(go.Scatter(
        x=times, y=[row["value"] for row in rows], name="Score", mode="lines+markers", line={"color": colours.current, "width": 2},
        marker={"size": 8, "line": {"width": 1.5, "color": [status_of(row["status"]).colour(look.dark) for row in rows]},
                "color": [colours.surface if row["partial"] else status_of(row["status"]).colour(look.dark) for row in rows],
                "symbol": ["diamond" if row["status"] == "drift" else "circle" for row in rows]},
        customdata=[[row["column"], row["window_start"].isoformat()] for row in rows],
        hovertext=[_hover(row, look) for row in rows], hoverinfo="text",
    ))
    made.update_yaxes(rangemode="tozero")
    if rows:
        mark_releases(made, releases, look, first=rows[0]["window_start"], last=rows[-1]["window_start"])
    return made


def _axis(method: str | None) -> str:
    """The score's name, with the direction that is worse where it is not upwards."""
    known = METHODS.get(base_method(method or ""))
    if known is None:
        return method or "score"
    return method_label(method or "") + ("" if known.larger_is_drift else ": lower is worse")


def _hover(point: Mapping[str, Any], look: Look) -> str:
    status = status_of(point["status"])
    ends = f"{moment(point['window_start'], look.zone)} – {moment(point['window_end'], look.zone)} {look.zone}"
    lines = [f"<b>{safe(point['column'])}</b>", ends + (" (partial)" if point["partial"] else ""), status.text]
    if point["value"] is not None:
        threshold = f", threshold {number(point['threshold'])}" if point["threshold"] is not None else ""
        lines.append(f"{safe(point['method'])} {number(point['value'])}{threshold}")
    if point["reason"]:
        lines.append(safe(point["reason"]))
    lines.append(f"n = {number(point['n'])}, reference {number(point['n_reference'])}")
    return "<br>".join(lines)


def _severity(point: Mapping[str, Any]) -> float | None:
    """How far the score is past its threshold, where there is a verdict."""
    return severity(point["method"], point["value"], point["threshold"]) if point["status"] in ("ok", "warn", "drift") else None


def _spread(count: int, most: int) -> list[int]:
    """At most `most` of the numbers below `count`, evenly apart, the last one among them."""
    step = max(1, -(-count // most))
    return list(range(count - 1, -1, -step))[::-1]


def _days(starts: Sequence[datetime], look: Look) -> list[str]:
    """Short names of windows: days, with the hour where windows begin within a day."""
    local = [start for start in look.times(starts) if start is not None]
    hours = any(start.hour or start.minute for start in local)
    return [f"{start.day} {start:%b}" + (f"<br>{start:%H:%M}" if hours else "") for start in local]
