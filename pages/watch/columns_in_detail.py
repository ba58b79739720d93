"""Every column of one window on the drift page: verdict, course, and Evidently's own default beside them."""

from __future__ import annotations

__all__ = ["show_table"]

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from monitoring.charts.numbers import aligned, signed
from monitoring.charts.status import status_of
from monitoring.drift import method_label
from pages.findings.drift import DriftRow
from pages.findings.evidently import disagreements, usual_of
from pages.frame import View, plain
from pages.watch.reasons import show_reasons

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
        st.markdown("\n".join(f"- :small[**{plain(column)}**: {plain(words)}]" for column, words in differ))
