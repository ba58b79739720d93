"""What one window's labels say in detail: confusion, ROC, precision and recall, calibration, thresholds, errors, popularity.

Every function takes rows of `storage.points.PROFILES` of one window and of the kind it is named after.
"""

from __future__ import annotations

__all__ = [
    "CUT_LABELS",
    "at_cut",
    "calibration",
    "confusion",
    "error_by_decile",
    "popularity",
    "precision_recall",
    "residuals",
    "roc",
    "threshold",
]

from collections.abc import Iterable
from typing import Any

import plotly.graph_objects as go
import pyarrow as pa

from monitoring.charts.numbers import number, with_unit
from monitoring.charts.percent import HOVER, in_percent
from monitoring.charts.theme import Look, figure, safe, translucent
from monitoring.charts.timeline import blend

Profile = dict[str, Any]

_SQUARE = 340  # pixels: charts that stand two in a line are equally high

CUT_LABELS = {"precision": "Precision", "recall": "Recall", "f1": "F1", "positive_share": "Decided positive"}
"""What the threshold table holds per cut, all of them shares of rows, by the word for a person."""


def confusion(profiles: pa.Table, *, look: Look) -> go.Figure:
    """Counts by actual (rows) and predicted (columns) class; coloured by the share of the actual class."""
    cells = {(row["series"] or "", row["label"] or ""): row["value"] or 0.0 for row in profiles.to_pylist()}
    classes = sorted({name for pair in cells for name in pair}, key=_natural)
    counts = [[cells.get((actual, predicted), 0.0) for predicted in classes] for actual in classes]
    shares = [[count / (sum(line) or 1) for count in line] for line in counts]
    text = [[f"{number(count)}<br>{with_unit(share, 'share')}" for count, share in zip(line, parts, strict=True)]
            for line, parts in zip(counts, shares, strict=True)]
    names = [safe(name) for name in classes]
    made = figure(look, height=max(_SQUARE, 90 + 64 * len(classes)), x="Predicted", y="Actual", legend=False)
    made.add_trace(go.Heatmap(
        z=shares, x=list(range(len(names))), y=list(range(len(names))), text=text, texttemplate="%{text}", showscale=False, zmin=0, zmax=1,
        colorscale=[[end, blend(look.palette.surface, look.palette.current, opacity)] for end, opacity in ((0, 0.06), (1, 0.45))],
        textfont={"color": look.palette.text, "size": 14}, xgap=2, ygap=2,
        customdata=[[f"actual {actual}, predicted {predicted}" for predicted in names] for actual in names],
        hovertemplate="%{customdata}<br>%{text} of that actual class<extra></extra>",
    ))
    ticks = {"tickvals": list(range(len(names))), "ticktext": names, "showgrid": False}
    made.update_xaxes(**ticks)
    made.update_yaxes(**ticks, autorange="reversed")
    return made


def roc(profiles: pa.Table, *, look: Look) -> go.Figure:
    """True positive rate over false positive rate, one line per series; the diagonal is chance."""
    made = figure(look, height=_SQUARE, x="False positive rate", y="True positive rate")
    made.add_trace(_diagonal(look, "chance"))
    _add_lines(made, profiles, look, says=f"false positive rate %{{x:{HOVER}}}<br>true positive rate %{{y:{HOVER}}}")
    return _unit_square(made)


def precision_recall(profiles: pa.Table, *, look: Look) -> go.Figure:
    """Precision over recall, one line per series."""
    made = figure(look, height=_SQUARE, x="Recall", y="Precision", legend=len(_series(profiles)) > 1)
    _add_lines(made, profiles, look, says=f"recall %{{x:{HOVER}}}<br>precision %{{y:{HOVER}}}")
    return _unit_square(made)


def calibration(profiles: pa.Table, *, look: Look) -> go.Figure:
    """Observed rate over score, one dot per score bin with area after its rows; the diagonal is perfect calibration."""
    made = figure(look, height=_SQUARE, x="Score, mean of its bin", y="Observed rate")
    made.add_trace(_diagonal(look, "perfect"))
    lines = _series(profiles)
    lower, upper = (lines.pop(name, []) for name in ("lower", "upper"))
    most = max((row["n"] or 0 for rows in lines.values() for row in rows), default=0) or 1
    for colour, (name, rows) in zip(_colours(look, lines), lines.items(), strict=True):
        areas = [6 + 14 * ((row["n"] or 0) / most) ** 0.5 for row in rows]
        made.add_trace(go.Scatter(
            x=[row["x"] for row in rows], y=[row["value"] for row in rows], mode="lines+markers", name=safe(_series_name(name)),
            line={"color": colour, "width": 1.5}, marker={"size": areas, "opacity": 0.9}, cliponaxis=False,
            error_y=_whiskers(rows, lower, upper, look),
            customdata=[number(row["n"]) for row in rows],
            hovertemplate=f"score %{{x:.3~g}}<br>observed %{{y:{HOVER}}}<br>n = %{{customdata}}<extra></extra>",
        ))
    return _unit_square(made)


