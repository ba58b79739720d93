"""Windows on a time axis: which rows belong to a line, where each is drawn, how it is said, and where nothing happened."""

from __future__ import annotations

__all__ = [
    "Release", "Row", "band", "blend", "by_version", "chosen", "mark_gaps", "mark_releases", "middle", "place_release", "said", "silences",
    "stacked", "with_breaks", "y_format",
]

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.charts.numbers import interval, number, span, with_unit
from monitoring.charts.percent import in_percent
from monitoring.charts.status import status_of
from monitoring.charts.theme import Look, figure, safe, short, translucent
from monitoring.metrics import METRICS

Row = dict[str, Any]
"""One row of `storage.points.POINTS` as Python values."""

Release = tuple[datetime, str]
"""The start of the first window of a version, and the version."""

_NAMED = 4  # releases whose names fit on one axis
_ROOM = 18  # pixels of the line of names above the plot
_LINE = 64  # characters of a sentence in a hover before it breaks


def chosen(points: pa.Table, metric: str, *, column: str = "", segment: str = "") -> list[Row]:
    """The rows of one metric, oldest window first. Values that were only estimated are left out."""
    wanted = (("metric", metric), ("column", column), ("segment", segment))
    for name, value in wanted:  # before rows become Python values, which is what takes time
        points = points.filter(pc.equal(pc.fill_null(points.column(name), ""), value))
    rows = [row for row in points.to_pylist() if row["kind"] != "estimated"]
    return sorted(rows, key=lambda row: (row["window_start"], row["version"] or ""))


