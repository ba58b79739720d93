"""Which inputs and outputs have moved away from the reference, since when, and how sure that is."""

from __future__ import annotations

import json
from datetime import datetime
from shlex import quote

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from monitoring.charts.drift import heat_map
from monitoring.charts.numbers import aligned, moment, signed
from monitoring.charts.status import status_of, worst
from monitoring.drift import method_label
from monitoring.multiplicity import column_level
from monitoring.verdicts import DriftSettings, percent
from pages.findings.drift import DriftRow, drift_rows, feature_order, newest_judged, verdict
from pages.findings.evidently import disagreements, usual_of
from pages.findings.timeline import windows_of
from pages.findings.why import together
from pages.frame import View, page, plain
from pages.watch.controls import pick
from pages.watch.reasons import show_reasons
from pages.watch.why import open_causes, show_causes

_ROWS = 40  # of the heat map; the table below it has all
_WINDOWS = 90  # newest windows in the heat map: more would be narrower than a finger
_MISSING = "Share of missing values in the window minus that of the reference, in percentage points"


def missing_changes(view: View, start: datetime) -> dict[str, float]:
    """Per feature the share of missing values in the window minus that of the reference."""
    rows = view.profiles(start, "statistics").to_pylist()
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["label"] == "missing" and row["column"] != "label":  # a label that is not due yet is not missing
            found.setdefault(row["column"], {})[row["series"]] = row["value"]
    return {name: both["current"] - both["reference"] for name, both in found.items() if len(both) == 2}


def as_table(rows: list[DriftRow], changes: dict[str, float], usual: dict[str, str], zone: str) -> pa.Table:
    """The rows of the window as the page shows them; a column that says nothing of any of them is left out."""
    columns = {
        "Status": [status_of(row.status).text for row in rows], "Column": [row.column for row in rows],
        "Score": aligned(row.score for row in rows), "Threshold": aligned(row.threshold for row in rows),
        "Course": pa.array([list(row.trend) for row in rows], pa.list_(pa.float64())),
        "Since": [row.since.text(zone) if row.since else "" for row in rows],
        "Evidently": [usual.get(row.column, "") for row in rows],
        "Rows": aligned(row.n for row in rows), "Reference": aligned(row.n_reference for row in rows),
        "Method": [method_label(row.method).replace(" distance", "") if row.method else "" for row in rows],
        "Missing": [signed(changes.get(row.column), "share") for row in rows],
    }  # fmt: skip
    silent = {name for name in ("Since", "Evidently", "Missing") if set(columns[name]) <= {"", "–", "0 pp"}}
    return pa.table({name: values for name, values in columns.items() if name not in silent})


def show_table(view: View, rows: list[DriftRow], points: pa.Table, start: datetime) -> None:
    """The table with a course per column; choosing a row opens the feature. Below it why, and where Evidently would say otherwise."""
    st.markdown("##### All columns in this window")
    words, highest = st.column_config.TextColumn, max((value for row in rows for value in row.trend), default=1.0)
    found = points.filter(pc.field("window_start") == start).to_pylist()
    usual = {row["column"]: told.text for row in found if (told := usual_of(row))}
    picked = st.dataframe(
        as_table(rows, missing_changes(view, start), usual, view.selection.zone), hide_index=True, on_select="rerun",
        selection_mode="single-row", key="drift.table", height=min(38 + 35 * len(rows), 600), placeholder="–",
        alt="Drift of every column in the chosen window",
        column_config={
            "Status": words(width=120), "Column": words(width=135), "Since": words(f"Since ({view.selection.zone})", width=125),
            "Score": words(alignment="right", width=65, help="Distance from the reference, or a p-value, by the method"),
            "Threshold": words(alignment="right", width=80,
                               help="What pairs drawn from the reference seldom reach, and at least the minimum effect"),
            "Course": st.column_config.LineChartColumn("Score ÷ threshold", y_min=0, y_max=max(highest, 1.0), width=110,
                                                       help="Window by window, up to this one; above 1 is drift"),
            "Evidently": words(width=80, help="What Evidently's default method and limit would say, for comparison only"),
            "Rows": words(alignment="right", width=60), "Reference": words(alignment="right", width=75),
            "Method": words(width=120), "Missing": words("Missing", alignment="right", width=85, help=_MISSING),
        },
    )  # fmt: skip
    st.markdown(":small[:gray[A row opens its column.]]")
    for row in picked.selection.rows:
        view.go("feature", feature=rows[row].column, at=start.isoformat())
    show_reasons(((row.status, row.column, row.reason) for row in rows), of="columns")
    differ = disagreements(found)
    if differ:
        st.markdown("\n".join(f"- **{plain(column)}**: {plain(words)}" for column, words in differ))


