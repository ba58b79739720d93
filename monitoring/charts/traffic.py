"""Volume, errors, latency and throughput over time, with the stretches marked in which nothing was predicted."""

from __future__ import annotations

__all__ = ["error_rate", "latency", "latency_heat_map", "throughput", "volume"]

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import log10
from typing import Any

import plotly.graph_objects as go
import pyarrow as pa

from monitoring.charts.numbers import number, span, with_unit
from monitoring.charts.percent import in_percent
from monitoring.charts.status import STATUSES
from monitoring.charts.theme import SCALE_ROOM, Look, figure, safe, scale_above, translucent
from monitoring.charts.timeline import (
    Release,
    Row,
    blend,
    by_version,
    chosen,
    mark_gaps,
    mark_releases,
    middle,
    said,
    silences,
    with_breaks,
)

_QUANTILES = (("latency_p50", "p50", "dot", 1.5), ("latency_p95", "p95", "solid", 2.25), ("latency_p99", "p99", "dash", 1.5))


def volume(points: pa.Table, *, look: Look, releases: Sequence[Release] = (), previous: pa.Table | None = None,
           shift: timedelta = timedelta(0)) -> go.Figure:
    """Predictions per window, stacked by version. `previous` holds the points of the period before, drawn as an outline `shift` later."""
    rows = chosen(points, "rows")
    made = figure(look, height=320, windows=True, y="Predictions per window")
    versions = by_version(rows)
    for colour, (version, own) in zip(_colours(look, len(versions)), versions.items(), strict=True):
        made.add_trace(go.Bar(
            x=look.times(middle(row) for row in own), y=[row["value"] for row in own], name=safe(f"version {version}"),
            width=[_milliseconds(row) for row in own], marker=_bars(own, colour, look),
            text=[said(row, look, title=f"Predictions, version {version}") for row in own], textposition="none",
            hovertemplate="%{text}<extra></extra>",
        ))
    if previous is not None:
        _draw_ghost(made, chosen(previous, "rows"), look, shift)
    made.update_layout(barmode="stack", bargap=0.08, legend_traceorder="normal")
    return _finish(made, points, look, releases)


def error_rate(points: pa.Table, *, look: Look, releases: Sequence[Release] = ()) -> go.Figure:
    """The share of calls that raised, per window and version."""
    made = figure(look, height=240, windows=True, y="Error rate")
    rows = chosen(points, "error_rate")
    _draw_lines(made, rows, look, title="Error rate")
    made.update_yaxes(tickformat=in_percent())
    if not any(row["value"] for row in rows):
        made.update_yaxes(range=[0, 0.01])  # no error: not up to 100 %
    return _finish(made, points, look, releases)


def latency(points: pa.Table, *, look: Look, releases: Sequence[Release] = (), slo: float | None = None) -> go.Figure:
    """p50, p95 and p99 per window; one colour per version. `slo`, in ms, is drawn as a line where it is given."""
    made = figure(look, height=340, windows=True, y="Latency, ms")
    several = len({row["version"] for row in chosen(points, "latency_p95")}) > 1
    for metric, word, dash, width in _QUANTILES:
        rows = chosen(points, metric)
        _draw_lines(made, rows, look, title=f"Latency {word}", dash=dash, width=width, word=word, several=several)
    if slo is not None:
        made.add_hline(y=slo, line={"color": STATUSES["warn"].colour(look.dark), "width": 1.5, "dash": "longdash"},
                       annotation={"text": f"SLO p95 {number(slo)} ms", "font": {"size": 12, "color": STATUSES["warn"].colour(look.dark)}},
                       annotation_position="top left")
    return _finish(made, points, look, releases)


def throughput(points: pa.Table, *, look: Look, releases: Sequence[Release] = ()) -> go.Figure:
    """Predictions per second of each window, or of the part of it that has passed."""
    made = figure(look, height=240, windows=True, y="Rows per second")
    _draw_lines(made, chosen(points, "throughput"), look, title="Throughput")
    return _finish(made, points, look, releases)


def latency_heat_map(profiles: pa.Table, *, look: Look) -> go.Figure:
    """Latency (log scale) over time: each cell the share of its window's predictions in that bin.

    `profiles` holds `latency_histogram` rows of many windows; the bins may differ from window to window.
    """
    rows = [row for row in profiles.to_pylist() if row["x"] is not None and row["x_end"] is not None]
    moments = sorted({row[bound] for row in rows for bound in ("window_start", "window_end")})
    edges = _log_edges(rows)
    made = figure(look, height=320, windows=True, y="Latency, ms (log scale)", legend=False)
    if not moments or len(edges) < 2:
        return made
    spans = list(pairwise(moments))  # windows, and the holes between them, which stay empty
    shares = _cells(rows, spans, edges)
    made.add_trace(go.Heatmap(
        x=look.times(moments), y=[10**edge for edge in edges], z=shares,
        colorscale=[[0, blend(look.palette.surface, look.palette.current, 0.06)], [1, look.palette.current]], zmin=0, xgap=1, ygap=1,
        colorbar=scale_above(look) | {"tickformat": in_percent(), "nticks": 5},
        text=_cell_texts(shares, spans, edges, look), hovertemplate="%{text}<extra></extra>", hoverongaps=False,
    ))
    made.update_yaxes(type="log", showgrid=False, tickformat="~r", dtick="D2")
    made.update_layout(margin={"t": SCALE_ROOM})
    return made


