"""One feature: two distributions side by side, and its quantiles over time."""

from __future__ import annotations

__all__ = ["distribution", "quantile_fan"]

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import plotly.graph_objects as go
import pyarrow as pa

from monitoring.charts.numbers import moment, number, with_unit
from monitoring.charts.percent import in_percent
from monitoring.charts.theme import Look, figure, safe, short, translucent
from monitoring.charts.timeline import Release, mark_releases, middle

Form = Literal["shares", "difference", "cumulative"]


def quantile_fan(profiles: pa.Table, *, look: Look, releases: Sequence[Release] = ()) -> go.Figure:
    """Quantiles of one numerical column per window: p05 to p95 and p25 to p75 as bands, the median as a line, the reference's dashed.

    `profiles` are rows of kind `quantiles` of any number of windows.
    """
    rows = profiles.to_pylist()
    by_window: dict[datetime, dict[str, float]] = {}
    middles: dict[datetime, datetime] = {}
    for row in rows:
        if row["series"] == "current":
            by_window.setdefault(row["window_start"], {})[row["label"]] = row["value"]
            middles[row["window_start"]] = middle(row)
    starts = sorted(by_window)
    times, colours = look.times(middles[start] for start in starts), look.palette
    made = figure(look, height=320, windows=True, y="Value")
    for low, high, name, opacity in (("p05", "p95", "5 % to 95 %", 0.16), ("p25", "p75", "25 % to 75 %", 0.30)):
        made.add_trace(go.Scatter(x=times, y=[by_window[start].get(low) for start in starts], mode="lines", line={"width": 0},
                                  showlegend=False, hoverinfo="skip"))
        made.add_trace(go.Scatter(x=times, y=[by_window[start].get(high) for start in starts], mode="lines", line={"width": 0}, name=name,
                                  fill="tonexty", fillcolor=translucent(colours.current, opacity), hoverinfo="skip"))
    texts = [_quantiles(start, by_window[start], look) for start in starts]
    made.add_trace(go.Scatter(x=times, y=[by_window[start].get("p50") for start in starts], name="Median", mode="lines+markers",
                              line={"color": colours.current, "width": 2}, marker={"size": 5}, hovertext=texts, hoverinfo="text"))
    usual = next((row["value"] for row in rows if row["series"] == "reference" and row["label"] == "p50"), None)
    if usual is not None and times:
        made.add_trace(go.Scatter(x=[times[0], times[-1]], y=[usual, usual], name="Reference median", mode="lines", hoverinfo="skip",
                                  line={"color": colours.reference, "dash": "dash", "width": 1.5}))
    if starts:
        mark_releases(made, releases, look, first=starts[0], last=starts[-1])
    return made


def _quantiles(start: datetime, values: Mapping[str, float], look: Look) -> str:
    lines = [f"{label} {number(value)}" for label, value in sorted(values.items(), reverse=True)]
    return "<br>".join([f"<b>{moment(start, look.zone)} {look.zone}</b>", *lines])


def distribution(reference: pa.Table, current: pa.Table, *, look: Look, names: tuple[str, str] = ("Reference", "Window"),
                 form: Form = "shares", log: bool = False) -> go.Figure:
    """Two histograms with the same bins, as shares of rows: the reference filled, the window as a line (bars for categories).

    Both tables are profiles of kind `histogram`: bins `x` to `x_end`, or categories in `label`; `value` is the share.
    """
    numeric = any(value is not None for value in (*reference.column("x").to_pylist(), *current.column("x").to_pylist()))
    titles = {"shares": "Share of rows", "difference": "Difference of shares", "cumulative": "Share of rows up to here"}
    made = figure(look, height=340, y=titles[form])
    draw = _numeric if numeric else _categories
    draw(made, reference, current, look, names, form)
    made.update_yaxes(tickformat=in_percent(".0", signed=form == "difference"))
    if log and form == "shares":
        made.update_yaxes(type="log", tickformat=in_percent(".2~"), dtick=1)
    elif form != "difference":
        made.update_yaxes(rangemode="tozero")
    return made