def _whiskers(rows: list[Profile], lower: list[Profile], upper: list[Profile], look: Look) -> dict[str, Any] | None:
    """The interval of each dot or bar, where there is one for every one."""
    if not len(rows) == len(lower) == len(upper):
        return None
    return {"type": "data", "symmetric": False, "thickness": 1.5, "width": 3, "color": look.palette.muted,
            "array": [max(high["value"] - row["value"], 0) for row, high in zip(rows, upper, strict=True)],
            "arrayminus": [max(row["value"] - low["value"], 0) for row, low in zip(rows, lower, strict=True)]}


def threshold(profiles: pa.Table, *, look: Look, cut: float | None = None) -> go.Figure:
    """Precision, recall, F1 and the share decided positive over the score's cut; a vertical line at `cut`."""
    made = figure(look, height=320, x="Cut: positive from this score on", y="Share")
    rates = [row for row in profiles.to_pylist() if row["label"] in CUT_LABELS]
    names = [name for name in CUT_LABELS if any(row["label"] == name for row in rates)]
    for colour, name in zip(_colours(look, names), names, strict=True):
        rows = sorted((row for row in rates if row["label"] == name), key=lambda row: row["x"])
        label = CUT_LABELS[name]
        made.add_trace(go.Scatter(x=[row["x"] for row in rows], y=[row["value"] for row in rows], mode="lines", name=label,
                                  line={"color": colour, "width": 2},
                                  hovertemplate=f"{label} %{{y:{HOVER}}}<br>at cut %{{x:.3~g}}<extra></extra>"))
    if cut is not None:
        made.add_vline(x=cut, line={"color": look.palette.text, "width": 1.5, "dash": "dash"})
    made.update_yaxes(range=[0, 1.02], tickformat=in_percent(".0"))
    return made


def at_cut(profiles: pa.Table, cut: float) -> dict[str, float | None]:
    """What each label of the threshold table holds at the tabulated cut nearest to `cut`; the cut itself is under `"cut"`."""
    rows = profiles.to_pylist()
    cuts = {row["x"] for row in rows if row["x"] is not None}
    if not cuts:
        return {}
    nearest = min(cuts, key=lambda tabulated: abs(tabulated - cut))
    return {"cut": nearest, **{row["label"]: row["value"] for row in rows if row["x"] == nearest}}


def residuals(profiles: pa.Table, *, look: Look) -> go.Figure:
    """The distribution of prediction − label in shares; right of zero the model predicted too much."""
    made = figure(look, height=300, x="Prediction − label, in the target's unit", y="Share of rows", legend=len(_series(profiles)) > 1)
    _add_bins(made, profiles, look)
    made.add_vline(x=0, line={"color": look.palette.muted, "width": 1, "dash": "dot"})
    made.update_yaxes(tickformat=in_percent(), rangemode="tozero")
    return made


def error_by_decile(profiles: pa.Table, *, look: Look) -> go.Figure:
    """The mean absolute error in each tenth of the predictions, from the smallest predictions to the largest; where it is stored by
    sign, what predictions above and below their label add to it, one on the other. Whiskers are the interval of the whole."""
    lines = _series(profiles)
    lower, upper = (lines.pop(name, []) for name in ("lower", "upper"))
    around = _whiskers(lines.get("current", []), lower, upper, look)
    if "above" in lines and "below" in lines:
        lines = {"predicted too much": lines["above"], "predicted too little": lines["below"]}
    made = figure(look, height=300, x="Predictions by tenths, small to large", y="Mean absolute error", legend=len(lines) > 1)
    top = next(reversed(lines), None)
    for colour, (name, rows) in zip(_colours(look, lines), lines.items(), strict=True):
        made.add_trace(go.Bar(
            x=[place + 1 for place, _ in enumerate(rows)], y=[row["value"] for row in rows], name=safe(_series_name(name)),
            error_y=around if name == top else None,
            marker={"color": colour, "line": {"width": 0}}, customdata=[_range(row) for row in rows],
            hovertemplate="mean absolute error %{y:.3~g}<br>%{customdata}<extra></extra>",
        ))
    made.update_layout(bargap=0.25, barmode="stack")
    made.update_xaxes(dtick=1)
    made.update_yaxes(rangemode="tozero", tickformat=",~g")
    return made