def chance_of(view: View, start: datetime) -> float | None:
    """The share of windows without drift in which a feature would be named, as the window's `drift_share` tells it."""
    found = view.points("drift_share").filter(pc.field("window_start") == start).column("detail").to_pylist()
    told: dict[str, float] = json.loads(found[0]) if found and found[0] else {}
    return told.get("false_alarms")


def show_together(view: View, start: datetime) -> None:
    """The verdict on all features together: what no single column shows, such as a changed correlation."""
    found = view.points("multivariate_drift")
    found = found.filter(pc.equal(found.column("window_start"), pa.scalar(start, found.column("window_start").type)))
    if found.num_rows:
        st.markdown("##### All features together")
        st.markdown("  \n".join(plain(words) for words in together(found.to_pylist())))


def explain(view: View, rows: list[DriftRow]) -> None:
    """How a verdict comes about, with this model's own methods and budget."""
    budget = (view.spec.get("drift") or {}).get("false_alarms")
    settings = DriftSettings(level=column_level(budget, len(view.spec.get("features", {}))))
    unjudged = status_of("insufficient_data").text
    methods = ", ".join(sorted({method_label(row.method) for row in rows if row.method}))
    with st.expander("How this is decided", icon=":material/help:"):
        st.markdown(
            f"""
- Each column's window is compared with its reference by a named method (here: {plain(methods) or "none yet"}). Evidently computes the
  score.
- The **threshold** is what pairs drawn from the reference – one of the reference's size, one of the window's – exceed in
  {percent(settings.level)} of draws, and never less than the method's minimum effect. So reference data alone rarely cross it, and a tiny
  difference in very many rows does not cross it either. Evidently's own default thresholds decide nothing.
- Fewer than {settings.minimum_rows} usable rows on a side, or too few to see even a large change: **{unjudged}**, not OK.
- The colour is score ÷ threshold (for p-values threshold ÷ p), so that methods compare: 1 is the threshold.
- Text is compared by its length, a date by its age at the prediction.
            """
        )


with page("drift") as view:
    points, name = view.points("drift"), quote(view.selection.model)
    view.need(points, "No drift has been computed for this selection yet.",
              f"python -m monitoring reference {name} reference.parquet\npython -m monitoring run {name}")
    view.export("points", points)
    zone = view.selection.zone
    ends = windows_of(points)
    starts = list(ends)
    default = newest_judged(points) or starts[0]
    start = datetime.fromisoformat(view.choose("at", [when.isoformat() for when in starts], default.isoformat()))
    rows = drift_rows(points, start)
    view.status(worst(row.status for row in rows))
    words = verdict(rows, start=start, end=ends[start], zone=zone, false_alarms=chance_of(view, start))
    st.markdown(f"**{plain(words)}**")
    order = feature_order(points)
    recent = points.filter(pc.is_in(points.column("window_start"), pa.array(starts[:_WINDOWS], points.schema.field("window_start").type)))
    note = f"The {_ROWS} columns that drifted most; the table has all {len(order)}. " if len(order) > _ROWS else ""
    drawn = view.drawn(heat_map, recent, rows=order[:_ROWS], releases=view.releases)
    clicked = view.chart(drawn, "Score ÷ threshold, window by window", key="drift.map",
                         select=True, note=note + "Grey: not judged · a click on a cell opens the feature.",
                         alt="A row per column, a cell per window, coloured by score over threshold; the table below has the same numbers.")
    for point in clicked[:1]:
        view.go("feature", feature=point["customdata"][0], at=point["customdata"][1])
    pick("at", f"Window ({zone})", [when.isoformat() for when in starts], default=default.isoformat(),
         words=lambda text: moment(datetime.fromisoformat(text), zone))
    show_table(view, rows, points, start)
    show_together(view, start)
    show_causes(view, open_causes(view, {"drift"}))
    explain(view, rows)
