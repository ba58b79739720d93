"""A metric over time with its interval, its reference and what its labels allow; and the same metric by segment."""

from __future__ import annotations

__all__ = ["FEW_LABELS", "metric_over_time", "pending_from", "reference_value", "segments", "worst_first"]

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import plotly.graph_objects as go
import pyarrow as pa

from monitoring.charts.numbers import number
from monitoring.charts.percent import in_percent
from monitoring.charts.status import STATUSES, status_of
from monitoring.charts.theme import Look, figure, safe, translucent
from monitoring.charts.timeline import Release, Row, band, by_version, chosen, mark_releases, middle, said, stacked, with_breaks, y_format
from monitoring.metrics import METRICS

FEW_LABELS = 0.5
"""Below this share of labelled predictions a marker is hollow: most of the window is still unknown."""

_SYMBOLS = {"ok": "circle", "warn": "triangle-up", "drift": "diamond", "failed": "x"}
_DURATIONS = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0))


def metric_over_time(points: pa.Table, metric: str, *, look: Look, column: str = "", segment: str = "",
                     pending: datetime | None = None, releases: Sequence[Release] = ()) -> go.Figure:
    """The metric per window, one line per version; below it on the same axis label coverage and, where known, label delay.

    `points` has the shape of `storage.points.POINTS`. From `pending` on, labels are still to come and the zone is shaded.
    A partial window hangs on a dashed line; hollow markers rest on few labels; no line bridges a window without a value.
    """
    rows = chosen(points, metric, column=column, segment=segment)
    coverage, delay = chosen(points, "label_coverage", segment=segment), chosen(points, "label_delay_p50", segment=segment)
    delay = [row for row in delay if row["value"] is not None]
    unit, label = _unit(metric), METRICS[metric].label if metric in METRICS else metric
    size_word, size = _duration_unit(max((row["value"] for row in delay), default=0.0))
    titles = [_axis(label, unit), "Labels", *([f"Delay, {size_word}"] if delay else [])]
    made = stacked(look, heights=[300, 84, 84][: len(titles)], titles=titles)
    _draw_lines(made, rows, look, title=label if not column else f"{label}, {column}")
    _draw_coverage(made, coverage, look)
    if delay:
        _draw_delay(made, delay, look, size)
        made.update_yaxes(rangemode="tozero", nticks=4, row=3, col=1)
    made.update_yaxes(**y_format(unit), row=1, col=1)
    made.update_yaxes(range=[0, 1.02], tickvals=[0, 0.5, 1], tickformat=in_percent(".0"), row=2, col=1)
    ends = [row["window_end"] for row in (*rows, *coverage)]
    starts = [row["window_start"] for row in rows]
    mark_releases(made, releases, look, first=min(starts, default=None), last=max(starts, default=None))
    if pending is not None and ends and pending < max(ends):
        _shade(made, pending, max(ends), look)
    return made


def pending_from(points: pa.Table, *, delay: timedelta, now: datetime, segment: str = "") -> datetime | None:
    """The start of the first window whose labels may still be on their way: its end is less than the label delay ago."""
    starts = [row["window_start"] for row in chosen(points, "label_coverage", segment=segment) if row["window_end"] + delay > now]
    return min(starts, default=None) if delay else None


def reference_value(row: Row) -> float | None:
    """What the reference's own rows give for this metric, from the point's `detail`; None where that is not known."""
    try:
        value = json.loads(row["detail"] or "{}").get("reference")
    except (ValueError, AttributeError):
        return None
    return float(value) if isinstance(value, int | float) else None


def worst_first(points: pa.Table, metric: str, *, column: str = "") -> list[Row]:
    """The newest complete window's row of each segment that has a value, worst value first; without a direction, lowest first."""
    rows = [row for row in points.to_pylist()
            if row["segment"] and row["metric"] == metric and (row["column"] or "") == column and not row["partial"]]
    newest: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: row["window_start"]):
        if row["value"] is not None:
            newest[row["segment"]] = row
    last = max((row["window_start"] for row in newest.values()), default=None)
    lower_is_better = metric in METRICS and METRICS[metric].direction == "lower"
    return sorted((row for row in newest.values() if row["window_start"] == last), key=lambda row: row["value"], reverse=lower_is_better)


