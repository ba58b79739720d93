"""Gaps between groups over time, and slices found by search: a dot with its interval for each."""

from __future__ import annotations

__all__ = ["gaps_over_time", "worse_slices"]

from collections.abc import Mapping, Sequence
from itertools import cycle

import plotly.graph_objects as go

from monitoring.charts.numbers import number
from monitoring.charts.status import STATUSES
from monitoring.charts.theme import Look, figure, safe, short
from monitoring.charts.timeline import Release, Row, mark_releases, middle, said, with_breaks, y_format
from monitoring.metrics import METRICS

_SYMBOLS = {"warn": "triangle-up", "drift": "diamond", "insufficient_data": "circle-open"}
_SHAPES = ("circle", "square", "cross", "star-triangle-down", "hexagon", "bowtie")  # a group is never told by its colour alone


def gaps_over_time(groups: Mapping[str, Sequence[Row]], metric: str, *, look: Look, releases: Sequence[Release] = ()) -> go.Figure:
    """A line per group with the 95 % interval of each window, around a line at zero: no difference.

    `groups` maps the name of a group to its points of one metric and column, oldest window first, one version per window. Windows in which
    a group is suppressed have no dot; a window that is still running has a hollow one and no line.
    """
    kind = METRICS[metric]
    made = figure(look, height=360, windows=True, y=f"{kind.label}{_unit(kind.unit)}")
    made.add_hline(y=0, line={"color": look.palette.reference, "width": 1.5, "dash": "dot"})
    for (name, rows), colour, shape in zip(groups.items(), cycle(look.palette.series), cycle(_SHAPES)):
        made.add_trace(_line(name, list(rows), look, colour, shape))
    for status in ("warn", "drift"):
        if any(row["status"] == status for rows in groups.values() for row in rows):
            key = {"symbol": _SYMBOLS[status], "size": 10, "color": STATUSES[status].colour(look.dark)}
            made.add_trace(go.Scatter(x=[None], y=[None], mode="markers", name=STATUSES[status].word, marker=key))
    starts = [row["window_start"] for rows in groups.values() for row in rows]
    mark_releases(made, releases, look, first=min(starts, default=None), last=max(starts, default=None))
    made.update_yaxes(**y_format("share" if kind.unit == "share" else kind.unit))
    return made


def worse_slices(rows: Sequence[Row], *, look: Look) -> go.Figure:
    """One dot with its 95 % interval per slice, the widest gap at the top; a hollow dot is what the reference shows for the same slice."""
    shown = sorted(rows, key=lambda row: row["value"], reverse=True)
    made = figure(look, height=110 + 34 * len(shown), x="Mean loss, compared with all other rows")
    made.add_vline(x=0, line={"color": look.palette.reference, "width": 1.5, "dash": "dot"})
    places = list(range(len(shown)))
    made.add_trace(go.Scatter(
        x=[row["threshold"] for row in shown], y=places, mode="markers", name="reference", hoverinfo="skip",
        marker={"symbol": "circle-open", "size": 9, "color": look.palette.reference, "line": {"width": 2}}))
    made.add_trace(go.Scatter(
        x=[row["value"] for row in shown], y=places, mode="markers", name="window",
        marker={"symbol": "diamond", "size": 10, "color": STATUSES["drift"].colour(look.dark)},
        error_x={**_whiskers(shown), "color": look.palette.muted, "thickness": 1.5, "width": 4},
        text=[said(row, look, title=row["segment"]) for row in shown], hovertemplate="%{text}<extra></extra>"))
    made.update_yaxes(tickvals=places, ticktext=[safe(f"{short(row['segment'], 40)}  n={number(row['n'])}") for row in shown],
                      autorange="reversed", showgrid=False)
    made.update_xaxes(showgrid=True, zeroline=False, tickformat="~g")
    return made


def _line(name: str, rows: list[Row], look: Look, colour: str, shape: str) -> go.Scatter:
    drawn = [part for row in with_breaks(rows) for part in ([None, row] if row and row["partial"] else [row])]  # it hangs on no line
    there: list[Row] = [row if row else {"value": None, "lower": None, "upper": None, "status": "ok"} for row in drawn]
    marked = [row["status"] in ("warn", "drift") for row in there]
    shapes = [_SYMBOLS[row["status"]] if bad else shape + ("-open" if row.get("partial") else "")
              for row, bad in zip(there, marked, strict=True)]
    return go.Scatter(
        x=look.times(middle(row) if row else None for row in drawn), y=[row["value"] for row in there], mode="lines+markers",
        name=safe(short(name)), connectgaps=False, line={"color": colour, "width": 2},
        marker={"symbol": shapes,
                "size": [11 if bad else 7 for bad in marked], "line": {"width": 0},
                "color": [STATUSES[row["status"]].colour(look.dark) if bad else colour
                          for row, bad in zip(there, marked, strict=True)]},
        error_y={**_whiskers(there), "color": colour, "thickness": 1, "width": 3},
        text=[said(row, look, title=name) if row else "" for row in drawn], hovertemplate="%{text}<extra></extra>")


def _whiskers(rows: Sequence[Row]) -> dict[str, object]:
    return {"type": "data", "symmetric": False,
            "array": [0 if row["upper"] is None else row["upper"] - row["value"] for row in rows],
            "arrayminus": [0 if row["lower"] is None else row["value"] - row["lower"] for row in rows]}


def _unit(unit: str) -> str:
    return ", percentage points" if unit == "share" else f", {unit}" if unit not in ("score", "target") else ""