def _draw_lines(made: go.Figure, rows: Sequence[Row], look: Look, *, title: str, dash: str = "solid", width: float = 2, word: str = "",
                several: bool = False) -> None:
    versions = by_version(rows)
    for colour, (version, own) in zip(_colours(look, len(versions)), versions.items(), strict=True):
        drawn = with_breaks(own)
        name = f"{word}, version {version}" if word and several else word or f"version {version}"
        made.add_trace(go.Scatter(
            x=look.times(middle(row) if row else None for row in drawn), y=[row["value"] if row else None for row in drawn],
            mode="lines+markers", connectgaps=False, name=safe(name), legendgroup=safe(version if several else name),
            line={"color": colour, "width": width, "dash": dash}, marker=_marks(drawn, look, colour),
            text=[said(row, look, title=f"{title}, version {version}") if row else "" for row in drawn],
            hovertemplate="%{text}<extra></extra>",
        ))


def _marks(rows: Sequence[Row | None], look: Look, colour: str) -> dict[str, Any]:
    """Small dots; the running window hollow, a warned or drifted one in its status's colour and shape."""
    shapes = {"warn": "triangle-up", "drift": "diamond", "failed": "x"}
    loud = [row["status"] if row and row["status"] in shapes else "" for row in rows]
    calm = ["circle-open" if row and row["partial"] else "circle" for row in rows]
    return {
        "symbol": [shapes.get(status, usual) for status, usual in zip(loud, calm, strict=True)],
        "color": [STATUSES[status].colour(look.dark) if status else colour for status in loud],
        "size": [9 if status else 4 for status in loud],
    }


def _bars(rows: Sequence[Row], colour: str, look: Look) -> dict[str, Any]:
    """Filled; that of a window which is still running hatched."""
    hatched = {"shape": ["/" if row["partial"] else "" for row in rows], "fgcolor": look.palette.surface, "size": 6}
    return {"color": translucent(colour, 0.8), "line": {"width": 0}, "pattern": hatched}


def _draw_ghost(made: go.Figure, rows: Sequence[Row], look: Look, shift: timedelta) -> None:
    """The previous period's predictions of all versions together, as an outline."""
    totals: dict[tuple[datetime, datetime], float] = {}
    for row in rows:
        place = (row["window_start"], row["window_end"])
        totals[place] = totals.get(place, 0.0) + (row["value"] or 0.0)
    if not totals:
        return
    x: list[datetime | None] = []
    y: list[float | None] = []
    text: list[str] = []
    until: datetime | None = None
    for (start, end), total in sorted(totals.items()):
        if until is not None and start > until:
            x, y, text = [*x, None], [*y, None], [*text, ""]
        x += [start + shift, end + shift]
        y += [total, total]
        text += [f"<b>{number(total)} rows</b><br>period before<br>{safe(span(start, end, look.zone))}"] * 2
        until = end
    made.add_trace(go.Scatter(x=look.times(x), y=y, mode="lines", name="period before", text=text, hovertemplate="%{text}<extra></extra>",
                              line={"color": look.palette.reference, "width": 1.5, "dash": "dot"}))


def _finish(made: go.Figure, points: pa.Table, look: Look, releases: Sequence[Release]) -> go.Figure:
    made.update_yaxes(rangemode="tozero")
    rows = chosen(points, "rows")
    mark_gaps(made, silences(rows), look)
    if rows:
        made.update_xaxes(range=look.times([min(row["window_start"] for row in rows), max(row["window_end"] for row in rows)]))
        mark_releases(made, releases, look, first=rows[0]["window_start"], last=rows[-1]["window_start"])
    return made


def _log_edges(rows: Sequence[dict[str, Any]], per_decade: int = 8) -> list[float]:
    """Common edges in log10 ms that cover every bin: the stored ones where all windows share them, else `per_decade` per power of ten."""
    own = {edge for row in rows for edge in (row["x"], row["x_end"]) if edge > 0}
    if not own:
        return []
    if len(own) <= 96:
        return sorted(log10(edge) for edge in own)
    low, high = log10(min(own)), log10(max(own))
    steps = max(1, round((high - low) * per_decade))
    return [low + (high - low) * place / steps for place in range(steps + 1)]


def _cells(rows: Sequence[dict[str, Any]], spans: list[tuple[datetime, datetime]], edges: list[float]) -> list[list[float | None]]:
    """Per bin (line) and span (place in the line) the share of its rows; a stored bin is spread over the cells it covers."""
    place = {start: number for number, (start, _) in enumerate(spans)}
    amounts = [[0.0] * len(spans) for _ in edges[:-1]]
    for row in rows:
        low = log10(row["x"]) if row["x"] > 0 else edges[0]
        high = max(log10(row["x_end"]) if row["x_end"] > 0 else edges[0], low + 1e-9)
        for line, (left, right) in enumerate(pairwise(edges)):
            overlap = min(high, right) - max(low, left)
            if overlap > 1e-12:
                amounts[line][place[row["window_start"]]] += (row["value"] or 0.0) * overlap / (high - low)
    sums = [sum(line[column] for line in amounts) for column in range(len(spans))]
    return [[amount / total if total and amount else None for amount, total in zip(line, sums, strict=True)] for line in amounts]


def _cell_texts(shares: list[list[float | None]], spans: list[tuple[datetime, datetime]], edges: list[float],
                look: Look) -> list[list[str]]:
    said_spans = [safe(span(start, end, look.zone)) for start, end in spans]
    return [
        ["" if share is None else f"<b>{with_unit(share, 'share')}</b> at {number(10**low)}–{number(10**high)} ms<br>{when}"
         for share, when in zip(line, said_spans, strict=True)]
        for line, (low, high) in zip(shares, pairwise(edges), strict=True)
    ]


def _milliseconds(row: Row) -> float:
    """A bar's width on a time axis is in milliseconds; the last tenth stays free between neighbours."""
    seconds: float = (row["window_end"] - row["window_start"]).total_seconds()
    return seconds * 920


def _colours(look: Look, count: int) -> list[str]:
    return [look.palette.series[place % len(look.palette.series)] for place in range(count)]