def segments(rows: Sequence[Row], *, look: Look, overall: float | None = None, most: int = 20) -> go.Figure:
    """One dot with its interval per segment, in the given order from the top; a line at the value over all rows. At most `most` rows."""
    shown = list(rows)[:most]
    metric = shown[0]["metric"] if shown else ""
    unit, label = _unit(metric), METRICS[metric].label if metric in METRICS else metric
    made = figure(look, height=90 + 26 * max(len(shown), 1), x=_axis(label, unit), legend=overall is not None)
    if overall is not None:
        made.add_trace(go.Scatter(x=[overall, overall], y=[-0.5, len(shown) - 0.5], mode="lines", name="all rows", hoverinfo="skip",
                                  line={"color": look.palette.reference, "width": 1.5, "dash": "dot"}))
    made.add_trace(go.Scatter(
        x=[row["value"] for row in shown], y=list(range(len(shown))), mode="markers", showlegend=False,
        error_x=_whiskers(shown, look), marker=_markers(shown, look, look.palette.current, size=9),
        text=[said(row, look, title=row["segment"]) for row in shown], hovertemplate="%{text}<extra></extra>",
    ))
    made.update_xaxes(showgrid=True, **y_format(unit))
    made.update_yaxes(tickvals=list(range(len(shown))), ticktext=[safe(f"{row['segment']}  n={number(row['n'])}") for row in shown],
                      autorange="reversed", showgrid=False)
    return made


def _draw_lines(made: go.Figure, rows: list[Row], look: Look, *, title: str) -> None:
    versions = by_version(rows)
    for colour, (version, own) in zip(_cycle(look, len(versions)), versions.items(), strict=True):
        shade = band(own, look, name="95 % interval", colour=colour, group=safe(version))
        if shade is not None:
            made.add_trace(shade, row=1, col=1)
        for dashed, part in ((False, [row for row in own if not row["partial"]]), (True, _tail(own))):
            if part:
                made.add_trace(_line(part, look, colour=colour, version=version, dashed=dashed, title=title), row=1, col=1)
    _draw_levels(made, rows, look)
    for status in [name for name in ("warn", "drift", "failed") if any(row["status"] == name for row in rows)]:
        key = {"symbol": _SYMBOLS[status], "size": 10, "color": STATUSES[status].colour(look.dark)}
        made.add_trace(go.Scatter(x=[None], y=[None], mode="markers", name=STATUSES[status].word, marker=key), row=1, col=1)
    if any(_is_hollow(row) for row in rows if row["value"] is not None):
        made.add_trace(go.Scatter(x=[None], y=[None], mode="markers", name="few labels",
                                  marker={"symbol": "circle-open", "size": 8, "color": look.palette.muted}), row=1, col=1)


def _line(rows: list[Row], look: Look, *, colour: str, version: str, dashed: bool, title: str) -> go.Scatter:
    drawn = with_breaks(rows)
    return go.Scatter(
        x=look.times(middle(row) if row else None for row in drawn), y=[row["value"] if row else None for row in drawn],
        mode="lines+markers", connectgaps=False, name=safe(f"version {version}"), legendgroup=safe(version), showlegend=not dashed,
        line={"color": colour, "width": 2, "dash": "dot" if dashed else "solid"},
        marker=_markers(drawn, look, colour, size=7),
        text=[said(row, look, title=f"{title}, version {version}") if row else "" for row in drawn],
        hovertemplate="%{text}<extra></extra>",
    )


def _draw_levels(made: go.Figure, rows: list[Row], look: Look) -> None:
    """The reference's own value and, where it differs, the threshold: one dotted and one dashed line, stepping where they change."""
    levels: tuple[tuple[str, Any, str, str], ...] = (
        ("reference", reference_value, look.palette.reference, "dot"),
        ("threshold", _own_threshold, STATUSES["warn"].colour(look.dark), "dash"),
    )
    for name, value_of, colour, dash in levels:
        x: list[datetime | None] = []
        y: list[float | None] = []
        for row in rows:
            if (value := value_of(row)) is not None:
                x += [row["window_start"], row["window_end"]]
                y += [value, value]
        if x:
            made.add_trace(go.Scatter(x=look.times(x), y=y, mode="lines", name=name, line={"color": colour, "width": 1.5, "dash": dash},
                                      hovertemplate=f"{name} %{{y:.4~g}}<extra></extra>"), row=1, col=1)


def _own_threshold(row: Row) -> float | None:
    """The threshold where it is not the reference's value itself, which has its line already."""
    threshold: float | None = row["threshold"]
    return None if threshold == reference_value(row) else threshold