def popularity(profiles: pa.Table, *, look: Look, most: int = 25) -> go.Figure:
    """The share of recommendations that each of the most shown items took, against its share in the reference."""
    made = figure(look, height=_SQUARE, x="Item, most shown first", y="Share of recommendations")
    lines = _series(profiles)
    leading = lines.get("current") or next(iter(lines.values()), [])
    items = [row["label"] for row in sorted(leading, key=lambda row: -(row["value"] or 0))[:most]]
    for name, rows in lines.items():
        share = {row["label"]: row["value"] for row in rows}
        colour = look.palette.reference if name == "reference" else look.palette.current
        made.add_trace(go.Bar(x=list(range(len(items))), y=[share.get(item) for item in items], name=safe(_series_name(name)),
                              marker={"color": colour, "line": {"width": 0}}, customdata=[safe(item) for item in items],
                              hovertemplate=f"%{{customdata}}<br>%{{y:{HOVER}}}<extra></extra>"))
    made.update_layout(barmode="group", bargap=0.25)
    made.update_xaxes(tickvals=list(range(len(items))), ticktext=[safe(item)[:14] for item in items], tickangle=-45)
    made.update_yaxes(rangemode="tozero", tickformat=in_percent())
    return made


def _add_lines(made: go.Figure, profiles: pa.Table, look: Look, *, says: str) -> None:
    lines = _series(profiles)
    for colour, (name, rows) in zip(_colours(look, lines), lines.items(), strict=True):
        dash = "dot" if name == "reference" else "solid"
        made.add_trace(go.Scatter(
            x=[row["x"] for row in rows], y=[row["value"] for row in rows], mode="lines", name=safe(_series_name(name)),
            line={"color": look.palette.reference if name == "reference" else colour, "width": 2, "dash": dash},
            hovertemplate=f"{_template(_series_name(name))}<br>{says}<extra></extra>",
        ))


def _add_bins(made: go.Figure, profiles: pa.Table, look: Look) -> None:
    for name, rows in _series(profiles).items():
        whole = [row for row in rows if row["x"] is not None and row["x_end"] is not None]
        colour = look.palette.reference if name == "reference" else look.palette.current
        made.add_trace(go.Bar(
            x=[(row["x"] + row["x_end"]) / 2 for row in whole], width=[row["x_end"] - row["x"] for row in whole],
            y=[row["value"] for row in whole], name=safe(_series_name(name)), customdata=[_range(row) for row in whole],
            marker={"color": translucent(colour, 0.75), "line": {"width": 0.5, "color": colour}},
            hovertemplate=f"%{{customdata}}<br>%{{y:{HOVER}}} of rows<extra></extra>",
        ))
    made.update_layout(barmode="overlay", bargap=0)


def _series(profiles: pa.Table) -> dict[str, list[Profile]]:
    """The rows of each line in the order they were stored: the order of a curve."""
    lines: dict[str, list[Profile]] = {}
    for row in profiles.to_pylist():
        lines.setdefault(row["series"] or "", []).append(row)
    return lines


def _series_name(name: str) -> str:
    return {"": "this window", "current": "this window"}.get(name, name)


def _colours(look: Look, lines: Iterable[object]) -> list[str]:
    return [look.palette.series[place % len(look.palette.series)] for place, _ in enumerate(lines)]


def _diagonal(look: Look, name: str) -> go.Scatter:
    line = {"color": look.palette.reference, "width": 1, "dash": "dot"}
    return go.Scatter(x=[0, 1], y=[0, 1], mode="lines", name=name, hoverinfo="skip", line=line)


def _template(name: str) -> str:
    """A name inside a hover template, where `%{…}` would be read as a placeholder."""
    return safe(name).replace("%{", "% {")


def _unit_square(made: go.Figure) -> go.Figure:
    quarters = {"tickvals": [0, 0.25, 0.5, 0.75, 1], "tickformat": in_percent(".0"), "showgrid": True}
    made.update_xaxes(**quarters, range=[-0.01, 1.04])
    made.update_yaxes(**quarters, range=[-0.01, 1.04])
    return made


def _range(row: Profile) -> str:
    """`from 1.2 to 3.4, n = 120`, with open ends where the bin has none."""
    low = "" if row["x"] is None else f"from {number(row['x'])} "
    high = "" if row["x_end"] is None else f"to {number(row['x_end'])}"
    count = "" if row["n"] is None else f", n = {number(row['n'])}"
    return f"{low}{high}".strip() + count


def _natural(name: str) -> tuple[int, float, str]:
    """Numbers by size, then words by letter."""
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)