def _numeric(made: go.Figure, reference: pa.Table, current: pa.Table, look: Look, names: tuple[str, str], form: str) -> None:
    before, after = _bins(reference), _bins(current)
    bins = sorted({*before, *after})
    old, new = [before.get(bin_, 0.0) for bin_ in bins], [after.get(bin_, 0.0) for bin_ in bins]
    colours = look.palette
    said = {**_words(reference), **_words(current)}
    words = [safe(said.get(bin_) or f"{number(bin_[0])} to {number(bin_[1])}") for bin_ in bins]
    if form == "difference":
        made.add_trace(_difference([low for low, _ in bins], [high - low for low, high in bins], old, new, words, look, names, offset=0))
        return
    if form == "cumulative":
        old, new = _running(old), _running(new)
    edges = [edge for bin_ in bins for edge in bin_]
    for name, values, line, fill in ((names[0], old, colours.reference, True), (names[1], new, colours.current, False)):
        made.add_trace(go.Scatter(
            x=edges, y=[value for value in values for _ in (0, 1)], name=safe(name), mode="lines",
            line={"color": line, "width": 1 if fill else 2.5},
            fill="tozeroy" if fill else None, fillcolor=translucent(line, 0.35) if fill else None,
            hovertext=[f"<b>{word}</b><br>{safe(name)} {with_unit(value, 'share')}" for word, value in zip(words, values, strict=True)
                       for _ in (0, 1)], hoverinfo="text",
        ))


def _categories(made: go.Figure, reference: pa.Table, current: pa.Table, look: Look, names: tuple[str, str], form: str) -> None:
    before, after = _levels(reference), _levels(current)
    levels = sorted({*before, *after}, key=lambda level: (-before.get(level, 0.0), -after.get(level, 0.0), level))[:40]
    old, new = [before.get(level, 0.0) for level in levels], [after.get(level, 0.0) for level in levels]
    shown = [safe(short(level)) + (" (new)" if before and not before.get(level) else "") for level in levels]
    if form == "difference":
        made.add_trace(_difference(shown, None, old, new, shown, look, names))
        return
    if form == "cumulative":
        old, new = _running(old), _running(new)
    for name, values, colour in ((names[0], old, look.palette.reference), (names[1], new, look.palette.current)):
        made.add_trace(go.Bar(x=shown, y=values, name=safe(name), marker={"color": colour, "line": {"width": 0}},
                              hovertext=[f"<b>{level}</b><br>{safe(name)} {with_unit(value, 'share')}" for level, value in
                                         zip(shown, values, strict=True)], hoverinfo="text"))
    made.update_layout(barmode="group", bargap=0.25, bargroupgap=0.08)
    made.update_xaxes(type="category")


def _difference(x: Sequence[Any], width: Sequence[float] | None, old: Sequence[float], new: Sequence[float], words: Sequence[str],
                look: Look, names: tuple[str, str], offset: float | None = None) -> go.Bar:
    change = [b - a for a, b in zip(old, new, strict=True)]
    return go.Bar(
        x=list(x), y=change, width=width, offset=offset, showlegend=True, name=f"{safe(names[1])} minus {safe(names[0]).lower()}",
        marker={"color": look.palette.current, "line": {"width": 0}}, hoverinfo="text",
        hovertext=[f"<b>{word}</b><br>{'+' if step > 0 else ''}{number(step * 100)} percentage points"
                   for word, step in zip(words, change, strict=True)],
    )


def _bins(profiles: pa.Table) -> dict[tuple[float, float], float]:
    return {(row["x"], row["x_end"]): row["value"] for row in profiles.to_pylist() if row["x"] is not None and row["x_end"] is not None}


def _levels(profiles: pa.Table) -> dict[str, float]:
    return {row["label"]: row["value"] for row in profiles.to_pylist() if row["label"]}


def _running(values: Sequence[float]) -> list[float]:
    total, sums = 0.0, []
    for value in values:
        total += value
        sums.append(total)
    return sums


def _words(profiles: pa.Table) -> dict[tuple[float, float], str]:
    """What the open bins at both ends are called."""
    return {(row["x"], row["x_end"]): row["label"] for row in profiles.to_pylist() if row["label"] and row["x"] is not None}