def _draw_coverage(made: go.Figure, rows: list[Row], look: Look) -> None:
    versions = by_version(rows)
    for colour, (version, own) in zip(_cycle(look, len(versions)), versions.items(), strict=True):
        made.add_trace(go.Bar(
            x=look.times(middle(row) for row in own), y=[row["value"] for row in own], legendgroup=safe(version), showlegend=False,
            width=[(row["window_end"] - row["window_start"]).total_seconds() * 1000 for row in own],
            marker={"color": translucent(colour, 0.55), "line": {"width": 0}},
            text=[said(row, look, title=f"Label coverage, version {version}") for row in own], textposition="none",
            hovertemplate="%{text}<extra></extra>",
        ), row=2, col=1)
    made.update_layout(barmode="overlay", bargap=0.1)


def _draw_delay(made: go.Figure, rows: list[Row], look: Look, size: float) -> None:
    versions = by_version(rows)
    for colour, (version, own) in zip(_cycle(look, len(versions)), versions.items(), strict=True):
        drawn = with_breaks(own)
        made.add_trace(go.Scatter(
            x=look.times(middle(row) if row else None for row in drawn), y=[row["value"] / size if row else None for row in drawn],
            mode="lines+markers", legendgroup=safe(version), showlegend=False, line={"color": colour, "width": 1.5}, marker={"size": 4},
            text=[said(row, look, title=f"Median label delay, version {version}") if row else "" for row in drawn],
            hovertemplate="%{text}<extra></extra>",
        ), row=3, col=1)


def _shade(made: go.Figure, start: datetime, end: datetime, look: Look) -> None:
    left, right = look.times([start, end])
    made.add_shape(type="rect", xref="x", yref="paper", x0=left, x1=right, y0=0, y1=1, layer="below", line={"width": 0},
                   fillcolor=translucent(STATUSES["warn"].colour(look.dark), 0.10))
    made.add_annotation(x=right, xref="x", y=1, yref="paper", yanchor="top", xanchor="right", showarrow=False, text="labels pending",
                        font={"size": 12, "color": STATUSES["warn"].colour(look.dark)})


def _tail(rows: list[Row]) -> list[Row]:
    """The partial windows, each preceded by the complete one it hangs on."""
    first = next((place for place, row in enumerate(rows) if row["partial"]), None)
    return [] if first is None else rows[max(first - 1, 0):]


def _is_hollow(row: Row) -> bool:
    few: bool = row["label_coverage"] is not None and row["label_coverage"] < FEW_LABELS
    return few or str(row["status"]) == "insufficient_data"


def _markers(rows: Sequence[Row | None], look: Look, colour: str, *, size: int) -> dict[str, Any]:
    """Symbol and colour say the status, an open symbol says few labels."""
    symbols, colours, sizes = [], [], []
    for row in rows:
        status = row["status"] if row else "ok"
        symbols.append(_SYMBOLS.get(status, "circle") + ("-open" if row and _is_hollow(row) else ""))
        alarming = status in {"warn", "drift", "failed"}
        colours.append(status_of(status).colour(look.dark) if alarming else colour)
        sizes.append(size + 3 if alarming else size)
    return {"symbol": symbols, "color": colours, "size": sizes, "opacity": 1, "line": {"width": 1.5, "color": colours}}


def _whiskers(rows: Sequence[Row], look: Look) -> dict[str, Any]:
    return {
        "type": "data", "symmetric": False, "thickness": 1.5, "width": 4, "color": look.palette.muted,
        "array": [0.0 if row["upper"] is None else row["upper"] - row["value"] for row in rows],
        "arrayminus": [0.0 if row["lower"] is None else row["value"] - row["lower"] for row in rows],
    }


def _cycle(look: Look, count: int) -> list[str]:
    return [look.palette.series[place % len(look.palette.series)] for place in range(count)]


def _unit(metric: str) -> str:
    return METRICS[metric].unit if metric in METRICS else "score"


def _axis(label: str, unit: str) -> str:
    unsaid = {"share": label, "score": label, "cost": f"{label} per labelled prediction", "target": f"{label}, in the target's unit"}
    return unsaid.get(unit, f"{label}, {unit}")


def _duration_unit(longest: float) -> tuple[str, float]:
    """The largest unit that the longest delay fills at least once."""
    return next(((word, size) for word, size in _DURATIONS if longest >= size), _DURATIONS[-1])
