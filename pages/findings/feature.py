"""One column's drift in words, and its statistics side by side."""

from __future__ import annotations

__all__ = ["segments_table", "sentence", "statistics_table"]

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from monitoring.charts.numbers import number, span, with_unit
from monitoring.charts.status import status_of
from monitoring.drift import METHODS, base_method, method_label

_ORDER = {
    "mean": "Mean", "std": "Standard deviation", "min": "Minimum", "max": "Maximum", "missing": "Missing", "unique": "Distinct values",
}


def sentence(point: Mapping[str, Any], *, zone: str) -> str:
    """`amount: Jensen-Shannon distance 0.18, past its threshold of 0.10, in …: 1 312 rows against 5 000 of the reference.`"""
    when = span(point["window_start"], point["window_end"], zone) + (" (not over yet)" if point["partial"] else "")
    rows = f"{number(point['n'])} rows against {number(point['n_reference'])} of the reference"
    if point["value"] is None or point["threshold"] is None:
        return f"{point['column']}: {status_of(point['status']).word.lower()} in {when}. {point['reason'] or 'No verdict was reached.'}"
    if point["status"] not in ("ok", "warn", "drift"):
        return f"{point['column']}: {status_of(point['status']).word.lower()} in {when}. {point['reason'] or ''} {rows}.".replace("  ", " ")
    known = METHODS.get(base_method(point["method"]))
    p_value = known is not None and not known.larger_is_drift
    crossed = point["value"] <= point["threshold"] if p_value else point["value"] >= point["threshold"]
    side = ("below" if p_value else "past") if crossed else ("above" if p_value else "within")
    label = method_label(point["method"]) if known else point["method"]
    value = f"{number(point['value'])}, {side} its threshold of {number(point['threshold'])}"
    return f"{point['column']}: {label} {value}, in {when}: {rows}."


def statistics_table(before: pa.Table, after: pa.Table, names: tuple[str, str]) -> pa.Table:
    """One row per statistic that either side has, with the change; texts with three significant digits, shares in percent."""
    old = {row["label"]: row["value"] for row in before.to_pylist()}
    new = {row["label"]: row["value"] for row in after.to_pylist()}
    labels = [label for label in _ORDER if label in old or label in new]
    units = ["share" if label == "missing" else "" for label in labels]
    return pa.table({
        "Statistic": [_ORDER[label] for label in labels],
        names[0]: [with_unit(old.get(label), unit) for label, unit in zip(labels, units, strict=True)],
        names[1]: [with_unit(new.get(label), unit) for label, unit in zip(labels, units, strict=True)],
        "Change": [_change(old.get(label), new.get(label), unit) for label, unit in zip(labels, units, strict=True)],
    })  # fmt: skip


def segments_table(points: pa.Table, column: str, start: datetime) -> pa.Table:
    """The column's drift in the window for all rows and each segment, most alarming first."""
    rows = [row for row in points.to_pylist() if row["column"] == column and row["window_start"] == start]
    rows.sort(key=lambda row: (row["segment"] != "", -status_of(row["status"]).rank, row["segment"]))
    return pa.table({
        "Segment": [row["segment"] or "All rows" for row in rows], "Status": [status_of(row["status"]).text for row in rows],
        "Score": [number(row["value"]) for row in rows], "Threshold": [number(row["threshold"]) for row in rows],
        "Rows": pa.array([row["n"] for row in rows], pa.int64()), "Why": [row["reason"] or "" for row in rows],
    })  # fmt: skip


def _change(old: float | None, new: float | None, unit: str) -> str:
    if old is None or new is None:
        return "–"
    sign = "+" if new > old else ""
    return sign + (number(100 * (new - old)) + " pp" if unit == "share" else number(new - old))