def by_version(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each version, versions in the order of their first window."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["version"] or "", []).append(row)
    return groups


def middle(row: Row) -> datetime:
    """The moment at which a window is drawn: half-way between its start and its end."""
    start: datetime = row["window_start"]
    length: timedelta = row["window_end"] - start
    return start + length / 2


def with_breaks(rows: Sequence[Row]) -> list[Row | None]:
    """The rows with None between windows that do not touch and in place of rows without a value, so that no line bridges a gap."""
    out: list[Row | None] = []
    for before, row in zip([None, *rows], rows, strict=False):
        if before is not None and row["window_start"] > before["window_end"]:
            out.append(None)
        out.append(None if row["value"] is None else row)
    return out


def band(rows: Sequence[Row], look: Look, *, name: str, colour: str, group: str) -> go.Scatter | None:
    """The interval of each window as a band, broken where windows or bounds are missing; None where no row has bounds."""
    x: list[datetime | None] = []
    y: list[float | None] = []
    for stretch in _stretches(rows):
        along = [stretch[0]["window_start"], *map(middle, stretch), stretch[-1]["window_end"]]
        upper = [stretch[0]["upper"], *(row["upper"] for row in stretch), stretch[-1]["upper"]]
        lower = [stretch[0]["lower"], *(row["lower"] for row in stretch), stretch[-1]["lower"]]
        x += [*along, *reversed(along), along[0], None]
        y += [*upper, *reversed(lower), upper[0], None]
    if not x:
        return None
    return go.Scatter(
        x=look.times(x), y=y, fill="toself", mode="lines", line={"width": 0}, fillcolor=translucent(colour, 0.16),
        hoverinfo="skip", name=name, legendgroup=group, showlegend=False,
    )


def said(row: Row, look: Look, *, title: str) -> str:
    """A hover's text: value with unit and interval, what it is, its window, what it rests on, its status and why."""
    unit = METRICS[row["metric"]].unit if row["metric"] in METRICS else "score"
    bounds = interval(row["lower"], row["upper"], unit)
    coverage = "" if row["label_coverage"] is None else f" · labels of {with_unit(row['label_coverage'], 'share')} of the window"
    lines = [
        f"<b>{with_unit(row['value'], unit)}</b> {bounds}".rstrip(),
        safe(title),
        safe(span(row["window_start"], row["window_end"], look.zone)) + (" · partial" if row["partial"] else ""),
        f"n = {number(row['n'])}{coverage}",
        safe(status_of(row["status"]).text),
    ]
    if row["reason"]:
        lines += [safe(line) for line in wrap(str(row["reason"]), _LINE)[:4]]
    return "<br>".join(lines)


def silences(rows: Iterable[Row]) -> list[tuple[datetime, datetime]]:
    """The stretches without a prediction in any version, from rows of the metric `rows`: windows of zero and holes between windows."""
    busy = sorted((row["window_start"], row["window_end"]) for row in rows if row["value"])
    every = sorted((row["window_start"], row["window_end"]) for row in rows)
    if not every:
        return []
    quiet: list[tuple[datetime, datetime]] = []
    until = every[0][0]
    for start, end in busy:
        if start > until:
            quiet.append((until, start))
        until = max(until, end)
    last = max(end for _, end in every)
    return [*quiet, (until, last)] if last > until else quiet


def mark_gaps(made: go.Figure, gaps: Iterable[tuple[datetime, datetime]], look: Look, *, text: str = "no traffic") -> None:
    """Shade the stretches over the whole height; the words stand in the widest one, where there is the most room."""
    stretches = list(gaps)
    widest = max(stretches, key=lambda gap: gap[1] - gap[0], default=None)
    for gap in stretches:
        start, end = look.times(gap)
        made.add_shape(type="rect", xref="x", yref="paper", x0=start, x1=end, y0=0, y1=1, line={"width": 0}, layer="below",
                       fillcolor=translucent(look.palette.muted, 0.14))
        if gap == widest:
            made.add_annotation(x=look.times([gap[0] + (gap[1] - gap[0]) / 2])[0], xref="x", y=1, yref="paper", yanchor="top", text=text,
                                showarrow=False, font={"size": 12, "color": look.palette.muted})


def mark_releases(made: go.Figure, releases: Iterable[Release], look: Look, *, first: datetime | None, last: datetime | None) -> None:
    """A thin vertical line where each version begins, of those that lie after the first window shown. The newest ones are named above
    the plot, below the legend, where no line is covered."""
    shown = [(start, version) for start, version in releases if first is not None and last is not None and first < start <= last]
    for start, version in shown:
        place_release(made, look.times([start])[0], version, look, named=(start, version) in shown[-_NAMED:])
    if shown and made.layout.showlegend:
        margin = made.layout.margin
        made.update_layout(height=made.layout.height + _ROOM, margin={"t": margin.t + _ROOM},
                           legend={"y": 1 + _ROOM / (made.layout.height - margin.t - margin.b - 40)})  # 40 px: labels of the time axis


def place_release(made: go.Figure, x: Any, version: str, look: Look, *, named: bool = True) -> None:
    """A vertical line over the whole height at `x` of the axis, and above it which version begins there."""
    made.add_shape(type="line", xref="x", yref="paper", x0=x, x1=x, y0=0, y1=1, line={"width": 1, "color": look.palette.muted},
                   name=f"version {safe(version)}")
    if named:
        made.add_annotation(x=x, xref="x", y=1, yref="paper", xanchor="center", yanchor="bottom", showarrow=False,
                            text=f"version {safe(short(version, 12))}", font={"size": 12, "color": look.palette.muted})


def stacked(look: Look, *, heights: Sequence[int], titles: Sequence[str]) -> go.Figure:
    """Charts one above the other on one axis of windows: `heights` in pixels, `titles` of the value axes, top first."""
    made = figure(look, height=sum(heights) + 96, windows=True)
    style_x, style_y = made.layout.xaxis.to_plotly_json(), made.layout.yaxis.to_plotly_json()
    made.set_subplots(rows=len(heights), cols=1, shared_xaxes=True, vertical_spacing=0.06, row_heights=list(heights))
    for row, title in enumerate(titles, start=1):
        named = style_x["title"] if row == len(titles) else {**style_x["title"], "text": ""}
        made.update_xaxes({**style_x, "title": named}, row=row, col=1)
        made.update_yaxes({**style_y, "title": {**style_y["title"], "text": title}}, row=row, col=1)
    return made


def blend(under: str, over: str, opacity: float) -> str:
    """`over` at `opacity` on `under`, opaque: Plotly picks a readable text colour for a cell only where it knows the cell's own."""
    pairs = [(int(under[start : start + 2], 16), int(over[start : start + 2], 16)) for start in (1, 3, 5)]
    return "#" + "".join(f"{round(low + (high - low) * opacity):02x}" for low, high in pairs)


def y_format(unit: str) -> dict[str, str]:
    """How an axis of this unit writes its ticks: shares in percent, everything else in plain numbers."""
    return {"tickformat": in_percent()} if unit == "share" else {"tickformat": "~r"} if unit in {"score", "nats"} else {"tickformat": ",~g"}


def _stretches(rows: Sequence[Row]) -> list[list[Row]]:
    """Runs of touching windows that have both bounds."""
    runs: list[list[Row]] = []
    before: Row | None = None
    for row in rows:
        bounded = row["value"] is not None and row["lower"] is not None and row["upper"] is not None
        if bounded and before is not None and row["window_start"] <= before["window_end"]:
            runs[-1].append(row)
        elif bounded:
            runs.append([row])
        before = row if bounded else None
    return runs
