"""How labels arrive and what the decisions were worth: coverage by delay, found, missed and false alarms over time, cost by cut."""

from __future__ import annotations

__all__ = ["cost_by_cut", "decisions_over_time", "label_delay"]

from typing import Any

import plotly.graph_objects as go
import pyarrow as pa

from monitoring.charts.numbers import number, with_unit
from monitoring.charts.percent import HOVER, in_percent
from monitoring.charts.status import STATUSES
from monitoring.charts.theme import Look, figure, safe
from monitoring.charts.timeline import chosen, middle, said

_DECISIONS = (("true_positives", "found"), ("false_negatives", "missed"), ("false_positives", "false alarms"))
_DURATIONS = (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0), ("seconds", 1.0))


def label_delay(profiles: pa.Table, *, look: Look) -> go.Figure:
    """The share of a window's predictions with a known label over the time since the prediction (profiles of kind `label_delay`)."""
    rows = profiles.to_pylist()
    word, size = next((pair for pair in _DURATIONS if max((row["x"] or 0 for row in rows), default=0) >= pair[1]), _DURATIONS[-1])
    made = figure(look, height=280, x=f"Time since the prediction, {word}", y="Predictions with a label", legend=False)
    made.add_trace(go.Scatter(
        x=[0, *(row["x"] / size for row in rows)], y=[0, *(row["value"] for row in rows)], mode="lines", line_shape="hv",
        line={"color": look.palette.current, "width": 2}, hovertemplate=f"%{{y:{HOVER}}} known after %{{x:.3~g}} {word}<extra></extra>",
    ))
    made.update_yaxes(range=[0, 1.02], tickformat=in_percent(".0"))
    made.update_xaxes(rangemode="tozero")
    return made


def decisions_over_time(points: pa.Table, *, look: Look, segment: str = "") -> go.Figure:
    """Positives found and missed (together all positives) and false alarms per window, in rows; true negatives are left out."""
    made = figure(look, height=300, windows=True, y="Labelled predictions")
    colours = (look.palette.current, STATUSES["drift"].colour(look.dark), look.palette.reference)
    for (metric, word), colour in zip(_DECISIONS, colours, strict=True):
        rows = [row for row in chosen(points, metric, segment=segment) if row["value"] is not None]
        made.add_trace(go.Bar(
            x=look.times(middle(row) for row in rows), y=[row["value"] for row in rows], name=word,
            marker={"color": colour, "line": {"width": 0}, "pattern": {"shape": "/" if word == "missed" else ""}},
            text=[said(row, look, title=word.capitalize()) for row in rows], textposition="none", hovertemplate="%{text}<extra></extra>",
        ))
    made.update_layout(barmode="stack", bargap=0.15)
    made.update_yaxes(rangemode="tozero", tickformat=",~g")
    return made


def cost_by_cut(profiles: pa.Table, *, look: Look, cut: float | None = None) -> go.Figure:
    """The cost per labelled prediction over the score's cut (rows of kind `threshold` with the label `cost`); the cheapest is marked."""
    rows = sorted((row for row in profiles.to_pylist() if row["label"] == "cost"), key=lambda row: row["x"])
    made = figure(look, height=280, x="Cut: positive from this score on", y="Cost per labelled prediction", legend=False)
    made.add_trace(_line(rows, look))
    if rows:
        best = min(rows, key=lambda row: row["value"])
        made.add_trace(go.Scatter(
            x=[best["x"]], y=[best["value"]], mode="markers+text", text=[safe(f"lowest: {number(best['value'])} at {number(best['x'])}")],
            textposition="top right", marker={"color": look.palette.current, "size": 10}, hoverinfo="skip", cliponaxis=False,
            textfont={"color": look.palette.text, "size": 13},
        ))
    if cut is not None:
        made.add_vline(x=cut, line={"color": look.palette.text, "width": 1.5, "dash": "dash"})
    made.update_yaxes(rangemode="tozero", tickformat=",~g")
    return made


def _line(rows: list[dict[str, Any]], look: Look) -> go.Scatter:
    says = [f"cost {with_unit(row['value'], 'cost')}, {number(row['n'])} decided positive" for row in rows]
    return go.Scatter(x=[row["x"] for row in rows], y=[row["value"] for row in rows], mode="lines", customdata=says,
                      line={"color": look.palette.current, "width": 2}, hovertemplate="%{customdata}<br>at cut %{x:.3~g}<extra></extra>")
